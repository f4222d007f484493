"""What a forum has sent and what becomes of it: a queue on the journal's database that outlives its workers.

An event is a delivery that was accepted; a job is a post that may get a reply, one per post for ever. A worker
claims a job for a while, and renews that while it works: if it is killed, the job is free again when that while is
over, and no earlier, so that a request which the dead worker had sent has ended by then. One topic has one worker at
a time, so that what it reads of the topic is still so when it replies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from sqlalchemy import Index, Integer, Select, String, Text, UniqueConstraint, exists, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from assistant.journal import Journal, new_id, storable
from assistant.recheck import Reply
from assistant.tables import Base, UtcTime
from corpus.errors import JournalProblem

State = Literal["received", "answering", "posting", "held", "review", "done", "skipped", "failed"]
STATES: tuple[State, ...] = get_args(State)
WORKABLE: tuple[State, ...] = ("received", "answering", "posting", "held")
ENDED: tuple[State, ...] = ("done", "skipped", "failed")
MAX_ID, MAX_DELIVERY = 64, 200  # characters
FIRST_RETRY_SECONDS = 2.0
LONGEST_RETRY_SECONDS = 900.0
MAX_ATTEMPTS = 12  # about two hours with the waits between them
MAX_REASON = 500


class _Event(Base):
    """One accepted delivery."""

    __tablename__ = "bot_events"
    __table_args__ = (UniqueConstraint("source", "post", "version", "body_hash"),)
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    source: Mapped[str] = mapped_column(String(40))
    delivery: Mapped[str] = mapped_column(String(MAX_DELIVERY))
    post: Mapped[str] = mapped_column(String(MAX_ID))
    version: Mapped[str] = mapped_column(String(MAX_ID))
    body_hash: Mapped[str] = mapped_column(String(64))
    received: Mapped[datetime] = mapped_column(UtcTime, index=True)


class _Job(Base):
    """One post that may get a reply."""

    __tablename__ = "bot_jobs"
    __table_args__ = (UniqueConstraint("source", "post"), Index(None, "state", "next_try"))
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    source: Mapped[str] = mapped_column(String(40))
    post: Mapped[str] = mapped_column(String(MAX_ID))
    topic: Mapped[str] = mapped_column(String(MAX_ID))
    state: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(Text, default="")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_try: Mapped[datetime] = mapped_column(UtcTime)
    worker: Mapped[str | None] = mapped_column(String(32))
    leased_until: Mapped[datetime | None] = mapped_column(UtcTime)
    question: Mapped[str] = mapped_column(Text, default="")
    answer: Mapped[str] = mapped_column(String(40), default="")
    reply: Mapped[str] = mapped_column(Text, default="")
    reply_post: Mapped[str] = mapped_column(String(64), default="", index=True)
    created: Mapped[datetime] = mapped_column(UtcTime)
    changed: Mapped[datetime] = mapped_column(UtcTime)


class _Source(Base):
    """A forum, and since when it is listened to: what was posted before is nobody's question to us."""

    __tablename__ = "bot_sources"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcTime)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A new post as a forum told of it. Raises ValueError for an id that is longer than any forum's."""

    source: str
    delivery: str
    post: str
    topic: str
    version: str
    body: str

    def __post_init__(self) -> None:
        if max(map(len, (self.post, self.topic, self.version))) > MAX_ID or len(self.delivery) > MAX_DELIVERY:
            raise ValueError("an id is too long")


@dataclass(frozen=True, slots=True)
class Job:
    """One post that may get a reply; `reply` is the text that is or will be posted, `reply_post` where it stands."""

    id: str
    source: str
    post: str
    topic: str
    state: State
    reason: str
    attempts: int
    next_try: datetime
    question: str
    answer: str
    reply: str
    reply_post: str
    changed: datetime
    created: datetime


class LeaseLost(Exception):
    """Another worker has this job by now: whoever sees this lets go of it."""


