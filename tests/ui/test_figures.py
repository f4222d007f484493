from __future__ import annotations

import json
from dataclasses import replace

from assistant.answer import Answer
from assistant.evaluation import Figures, GoldQuestion, figures, judge
from ui.figures import NAMES, figures_json, figures_table, question_row

ANSWER = Answer("id", "q", "q", "answered", "text [1]", coverage=0.75)
ANSWERABLE = judge(GoldQuestion("1", "single", "answerable", "what?"), ANSWER)
REFUSED = judge(
    GoldQuestion("2", "single", "out_of_domain", "who?"), replace(ANSWER, outcome="not_covered", coverage=0.1)
)


def test_the_table_names_every_figure() -> None:
    lines = figures_table(figures([ANSWERABLE, REFUSED])).split("\n")
    assert [line[:48].strip() for line in lines[: len(NAMES)]] == list(NAMES.values())
    assert lines[0].split()[-1] == "2"


def test_a_figure_that_does_not_apply_is_a_dash() -> None:
    assert "first citation right                             0\n" in figures_table(figures([ANSWERABLE]))
    assert "follow-ups: any citation right                   -\n" in figures_table(figures([ANSWERABLE]))


def test_the_kinds_of_refusal_have_a_row_each_if_they_were_asked() -> None:
    table = figures_table(figures([ANSWERABLE, REFUSED]))
    assert (
        "other subjects                             1.000            1.000                              1.000" in table
    )
    assert "empty section" not in table


def test_calibration_has_a_row_for_each_tenth() -> None:
    assert figures_table(figures([ANSWERABLE, REFUSED])).endswith("questions:\n  0.10  0.00  1\n  0.75  1.00  1")


def test_all_figures_are_json() -> None:
    measured = figures([ANSWERABLE, REFUSED])
    plain = json.loads(json.dumps(figures_json(measured)))
    assert set(plain) == set(Figures.__dataclass_fields__)
    assert set(NAMES) <= set(plain)


def test_the_row_of_a_question_says_how_it_ended() -> None:
    row = question_row(REFUSED)
    assert (row["id"], row["label"], row["outcome"], row["coverage"]) == ("2", "out_of_domain", "not_covered", 0.1)
