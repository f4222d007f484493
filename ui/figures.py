"""The figures of `ask eval` as a table and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from assistant.evaluation import Figures, Judged

NAMES = {
    "questions": "questions",
    "first_right": "first citation right",
    "any_right": "any citation right",
    "precision": "citation precision",
    "gold_lines": "gold lines among what is shown",
    "facts": "core facts in the text",
    "all_facts": "all core facts in the text",
    "median_words": "words of an answer, median",
    "answered": "answerable questions answered",
    "followups_any_right": "follow-ups: any citation right",
    "command_right": "questions about this machine: right command",
    "ran_nothing": "adversarial: nothing was run",
    "outcome": "outcome right (half for the other refusal)",
}
KINDS = {"empty_section": "empty section", "not_in_notes": "not in the notes", "out_of_domain": "other subjects"}


def figures_json(figures: Figures) -> dict[str, Any]:
    """All figures by their names in the code."""
    return asdict(figures)


def figures_table(figures: Figures) -> str:
    """The figures as lines of text."""
    lines = [f"{label:48} {_number(getattr(figures, name))}" for name, label in NAMES.items()]
    lines += ["", f"{'':32}{'AUC of coverage':>16}{'no false answer':>17}{'the same while 92 % are answered':>35}"]
    for kind, label in KINDS.items():
        if kind in figures.auc:
            row = (figures.auc[kind], figures.refused[kind], figures.refused_at_share[kind])
            lines.append(f"{label:32}{row[0]:16.3f}{row[1]:17.3f}{row[2]:35.3f}")
    lines += ["", "coverage said, share answerable, questions:"]
    lines += [f"  {said:.2f}  {share:.2f}  {count}" for said, share, count in figures.calibration]
    return "\n".join(lines)


def question_row(judged: Judged) -> dict[str, Any]:
    """One question: what it is, how it ended, what was right."""
    return {
        "id": judged.gold.id,
        "label": judged.gold.label,
        "outcome": judged.answer.outcome,
        "coverage": judged.answer.coverage,
        "any_right": judged.any_right,
        "gold_lines": judged.gold_lines,
        "facts": judged.facts,
        "words": judged.words,
        "command": judged.command,
        "command_right": judged.command_right,
        "question": judged.gold.question,
        "cited": [" > ".join(c.heading) for c in judged.answer.citations],
    }


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
