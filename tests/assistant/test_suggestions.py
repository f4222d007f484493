from __future__ import annotations

from collections.abc import Callable

import pytest

from assistant.chain import Assistant
from assistant.suggestions import FILE, Suggestions, question_about


@pytest.mark.parametrize(
    ("heading", "question"),
    [
        ("exposing ports", "How does exposing ports work?"),
        ("Volumes", "What should I know about Volumes?"),
        ("what is a container", "What is a container?"),
        ("How to log in", "How do I log in?"),
        ("why containers?", "Why containers?"),
        ("how it works", None),
        ("a heading that is already a whole sentence of its own", None),
        ("  ", None),
    ],
)
def test_a_heading_becomes_a_question(heading: str, question: str | None) -> None:
    assert question_about(heading) == question


@pytest.mark.real
def test_the_first_questions_are_answered_out_of_different_notes(course: Assistant) -> None:
    questions = Suggestions(course).first()
    answers = [course.ask(question) for question in questions]
    assert len(set(questions)) == 4
    assert {answer.outcome for answer in answers} == {"answered"}
    assert len({answer.citations[0].document for answer in answers}) == 4


@pytest.mark.real
def test_the_first_questions_are_kept_with_the_index(course: Assistant, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = Suggestions(course).first()
    monkeypatch.setattr(Assistant, "find", lambda *_, **__: pytest.fail("searched again"))
    assert Suggestions(course).first() == questions
    assert (course.index.folder / FILE).is_file()


@pytest.mark.real
@pytest.mark.parametrize("question", ["How do I expose a port?", "What is a volume?", "who won the world cup?"])
def test_what_follows_is_answered_and_is_not_what_was_asked(course: Assistant, question: str) -> None:
    suggestions = Suggestions(course)
    answer = course.ask(question)
    following = suggestions.following(answer)
    assert len(following) <= 3
    assert following or answer.outcome == "not_covered"
    cited = {citation.heading[-1].lower() for citation in answer.citations}
    for each in following:
        assert course.ask(each).outcome == "answered"
        assert not any(each.lower().endswith(f"about {heading}?") for heading in cited)


@pytest.mark.real
def test_notes_without_anything_written_suggest_nothing(over: Callable[[str], Assistant]) -> None:
    suggestions = Suggestions(over("# Docker\n\n## Ports\n\n## Volumes\n"))
    assert suggestions.first() == []