class Inbox:
    """The queue in the database of a journal. Every method raises JournalProblem if that cannot be used."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def since(self, source: str) -> datetime:
        """When this forum was listened to for the first time: now, if it never was."""
        for _ in range(2):
            try:
                with self._journal.session() as session:
                    row = session.get(_Source, source)
                    if row is None:
                        row = _Source(id=source, since=datetime.now(UTC))
                        session.add(row)
                        session.flush()
                    return row.since
            except JournalProblem as error:
                if not isinstance(error.__cause__, IntegrityError):
                    raise  # else another process was quicker, and its time counts
        raise AssertionError  # what was there once is found

    def add(self, post: Incoming) -> bool:
        """Store a delivery and the job for its post; False if this very text of the post was stored before."""
        try:
            with self._journal.session() as session:
                return self._add(session, post)
        except JournalProblem as error:
            if isinstance(error.__cause__, IntegrityError):  # the same delivery twice at the same moment
                return False
            raise

    def _add(self, session: Session, post: Incoming) -> bool:
        now = datetime.now(UTC)
        body_hash = hashlib.sha256(post.body.encode("utf-8", "replace")).hexdigest()
        same = (
            _Event.source == post.source,
            _Event.post == post.post,
            _Event.version == post.version,
            _Event.body_hash == body_hash,
        )
        if session.scalar(select(_Event.id).where(*same)) is not None:
            return False
        session.add(
            _Event(
                id=new_id(),
                source=post.source,
                delivery=storable(post.delivery)[:200],
                post=post.post,
                version=post.version,
                body_hash=body_hash,
                received=now,
            )
        )
        known = select(_Job.id).where(_Job.source == post.source, _Job.post == post.post)
        if session.scalar(known) is None:
            session.add(
                _Job(
                    id=new_id(),
                    source=post.source,
                    post=post.post,
                    topic=post.topic,
                    state="received",
                    next_try=now,
                    created=now,
                    changed=now,
                )
            )
        session.flush()
        return True

    def claim(self, worker: str, seconds: float) -> Job | None:
        """The oldest job that is due, of a topic that no living worker has, for so many seconds; None without one."""
        now = datetime.now(UTC)
        busy = aliased(_Job)  # of the same topic, or this job itself
        has_worker = exists().where(
            busy.source == _Job.source,
            busy.topic == _Job.topic,
            busy.state.in_(WORKABLE),
            busy.leased_until >= now,
        )
        free = (_Job.state.in_(WORKABLE), _Job.next_try <= now, ~has_worker)
        while True:
            with self._journal.session() as session:
                wanted = select(_Job).where(*free).order_by(_Job.next_try, _Job.created).limit(1)
                found = session.scalar(wanted)
                if found is None:
                    return None
                job, topic = found.id, (_Job.source == found.source, _Job.topic == found.topic)
            with self._journal.session() as session:
                # Whoever claims another job of the topic at the same time waits here (SQLite lets one write anyway).
                session.execute(select(_Job.id).where(*topic).order_by(_Job.id).with_for_update())
                taken = session.execute(
                    update(_Job)
                    .where(_Job.id == job, *free)
                    .values(worker=worker, leased_until=now + timedelta(seconds=seconds), attempts=_Job.attempts + 1)
                )
                if taken.rowcount == 1:  # type: ignore[attr-defined]  # else another worker was quicker
                    return _job(session.get_one(_Job, job))

    def renew(self, job: Job, worker: str, seconds: float) -> None:
        """Have the job for so many seconds from now. Raises LeaseLost."""
        self._change(job, worker, leased_until=datetime.now(UTC) + timedelta(seconds=seconds))

    def advance(self, job: Job, worker: str, state: State, **what: str) -> Job:
        """Go on with a job that stays ours, and note what is known by now. Raises LeaseLost."""
        return self._change(job, worker, state=state, **what)

    def finish(self, job: Job, worker: str, state: State, reason: str = "", **what: str) -> Job:
        """Let go of a job: it is done, skipped, failed, or waits for a person. Raises LeaseLost."""
        return self._change(
            job, worker, state=state, reason=storable(reason)[:MAX_REASON], worker=None, leased_until=None, **what
        )

    def later(self, job: Job, worker: str, seconds: float, reason: str = "") -> Job:
        """Let go of a job until then, in the state it has."""
        return self._change(
            job,
            worker,
            next_try=datetime.now(UTC) + timedelta(seconds=seconds),
            reason=storable(reason)[:MAX_REASON],
            worker=None,
            leased_until=None,
        )

    def hold(self, job: Job, worker: str, seconds: float, reason: str) -> Job:
        """The forum has the reply and does not show it yet: look again then."""
        when = datetime.now(UTC) + timedelta(seconds=seconds)
        return self._change(
            job, worker, state="held", reason=reason, next_try=when, attempts=0, worker=None, leased_until=None
        )

    def _change(self, job: Job, owner: str, /, **values: object) -> Job:
        with self._journal.session() as session:
            done = session.execute(
                update(_Job)
                .where(_Job.id == job.id, _Job.worker == owner)
                .values(changed=datetime.now(UTC), **{key: storable(value) for key, value in values.items()})
            )
            if done.rowcount != 1:  # type: ignore[attr-defined]
                raise LeaseLost(job.id)
            return _job(session.get_one(_Job, job.id))

    def job(self, job: str) -> Job | None:
        """The job of that id."""
        with self._journal.session() as session:
            row = session.get(_Job, job)
            return _job(row) if row is not None else None

    def decide(self, job: str, *, post: bool) -> bool:
        """What staff say of a reply that waits for them: post it, or not; False if none of that id waits."""
        values = {"state": "posting", "next_try": datetime.now(UTC)} if post else {"state": "skipped"}
        with self._journal.session() as session:
            done = session.execute(
                update(_Job)
                .where(_Job.id == job, _Job.state == "review")
                .values(changed=datetime.now(UTC), reason="" if post else "staff said no", attempts=0, **values)
            )
            return bool(done.rowcount == 1)  # type: ignore[attr-defined]

    def jobs(self, *states: State, limit: int = 100) -> list[Job]:
        """Jobs in these states (all, without any), the one that changed last first."""
        wanted = select(_Job).where(_Job.state.in_(states or STATES)).order_by(_Job.changed.desc()).limit(limit)
        with self._journal.session() as session:
            return [_job(row) for row in session.scalars(wanted)]

    def counts(self) -> dict[State, int]:
        """How many jobs are in each state."""
        with self._journal.session() as session:
            rows = session.execute(select(_Job.state, func.count()).group_by(_Job.state)).all()
        found = {row[0]: int(row[1]) for row in rows}
        return {state: found.get(state, 0) for state in STATES}

    def replied_with(self, source: str, post: str) -> Job | None:
        """The job whose reply is that post; None if the post is none of ours."""
        wanted = select(_Job).where(_Job.source == source, _Job.reply_post == post).limit(1)
        with self._journal.session() as session:
            row = session.scalar(wanted)
            return _job(row) if row is not None else None

    def replies(self) -> dict[str, tuple[Reply, ...]]:
        """The posts that stand in a forum, by the answer in them."""
        wanted = select(_Job.answer, _Job.source, _Job.topic, _Job.reply_post).where(
            _Job.reply_post != "", _Job.answer != ""
        )
        found: dict[str, tuple[Reply, ...]] = {}
        with self._journal.session() as session:
            for answer, source, topic, post in session.execute(wanted):
                found[answer] = (*found.get(answer, ()), Reply(source, topic, post))
        return found

    def held_posts(self, source: str, topic: str) -> frozenset[str]:
        """The posts of a topic whose replies the forum has, and does not show yet."""
        wanted = select(_Job.post).where(_Job.source == source, _Job.topic == topic, _Job.state == "held")
        with self._journal.session() as session:
            return frozenset(session.scalars(wanted))

    def forget_texts(self, before: datetime) -> int:
        """Remove what was asked and replied from the jobs that ended before then; of how many."""
        texts = (_Job.state.in_(ENDED), _Job.changed < before, or_(_Job.question != "", _Job.reply != ""))
        with self._journal.session() as session:
            done = session.execute(update(_Job).where(*texts).values(question="", reply=""))
            return int(done.rowcount)  # type: ignore[attr-defined]

    def last_reply(self, source: str) -> datetime | None:
        """When a reply was last posted there, by any worker."""
        posted: Sequence[State] = ("done", "held")
        wanted = select(func.max(_Job.changed)).where(_Job.source == source, _Job.state.in_(posted), _Job.reply != "")
        with self._journal.session() as session:
            return session.scalar(wanted)


def posted_answers() -> Select[str]:
    """A query for the ids of the answers that stand in a forum."""
    return select(_Job.answer).where(_Job.reply_post != "")


def retry_seconds(attempts: int) -> float:
    """How long to wait after so many attempts: twice as long each time."""
    return float(min(FIRST_RETRY_SECONDS * 2 ** max(attempts - 1, 0), LONGEST_RETRY_SECONDS))


def _job(row: _Job) -> Job:
    state = next(state for state in STATES if state == row.state)
    return Job(
        row.id, row.source, row.post, row.topic, state, row.reason, row.attempts, row.next_try,
        row.question, row.answer, row.reply, row.reply_post, row.changed, row.created,
    )  # fmt: skip
