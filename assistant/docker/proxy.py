"""A read-only door to the engine: a private socket that lets known reads through, and takes secrets out of the answers.

It forwards no bytes. A request is parsed and matched (routes.py), and one of our own goes to the engine; the answer is
read whole, within bounds, redacted, and handed on. Whatever the CLI is made to do, this cannot write.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import socketserver
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from assistant.docker.leftovers import temporary_folder
from assistant.docker.redaction import redact_json
from assistant.docker.routes import Reply, Request, route

MAX_HEAD = 16_384  # bytes of a request
MAX_JSON = 8_000_000  # bytes of an answer of the engine
MAX_STREAM = 1_000_000
POLL = 0.005  # seconds: how long the end of a run may wait for the door to close
DEADLINE = 15.0  # seconds for one request
# What the CLI needs to know of an answer.
_HEADERS = ("Api-Version", "Content-Type", "Docker-Experimental", "Ostype", "Server", "Builder-Version", "Swarm")
_SERVER = re.compile(r"Docker/([0-9A-Za-z.+~-]{1,40})")
_STARTS_LINE = re.compile(rb"(GET|HEAD|[A-Z]{1,20}) ([!-~]{1,4096}) HTTP/1\.1\r\n")


class _EngineConnection(http.client.HTTPConnection):
    """HTTP over the engine's socket."""

    def __init__(self, engine: Path, seconds: float) -> None:
        super().__init__("docker", timeout=seconds)
        self._engine = engine

    def connect(self) -> None:
        """Connect to the socket file instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._engine))


class ReadOnlyProxy:
    """The door, open while in the `with` block. `address` is what DOCKER_HOST has to be.

    `version` is the engine's, `requests` how many came, `redactions` how many secrets were taken out, and
    `is_cut` whether an answer was too long.
    """

    def __init__(self, engine: Path) -> None:
        self.engine = engine
        self.version: str | None = None
        self.redactions = 0
        self.requests = 0
        self.is_cut = False
        self._folder = temporary_folder()
        self.path = Path(self._folder.name) / "engine.sock"
        self.address = f"unix://{self.path}"
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self._server = _Server(str(self.path), _Handler)
        self._server.proxy = self
        self.path.chmod(0o600)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": POLL}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        self._folder.cleanup()

    def answer(self, method: str, target: str) -> tuple[int, Mapping[str, str], bytes]:
        """The status, headers and body for one request of the CLI."""
        self.requests += 1
        found = route(method, target)
        if isinstance(found, Reply):
            return _said(found)
        try:
            return self._asked(found)
        except (OSError, http.client.HTTPException) as error:
            return _said(Reply(502, f"the engine did not answer: {type(error).__name__}"))

    def _asked(self, request: Request) -> tuple[int, Mapping[str, str], bytes]:
        ends = time.monotonic() + DEADLINE
        connection = _EngineConnection(self.engine, DEADLINE)
        try:
            connection.request(request.method, request.target, headers={"Host": "docker", "Connection": "close"})
            response = connection.getresponse()
            headers = {name: response.headers[name] for name in _HEADERS if response.headers.get(name)}
            self._note_version(headers.get("Server", ""))
            most = MAX_STREAM if request.body == "stream" else MAX_JSON
            data, is_whole = _read(response, connection, most, ends)
        finally:
            connection.close()
        if request.body == "stream" and response.status == 200:
            self.is_cut |= not is_whole
            return response.status, headers, self._redacted_lines(data, headers)
        if not is_whole:
            return _said(Reply(502, f"the answer of the engine has more than {most // 1_000_000} MB"))
        if not data or request.body == "empty":
            return response.status, headers, data
        redacted = self._redacted(data)
        if redacted is None:  # an empty object would look like an answer
            return _said(Reply(502, "the answer of the engine cannot be read"))
        return response.status, headers, redacted

    def _redacted(self, data: bytes) -> bytes | None:
        """An answer in JSON without secrets. What cannot be read is not handed on."""
        try:
            parsed = redact_json(json.loads(data))
        except (ValueError, RecursionError):
            return None
        self.redactions += parsed.secrets
        return json.dumps(parsed.value, ensure_ascii=False).encode("utf-8", "replace")

    def _redacted_lines(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        """Events are JSON, one a line; the bytes of a log are looked at when they have become text."""
        if "json" not in headers.get("Content-Type", ""):
            return data
        lines = [line for line in data.split(b"\n") if line.strip()]
        return b"".join(line + b"\n" for line in map(self._redacted, lines) if line is not None)

    def _note_version(self, server: str) -> None:
        found = _SERVER.match(server)
        if found:
            self.version = found[1]


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 16
    proxy: ReadOnlyProxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: the CLI went away."""


