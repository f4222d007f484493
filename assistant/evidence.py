"""Found -> Evidence: what may be quoted, in the order of the notes, with the bullets above and the snippet that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from corpus.passages import Passage
from index.generation import Index
from index.search import Found, Hit, SectionHit

# Chosen on the subjects of tests/bench/coverage by `python tests/bench/coverage/select.py`, which prints the trade-off.
SECTION_MARGIN = 1.2  # how far below the best section, in its log-odds, a second one may be
PASSAGE_MARGIN = 1.1  # the same for the passages of a section, below its best
MAX_SECTIONS = 2
MAX_PASSAGES = 5
MAX_CHILDREN = 6  # of a bullet that only announces ("lessons:")
MAX_WORDS = 90  # soft: the best passage is shown whatever its length


@dataclass(frozen=True, slots=True)
class Evidence:
    """One passage to show. `number` is its place in the notes, `depth` how far it is indented under other evidence."""

    number: int
    passage: Passage
    section: int
    depth: int


def select(found: Found, index: Index) -> list[Evidence]:
    """The passages that answer, best section first, each section in the order of the notes."""
    evidence: list[Evidence] = []
    words = 0
    for rank, section in enumerate(_sections(found)):
        chosen: set[int] = set()
        limit = section.hits[0].score - PASSAGE_MARGIN
        for hit in section.hits[:MAX_PASSAGES]:
            length = _length(hit.passage)
            is_first = rank == 0 and not chosen
            if not is_first and (hit.score < limit or words + length > MAX_WORDS):
                continue
            chosen.add(hit.number)
            words += length
        if chosen:
            evidence += _completed(chosen, section, index)
    return evidence


def _sections(found: Found) -> Sequence[SectionHit]:
    best = found.sections[0].score if found.sections else 0.0
    return [s for s in found.sections[:MAX_SECTIONS] if s.score >= best - SECTION_MARGIN]


def _completed(chosen: set[int], section: SectionHit, index: Index) -> list[Evidence]:
    """Add what the chosen passages cannot be read without: the bullets above, what a colon announces, their snippet."""
    siblings = index.section_passages(section.number)
    by_text = {index.passages[number].text: number for number in reversed(siblings)}
    shown = set(chosen)
    for number in chosen:
        passage = index.passages[number]
        shown |= {by_text[parent] for parent in passage.parents if parent in by_text}
        shown |= set(_announced(number, passage, siblings, index))
    evidence = []
    for number in sorted(shown):
        passage = index.passages[number]
        depth = sum(1 for parent in passage.parents if by_text.get(parent) in shown)
        evidence.append(Evidence(number, passage, section.number, depth))
    return evidence


def _announced(number: int, passage: Passage, siblings: Sequence[int], index: Index) -> list[int]:
    """The passages right under one that ends in a colon, and the code block that comes right after any."""
    under = []
    for other in siblings:
        if other <= number:
            continue
        below = index.passages[other]
        if below.parents and below.parents[-1] == passage.text:
            if passage.text.endswith(":") or below.kind == "code":
                under.append(other)
        elif under or other > number + MAX_CHILDREN:
            break
    return under[:MAX_CHILDREN]


def _length(passage: Passage) -> int:
    return len(passage.text.split())


def nearest_sections(found: Found, count: int = 3) -> list[Hit]:
    """The best hit of each of the nearest written sections, for an answer that has to say no."""
    return [section.hits[0] for section in found.sections[:count]]
