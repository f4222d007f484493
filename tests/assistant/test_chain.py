from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.answer import Answer, Turn
from assistant.chain import Assistant, checked_question, open_assistant
from assistant.settings import Settings
from corpus.errors import NotesError, QuestionError

pytestmark = pytest.mark.real

SUBJECTS = Path(__file__).parents[1] / "bench" / "coverage" / "subjects"
PORTS = "# Docker\n\n## Ports\n\n- publish a port with `docker run -p 8080:80 web`: host first, container second\n"
Over = Callable[[dict[str, str] | str], Assistant]
Check = Callable[[Answer, Assistant], None]


def _questions() -> list[str]:
    lines = [line for file in sorted(SUBJECTS.glob("*/questions.jsonl")) for line in file.read_text().splitlines()]
    return [json.loads(line)["question"] for line in lines]


OWN_WORDS = [  # of the notes that try to act
    "citation marks", "raw html comment", "terminal escapes", "a code block with fences inside", "tildes", "port 80",
    "which port is ssh", "walruses", "zebras", "tangerines peeled", "backups of x", "restoring", "quagga",
    "how do I start the server",
]  # fmt: skip
questions = st.sampled_from([*_questions(), *OWN_WORDS]) | st.text(min_size=1, max_size=300).filter(str.strip)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(question=questions)
def test_every_answer_from_the_course_keeps_the_contract(
    course: Assistant, check_contract: Check, question: str
) -> None:
    check_contract(course.ask(question), course)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(question=questions)
def test_every_answer_from_notes_that_try_to_act_keeps_the_contract(
    acting: Assistant, check_contract: Check, question: str
) -> None:
    check_contract(acting.ask(question), acting)


@pytest.mark.parametrize("question", OWN_WORDS)
def test_what_the_notes_try_to_do_does_not_reach_the_text(
    acting: Assistant, check_contract: Check, question: str
) -> None:
    answer = acting.ask(question)
    check_contract(answer, acting)
    assert answer.citations or answer.nearest


def test_an_answer_quotes_cites_and_names_its_commands(over: Over, check_contract: Check) -> None:
    assistant = over(PORTS)
    answer = assistant.ask("how do I publish a port?")
    check_contract(answer, assistant)
    assert answer.outcome == "answered"
    assert answer.citations[0].heading == ("Docker", "Ports")
    assert [(command.text, command.status) for command in answer.commands] == [
        ("docker run -p 8080:80 web", "in_notes")
    ]


def test_the_same_question_over_the_same_notes_has_the_same_id(over: Over) -> None:
    assistant = over(PORTS)
    first, again, other = (assistant.ask(q) for q in ("publish a port", "publish a port", "what is a port"))
    assert first.id == again.id != other.id


def test_the_id_changes_with_the_notes(over: Over) -> None:
    before = over(PORTS).ask("publish a port")
    after = over(PORTS + "\n- and one more\n").ask("publish a port")
    assert before.id != after.id


def test_a_heading_with_nothing_under_it_is_named_and_cited(over: Over, check_contract: Check) -> None:
    assistant = over(f"{PORTS}\n## Legacy *linking* of containers\n")
    answer = assistant.ask("what is legacy linking of containers?")
    check_contract(answer, assistant)
    assert answer.outcome == "unfinished"
    assert answer.citations[0].quote == "Legacy *linking* of containers"
    assert "nothing under it" in answer.text
    assert answer.nearest[0].heading == ("Docker", "Ports")


def test_a_heading_over_a_missing_include_says_which(over: Over, check_contract: Check) -> None:
    assistant = over(f"{PORTS}\n## Backing up a volume\n\n{{! shell/back_up.sh !}}\n")
    answer = assistant.ask("how do I back up a volume?")
    check_contract(answer, assistant)
    assert answer.outcome == "unfinished"
    assert "missing (shell/back_up.sh)" in answer.text


def test_an_unfinished_heading_out_of_an_include_is_cited_there_and_by_the_including_line(
    over: Over, check_contract: Check
) -> None:
    part = "parts/linking.txt"
    assistant = over({"note.md": f"{PORTS}\n{{! {part} !}}\n", part: "## Legacy linking of containers\n"})
    answer = assistant.ask("legacy linking of containers")
    check_contract(answer, assistant)
    assert answer.outcome == "unfinished"
    assert (answer.citations[0].document, answer.citations[0].start_line) == (part, 1)
    assert answer.citations[0].quote == "Legacy linking of containers"
    assert answer.citations[0].via is not None


