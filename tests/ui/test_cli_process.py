"""`ask` as a process: what it loads, what is piped in, readers that leave, interrupts, two at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ui.cli import run

pytestmark = pytest.mark.real

COMMAND = [sys.executable, "-c", "from ui.cli import main; main()"]
PORTS = "how do I publish a port?"
Ask = Callable[..., Any]


def test_help_imports_nothing_heavy() -> None:
    heavy = ("numpy", "chromadb", "onnxruntime", "pydantic", "rich", "torch", "langchain_core", "markdown_it")
    code = (
        "import sys; from ui.cli import run; assert run(['--help']) == 0; "
        f"print('LOADED', [name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "QUESTION... | COMMAND" in done.stdout
    assert done.stdout.endswith("LOADED []\n")


def test_answering_imports_neither_torch_nor_langchain_nor_rich(notes: Path, environment: dict[str, str]) -> None:
    heavy = (
        "torch",
        "transformers",
        "sentence_transformers",
        "langchain",
        "langchain_core",
        "streamlit",
        "rich.markdown",
        "assistant.docker.requests",
        "assistant.machine",
    )
    code = (
        f"import sys; from ui.cli import run; code = run(['--notes', {str(notes)!r}, {PORTS!r}]); "
        f"print('LOADED', code, [name for name in {heavy} if name in sys.modules])"
    )
    for _ in range(2):  # with a build and without
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
        assert done.stdout.endswith("LOADED 0 []\n")


def test_what_is_piped_in_is_joined_to_the_question(process: Ask, notes: Path) -> None:
    done = process("--notes", notes, "--json", "how do I do this?", input=b"publish a port\n")
    assert json.loads(done.stdout)["question"] == "how do I do this?\npublish a port"


@pytest.mark.parametrize("words", [["-"], []])
def test_the_question_can_be_piped_in_whole(process: Ask, notes: Path, words: list[str]) -> None:
    done = process("--notes", notes, *words, input=b"how do I publish a port?\n")
    assert done.returncode == 0
    assert b"8080:80" in done.stdout


def test_a_silent_open_pipe_does_not_hold_the_question_up(process: Ask, notes: Path) -> None:
    reading, writing = os.pipe()
    started = time.monotonic()
    try:
        done = process("--notes", notes, PORTS, stdin=reading)
    finally:
        os.close(reading)
        os.close(writing)
    assert time.monotonic() - started < 15
    assert done.returncode == 0
    assert b"nothing came on standard input" in done.stderr


def test_no_question_at_all_is_told(process: Ask) -> None:
    done = process()
    assert done.returncode == 2
    assert done.stderr.startswith(b"ask: The question is empty.")


def test_bytes_that_are_no_utf_8_are_answered(process: Ask, notes: Path) -> None:
    done = process("--notes", notes, "--json", b"publish a port \xff\xfe")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outcome"] == "answered"


@pytest.mark.parametrize("words", [["--json"], ["--sources"], []])
def test_a_reader_that_leaves_is_no_error(notes: Path, environment: dict[str, str], words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)  # as `| head -0` does
    with subprocess.Popen(
        [*COMMAND, "--notes", str(notes), *words, PORTS],
        stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.PIPE, env=environment,
    ) as started:  # fmt: skip
        os.close(writing)
        _, err = started.communicate(timeout=60)
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err
    assert started.returncode == 0


def test_closed_streams_are_no_error(notes: Path, environment: dict[str, str]) -> None:
    line = f'exec "$0" -c "from ui.cli import main; main()" --notes "{notes}" "{PORTS}" <&- >&- 2>&-'
    assert (
        subprocess.run(["bash", "-c", line, sys.executable], env=environment, timeout=60, check=False).returncode == 0
    )


def test_an_interrupted_build_exits_with_130_and_leaves_nothing_broken(
    ask_home: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "notes").mkdir()
    bullets = "\n".join(f"- bullet {n} says that thing {n * 7} is kept in drawer {n * 13}" for n in range(3_000))
    (tmp_path / "notes" / "note.md").write_text(f"# Drawers\n\n{bullets}\n")
    with subprocess.Popen(
        [*COMMAND, "index", str(tmp_path / "notes")],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**environment, "ASK_HOME": str(ask_home)},
    ) as started:  # fmt: skip
        assert started.stderr is not None
        for line in started.stderr:
            if line.startswith("Encoding"):
                break
        time.sleep(0.3)
        started.send_signal(signal.SIGINT)
        _, err = started.communicate(timeout=60)
    assert started.returncode == 130
    assert err.strip() == "ask: interrupted"
    (tmp_path / "notes" / "note.md").write_text("# Drawers\n\n- socks are in drawer 3\n")
    assert run(["--notes", str(tmp_path / "notes"), "where are the socks?"]) == 0


def test_two_at_once_over_new_notes_both_answer(own_notes: Path, environment: dict[str, str]) -> None:
    command = [*COMMAND, "--notes", str(own_notes), PORTS]
    both = [
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
        for _ in range(2)
    ]
    ended = [(*started.communicate(timeout=60), started.returncode) for started in both]
    assert [code for *_, code in ended] == [0, 0], ended
    assert ended[0][0] == ended[1][0] != b""
