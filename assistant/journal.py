"""What was asked, how it ended, what was thought of it: conversations, answers and feedback, by SQLAlchemy.

The tables hold what any database has: text ids made here, JSON, times in UTC; constraints have names, so that a
migration can speak of them.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal, TypeVar

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Connection,
    Date,
    Engine,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool

from assistant.answer import Answer
from assistant.database import open_engine, set_aside_if_broken, shown
from assistant.migration import NewerSchema, upgrade
from assistant.tables import Base, UtcTime
from corpus.errors import JournalProblem

MAX_TITLE = 80
ATTEMPTS = 5  # at a row that another tab or thread adds at the same moment

Rating = Literal["up", "down"]
Result = TypeVar("Result")


class _Conversation(Base):
    __tablename__ = "conversations"
    __table_args__ = (Index(None, "notes", "changed"),)
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    notes: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(String(200))
    created: Mapped[datetime] = mapped_column(UtcTime)
    changed: Mapped[datetime] = mapped_column(UtcTime)


class _Turn(Base):
    __tablename__ = "turns"
    __table_args__ = (UniqueConstraint("conversation", "position"), Index(None, "outcome", "created"))
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    conversation: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(Integer)
    question: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(String(20))
    answer: Mapped[dict[str, Any]] = mapped_column(JSON)
    created: Mapped[datetime] = mapped_column(UtcTime)


class _Answer(Base):
    """An answer that can be opened again by its id, wherever it was given."""

    __tablename__ = "answers"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(20), index=True)
    question: Mapped[str] = mapped_column(Text)
    answer: Mapped[dict[str, Any]] = mapped_column(JSON)
    created: Mapped[datetime] = mapped_column(UtcTime, index=True)
    user_id: Mapped[str | None] = mapped_column(String(200), index=True)


class _Asking(Base):
    """How often an answer was given on one day of UTC: to nobody in particular, and at no hour."""

    __tablename__ = "askings"
    answer: Mapped[str] = mapped_column(ForeignKey("answers.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True, index=True)
    times: Mapped[int] = mapped_column(Integer)


class _Feedback(Base):
    __tablename__ = "feedback"
    __table_args__ = (UniqueConstraint("turn"), CheckConstraint("rating IN ('up', 'down')", name="rating"))
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    answer: Mapped[str] = mapped_column(String(40), index=True)
    turn: Mapped[str | None] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"))
    rating: Mapped[str] = mapped_column(String(4))
    reason: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(UtcTime)
    user_id: Mapped[str | None] = mapped_column(String(200), index=True)


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a reader thought of an answer."""

    answer: str
    rating: Rating
    reason: str
    text: str
    created: datetime


@dataclass(frozen=True, slots=True)
class Turn:
    """One question of a conversation with its answer; positions count from 0."""

    id: str
    conversation: str
    position: int
    question: str
    answer: Answer
    created: datetime
    feedback: Feedback | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """Questions about the same notes that belong together."""

    id: str
    notes: str
    title: str
    created: datetime
    changed: datetime


