from __future__ import annotations

import contextlib
import json
import os
import pty
import sys
from typing import get_args

import pytest

from corpus.documents import Skipped
from index.build import BuildReport, Stage
from ui.building import STAGES, BuildProgress, describe

STEPS = [("reading", 0, 0), ("encoding", 0, 10), ("encoding", 10, 10), ("storing", 0, 0), ("encoding", 10, 10)]


def test_off_a_terminal_each_stage_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with BuildProgress(quiet=False) as progress:
        for step in STEPS:
            progress.update(*step)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "Reading the notes ...\nEncoding the notes ...\nStoring the index ...\n"


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with BuildProgress(quiet=True) as progress:
        for step in STEPS:
            progress.update(*step)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("fails", [False, True])
def test_on_a_terminal_a_bar_is_shown_and_left_in_order(monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    with open(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        try:
            with BuildProgress(quiet=False) as progress:
                for step in STEPS:
                    progress.update(*step)
                if fails:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            assert fails
    shown = _all_of(ours)
    assert "Encoding the notes" in shown
    assert "10/10" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is back


def _all_of(terminal: int) -> str:
    """What a terminal was sent, whose other side is closed."""
    shown = b""
    with contextlib.suppress(OSError):  # Linux ends it so
        while chunk := os.read(terminal, 65_536):
            shown += chunk
    os.close(terminal)
    return shown.decode()


def _report(**changes: object) -> BuildReport:
    values: dict[str, object] = {
        "indexed": 2, "passages": 30, "encoded": 5, "unchanged": 25, "removed": 1, "seconds": 1.25, "up_to_date": False,
        "skipped": (), "warnings": (),
    }  # fmt: skip
    return BuildReport(**{**values, **changes})  # type: ignore[arg-type]  # a table of any values


def test_a_report_is_a_sentence_and_json() -> None:
    described = describe(_report(skipped=(Skipped("x.md", "is binary"),)))
    assert described["summary"] == (
        "Indexed 2 notes, 30 passages: 5 encoded, 25 unchanged, 1 removed, in 1.2 s. 1 file was skipped."
    )
    assert json.loads(json.dumps(described))["skipped"] == [{"path": "x.md", "reason": "is binary"}]


def test_a_report_of_unchanged_notes_says_so() -> None:
    assert describe(_report(up_to_date=True))["summary"] == "Nothing has changed: 2 notes, 30 passages."


def test_every_stage_has_words() -> None:
    assert set(STAGES) == {*get_args(Stage), "asking"}
    assert all(words[0].isupper() for words in STAGES.values())


def test_a_build_whose_progress_nobody_reads_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", buffering=1) as nobody, BuildProgress(quiet=False) as progress:
        monkeypatch.setattr(sys, "stderr", nobody)
        for step in STEPS:
            progress.update(*step)
        monkeypatch.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), writer)
