"""A line -> what the real Docker CLI says of it, without an engine: a stub socket answers /_ping and nothing else.

A line is accepted as soon as the CLI asks the engine for something, for by then it has read all words.
"""

from __future__ import annotations

import os
import shutil
import socketserver
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Literal

SECONDS = 5
# What the CLI says of the machine it is on, not of the line.
OF_THE_MACHINE = (
    "the input device is not a TTY",
    "no such file",
    "experimental features",
    "Failed to initialize",
    "running on windows",
)
Said = Literal["accepted", "rejected", "undecided"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the CLI did with a line, and its first words about it."""

    said: Said
    message: str


class _Engine(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    asked = 0


class _Ping(BaseHTTPRequestHandler):
    server: _Engine

    def address_string(self) -> str:
        return "stub"

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self) -> None:
        is_ping = self.path.endswith("/_ping")
        self.server.asked += not is_ping
        body = b"OK" if is_ping else b'{"message":"stub"}'
        self.send_response(200 if is_ping else 404)
        self.send_header("Api-Version", "1.50")
        self.send_header("Ostype", "linux")
        self.send_header("Content-Type", "text/plain" if is_ping else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815


class DryRun:
    """The docker program with an empty configuration, in an empty folder, at a stub socket."""

    def __init__(self, folder: Path, engine: _Engine) -> None:
        self._engine = engine
        self._folder = folder
        self._program = str(shutil.which("docker"))
        self._environment = {
            "PATH": "/nonexistent",
            "HOME": str(folder),
            "DOCKER_CONFIG": str(folder / "config"),
            "DOCKER_HOST": f"unix://{folder}/engine.sock",
            "DOCKER_CLI_HINTS": "false",
            "LC_ALL": "C.UTF-8",
        }

    def judge(self, words: Sequence[str]) -> Judgement:
        """Run `docker WORDS`."""
        before = self._engine.asked
        try:
            done = subprocess.run(
                [self._program, *words],
                cwd=self._folder / "empty",
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Judgement("undecided", "timeout")
        message = " ".join((done.stderr or done.stdout).split())[:300]
        if self._engine.asked > before or done.returncode == 0:
            return Judgement("accepted", message)
        is_undecided = any(words in message for words in OF_THE_MACHINE)
        return Judgement("undecided" if is_undecided else "rejected", message)


@contextmanager
def dry_run() -> Iterator[DryRun]:
    """A stub engine for as long as it is wanted."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config").mkdir()
        (folder / "empty").mkdir()
        with _Engine(str(folder / "engine.sock"), _Ping) as engine:
            thread = threading.Thread(target=engine.serve_forever, daemon=True)
            thread.start()
            try:
                yield DryRun(folder, engine)
            finally:
                engine.shutdown()
                thread.join()


def installed() -> str | None:
    """The version of the docker program; None if there is none."""
    if shutil.which("docker") is None:
        return None
    environment = {"PATH": os.environ["PATH"], "DOCKER_CONFIG": "/nonexistent"}
    done = subprocess.run(["docker", "--version"], env=environment, capture_output=True, text=True, check=False)
    return done.stdout.removeprefix("Docker version ").partition(",")[0] or None