class Journal:
    """The journal of one database. It may be used from several threads and processes at once.

    Every method raises JournalProblem if the database cannot be used. `notice` says what had to be done
    to open it: a reader must be told.
    """

    def __init__(self, engine: Engine, notice: str | None = None) -> None:
        self._engine = engine
        # In memory all threads share one connection: two transactions at once would be one.
        self._in_turn = threading.RLock() if self.is_in_memory else nullcontext()
        self.notice = notice

    @classmethod
    def open(cls, url: str) -> Journal:
        """Open the journal at a SQLAlchemy URL, and make its tables or bring them up to date.

        A file of SQLite that is broken is set aside, and a new one begins: see `notice`.
        """
        engine = open_engine(url)
        notice = set_aside_if_broken(engine)
        journal = cls(engine, notice)
        try:
            upgrade(engine)
        except NewerSchema as error:
            journal.close()
            raise JournalProblem(
                f"The journal at {shown(engine)} was written by a newer version of this program. "
                "Update the program, or name another journal: ASK_JOURNAL=URL"
            ) from error
        except (SQLAlchemyError, OSError) as error:
            journal.close()
            raise journal._problem(error) from error
        return journal

    @property
    def is_in_memory(self) -> bool:
        """Whether nothing of it is left when the process ends."""
        return isinstance(self._engine.pool, StaticPool)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def conversations(self, notes: str, *, limit: int = 100) -> list[Conversation]:
        """The conversations about these notes, the one that changed last first."""
        with self._session() as session:
            wanted = (
                select(_Conversation).where(_Conversation.notes == notes).order_by(_Conversation.changed.desc())
            ).limit(limit)
            return [_conversation(row) for row in session.scalars(wanted)]

    def conversation(self, conversation: str) -> Conversation | None:
        """One conversation; None if there is none of that id."""
        with self._session() as session:
            row = session.get(_Conversation, conversation)
            return _conversation(row) if row is not None else None

    def turns(self, conversation: str) -> list[Turn]:
        """The turns of a conversation in order, each with its feedback; none if there is no such conversation."""
        with self._session() as session:
            wanted = (
                select(_Turn, _Feedback)
                .outerjoin(_Feedback, _Feedback.turn == _Turn.id)
                .where(_Turn.conversation == conversation)
                .order_by(_Turn.position)
            )
            return [_turn(row, feedback) for row, feedback in session.execute(wanted)]

    def add_turn(self, conversation: str | None, question: str, answer: Answer, *, notes: str) -> Turn:
        """Add a question with its answer; None, or a conversation that is gone by now, begins a new one."""
        return self._again_if_taken(lambda: self._add_turn(conversation, question, answer, notes))

    def _add_turn(self, conversation: str | None, question: str, answer: Answer, notes: str) -> Turn:
        now = datetime.now(UTC)
        with self._session() as session:
            row = session.get(_Conversation, conversation) if conversation is not None else None
            if row is None:
                row = _Conversation(id=new_id(), notes=notes, title=_title(question), created=now, changed=now)
                session.add(row)
                session.flush()
            row.changed = now
            last = session.scalar(select(func.max(_Turn.position)).where(_Turn.conversation == row.id))
            turn = _Turn(
                id=new_id(),
                conversation=row.id,
                position=0 if last is None else last + 1,
                question=storable(question),
                outcome=answer.outcome,
                answer=storable(answer.to_json()),
                created=now,
            )
            session.add(turn)
            session.flush()
            return _turn(turn, None)

    def keep_answer(self, answer: Answer, *, user: str | None = None, is_counted: bool = True) -> None:
        """Keep an answer, to be opened again by its id: the same answer once, and how often it was asked for.

        `user` is the reader whose it is; one that others were given too belongs to nobody. `is_counted` is False for
        an asking that was counted before. What is a turn of a conversation is counted as such: keep it one way only.
        """
        self._again_if_taken(lambda: self._keep_answer(answer, user, 1 if is_counted else 0))

    def _keep_answer(self, answer: Answer, user: str | None, times: int) -> None:
        # Statements without the mapper: each question of a service waits for this.
        now = datetime.now(UTC)
        answers, askings = Base.metadata.tables["answers"], Base.metadata.tables["askings"]
        with self._working() as connection:
            owners = connection.scalars(select(answers.c.user_id).where(answers.c.id == answer.id)).all()
            if not owners:
                kept = {
                    "id": answer.id,
                    "outcome": answer.outcome,
                    "question": storable(answer.question),
                    "answer": storable(answer.to_json()),
                    "created": now,
                    "user_id": user,
                }
                connection.execute(insert(answers).values(kept))
            elif owners[0] not in {None, user}:
                connection.execute(update(answers).where(answers.c.id == answer.id).values(user_id=None))
            today = (askings.c.answer == answer.id, askings.c.day == now.date())
            # The database adds up: two that ask at once are both counted.
            count = update(askings).where(*today).values(times=askings.c.times + times)
            if not owners or connection.execute(count).rowcount == 0:
                connection.execute(insert(askings).values(answer=answer.id, day=now.date(), times=times))

    def _again_if_taken(self, work: Callable[[], Result]) -> Result:
        """Do it; again, if a row was added by others between the look for it and the adding."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return work()
            except JournalProblem as error:
                if attempt == ATTEMPTS or not isinstance(error.__cause__, IntegrityError):
                    raise
        raise AssertionError  # the loop returns or raises

    def answer(self, answer: str) -> Answer | None:
        """The answer of that id; None if none was kept."""
        with self._session() as session:
            row = session.get(_Answer, answer)
            return Answer.from_json(row.answer) if row is not None else None

    def rename(self, conversation: str, title: str) -> None:
        """Give a conversation another title; an empty one changes nothing."""
        if title := _title(title):
            with self._session() as session:
                row = session.get(_Conversation, conversation)
                if row is not None:
                    row.title = title

    def delete(self, conversation: str) -> None:
        """Remove a conversation with its turns and what was thought of them."""
        with self._session() as session:
            row = session.get(_Conversation, conversation)
            if row is not None:
                session.delete(row)

    def export(self, conversation: str) -> dict[str, Any] | None:
        """All of a conversation as plain dictionaries and lists; None if there is none of that id."""
        found = self.conversation(conversation)
        if found is None:
            return None
        turns = [
            {
                "question": turn.question,
                "asked": turn.created.isoformat(timespec="seconds"),
                "answer": turn.answer.to_json(),
                "feedback": _plain(turn.feedback) if turn.feedback is not None else None,
            }
            for turn in self.turns(conversation)
        ]
        return {**_plain(found), "turns": turns}

    def rate(
        self,
        answer: str,
        rating: Rating | None,
        *,
        reason: str = "",
        text: str = "",
        turn: str | None = None,
        user: str | None = None,
        replaces: str | None = None,
    ) -> str | None:
        """Keep what was thought of an answer; its id. Of a turn the last rating counts, and None takes it back.

        `replaces` is the id of what the same reader said of the answer before: they are counted once.
        """
        with self._session() as session:
            if turn is not None:
                before = session.scalar(select(_Feedback).where(_Feedback.turn == turn))
                if before is not None:
                    session.delete(before)
                    session.flush()
            if replaces is not None:
                said = session.get(_Feedback, replaces)
                if said is not None and (said.answer, said.turn) == (answer, None) and said.user_id in {None, user}:
                    session.delete(said)
            if rating is None or (turn is not None and session.get(_Turn, turn) is None):
                return None
            kept = _Feedback(
                id=new_id(),
                answer=answer,
                turn=turn,
                rating=rating,
                reason=storable(reason),
                text=storable(text),
                created=datetime.now(UTC),
                user_id=user,
            )
            session.add(kept)
            return kept.id

    def feedback(self, answer: str) -> list[Feedback]:
        """Everything that was thought of one answer, oldest first."""
        with self._session() as session:
            wanted = select(_Feedback).where(_Feedback.answer == answer).order_by(_Feedback.created)
            return [_feedback(row) for row in session.scalars(wanted)]

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction, for tables that another module has."""
        with self._session() as session:
            yield session

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with self._working() as connection, Session(connection, expire_on_commit=False) as session:
            yield session
            session.flush()

    @contextmanager
    def _working(self) -> Iterator[Connection]:
        """One transaction; errors of the database become ours."""
        try:
            with self._in_turn, self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            raise self._problem(error) from error

    def _problem(self, error: Exception) -> JournalProblem:
        reason = str(error.orig) if isinstance(error, DBAPIError) else str(error)
        return JournalProblem(
            f"The journal at {shown(self._engine)} cannot be used ({' '.join(reason.split())[:200]}). "
            "Mend that, or name another: ASK_JOURNAL=URL (none: keep nothing)."
        )


