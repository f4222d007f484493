"""Answers that were given -> those whose cited lines read otherwise now."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

from assistant.answer import Citation
from assistant.gaps import shown
from corpus.documents import Notes
from corpus.sections import document_sections

MAX_REMEMBERED = 10_000  # passages: many answers cite the same

Standing = Literal["same", "moved", "changed", "gone", "written"]


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as far as its sources go; `has_page`: it can be opened by its id."""

    answer: str
    question: str
    outcome: str
    citations: tuple[Citation, ...]
    times: int = 1
    has_page: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """A post of the bot that stands in a forum, for all to read."""

    source: str
    topic: str
    post: str


@dataclass(frozen=True, slots=True)
class Rechecked:
    """One cited passage as it is now: `line` is where it stands now, if it stands anywhere in its document."""

    given: Given
    citation: Citation
    standing: Standing
    line: int | None
    replies: tuple[Reply, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What a program has to know of it."""
        return {
            "answer": self.given.answer,
            "question": shown(self.given.question),
            "times": self.given.times,
            "standing": self.standing,
            "line": self.line,
            "document": self.citation.document,
            "start_line": self.citation.start_line,
            "quote": self.citation.quote,
            "replies": [{"source": r.source, "topic": r.topic, "post": r.post} for r in self.replies],
        }


def recheck(
    given: Iterable[Given], notes: Notes, replies: Mapping[str, tuple[Reply, ...]] | None = None
) -> Iterator[Rechecked]:
    """The citations of answers whose lines have changed since: moved, written otherwise, or gone.

    Or `written`: the answer was that nothing is written there. `replies` has the posts in which an answer stands.
    """
    written = cache(lambda: _written(notes))
    now: Standing
    line: int | None
    lines = cache(lambda document: _lines(notes.root / document))
    standing = lru_cache(MAX_REMEMBERED)(lambda document, start, quote: _standing(start, quote, lines(document)))
    for each in given:
        for citation in each.citations:
            if each.outcome == "unfinished" and (citation.note, citation.heading) in written():
                now, line = "written", None  # also where only the file that it includes has come
            elif notes.revisions.get(citation.document) == citation.revision:
                continue
            else:
                now, line = standing(citation.document, citation.start_line, citation.quote)
            if now != "same":
                yield Rechecked(each, citation, now, line, (replies or {}).get(each.answer, ()))


def _written(notes: Notes) -> set[tuple[str, tuple[str, ...]]]:
    """The sections that have something under their heading, each by its note and its heading path."""
    sections = (section for document in notes.documents for section in document_sections(document))
    return {(section.document.path, section.heading) for section in sections if section.state == "written"}


def most_urgent(found: Iterable[Rechecked], limit: int) -> tuple[list[Rechecked], int]:
    """The first of them, and how many there are: those that stand in a forum, then those asked for most often."""
    count = 0

    def counted() -> Iterator[Rechecked]:
        nonlocal count
        for each in found:
            count += 1
            yield each

    first = heapq.nlargest(limit, counted(), key=lambda each: (bool(each.replies), each.given.times))
    return first, count


def _standing(start: int, quote: str, lines: Sequence[str] | None) -> tuple[Standing, int | None]:
    if lines is None:
        return "gone", None
    wanted = quote.split("\n")
    if _stands_at(start, wanted, lines):
        return "same", start
    places = (number for number in range(1, len(lines) + 1) if _stands_at(number, wanted, lines))
    line = next(places, None)
    return ("moved", line) if line is not None else ("changed", None)


def _stands_at(start: int, wanted: Sequence[str], lines: Sequence[str]) -> bool:
    """Whether the quoted lines stand there; the first and the last may be part of theirs."""
    here = lines[start - 1 : start - 1 + len(wanted)]
    return len(here) == len(wanted) and all(part.strip() in line for part, line in zip(wanted, here, strict=True))


def _lines(file: Path) -> list[str] | None:
    try:
        return file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError:
        return None
