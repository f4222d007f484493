"""The trade-off behind the margins of assistant/evidence.py, over the subjects beside this file.

    python tests/bench/coverage/margins.py

For each setting: citations that are right (any, share), gold lines that are shown, words shown.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from subjects import SUBJECTS, Asked, load_subject

from assistant.evaluation import ANSWERABLE
from assistant.evidence import MAX_PASSAGES, MAX_WORDS, PASSAGE_MARGIN, SECTION_MARGIN, chosen_hits, chosen_sections
from index.search import Found, rank, weights


def measure(cases: list[tuple[Asked, Found]], section: float, passage: float, most: int) -> tuple[float, ...]:
    """Any citation right, precision, gold lines shown, words; means over the questions."""
    rows = []
    for asked, found in cases:
        sections = chosen_sections(found, margin=section)
        hits = chosen_hits(found.question.text, sections, margin=passage, most=most, max_words=MAX_WORDS)
        right = [asked.is_right_section(hit.passage.heading) for hit in hits]
        gold = {hit.number for hit in found.hits if asked.is_gold(hit.passage)}
        shown = len(gold & {hit.number for hit in hits}) / max(1, len(gold))
        rows.append((any(right), sum(right) / len(right), shown, sum(len(h.passage.text.split()) for h in hits)))
    return tuple(float(value) for value in np.mean(np.array(rows, float), axis=0))


def main() -> None:
    """Print a table, the setting in use marked."""
    cases = []
    for name in SUBJECTS:
        subject = load_subject(name)
        cases += [(a, rank(a.found, subject.index, weights())) for a in subject.asked if a.label in ANSWERABLE]
    print("section passage most    any  precision  gold lines  words")
    for section, passage, most in product((0.0, 1.0, 2.0, 3.0), (1.5, 3.0, 5.0, 9.0), (5, MAX_PASSAGES)):
        any_right, precision, gold, words = measure(cases, section, passage, most)
        mark = "  <- in use" if (section, passage, most) == (SECTION_MARGIN, PASSAGE_MARGIN, MAX_PASSAGES) else ""
        print(f"{section:7} {passage:7} {most:4} {any_right:6.3f} {precision:10.3f} {gold:11.3f} {words:6.1f}{mark}")


if __name__ == "__main__":
    main()
