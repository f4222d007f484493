from __future__ import annotations

import contextlib
import json
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from assistant.docker import proxy as module
from assistant.docker.proxy import ReadOnlyProxy
from tests.assistant.docker.stub import Said, Stub, listening, said

VERSION = b"GET /version HTTP/1.1\r\n"
HOST = b"Host: docker\r\n"
LOGS = "/containers/web/logs?tail=5&stdout=1"


class Answer(NamedTuple):
    """What came back over the socket."""

    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture
def engine() -> Iterator[Stub]:
    with listening() as stub:
        yield stub


@pytest.fixture
def proxy(engine: Stub) -> Iterator[ReadOnlyProxy]:
    with ReadOnlyProxy(engine.path) as door:
        yield door


def _send(door: ReadOnlyProxy, data: bytes) -> Answer:
    """Send these bytes and read until the connection is closed."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(door.path))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may answer before it has read all
            connection.sendall(data)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65_536):
                received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    assert first.startswith("HTTP/1.1 ")
    return Answer(int(first.split()[1]), dict(line.split(": ", 1) for line in rest), body)


def _get(door: ReadOnlyProxy, target: str, *headers: bytes) -> Answer:
    return _send(door, f"GET {target} HTTP/1.1\r\n".encode() + b"".join((HOST, *headers)) + b"\r\n")


class TestRequests:
    def test_a_read_is_asked_anew_with_nothing_of_the_callers(self, proxy: ReadOnlyProxy, engine: Stub) -> None:
        engine.answer = lambda _: said({"Version": "28.2.2"})
        found = _get(proxy, "/v1.50/version", b"X-Registry-Auth: abc\r\n", b"User-Agent: me\r\n", b"X: a\0b\r\n")
        assert found.status == 200
        assert json.loads(found.body) == {"Version": "28.2.2"}
        assert engine.asked == ["GET /v1.50/version"]
        assert set(engine.heads[0]) <= {"host", "connection", "accept-encoding"}
        assert proxy.version == "28.2.2"

    def test_the_connection_is_closed_after_one_answer(self, proxy: ReadOnlyProxy, engine: Stub) -> None:
        found = _send(proxy, (VERSION + HOST + b"\r\n") + b"POST /containers/web/stop HTTP/1.1\r\nHost: x\r\n\r\n")
        assert found.status == 200
        assert found.headers["Connection"] == "close"
        assert found.body == b"{}"
        assert engine.asked == ["GET /version"]

    def test_ping_by_head_has_no_body(self, proxy: ReadOnlyProxy, engine: Stub) -> None:
        engine.answer = lambda _: Said(b"OK", headers={"Content-Type": "text/plain", "Ostype": "linux"})
        found = _send(proxy, b"HEAD /_ping HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (found.status, found.body) == (200, b"")
        assert (found.headers["Api-Version"], found.headers["Ostype"]) == ("1.50", "linux")
        assert _get(proxy, "/_ping").body == b"OK"
        found = _send(proxy, b"HEAD /version HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (found.status, found.body) == (403, b"")
        assert engine.asked == ["HEAD /_ping", "GET /_ping"]

    @pytest.mark.parametrize(
        ("data", "status"),
        [
            (b"POST /containers/web/stop HTTP/1.1\r\n" + HOST, 403),
            (b"DELETE /containers/web HTTP/1.1\r\n" + HOST, 403),
            (b"POST /version HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 403),
            (b"PRI * HTTP/2.0\r\n", 400),
            (b"GET /containers/web/attach/ws?stdin=1 HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", 403),
            (VERSION + b"Upgrade: tcp\r\n", 403),
            (VERSION + b"upgrade: h2c\r\n", 403),
            (VERSION + b"Connection: keep-alive, UPGRADE\r\n", 403),
            (VERSION + b"HTTP2-Settings: AAMAAABkAAQ\r\n", 403),
            (VERSION + b"Expect: 100-continue\r\n", 403),
            (VERSION + b"Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n", 403),
            (VERSION + b"TRANSFER-ENCODING: identity\r\n", 403),
            (VERSION + b"Content-Length: 4\r\n\r\nabcd", 403),
            (VERSION + b"Content-Length: +0\r\n", 403),
            (VERSION + b"Content-Length: 0x0\r\n", 403),
            (VERSION + b"Content-Length: \r\n", 403),
            (VERSION + b"Content-Length: 0\r\nContent-Length: 4\r\n\r\nabcd", 403),
            (VERSION + b"Content-Length: 0\r\ncontent-length: 0\r\n", 403),
            (VERSION + b"Host: a\r\nHost: b\r\n", 403),
            (VERSION + b"Connection: close\r\nConnection: close\r\n", 403),
            (VERSION + b"Content-Length : 4\r\n", 400),
            (VERSION + b" Content-Length: 4\r\n", 400),
            (VERSION + b"X: a\r\n Transfer-Encoding: chunked\r\n", 400),
            (VERSION + b"\tX: a\r\n", 400),
            (VERSION + b"no colon\r\n", 400),
            (VERSION + b"X: " + b"a" * 20_000 + b"\r\n", 400),
            (VERSION + b"X: a\r\n" * 4_000, 400),
            (b"GET /version\r\n", 400),
            (b"GET\r\n", 400),
            (b"\r\n" + VERSION + HOST, 400),
            (b"GET /version HTTP/0.9\r\n" + HOST, 400),
            (b"GET /version HTTP/1.0\r\n" + HOST, 400),
            (b"GET /version HTTP/2\r\n" + HOST, 400),
            (b"GET /version HTTP/1.1\n" + HOST, 400),
            (b"GET  /version HTTP/1.1\r\n" + HOST, 400),
            (b"GET /version  HTTP/1.1\r\n" + HOST, 400),
            (b"GET\t/version HTTP/1.1\r\n" + HOST, 400),
            (b" GET /version HTTP/1.1\r\n" + HOST, 400),
            (b"GET /version HTTP/1.1 \r\n" + HOST, 400),
            (b"get /version HTTP/1.1\r\n" + HOST, 400),
            (b"GET /version\0 HTTP/1.1\r\n" + HOST, 400),
            (b"GET /ver\rsion HTTP/1.1\r\n" + HOST, 400),
            (b"GET /version\xff HTTP/1.1\r\n" + HOST, 400),
            (b"GET /version?" + b"a" * 5_000 + b" HTTP/1.1\r\n" + HOST, 400),
            (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST, 400),
            (b"GET http://docker/version HTTP/1.1\r\n" + HOST, 403),
            (b"GET /containers/%2e%2e/version HTTP/1.1\r\n" + HOST, 403),
            (b"\0" * 100, 400),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 40, 400),
        ],
    )
    def test_what_sends_something_or_cannot_be_read_does_not_reach_the_engine(
        self, proxy: ReadOnlyProxy, engine: Stub, data: bytes, status: int
    ) -> None:
        found = _send(proxy, data + b"\r\n\r\n")
        assert found.status == status
        assert set(json.loads(found.body)) == {"message"}
        assert engine.asked == []

    def test_who_sends_nothing_is_not_waited_for(
        self, proxy: ReadOnlyProxy, engine: Stub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module._Handler, "timeout", 0.2)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(proxy.path))
            connection.sendall(b"GET /version HTTP/1.1\r\nHost: ")
            assert connection.recv(100) == b""
        assert engine.asked == []
        assert _get(proxy, "/version").status == 200

    def test_many_are_answered_at_once(self, proxy: ReadOnlyProxy, engine: Stub) -> None:
        engine.answer = lambda _: Said(pieces=(b"[", b"]"), pause=0.3)
        found: list[int] = []
        threads = [threading.Thread(target=lambda: found.append(_get(proxy, "/info").status)) for _ in range(8)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [200] * 8
        assert time.monotonic() - started < 4  # one after the other would take five


class TestAnswers:
    def test_json_has_no_secrets_when_the_command_reads_it(self, proxy: ReadOnlyProxy, engine: Stub) -> None:
        engine.answer = lambda _: said({"Config": {"Env": ["PATH=/bin", "DB=hunter2"]}, "Size": 7, "Ä": "é"})
        found = _get(proxy, "/containers/web/json")
        assert json.loads(found.body) == {"Config": {"Env": ["PATH=/bin", "DB=<redacted>"]}, "Size": 7, "Ä": "é"}
        assert int(found.headers["Content-Length"]) == len(found.body)
        assert proxy.redactions == 1
        assert not proxy.is_cut

    def test_what_went_wrong_is_redacted_too(self, proxy: ReadOnlyProxy, engine: Stub) -> None:
        engine.answer = lambda _: said({"message": "no such container: postgres://u:hunter2@h/x"}, 404)
        for target in ("/containers/web/json", LOGS):
            found = _get(proxy, target)
            assert found.status == 404
            assert b"hunter2" not in found.body

    def test_each_event_is_redacted(self, proxy: ReadOnlyProxy, engine: Stub) -> None:
        rows = [{"Actor": {"Attributes": {"auth_token": "hunter2", "n": str(n)}}} for n in range(3)]
        engine.answer = lambda _: Said("\n".join(map(json.dumps, rows)).encode() + b'\n{"token": "hunter2')  # cut
        found = [json.loads(line) for line in _get(proxy, "/events?until=1").body.splitlines()]
        assert found == [{"Actor": {"Attributes": {"auth_token": "<redacted>", "n": str(n)}}} for n in range(3)]

    def test_a_log_is_handed_on_byte_by_byte(self, proxy: ReadOnlyProxy, engine: Stub) -> None:
        data = b"\x01\0\0\0\0\0\0\x06hello\n\x02\0\0\0\0\0\0\x03\xff\0\n"
        engine.answer = lambda _: Said(data, headers={"Content-Type": "application/vnd.docker.multiplexed-stream"})
        found = _get(proxy, LOGS)
        assert found.body == data
        assert found.headers["Content-Type"] == "application/vnd.docker.multiplexed-stream"

    @pytest.mark.parametrize("body", [b"no json", b"{", b"[" * 100_000, b"\xff\xfe", b'{"a": hunter2}'])
    def test_what_cannot_be_read_is_not_handed_on(self, proxy: ReadOnlyProxy, engine: Stub, body: bytes) -> None:
        engine.answer = lambda _: Said(body)
        found = _get(proxy, "/info")
        assert found.status == 502
        assert json.loads(found.body) == {"message": "the answer of the engine cannot be read"}

    def test_an_answer_with_half_a_character_is_still_json(self, proxy: ReadOnlyProxy, engine: Stub) -> None:
        engine.answer = lambda _: Said(b'{"a": "\\ud800"}')
        assert json.loads(_get(proxy, "/info").body) == {"a": "?"}

    def test_only_known_headers_come_back_and_no_redirect(self, proxy: ReadOnlyProxy, engine: Stub) -> None:
        engine.answer = lambda _: Said(
            b"", 301, {"Location": "/swarm/unlockkey", "Set-Cookie": "a=b", "Ostype": "li\x1bnux", "Swarm": "inactive"}
        )
        found = _get(proxy, "/info")
        assert found.status == 301
        assert set(found.headers) == {"Server", "Api-Version", "Ostype", "Swarm", "Content-Length", "Connection"}
        assert found.headers["Ostype"] == "li?nux"

    def test_stats_are_told_that_there_are_no_new_containers(self, proxy: ReadOnlyProxy, engine: Stub) -> None:
        found = _get(proxy, "/v1.50/events?filters=%7B%22type%22%3A%7B%22container%22%3Atrue%7D%7D")
        assert (found.status, found.body) == (200, b"")
        assert engine.asked == []

    def test_a_kind_that_the_name_cannot_have_is_not_found(self, proxy: ReadOnlyProxy, engine: Stub) -> None:
        assert _get(proxy, "/containers/busybox:local/json").status == 404
        assert engine.asked == []


class TestBounds:
    def test_json_that_is_too_long_is_not_handed_on(
        self, proxy: ReadOnlyProxy, engine: Stub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "MAX_JSON", 1_000)
        engine.answer = lambda _: said(["x" * 2_000])
        found = _get(proxy, "/containers/json")
        assert found.status == 502
        assert "more than" in json.loads(found.body)["message"]
        engine.answer = lambda _: said(["x" * 900])
        assert _get(proxy, "/containers/json").status == 200
        assert not proxy.is_cut

    @pytest.mark.parametrize("pieces", [(), (b"line\n" * 10,) * 50])
    def test_a_stream_that_is_too_long_is_cut(
        self, proxy: ReadOnlyProxy, engine: Stub, monkeypatch: pytest.MonkeyPatch, pieces: tuple[bytes, ...]
    ) -> None:
        monkeypatch.setattr(module, "MAX_STREAM", 1_000)
        engine.answer = lambda _: Said(b"line\n" * 500, headers={"Content-Type": "text/plain"}, pieces=pieces)
        found = _get(proxy, LOGS)
        assert (found.status, found.body) == (200, b"line\n" * 200)
        assert proxy.is_cut

    @pytest.mark.parametrize("endless", [True, False])
    def test_a_slow_stream_ends_with_what_has_come(
        self, proxy: ReadOnlyProxy, engine: Stub, monkeypatch: pytest.MonkeyPatch, endless: bool
    ) -> None:
        monkeypatch.setattr(module, "DEADLINE", 0.5)
        plain = {"Content-Type": "text/plain"}
        engine.answer = lambda _: Said(headers=plain, pieces=(b"a\n",) * 100, pause=0.1, is_endless=endless)
        started = time.monotonic()
        found = _get(proxy, LOGS)
        assert time.monotonic() - started < 3
        assert found.status == 200
        assert set(found.body) == set(b"a\n")
        assert proxy.is_cut

    @pytest.mark.parametrize(
        "answer",
        [
            Said(b"[", is_endless=True),
            Said(pieces=(b" ",) * 100, pause=0.1),
            Said(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[1"),
            Said(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]"),
            Said(raw=b"no http at all\r\n\r\n"),
            Said(raw=b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 500 + b"\r\n[]"),
            Said(raw=b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n[]"),
            Said(raw=b""),
        ],
    )
    def test_an_answer_without_end_or_sense_is_an_error_in_time(
        self, proxy: ReadOnlyProxy, engine: Stub, monkeypatch: pytest.MonkeyPatch, answer: Said
    ) -> None:
        monkeypatch.setattr(module, "DEADLINE", 0.5)
        engine.answer = lambda _: answer
        started = time.monotonic()
        found = _get(proxy, "/info")
        assert time.monotonic() - started < 3
        assert found.status == 502
        assert "engine" in json.loads(found.body)["message"]

    def test_without_an_engine_it_is_said(self, tmp_path: Path) -> None:
        with ReadOnlyProxy(tmp_path / "none") as door:
            found = _get(door, "/version")
        assert found.status == 502
        assert json.loads(found.body)["message"] == "the engine did not answer: FileNotFoundError"


class TestDoor:
    def test_only_its_owner_gets_in_and_it_is_gone_afterwards(self, engine: Stub) -> None:
        with ReadOnlyProxy(engine.path) as door:
            assert stat.S_IMODE(door.path.stat().st_mode) == 0o600
            assert stat.S_IMODE(door.path.parent.stat().st_mode) == 0o700
            assert door.address == f"unix://{door.path}"
            assert _get(door, "/version").status == 200
        assert not door.path.exists()
        assert not door.path.parent.exists()

    def test_each_has_a_place_of_its_own(self, engine: Stub) -> None:
        with ReadOnlyProxy(engine.path) as first, ReadOnlyProxy(engine.path) as second:
            assert first.path.parent != second.path.parent
            _get(first, "/version")
            assert (first.version, second.version) == ("28.2.2", None)

    def test_it_is_gone_after_an_error_too(self, engine: Stub) -> None:
        door = ReadOnlyProxy(engine.path)
        with pytest.raises(ValueError, match="stop"), door:
            raise ValueError("stop")
        assert not door.path.exists()
        with socket.socket(socket.AF_UNIX) as connection, pytest.raises(FileNotFoundError):
            connection.connect(str(door.path))
