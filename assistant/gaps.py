"""Answers that were given -> what to write next: what was asked and not answered, by the section it belongs to.

And which answers cite lines that read otherwise now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from assistant.answer import Answer, Citation
from corpus.documents import Notes

MAX_EXAMPLES = 5
REASONS = {
    "unfinished": "nothing is written there",
    "not_covered": "it is not said",
    "partial": "part of it is missing",
}

Standing = Literal["same", "moved", "changed", "gone"]


@dataclass(slots=True)
class Gap:
    """A section that questions have asked of in vain: how often, in which ways, and some of the questions."""

    document: str
    heading: tuple[str, ...]
    count: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    disliked: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, question: str, outcome: str, *, disliked: bool) -> None:
        """Count one question."""
        self.count += 1
        self.disliked += disliked
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if question not in self.examples and len(self.examples) < MAX_EXAMPLES:
            self.examples.append(question)


def find_gaps(answers: Iterable[tuple[Answer, bool]]) -> list[Gap]:
    """The gaps that answers show, the biggest first; each answer comes with whether a reader disliked it.

    An unfinished section is the gap itself; what is not covered belongs to the nearest section that is written.
    """
    gaps: dict[tuple[str, tuple[str, ...]], Gap] = {}
    for answer, disliked in answers:
        if answer.outcome not in REASONS and not disliked:
            continue
        place = next(iter((*answer.citations, *answer.nearest)), None)
        key = (place.document if place else "", place.heading if place else ())
        gaps.setdefault(key, Gap(*key)).add(answer.question.split("\n")[0][:300], answer.outcome, disliked=disliked)
    return sorted(gaps.values(), key=lambda gap: (-gap.count, gap.document, gap.heading))


@dataclass(frozen=True, slots=True)
class Rechecked:
    """One cited passage as it is now: `line` is where it stands now, if it stands anywhere in its document."""

    answer: Answer
    citation: Citation
    standing: Standing
    line: int | None


def recheck(answers: Iterable[Answer], notes: Notes) -> list[Rechecked]:
    """The citations of answers whose lines have changed since: moved, written otherwise, or gone."""
    files: dict[str, Sequence[str] | None] = {}
    found = []
    for answer in answers:
        for citation in answer.citations:
            if notes.revisions.get(citation.document) == citation.revision:
                continue
            if citation.document not in files:
                files[citation.document] = _lines(notes.root / citation.document)
            standing, line = _standing(citation, files[citation.document])
            if standing != "same":
                found.append(Rechecked(answer, citation, standing, line))
    return found


def _standing(citation: Citation, lines: Sequence[str] | None) -> tuple[Standing, int | None]:
    if lines is None:
        return "gone", None
    wanted = citation.quote.split("\n")
    if _stands_at(citation.start_line, wanted, lines):
        return "same", citation.start_line
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
