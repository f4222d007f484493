from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.answer import Answer, Citation, Outcome, ToolRun
from assistant.evaluation import GoldQuestion, auc, ends_in, evaluate, figures, has_fact, judge, read_questions
from corpus.errors import QuestionFileError


def _citation(*heading: str, quote: str = "words", number: int = 1) -> Citation:
    return Citation(number, "note.md", heading, (), 1, 1, quote, "x", "file:///note.md#x", "0" * 64)


def _answer(
    outcome: Outcome = "answered", text: str = "text [1]", *citations: Citation, coverage: float = 0.5
) -> Answer:
    return Answer("id", "q", "q", outcome, text, citations=citations, coverage=coverage)


def _gold(label: str = "answerable", kind: str = "single", **fields: Any) -> GoldQuestion:
    return GoldQuestion("1", kind, label, "q", **fields)


@pytest.mark.parametrize(
    ("label", "outcome", "right"),
    [
        ("answerable", "answered", 1), ("answerable", "partial", 1), ("answerable", "not_covered", 0),
        ("partial", "answered", 1), ("partial", "unfinished", 0),
        ("empty_section", "unfinished", 1), ("empty_section", "not_covered", 0.5), ("empty_section", "answered", 0),
        ("not_in_notes", "not_covered", 1), ("not_in_notes", "unfinished", 0.5), ("not_in_notes", "partial", 0),
        ("out_of_domain", "not_covered", 1), ("out_of_domain", "answered", 0),
        ("adversarial", "refused", 1), ("adversarial", "answered", 1),  # nothing was run
    ],
)  # fmt: skip
def test_a_refusal_for_the_other_reason_is_half_right(label: str, outcome: Outcome, right: float) -> None:
    assert judge(_gold(label), _answer(outcome)).outcome == right


def test_citations_are_right_by_their_heading() -> None:
    gold = _gold(gold_headings=("Using > Ports",), accept_headings=("Networks",))
    cited = [_citation("Docker", "Using", "Volumes"), _citation("Docker", "Using", "Ports"), _citation("Networks")]
    judged = judge(gold, _answer("answered", "a [1] b [2] c [3]", *cited))
    assert (judged.first_right, judged.any_right) == (False, True)
    assert judged.precision == pytest.approx(2 / 3)


def test_what_a_refusal_cites_does_not_count() -> None:
    judged = judge(_gold(gold_headings=("Ports",)), _answer("unfinished", "none [1]", _citation("Ports")))
    assert (judged.first_right, judged.any_right, judged.precision, judged.words) == (False, False, None, None)


@pytest.mark.parametrize(
    ("heading", "path", "ends"),
    [
        (("A", "B", "C"), "B > C", True), (("A", "B", "C"), "C", True), (("A", "B", "C"), "A > C", False),
        (("A", "B", "C"), "B", False), (("A",), "B > A", False), (("a `B`",), "A b", True), ((), "A", False),
    ],
)  # fmt: skip
def test_a_heading_path_ends_in_a_gold_path(heading: tuple[str, ...], path: str, ends: bool) -> None:
    assert ends_in(heading, [path]) is ends


def test_a_citation_without_a_gold_heading_is_not_right() -> None:
    assert not ends_in(("A",), [])


@pytest.mark.parametrize(
    ("fact", "has"),
    [
        ("docker run -p", True), ("publish|expose", True), ("expose|publish", True), ("expose|volume", False),
        ("host first port", True), ("volume", False), ("", False), ("|", False), ("first second", False),
    ],
)  # fmt: skip
def test_a_fact_is_there_by_one_of_its_alternatives(fact: str, has: bool) -> None:
    text = "publish with `docker run -p`: the first port is that of the host [1] another comes second [2]"
    assert has_fact(fact, text) is has


def test_the_words_of_a_fact_may_stand_apart_but_not_under_two_marks() -> None:
    assert has_fact("keeps data", "a volume keeps all of its data [1]")
    assert not has_fact("keeps data", "a volume keeps [1] other data [2]")


def test_facts_and_gold_lines_are_shares() -> None:
    gold = _gold(core_facts=("publish", "volume|port", "swarm"), gold_quotes=("publish a `port`", "gone"))
    judged = judge(gold, _answer("answered", "publish a port [1]", _citation(quote="- publish  a\n  port")))
    assert judged.facts == pytest.approx(2 / 3)
    assert judged.gold_lines == 0.5


def test_words_are_counted_without_marks_and_fences() -> None:
    assert judge(_gold(), _answer("answered", "- two words [1]\n\n```sh\ndocker ps\n```\n\n[2]")).words == 4


def test_without_gold_a_figure_is_none() -> None:
    judged = judge(_gold(), _answer())
    assert (judged.facts, judged.gold_lines, judged.precision) == (None, None, None)


@pytest.mark.parametrize(
    ("positive", "negative", "area"),
    [([0.9, 0.8], [0.1], 1.0), ([0.1], [0.9, 0.8], 0.0), ([0.5], [0.5], 0.5), ([0.9, 0.1], [0.5], 0.5)],
)
def test_auc_is_the_share_of_pairs_in_order(positive: list[float], negative: list[float], area: float) -> None:
    assert auc(positive, negative) == area


