"""What was asked in vain -> what to write next: by the section that the answer should have been in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from typing import Any

from assistant.answer import Citation
from index.lexical import words

MAX_EXAMPLES = 5
NEAR = 0.2  # coverage; with the words, half of the questions that notes leave out are near, a third on other subjects
MAX_LATEST = 20
MAX_QUESTION = 300  # characters of an example
REASONS = {
    "unfinished": "nothing is written there",
    "not_covered": "it is not said",
    "partial": "part of it is missing",
}
MISSED = tuple(REASONS)


@dataclass(frozen=True, slots=True)
class Missed:
    """A question that was not answered, or only in part; `place` is where the answer should have been, if known."""

    question: str
    outcome: str
    place: Citation | None
    times: int = 1


@dataclass(frozen=True, slots=True)
class Disliked:
    """A thumb down; `has_page`: its answer can be opened by its id."""

    question: str
    outcome: str
    place: Citation | None
    answer: str
    has_page: bool
    reason: str
    text: str
    when: datetime


@dataclass(frozen=True, slots=True)
class Example:
    """A question as it was asked, and how often."""

    question: str
    times: int


@dataclass(slots=True)
class Gap:
    """A section that questions have asked of in vain; the place of what is near no section is None.

    `count` is how many were not content: those without a whole answer, and the thumbs down for whole ones.
    """

    place: Citation | None
    count: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    disliked: int = 0
    examples: list[Example] = field(default_factory=list)
    dislikes: list[Disliked] = field(default_factory=list)

    @property
    def document(self) -> str:
        """The note of the section; empty if there is none."""
        return self.place.note if self.place is not None else ""

    @property
    def heading(self) -> tuple[str, ...]:
        """The heading of the section with those above it."""
        return self.place.heading if self.place is not None else ()

    def to_json(self) -> dict[str, Any]:
        """All of it as plain dictionaries and lists."""
        return {
            "document": self.document,
            "heading": list(self.heading),
            "anchor": self.place.anchor if self.place is not None else "",
            "count": self.count,
            "outcomes": self.outcomes,
            "disliked": self.disliked,
            "examples": [asdict(example) for example in self.examples],
            "dislikes": [dislike_json(dislike) for dislike in self.dislikes],
        }

    def miss(self, question: str, outcomes: dict[str, int]) -> None:
        """Count one question, asked so often with each outcome."""
        times = sum(outcomes.values())
        self.count += times
        for outcome, more in outcomes.items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + more
        self.examples.append(Example(question, times))
        self.examples.sort(key=lambda example: -example.times)
        del self.examples[MAX_EXAMPLES:]

    def dislike(self, disliked: Disliked) -> None:
        """Count one thumb down; they come newest first."""
        self.disliked += 1
        self.count += disliked.outcome not in REASONS  # else the asking itself is counted
        if len(self.dislikes) < MAX_EXAMPLES:
            self.dislikes.append(disliked)


@dataclass(frozen=True, slots=True)
class Report:
    """All that was asked in some time, by outcome; the gaps that this shows; and the latest thumbs down."""

    outcomes: dict[str, int]
    gaps: list[Gap]
    latest: list[Disliked]

    @property
    def asked(self) -> int:
        """How many questions."""
        return sum(self.outcomes.values())

    @property
    def disliked(self) -> int:
        """How many thumbs down."""
        return sum(gap.disliked for gap in self.gaps)

    def share(self, times: int) -> float:
        """What part of all that was asked this is."""
        return times / self.asked if self.asked else 0.0

    def to_json(self, limit: int) -> dict[str, Any]:
        """The figures, and so many gaps, as plain dictionaries and lists."""
        return {
            "asked": self.asked,
            "outcomes": self.outcomes,
            "shares": {outcome: round(self.share(times), 3) for outcome, times in self.outcomes.items()},
            "disliked": self.disliked,
            "gaps": [gap.to_json() for gap in self.gaps[:limit]],
            "latest_dislikes": [dislike_json(dislike) for dislike in self.latest],
        }


def find_gaps(missed: Iterable[Missed], disliked: Iterable[Disliked] = ()) -> list[Gap]:
    """The gaps, the biggest first and what is near no section last.

    The same question has to come in a row, and thumbs down newest first; no more is held than what the gaps show.
    """
    gaps: dict[tuple[str, tuple[str, ...]], Gap] = {}

    def gap(place: Citation | None) -> Gap:
        key = (place.note, place.heading) if place is not None else ("", ())
        return gaps.setdefault(key, Gap(place))

    for question, rows in groupby(missed, key=lambda each: shown(each.question)):
        for place, outcomes in _by_place(rows):
            gap(place).miss(question, outcomes)
    for each in disliked:
        gap(each.place).dislike(each)
    return sorted(gaps.values(), key=lambda each: (each.place is None, -each.count, each.document, each.heading))


def _by_place(rows: Iterable[Missed]) -> Iterator[tuple[Citation | None, dict[str, int]]]:
    places: dict[tuple[str, tuple[str, ...]] | None, tuple[Citation | None, dict[str, int]]] = {}
    for row in rows:
        key = (row.place.note, row.place.heading) if row.place is not None else None
        _, outcomes = places.setdefault(key, (row.place, {}))
        outcomes[row.outcome] = outcomes.get(row.outcome, 0) + row.times
    yield from places.values()


def place_of(question: str, cited: Citation | None, nearest: Citation | None, coverage: float) -> Citation | None:
    """Where the answer to a question should have been: the section that it cites, else the nearest if it is near.

    Something is always the nearest. It is near if its heading has a word of the question, or the passage found there
    has one and the coverage is not as low as that of another subject.
    """
    if cited is not None or nearest is None:
        return cited
    asked = set(words(question, compounds=False))
    in_passage = coverage >= NEAR and asked & _words("\n".join((*nearest.parents, nearest.quote)))
    return nearest if in_passage or asked & _words(" ".join(nearest.heading)) else None


@lru_cache(maxsize=1_000)
def _words(text: str) -> frozenset[str]:
    return frozenset(words(text, compounds=False))


def shown(question: str) -> str:
    """A question as an example: its first line, of a long one the beginning."""
    line = question.split("\n", 1)[0]
    return line if len(line) <= MAX_QUESTION else f"{line[: MAX_QUESTION - 1]}\u2026"


def dislike_json(disliked: Disliked) -> dict[str, Any]:
    """A thumb down as a plain dictionary; its answer only where that can be opened."""
    return {
        "question": shown(disliked.question),
        "outcome": disliked.outcome,
        "reason": disliked.reason,
        "text": disliked.text,
        "answer": disliked.answer if disliked.has_page else None,
        "when": disliked.when.isoformat(timespec="seconds"),
    }
