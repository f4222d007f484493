"""`ask` on a machine that is not as it should be: a full disk, a read-only home, an impatient user."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.real, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from ui.cli import main; main()"]
NOTE = "# Docker\n\n## Ports\n\n- publish a port with `docker run -p 8080:80 web`: host first, container second\n"
QUESTION = "how do I publish a port?"


# Root may write everywhere, unless it goes without that right.
BOUND = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with notes in it."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "note.md").write_text(NOTE)
    return tmp_path


@pytest.fixture
def own_home(place: Path, encoders: Path) -> Iterator[Path]:
    """A home with everything in it, nothing by a link, that can be made read-only."""
    folder = place / "home"
    folder.mkdir()
    shutil.copytree(encoders, folder / "encoders")
    yield folder
    _set_mode(folder, writable=True)


def _set_mode(folder: Path, *, writable: bool) -> None:
    for path in [folder, *folder.rglob("*")]:
        mode = path.stat().st_mode
        path.chmod(mode | stat.S_IWUSR if writable else mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "ASK_HOME": str(home), "PYTHONPATH": str(ROOT)}


def _ask(place: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Ask as one who is bound by the permissions of files."""
    return subprocess.run(
        [*BOUND, *COMMAND, "--notes", str(place / "notes"), QUESTION],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, env=_environment(home), timeout=60, check=False,
    )  # fmt: skip


def test_an_index_in_a_read_only_home_is_asked(place: Path, own_home: Path) -> None:
    assert _ask(place, own_home).returncode == 0
    _set_mode(own_home, writable=False)
    done = _ask(place, own_home)
    assert done.returncode == 0, done.stderr
    assert "8080:80" in done.stdout
    assert done.stderr == ""


def test_a_read_only_home_without_an_index_is_told(place: Path, own_home: Path) -> None:
    _set_mode(own_home, writable=False)
    done = _ask(place, own_home)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("ask: The index in ")
    assert "ASK_HOME=FOLDER" in done.stderr


@pytest.mark.parametrize("words", [[], ["--json"], ["--sources"]])
def test_output_to_a_full_disk_is_told(place: Path, home: Path, words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, "--notes", str(place / "notes"), *words, QUESTION],
            stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, text=True, env=_environment(home),
            timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ask: No space left on device: output"


@pytest.mark.parametrize("after", [0.3, 0.6, 0.9])
def test_an_interrupted_question_ends_at_once_without_a_traceback(place: Path, home: Path, after: float) -> None:
    command = [*COMMAND, "--notes", str(place / "notes"), "-"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=_environment(home),
    ) as started:  # fmt: skip
        time.sleep(after)  # it waits for the question
        started.send_signal(signal.SIGINT)
        assert started.wait(10) in {130, -signal.SIGINT}
        assert started.stderr is not None
        if started.returncode == 130:  # else it had not even begun
            assert started.stderr.read().strip() == "ask: interrupted"


def test_names_of_notes_cannot_act(place: Path, home: Path) -> None:
    (place / "notes" / "note.md").unlink()
    (place / "notes" / "a\x1b[31m\nSources: [b](x) \u202e.md").write_text(NOTE)
    done = subprocess.run(
        [*COMMAND, "--notes", str(place / "notes"), QUESTION],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, env=_environment(home), timeout=60, check=True,
    )  # fmt: skip
    assert "\x1b" not in done.stdout + done.stderr
    assert "\u202e" not in done.stdout
    assert done.stdout.count("\nSources:") == 1
