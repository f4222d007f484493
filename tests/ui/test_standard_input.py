from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ui import standard_input
from ui.standard_input import MAX_BYTES, StandardInput


@pytest.fixture
def piped() -> Iterator[Callable[[str | Path], None]]:
    """Makes a file, or a new file's text, the standard input of this process for one test."""
    before = os.dup(0)

    def replace(source: str | Path) -> None:
        opened = os.open(source, os.O_RDONLY)
        os.dup2(opened, 0)
        os.close(opened)

    yield replace
    os.dup2(before, 0)
    os.close(before)


@pytest.fixture
def file(tmp_path: Path, piped: Callable[[str | Path], None]) -> Callable[[bytes], None]:
    def write(content: bytes) -> None:
        (tmp_path / "input").write_bytes(content)
        piped(tmp_path / "input")

    return write


def test_what_is_piped_stands_below_the_question(file: Callable[[bytes], None]) -> None:
    file(b"\n a log \n")
    reader = StandardInput.start(is_question=False)
    assert reader.is_context
    assert reader.joined_to("why?") == "why?\na log"


def test_it_is_the_question_itself_if_so_asked(file: Callable[[bytes], None]) -> None:
    file(b"how?\n")
    reader = StandardInput.start(is_question=True)
    assert not reader.is_context
    assert reader.joined_to("") == "how?"


def test_the_null_device_is_nothing(piped: Callable[[str], None]) -> None:
    piped(os.devnull)
    reader = StandardInput.start(is_question=False)
    assert not reader.is_context
    assert reader.joined_to("why?") == "why?"


def test_a_folder_is_nothing(tmp_path: Path, piped: Callable[[str | Path], None]) -> None:
    piped(tmp_path)
    assert StandardInput.start(is_question=False).joined_to("why?") == "why?"
    assert StandardInput.start(is_question=True).joined_to("") == ""


def test_of_a_long_input_the_end_is_kept(file: Callable[[bytes], None], capsys: pytest.CaptureFixture[str]) -> None:
    file(b"begin " + b"x" * (2 * MAX_BYTES) + b" end")
    joined = StandardInput.start(is_question=False).joined_to("why?", most=100)
    assert len(joined) == 100
    assert joined.startswith("why?\nx")
    assert joined.endswith(" end")
    assert "the last 95 characters are searched" in capsys.readouterr().err


def test_bytes_that_are_no_utf_8_are_replaced(file: Callable[[bytes], None]) -> None:
    file(b"caf\xe9 \xff")
    assert StandardInput.start(is_question=True).joined_to("") == "caf\ufffd \ufffd"


def test_an_input_without_end_is_left(monkeypatch: pytest.MonkeyPatch, piped: Callable[[str], None]) -> None:
    monkeypatch.setattr(standard_input, "MAX_READ", 1_000_000)
    piped("/dev/zero")
    assert len(StandardInput.start(is_question=True).joined_to("")) <= MAX_BYTES


def test_an_open_pipe_in_which_nothing_comes_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, piped: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(standard_input, "FIRST_BYTE_SECONDS", 0.1)
    reading, writing = os.pipe()
    piped(f"/dev/fd/{reading}")
    reader = StandardInput.start(is_question=False)
    assert reader.joined_to("why?") == "why?"
    assert "nothing came on standard input" in capsys.readouterr().err
    os.close(writing)
    os.close(reading)
    reader._thread.join()  # it reads descriptor 0, which is the next test's