def test_another_subject_is_not_covered_and_the_nearest_is_shown(over: Over, check_contract: Check) -> None:
    assistant = over(PORTS)
    answer = assistant.ask("who won the world cup in 1998?")
    check_contract(answer, assistant)
    assert (answer.outcome, answer.text) == ("not_covered", "The notes do not say.")
    assert answer.nearest


def test_notes_without_headings_answer(over: Over, check_contract: Check) -> None:
    assistant = over("- a lemon tart needs six lemons\n- bake it for an hour\n")
    answer = assistant.ask("how many lemons does a lemon tart need?")
    check_contract(answer, assistant)
    assert answer.outcome == "answered"
    assert answer.citations[0].heading == ()


def test_a_note_that_is_only_a_missing_include_answers_honestly(over: Over, check_contract: Check) -> None:
    assistant = over("{! shell/gone.sh !}\n")
    for question in ("what does gone.sh do?", "who won the world cup?"):
        answer = assistant.ask(question)
        check_contract(answer, assistant)
        assert answer.outcome in {"unfinished", "not_covered"}


@pytest.mark.parametrize("note", ["", "\n\n", "---\ntitle: x\n---\n", "<!-- nothing -->\n", "---\n"])
def test_notes_without_a_passage_do_not_say(over: Over, check_contract: Check, note: str) -> None:
    assistant = over(note)
    answer = assistant.ask("what is a lemon tart?")
    check_contract(answer, assistant)
    assert answer.outcome == "not_covered"


def test_among_headings_alone_only_the_one_asked_about_is_unfinished(over: Over, check_contract: Check) -> None:
    assistant = over("# Baking\n\n## Lemon tart\n\n## Scones\n")
    asked, other = assistant.ask("how do I bake a lemon tart?"), assistant.ask("who won the world cup in 1998?")
    check_contract(asked, assistant)
    check_contract(other, assistant)
    assert (asked.outcome, asked.citations[0].heading[-1]) == ("unfinished", "Lemon tart")
    assert other.outcome == "not_covered"


def test_a_passage_out_of_an_include_is_cited_where_it_stands_and_by_what_line(acting: Assistant) -> None:
    citations = acting.ask("how do I start the server?").citations
    script = next(c for c in citations if c.document == "shell/start.sh")
    assert script.via is not None
    assert script.via.document == "gaps.md"


@pytest.mark.parametrize("question", ["", "  \n\t ", "x" * 100_000, "\x1f "])
def test_a_question_without_words_or_end_is_told_so(question: str) -> None:
    with pytest.raises(QuestionError, match=r"question (is empty|has 100,000 characters)"):
        checked_question(question, Settings())


@pytest.mark.parametrize(
    "question",
    [
        "\N{GRINNING FACE}\N{PARTY POPPER}",
        "Wie veröffentliche ich einen Port?",
        "\u30dd\u30fc\u30c8\u3092\u516c\u958b\u3059\u308b\u306b\u306f",
        "how\0do I\x1b[31m publish\x07 a port\u202e",
        "lone \ud800 surrogates \udfff publish a port",
        "<script>alert(1)</script> ](http://x) `[1]` **how** [2]",
        "?!... ---",
        "--help",
        "a " * 2_000,
    ],
)
def test_any_question_ends_in_an_honest_outcome(course: Assistant, check_contract: Check, question: str) -> None:
    answer = course.ask(question)
    check_contract(answer, course)
    assert answer.question == question


def test_a_question_of_emoji_is_not_covered(course: Assistant) -> None:
    assert course.ask("\N{GRINNING FACE}\N{PARTY POPPER}").outcome == "not_covered"


def test_a_follow_up_is_searched_with_what_it_leans_on(course: Assistant) -> None:
    history = [Turn("user", "How do I publish a port?"), Turn("assistant", "- with `-p` [1]")]
    answer = course.ask("and with UDP?", history=history)
    assert answer.question == "and with UDP?"
    assert "port" in answer.standalone_question
    assert answer.citations[0].heading[-1] == "exposing ports"


def test_it_is_a_langchain_runnable_too(course: Assistant) -> None:
    question = "How do I publish a port?"
    assert course.as_runnable().invoke(question).id == course.ask(question).id


def test_an_assistant_opens_over_the_notes_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text(PORTS)
    assistant = open_assistant(settings=Settings(notes=tmp_path, base_url="https://notes.example/"))
    try:
        assert assistant.ask("how do I publish a port?").citations[0].url == "https://notes.example/note.md#ports"
    finally:
        assistant.index.close()


def test_notes_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(NotesError, match="There are no notes at"):
        open_assistant(tmp_path / "nowhere")