def new_id() -> str:
    """An id for a row."""
    return uuid.uuid4().hex


def _title(question: str) -> str:
    line = " ".join(storable(question).split())
    return line if len(line) <= MAX_TITLE else f"{line[: MAX_TITLE - 1]}\u2026"


def storable(value: Any) -> Any:
    """The same without what a database refuses in a text: NUL, halves of characters."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {key: storable(each) for key, each in value.items()}
    if isinstance(value, Sequence):
        return [storable(each) for each in value]
    return value


def _plain(record: Conversation | Feedback) -> dict[str, Any]:
    return {
        key: value.isoformat(timespec="seconds") if isinstance(value, datetime) else value
        for key, value in asdict(record).items()
    }


def _conversation(row: _Conversation) -> Conversation:
    return Conversation(row.id, row.notes, row.title, row.created, row.changed)


def _turn(row: _Turn, feedback: _Feedback | None) -> Turn:
    answer = Answer.from_json(row.answer)
    said = _feedback(feedback) if feedback is not None else None
    return Turn(row.id, row.conversation, row.position, row.question, answer, row.created, said)


def _feedback(row: _Feedback) -> Feedback:
    rating: Rating = "up" if row.rating == "up" else "down"
    return Feedback(row.answer, rating, row.reason, row.text, row.created)
