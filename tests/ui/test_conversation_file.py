from __future__ import annotations

from pathlib import Path

import pytest

from assistant.answer import Answer, Turn
from ui.conversation_file import FILE, MAX_CHARACTERS, MAX_TURNS, load_turns, save_turns


def _answer(question: str, text: str = "an answer [1]") -> Answer:
    return Answer("id", question, question, "answered", text)


def test_an_exchange_is_remembered_in_order(tmp_path: Path) -> None:
    save_turns(tmp_path, [], _answer("one?"))
    save_turns(tmp_path, load_turns(tmp_path), _answer("two?"))
    assert [(t.role, t.content) for t in load_turns(tmp_path)] == [
        ("user", "one?"), ("assistant", "an answer [1]"), ("user", "two?"), ("assistant", "an answer [1]")
    ]  # fmt: skip
    assert [file.name for file in tmp_path.iterdir()] == [FILE]


def test_only_the_newest_turns_are_kept_and_each_is_bounded(tmp_path: Path) -> None:
    before = [Turn("user", f"question {n}") for n in range(50)]
    save_turns(tmp_path, before, _answer("last?", "x" * 100_000))
    turns = load_turns(tmp_path)
    assert len(turns) == MAX_TURNS
    assert turns[-2].content == "last?"
    assert len(turns[-1].content) == MAX_CHARACTERS


def test_a_question_with_lone_surrogates_is_remembered(tmp_path: Path) -> None:
    save_turns(tmp_path, [], _answer("a \ud800 b \0"))
    assert load_turns(tmp_path)[0].content == "a \ud800 b \0"


@pytest.mark.parametrize("content", ["", "[", "1", "[1]", '{"a": 1}', '[{"role": "user"}]', "\xff", "null"])
def test_a_damaged_file_is_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_bytes(content.encode("latin-1"))
    assert load_turns(tmp_path) == []


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    save_turns(tmp_path / "gone", [], _answer("one?"))
    assert load_turns(tmp_path / "gone") == []


def test_a_folder_in_place_of_the_file_is_no_error_and_leaves_no_scrap(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    save_turns(tmp_path, [], _answer("one?"))
    assert [file.name for file in tmp_path.iterdir()] == [FILE]
