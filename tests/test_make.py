"""make: it says what is wrong in one sentence, mends a half-made environment, and hands the question over untouched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def _make(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run make in a copy of what it reads, with no index to install from: nothing here touches the real .venv."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy2(ROOT / name, folder / name)
    ours = {"MAKEFLAGS", "MAKELEVEL", "Q", "NOTES", "PIP_FIND_LINKS"}  # of a make that runs these tests, or the user's
    environment = (
        {key: value for key, value in os.environ.items() if key not in ours} | {"PIP_NO_INDEX": "1"} | variables
    )
    return subprocess.run(
        ["make", *arguments], check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


def _process_that_ended() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_ci_is_an_executable_script() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/usr/bin/env bash\n")


def test_make_wants_a_question_before_it_installs(tmp_path: Path) -> None:
    done = _make(tmp_path, "ask")
    assert done.returncode != 0
    assert 'make ask Q="' in done.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize(
    ("module", "code", "sentence"),
    [
        ("ensurepip", "raise ImportError", "apt-get install python3-venv"),
        ("sitecustomize", "import sys; sys.version_info = (3, 10, 13)", "is too old"),
    ],
)
def test_make_says_what_is_wrong_with_a_python(tmp_path: Path, module: str, code: str, sentence: str) -> None:
    crippled = tmp_path / "crippled"
    crippled.mkdir()
    (crippled / f"{module}.py").write_text(code)
    done = _make(tmp_path, "ask", "Q=x", f"PYTHON={sys.executable}", PYTHONPATH=str(crippled))
    assert done.returncode != 0
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_make_says_that_there_is_no_python(tmp_path: Path) -> None:
    done = _make(tmp_path, "ask", "Q=x", "PYTHON=no-such-python")
    assert done.returncode != 0
    assert "There is no no-such-python. Install Python 3.11 or newer" in done.stderr


@pytest.mark.slow
def test_a_half_made_environment_is_made_anew_and_a_failure_is_told(tmp_path: Path) -> None:
    half_made = tmp_path / ".venv"
    half_made.mkdir()
    (half_made / "left-over").touch()
    (half_made / ".unfinished").write_text(str(_process_that_ended()))
    (half_made / ".ready").write_text(f"{tmp_path.resolve()}\n")
    done = _make(tmp_path, "ask", "Q=x", f"PYTHON={sys.executable}")
    assert done.returncode != 0
    assert "The installation failed" in done.stderr
    assert "ERROR:" in done.stderr  # pip's own reason: it was forbidden every index
    assert not (half_made / "left-over").exists()
    assert {path.name for path in half_made.glob(".*")} & {".ready", ".unfinished"} == set()


def test_two_calls_of_make_do_not_install_at_once(tmp_path: Path) -> None:
    half_made = tmp_path / ".venv"
    half_made.mkdir()
    (half_made / ".unfinished").write_text(str(os.getpid()))
    done = _make(tmp_path, "ask", "Q=x", f"PYTHON={sys.executable}")
    assert done.returncode != 0
    assert f"Process {os.getpid()} is installing" in done.stderr
    assert half_made.exists()


def test_the_question_and_the_notes_arrive_as_they_were_given(tmp_path: Path) -> None:
    question = 'what does `echo $HOME` "do" & why? it\'s $(odd) ; $$'
    venv.create(tmp_path / ".venv", symlinks=True, with_pip=False)
    (tmp_path / ".venv" / ".ready").write_text(f"{tmp_path.resolve()}\n")
    command = tmp_path / ".venv" / "bin" / "ask"
    command.write_text('#!/bin/sh\nprintf "%s|" "$@"\nexit 3\n')  # 3: the notes do not say
    command.chmod(0o755)
    done = _make(tmp_path, "ask", f"Q={question}", "NOTES=my notes")
    assert (done.returncode, done.stdout) == (0, f"--notes|my notes|{question}|")
