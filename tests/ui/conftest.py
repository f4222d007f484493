"""Notes to ask, and `ask` run in this process or as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assistant.journal import Journal
from ui.cli import run

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from ui.cli import main; main()"]
NOTE = """# Docker

## Ports

- publish a port with `docker run -p 8080:80 web`: host first, container second
- a UDP port has `/udp` behind its number: `docker run -p 53:53/udp dns`

## Volumes

- a volume keeps its data when the container is removed
- make one with `docker volume create data`

## Legacy linking of containers
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How one run of `ask` ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one note; tests only read it."""
    folder = tmp_path_factory.mktemp("cli") / "notes"
    folder.mkdir()
    (folder / "note.md").write_text(NOTE)
    return folder


@pytest.fixture
def own_notes(tmp_path: Path) -> Path:
    """The same as a copy that the test may change."""
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "note.md").write_text(NOTE)
    return folder


@pytest.fixture
def ask(home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """`ask` in this process, over the home of the session: quick, but it shares the imports of all tests."""
    monkeypatch.setenv("ASK_HOME", str(home))

    def asked(*words: str | Path) -> Ended:
        capfd.readouterr()
        code = run([str(word) for word in words])
        return Ended(code, *capfd.readouterr())

    return asked


@pytest.fixture(scope="session")
def environment(home: Path) -> dict[str, str]:
    """The environment of processes over a home of the session, so that its indexes are built once."""
    return {**os.environ, "ASK_HOME": str(home), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def process(environment: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """`ask` as a process of its own, in an empty folder, with /dev/null as its input unless told otherwise."""

    def started(*words: str | Path | bytes, **options: Any) -> subprocess.CompletedProcess[bytes]:
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("env", environment)
        return subprocess.run([*COMMAND, *words], capture_output=True, cwd=tmp_path, timeout=60, check=False, **options)

    return started


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    """A journal of the test's own, which the settings name too."""
    url = f"sqlite:///{tmp_path / 'j.sqlite3'}"
    monkeypatch.setenv("ASK_JOURNAL", url)
    opened = Journal.open(url)
    yield opened
    opened.close()
