"""`ask ui` and `ask serve` as processes of their own, each at an address that it prints."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from ui.cli import main; main()"]


@contextmanager
def running(command: str, notes: Path, home: Path, log: Path, *, port: int = 0, **settings: str) -> Iterator[str]:
    """`ask COMMAND` over some notes, on a free port if none is named, until the end of the block; its origin.

    All that it prints goes to a file, which holds nobody up, as a pipe does that is full.
    """
    environment = {**os.environ, "ASK_HOME": str(home), "PYTHONPATH": str(ROOT), **settings}
    words = [
        *COMMAND,
        command,
        "--port",
        str(port),
        "--notes",
        str(notes),
        *(["--no-browser"] if command == "ui" else []),
    ]
    with log.open("wb") as output, subprocess.Popen(
        words, cwd=home, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
    ) as process:  # fmt: skip
        try:
            yield _printed_origin(process, log)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()


def _printed_origin(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where the server says that it is."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        has_ended = process.poll() is not None
        found = re.search(r"Ask the Notes is at (http://[^/\s]+)/", log.read_text())
        if found:
            return found[1]
        if has_ended:
            break
        time.sleep(0.05)
    raise AssertionError(f"the server has not said where it is: {log.read_text()}")


def wait_until_ready(origin: str) -> None:
    """Wait until a service can answer."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        try:
            if httpx.get(f"{origin}/readyz", timeout=5).status_code == 200:
                return
        except httpx.TransportError:  # it does not listen yet
            pass
        time.sleep(0.2)
    raise AssertionError("the service did not become ready")
