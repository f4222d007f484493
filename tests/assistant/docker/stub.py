"""A socket that answers as an engine would, or misbehaves as told, and remembers what it was asked. It runs nothing."""

from __future__ import annotations

import contextlib
import json
import socketserver
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Said:
    """One answer. `pieces` come one by one, `pause` seconds apart, without an end of the last if `is_endless`."""

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    pieces: tuple[bytes, ...] = ()
    pause: float = 0.0
    is_endless: bool = False
    raw: bytes | None = None  # sent instead of all


def said(value: Any, status: int = 200) -> Said:
    """An answer in JSON."""
    return Said(json.dumps(value).encode(), status)


class Stub(socketserver.ThreadingUnixStreamServer):
    """`asked` are the requests so far, as `GET /path?query`; `heads` their headers; `answer` says what comes back."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _Handler)
        self.path = path
        self.asked: list[str] = []
        self.heads: list[dict[str, str]] = []
        self.answer: Callable[[str], Said] = lambda _: Said()
        self.released = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: who asked has gone."""


class _Handler(BaseHTTPRequestHandler):
    server: Stub

    def address_string(self) -> str:
        return "stub"

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""

    def _answer(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        self.server.heads.append({name.lower(): value for name, value in self.headers.items()})
        answer = self.server.answer(self.path)
        if answer.raw is not None:
            self.wfile.write(answer.raw)
            return
        self.send_response_only(answer.status)
        for name, value in {"Server": "Docker/28.2.2 (linux)", "Api-Version": "1.50", **answer.headers}.items():
            self.send_header(name, value)
        if not answer.pieces and not answer.is_endless:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(b"" if answer.pieces else answer.body)
        for piece in answer.pieces:
            self.wfile.write(piece)
            self.wfile.flush()
            self.server.released.wait(answer.pause)
        if answer.is_endless:
            self.server.released.wait(30)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815


@contextlib.contextmanager
def listening() -> Iterator[Stub]:
    """A stub, until the end of the block; its folder has a short name, for a socket's path has to be short."""
    with tempfile.TemporaryDirectory(prefix="ask-stub-", dir="/tmp") as folder, Stub(Path(folder) / "s") as stub:
        thread = threading.Thread(target=stub.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield stub
        finally:
            stub.released.set()
            stub.shutdown()
            thread.join()