class _Handler(socketserver.StreamRequestHandler):
    timeout = DEADLINE

    def handle(self) -> None:
        """One request, one answer, and the connection is closed."""
        server = self.server
        assert isinstance(server, _Server)  # noqa: S101  # it is what made this
        asked = self._read_head()
        if asked is None:
            status, headers, body = _said(Reply(400, "this request cannot be read"))
        elif isinstance(asked, Reply):
            status, headers, body = _said(asked)
        else:
            status, headers, body = server.proxy.answer(*asked)
        sent = {**headers, "Content-Length": str(len(body)), "Connection": "close"}
        head = f"HTTP/1.1 {status} {http.client.responses.get(status, 'Answer')}\r\n"
        head += "".join(f"{name}: {_header(value)}\r\n" for name, value in sent.items())
        is_head = asked is not None and not isinstance(asked, Reply) and asked[0] == "HEAD"
        self.wfile.write(head.encode("latin-1", "replace") + b"\r\n" + (b"" if is_head else body))

    def _read_head(self) -> tuple[str, str] | Reply | None:
        """Method and target; a Reply for a request that wants to send something or to stay open."""
        start = self.rfile.readline(MAX_HEAD)
        line = _STARTS_LINE.fullmatch(start)
        if line is None:
            return None
        names: set[bytes] = set()
        total = len(start)
        while True:
            header = self.rfile.readline(MAX_HEAD)
            total += len(header)
            if header in {b"\r\n", b"\n"}:
                break
            name, colon, value = header.partition(b":")
            if not colon or not header.endswith(b"\n") or total > MAX_HEAD or name != name.strip():
                return None
            name = name.lower()
            is_length = name == b"content-length" and value.strip() != b"0"
            if name in {b"upgrade", b"transfer-encoding", b"expect", b"http2-settings"} or is_length or name in names:
                return Reply(403, f"a request with {name.decode('latin-1')[:40]!r} is not let through")
            if name in {b"connection", b"host", b"content-length"}:
                names.add(name)
            if name == b"connection" and b"upgrade" in value.lower():
                return Reply(403, "a request that stays open is not let through")
        return line[1].decode(), line[2].decode()


def _read(
    response: http.client.HTTPResponse, connection: _EngineConnection, most: int, ends: float
) -> tuple[bytes, bool]:
    """The body as far as its bounds go, and whether that is all of it."""
    data = bytearray()
    while True:
        left = ends - time.monotonic()
        if left <= 0:
            return bytes(data), False
        if connection.sock is not None:
            connection.sock.settimeout(left)
        try:
            piece = response.read1(65_536)
        except TimeoutError:
            return bytes(data), False
        if not piece:
            return bytes(data), True
        data += piece
        if len(data) > most:
            return bytes(data[:most]), False


def _header(value: str) -> str:
    return re.sub(r"[^ -~]", "?", value)


def _said(reply: Reply) -> tuple[int, Mapping[str, str], bytes]:
    if reply.status == 200:
        return 200, {"Content-Type": "application/json"}, b""
    return reply.status, {"Content-Type": "application/json"}, json.dumps({"message": reply.message}).encode()
