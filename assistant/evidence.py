"""Found -> Evidence: what may be quoted, with the bullets above it and the snippet that belongs to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from corpus.passages import Passage
from index.generation import Index
from index.search import Found, Hit, SectionHit

# Chosen on the subjects of tests/bench/coverage: `python tests/bench/coverage/margins.py` prints the trade-off.
SECTION_MARGIN = 2.0  # how far below the best section, in log-odds, another one may be
PASSAGE_MARGIN = 5.0  # the same for passages of the best section, below its best
OTHER_MARGIN = 2.0  # the same for passages of the other sections
COMMAND_MARGIN = 9.0  # the same for the command that a question for one is owed
MAX_SECTIONS = 3
MAX_PASSAGES = 8
MAX_OTHERS = 2  # passages of each other section
MAX_CHILDREN = 6  # of a bullet that only announces ("lessons:")
MAX_WORDS = 85  # of the passages chosen; what completes them comes on top, and the best is shown whatever its length


_ASKS_HOW = re.compile(
    r"\b(?:how (?:do|can|to|would|should|does|did)|commands?|flags?|options?|type|which|run|show me|enter)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One passage to show. `number` is its place in the notes, `depth` how far it is indented under other evidence."""

    number: int
    passage: Passage
    section: int
    depth: int


def select(found: Found, index: Index) -> list[Evidence]:
    """The passages that answer, best section first, each section in the order of the notes."""
    sections = chosen_sections(found)
    chosen = chosen_hits(found.question.text, sections)
    evidence: list[Evidence] = []
    for section in sections:
        numbers = {hit.number for hit in chosen if hit.section == section.number}
        if numbers:
            evidence += _completed(numbers, section, index)
    return evidence


def chosen_sections(found: Found, *, margin: float = SECTION_MARGIN) -> Sequence[SectionHit]:
    """The best section, and the next ones if they are nearly as good."""
    best = found.sections[0].score if found.sections else 0.0
    return [section for section in found.sections[:MAX_SECTIONS] if section.score >= best - margin]


def chosen_hits(
    question: str,
    sections: Sequence[SectionHit],
    *,
    margin: float = PASSAGE_MARGIN,
    most: int = MAX_PASSAGES,
    max_words: int = MAX_WORDS,
) -> list[Hit]:
    """The best passages of the sections within the bounds; who asks how to do something is owed a command."""
    if not sections:
        return []
    best = sections[0].hits[0]
    wanted = [best]
    if _ASKS_HOW.search(question) and not _shows_code(best):
        commands = [hit for hit in sections[0].hits if _shows_code(hit) and hit.score >= best.score - COMMAND_MARGIN]
        wanted += commands[:1]
    wanted += [hit for hit in _others(sections, margin) if hit not in wanted]
    chosen: list[Hit] = []
    words = 0
    for hit in wanted:
        length = len(hit.passage.text.split())
        if not chosen or (len(chosen) < most and words + length <= max_words):
            chosen.append(hit)
            words += length
    return chosen


def _others(sections: Sequence[SectionHit], margin: float) -> list[Hit]:
    """What may be shown beside the best passage, best first: much of the best section, a line or two of the others."""
    best = sections[0].hits[0].score
    found = [hit for hit in sections[0].hits if hit.score >= best - margin]
    for section in sections[1:]:
        found += [hit for hit in section.hits[:MAX_OTHERS] if hit.score >= best - min(margin, OTHER_MARGIN)]
    return sorted(found, key=lambda hit: -hit.score)


def _shows_code(hit: Hit) -> bool:
    return hit.passage.kind == "code" or "`" in hit.passage.quote


def _completed(chosen: set[int], section: SectionHit, index: Index) -> list[Evidence]:
    """Add what the chosen passages cannot be read without: the bullets above, what a colon announces, their snippet."""
    siblings = index.section_passages(section.number)
    shown = set(chosen)
    for number in chosen:
        shown.update(_above(number, siblings, index))
        shown.update(_announced(number, index.passages[number], siblings, index))
    return [
        Evidence(number, index.passages[number], section.number, len(_above(number, siblings, index)))
        for number in sorted(shown)
    ]


def _above(number: int, siblings: range, index: Index) -> list[int]:
    """The bullets above a passage, innermost first: of those with the same words, the nearest before it."""
    found = []
    before = number
    for text in reversed(index.passages[number].parents):
        above = (other for other in range(before - 1, siblings.start - 1, -1) if index.passages[other].text == text)
        parent = next(above, None)
        if parent is not None:  # a parent may be in another section: what it says is then not shown
            found.append(parent)
            before = parent
    return found


def _announced(number: int, passage: Passage, siblings: Sequence[int], index: Index) -> list[int]:
    """The passages right under one that ends in a colon, and the code block that comes right after any."""
    under = []
    for other in siblings:
        if other <= number:
            continue
        below = index.passages[other]
        if passage.text not in below.parents:
            break
        if below.parents[-1] == passage.text and (passage.text.endswith(":") or below.kind == "code"):
            under.append(other)
    return under[:MAX_CHILDREN]


def nearest_sections(found: Found, count: int = 3) -> list[Hit]:
    """The best hit of each of the nearest written sections, for an answer that has to say no."""
    return [section.hits[0] for section in found.sections[:count]]