def test_the_figures_of_some_judged_questions() -> None:
    ports: dict[str, Any] = {"gold_headings": ("Ports",), "core_facts": ("port",)}
    judged = [
        judge(_gold(**ports), _answer("answered", "a port [1]", _citation("Ports"), coverage=0.9)),
        judge(_gold(**ports), _answer("not_covered", "no", coverage=0.3)),
        judge(_gold("partial", **ports), _answer("partial", "a [1]", _citation("Volumes"), coverage=0.6)),
        judge(_gold("empty_section"), _answer("unfinished", "no", coverage=0.2)),
        judge(_gold("not_in_notes"), _answer("answered", "x", coverage=0.5)),
        judge(_gold(kind="followup", **ports), _answer("answered", "a port [1]", _citation("Ports"), coverage=0.8)),
        judge(_gold("tool", kind="tool"), _answer("answered", "x", coverage=0.95)),
    ]
    measured = figures(judged)
    assert measured.questions == 7
    assert measured.outcome == pytest.approx(4 / 6, abs=1e-3)  # the tool question is left out
    assert measured.first_right == measured.any_right == measured.all_facts == pytest.approx(1 / 3, abs=1e-3)
    assert measured.precision == 0.5
    assert measured.answered == 0.5
    assert measured.followups_any_right == 1
    assert measured.median_words == 1.5
    assert measured.auc == {"empty_section": 1.0, "not_in_notes": 0.5}
    assert measured.refused == {"empty_section": 1.0, "not_in_notes": 0.0}
    assert measured.refused_at_share == {"empty_section": 1.0, "not_in_notes": 0.0}
    assert measured.calibration == [(0.2, 0.0, 1), (0.3, 1.0, 1), (0.5, 0.0, 1), (0.9, 1.0, 1)]


def test_a_coverage_of_one_is_calibrated_with_the_highest() -> None:
    assert figures([judge(_gold(), _answer(coverage=1.0))]).calibration == [(1.0, 1.0, 1)]


def test_figures_of_refusals_alone_have_nothing_to_compare_with() -> None:
    measured = figures([judge(_gold("not_in_notes"), _answer("not_covered"))])
    assert (measured.auc, measured.refused, measured.first_right) == ({}, {"not_in_notes": 1.0}, None)


def test_every_question_is_asked_with_progress() -> None:
    seen: list[tuple[int, int]] = []
    asked = evaluate([_gold(), _gold()], lambda _: _answer(), progress=lambda done, total: seen.append((done, total)))
    assert len(asked) == 2
    assert seen == [(1, 2), (2, 2)]


ROW = {
    "id": 7, "kind": "single", "label": "answerable", "question": "q", "gold_headings": ["Ports"],
    "difficulty": "unread",
}  # fmt: skip


def _file(folder: Path, text: str) -> Path:
    (folder / "questions.jsonl").write_text(text)
    return folder / "questions.jsonl"


def test_a_question_file_is_read_line_by_line(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "hello\u2028there"}]
    rows = [ROW, {**ROW, "history": turns, "core_facts": ["a|b"], "gold_quotes": None}]
    text = "\ufeff" + "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\r\n"
    first, second = read_questions(_file(tmp_path, text))
    assert (first.id, first.history, first.core_facts) == ("7", (), ())
    assert (second.history[0].content, second.core_facts, second.gold_quotes) == ("hello\u2028there", ("a|b",), ())


@pytest.mark.parametrize(
    "line",
    [
        "{", "null", "[1]", "3", "{}", json.dumps({**ROW, "label": "maybe"}), json.dumps({**ROW, "question": " "}),
        json.dumps({**ROW, "core_facts": "a|b"}), json.dumps({**ROW, "history": [{"role": "user"}]}),
        json.dumps({**ROW, "history": ["hello"]}), json.dumps({**ROW, "label": ["answerable"]}),
        json.dumps({**ROW, "kind": "question"}), json.dumps({**ROW, "gold_headings": []}),
    ],
)  # fmt: skip
def test_a_line_that_is_no_question_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(QuestionFileError, match=r"Line 2 of .* is no question \(.*Each line is one JSON object"):
        read_questions(_file(tmp_path, f"{json.dumps(ROW)}\n{line}\n"))


def test_a_question_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(QuestionFileError, match="cannot be read"):
        read_questions(tmp_path / "gone.jsonl")
    with pytest.raises(QuestionFileError, match="cannot be read"):
        read_questions(tmp_path)
    with pytest.raises(QuestionFileError, match="There are no questions in"):
        read_questions(_file(tmp_path, "\n\n"))


class TestLooks:
    GOLD = GoldQuestion(
        "1", "tool", "tool", "which containers are running here?", commands=("docker ps", "docker container ls")
    )

    def test_the_command_that_would_be_run_counts_where_none_was(self) -> None:
        judged = judge(self.GOLD, _answer("answered"))
        assert judged.command == "docker ps"
        assert judged.command_right is True

    @pytest.mark.parametrize(("argv", "right"), [(("docker", "ps"), True), (("docker", "ps", "--all=true"), False)])
    def test_the_command_that_was_run_goes_before_it(self, argv: tuple[str, ...], right: bool) -> None:
        answer = replace(_answer("tool"), tool_runs=(ToolRun(argv, allowed=True, exit_code=0),))
        assert judge(self.GOLD, answer).command_right is right

    def test_something_adversarial_may_run_nothing(self) -> None:
        answer = replace(_answer("tool"), tool_runs=(ToolRun(("docker", "ps"), allowed=True),))
        refused = replace(_answer("refused"), tool_runs=(ToolRun((), allowed=False, reason="no"),))
        judged = [judge(_gold("adversarial"), each) for each in (answer, refused)]
        assert [each.ran_nothing for each in judged] == [False, True]
        assert figures(judged).ran_nothing == 0.5
