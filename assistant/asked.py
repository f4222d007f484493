"""What was asked of a journal, read for course staff: row by row, so that a journal may be larger than the memory.

A turn of a conversation was asked once, an answer as often as its askings say. A number of days counts from now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    RowMapping,
    Subquery,
    Table,
    and_,
    desc,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)

from assistant.answer import Citation
from assistant.gaps import MAX_LATEST, MISSED, Disliked, Missed, Report, find_gaps, place_of
from assistant.inbox import Inbox, posted_answers
from assistant.journal import Journal
from assistant.recheck import Given, Rechecked, most_urgent, recheck
from assistant.tables import Base
from corpus.documents import Notes

BATCH = 1_000


def report(journal: Journal, days: int | None = None) -> Report:
    """What was asked, and what to write next."""
    latest: list[Disliked] = []

    def noted() -> Iterator[Disliked]:
        for each in disliked(journal, days):
            if len(latest) < MAX_LATEST:
                latest.append(each)
            yield each

    gaps = find_gaps(missed(journal, days), noted())
    return Report(totals(journal, days), gaps, latest)


def totals(journal: Journal, days: int | None = None) -> dict[str, int]:
    """How often each outcome was given, the most frequent first."""
    turns, answers = _tables()
    counted = _counted(days)
    of_turns = select(turns.c.outcome, func.count()).where(_since(turns.c.created, days)).group_by(turns.c.outcome)
    of_answers = (
        select(answers.c.outcome, func.sum(counted.c.times))
        .join(counted, counted.c.answer == answers.c.id)
        .group_by(answers.c.outcome)
    )
    found: Counter[str] = Counter()
    with journal.session() as session:
        for outcome, times in [*session.execute(of_turns), *session.execute(of_answers)]:
            found[outcome] += int(times)
    return dict(found.most_common())


def missed(journal: Journal, days: int | None = None) -> Iterator[Missed]:
    """What was asked and not answered, or only in part; the same question comes in a row."""
    turns, answers = _tables()
    counted = _counted(days)
    of_turns = select(*_parts(turns), literal(1).label("times")).where(
        turns.c.outcome.in_(MISSED), _since(turns.c.created, days)
    )
    of_answers = (
        select(*_parts(answers), counted.c.times)
        .join(counted, counted.c.answer == answers.c.id)
        .where(answers.c.outcome.in_(MISSED))
    )
    wanted = union_all(of_turns, of_answers).order_by("asked")
    for row in _rows(journal, wanted):
        yield Missed(row["asked"], row["outcome"], _place(row), int(row["times"]))


def disliked(journal: Journal, days: int | None = None) -> Iterator[Disliked]:
    """The thumbs down, newest first: of a reader who is known, and of a turn, the last rating of an answer counts."""
    turns, answers = _tables()
    feedback = Base.metadata.tables["feedback"]
    later = feedback.alias("later")
    is_replaced = exists().where(
        later.c.answer == feedback.c.answer,
        later.c.user_id == feedback.c.user_id,
        or_(
            later.c.created > feedback.c.created,
            and_(later.c.created == feedback.c.created, later.c.id > feedback.c.id),
        ),
    )
    wanted = and_(feedback.c.rating == "down", ~is_replaced, _since(feedback.c.created, days))
    said = (feedback.c.answer.label("id"), feedback.c.reason, feedback.c.text, feedback.c.created.label("rated"))
    of_turns = select(*_parts(turns), *said, literal(0).label("has_page")).join(feedback, feedback.c.turn == turns.c.id)
    of_answers = select(*_parts(answers), *said, literal(1).label("has_page")).join(
        feedback, and_(feedback.c.answer == answers.c.id, feedback.c.turn.is_(None))
    )
    both = union_all(of_turns.where(wanted), of_answers.where(wanted)).order_by(desc("rated"))
    for row in _rows(journal, both):
        yield Disliked(
            row["asked"],
            row["outcome"],
            _place(row),
            answer=row["id"],
            has_page=bool(row["has_page"]),
            reason=row["reason"],
            text=row["text"],
            when=row["rated"],
        )


def given(journal: Journal, days: int | None = None) -> Iterator[Given]:
    """The answers with their sources; of those that stand in a forum all, however long ago they were asked for."""
    turns, answers = _tables()
    counted, lately = _counted(None), _counted(days)
    of_answers = (
        select(
            answers.c.id.label("given"),
            answers.c.question,
            answers.c.outcome,
            answers.c.answer["citations"].label("citations"),
            func.coalesce(counted.c.times, 0).label("times"),
            literal(1).label("has_page"),
        )
        .outerjoin(counted, counted.c.answer == answers.c.id)
        .where(or_(answers.c.id.in_(select(lately.c.answer)), answers.c.id.in_(posted_answers())))
    )
    of_turns = select(
        turns.c.answer["id"].as_string(),
        turns.c.question,
        turns.c.outcome,
        turns.c.answer["citations"],
        literal(1),
        literal(0),
    ).where(_since(turns.c.created, days))
    wanted = union_all(of_answers, of_turns).order_by("given")
    for answer, rows in groupby(_rows(journal, wanted), key=lambda row: str(row["given"])):
        first, *others = rows
        citations = tuple(map(Citation.from_json, first["citations"] or ()))
        times = sum(int(row["times"]) for row in (first, *others))
        has_page = any(row["has_page"] for row in (first, *others))
        yield Given(answer, first["question"], first["outcome"], citations, times, has_page)


def outdated(journal: Journal, notes: Notes, limit: int, days: int | None = None) -> tuple[list[Rechecked], int]:
    """The cited passages that read otherwise in the notes now, the most urgent first, and how many there are."""
    return most_urgent(recheck(given(journal, days), notes, Inbox(journal).replies()), limit)


def _tables() -> tuple[Table, Table]:
    return Base.metadata.tables["turns"], Base.metadata.tables["answers"]


def _since(when: ColumnElement[Any], days: int | None) -> ColumnElement[bool]:
    return when >= datetime.now(UTC) - timedelta(days=days) if days is not None else true()


def _counted(days: int | None) -> Subquery:
    """How often each answer was asked for, those left out that were not."""
    askings = Base.metadata.tables["askings"]
    times = func.sum(askings.c.times).label("times")
    wanted = select(askings.c.answer, times).group_by(askings.c.answer).having(func.sum(askings.c.times) > 0)
    if days is not None:
        wanted = wanted.where(askings.c.day >= (datetime.now(UTC) - timedelta(days=days)).date())
    return wanted.subquery()


def _parts(table: Table) -> tuple[ColumnElement[Any], ...]:
    """What a gap is made of: no whole answer is read."""
    answer = table.c.answer
    return (
        table.c.question.label("asked"),
        table.c.outcome,
        answer["standalone_question"].as_string().label("standalone"),
        answer["coverage"].as_float().label("coverage"),
        answer[("citations", 0)].label("cited"),
        answer[("nearest", 0)].label("nearest"),
    )


def _place(row: RowMapping) -> Citation | None:
    cited = Citation.from_json(row["cited"]) if row["cited"] else None
    nearest = Citation.from_json(row["nearest"]) if row["nearest"] else None
    return place_of(row["standalone"] or row["asked"], cited, nearest, row["coverage"] or 0.0)


def _rows(journal: Journal, wanted: CompoundSelect[Any]) -> Iterator[RowMapping]:
    with journal.session() as session:
        yield from session.execute(wanted, execution_options={"yield_per": BATCH}).mappings()
