"""Sizes, rates, slow clients, keys, tokens, origins: at a running service."""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.e2e.servers import wait_until_ready
from ui.api.connection import Connection

pytestmark = pytest.mark.real
ASK = "v1/ask"
PORTS = {"question": "How do I publish a port?"}
SECRET = "0123456789abcdef0123456789abcdef"
ROOT = Path(__file__).parents[3]


def _problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


# Every response


@pytest.mark.parametrize("path", ["staff/", "docs/", "v1/models/", "embed/"])
def test_no_address_leads_away_from_https(path: str, client: httpx.Client) -> None:
    answer = client.get(path, headers={"Host": "ask.example.org"})
    assert (answer.status_code, answer.headers.get("location")) == (404, None)


@pytest.mark.parametrize("path", ["healthz", "readyz", "metrics", "docs", "openapi.json", "nothing", "static/docs.js"])
def test_every_response_has_the_headers(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-request-id"]
    assert "server" not in headers


@pytest.mark.parametrize("path", ["healthz", "readyz", "widget.js", "docs", "openapi.json", "notes/note.md", "nothing"])
def test_head_is_what_get_would_answer_without_its_body(path: str, client: httpx.Client) -> None:
    whole, head = client.get(path), client.head(path)
    told = {"content-type", "content-length", "content-security-policy", "cache-control"}
    assert head.status_code == whole.status_code
    assert {name: head.headers.get(name) for name in told} == {name: whole.headers.get(name) for name in told}
    assert head.content == b""
    assert client.head("/v1/ask").status_code == 405


def test_the_bare_address_leads_to_what_there_is(client: httpx.Client, serve: Callable[..., Any]) -> None:
    assert client.get("/", follow_redirects=False).headers["location"] == "chat/"
    without = serve(chat_in_serve=False)
    assert httpx.get(without.url, follow_redirects=True).url.path == "/docs"


def test_what_is_not_there_is_a_problem(client: httpx.Client) -> None:
    _problem(client.get("/nothing"), 404)
    refused = client.put("/v1/ask", json=PORTS)
    _problem(refused, 405)
    assert refused.headers["allow"] == "POST"
    _problem(client.post("/v1/ask", content=b"{", headers={"Content-Type": "application/json"}), 422)


@pytest.mark.parametrize(
    ("given", "is_kept"), [("forum-42.a_B", True), ("x" * 65, False), ("a b", False), ('"><script>', False)]
)
def test_a_sane_id_of_a_request_is_kept(client: httpx.Client, given: str, is_kept: bool) -> None:
    assert (client.get("/healthz", headers={"X-Request-Id": given}).headers["x-request-id"] == given) is is_kept


def test_a_mistake_in_the_program_is_a_problem_without_its_trace(
    serve: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    service = serve()

    @service.app.get("/mistake")
    async def mistake() -> None:
        raise RuntimeError("secret detail")

    answer = httpx.get(f"{service.url}mistake")
    assert "secret detail" not in json.dumps(_problem(answer, 500))
    assert answer.headers["x-frame-options"] == "DENY"
    assert "secret detail" in caplog.text


def test_metrics_count_requests_and_outcomes(serve: Callable[..., Any]) -> None:
    service = serve()
    httpx.post(service.url + ASK, json=PORTS, timeout=60)
    httpx.get(f"{service.url}a/../../etc/passwd")
    text = httpx.get(f"{service.url}metrics").text
    assert 'ask_http_requests_total{method="POST",route="/v1/ask",status="200"} 1.0' in text
    assert 'ask_answers_total{outcome="answered"} 1.0' in text
    assert "ask_answers_under_way 0.0" in text
    assert "passwd" not in text


@pytest.mark.parametrize("is_wanted", [False, True])
def test_the_log_has_the_question_only_if_wanted(
    serve: Callable[..., Any], caplog: pytest.LogCaptureFixture, is_wanted: bool
) -> None:
    caplog.set_level(logging.INFO)
    service = serve(log_questions=is_wanted)
    httpx.post(service.url + ASK, json=PORTS, timeout=60)
    httpx.get(f"{service.url}healthz")  # by then the line before has been written
    about = [record.about for record in caplog.records if getattr(record, "about", {}).get("path") == "/v1/ask"]
    assert [line["outcome"] for line in about] == ["answered"]
    assert ("publish a port" in str(about)) is is_wanted


# Sizes and times


def test_a_body_is_counted_and_its_header_is_not_believed(client: httpx.Client) -> None:
    _problem(client.post("/v1/ask", json={"question": "x" * 9_000}), 413)

    def in_pieces() -> Any:
        yield b'{"question": "'
        for _ in range(100):
            yield b"x" * 1_000

    _problem(client.post("/v1/ask", content=in_pieces(), headers={"Content-Type": "application/json"}), 413)


def _slow_clients(service: Any, count: int) -> list[socket.socket]:
    """Some that ask and then read nothing, and some that never end what they send."""
    body = json.dumps(PORTS).encode()
    host = service.url.removeprefix("http://").rstrip("/")
    clients = []
    for number in range(count):
        connection = socket.create_connection(("127.0.0.1", int(host.rsplit(":", 1)[1])))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
        length = len(body) if number % 2 else len(body) + 1
        connection.sendall(
            f"POST /v1/ask HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n".encode()
            + body
        )
        clients.append(connection)
    return clients


def test_slow_clients_do_not_hold_others_up(serve: Callable[..., Any]) -> None:
    service = serve(answers_at_once=2, answers_waiting=60, anonymous_per_minute=1_000, anonymous_per_hour=1_000)
    httpx.post(service.url + ASK, json=PORTS, timeout=60)  # what is loaded once is loaded
    clients = _slow_clients(service, 40)
    time.sleep(1.5)
    started = time.perf_counter()
    answer = httpx.post(service.url + ASK, json=PORTS, timeout=30)
    took = time.perf_counter() - started
    for each in clients:
        each.close()
    assert answer.status_code == 200
    assert took < 5


def test_too_many_at_once_are_told_to_come_back(serve: Callable[..., Any]) -> None:
    service = serve(answers_at_once=1, answers_waiting=1, anonymous_per_minute=1_000, anonymous_per_hour=1_000)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: httpx.post(service.url + ASK, json=PORTS, timeout=60), range(16)))
    busy = [answer for answer in answers if answer.status_code == 503]
    assert {answer.status_code for answer in answers} == {200, 503}
    assert int(busy[0].headers["retry-after"]) > 0
    _problem(busy[0], 503)
    assert httpx.post(service.url + ASK, json=PORTS, timeout=60).status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(serve: Callable[..., Any]) -> None:
    service = serve(answer_seconds=0.000_001)
    _problem(httpx.post(service.url + ASK, json=PORTS, timeout=60), 504)
    events = httpx.post(service.url + ASK, json=PORTS, headers={"Accept": "text/event-stream"}, timeout=60).text
    assert "event: error" in events
    assert "event: done" not in events


# Rates


def test_one_address_may_ask_five_times_a_minute_and_a_key_more(serve: Callable[..., Any]) -> None:
    service = serve()
    answers = [httpx.post(service.url + ASK, json=PORTS, timeout=60) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    _problem(answers[-1], 429)
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    forwarded = httpx.post(service.url + ASK, json=PORTS, headers={"X-Forwarded-For": "203.0.113.9"}, timeout=60)
    assert forwarded.status_code == 429  # no proxy is listed
    key = service.key()
    keyed = [httpx.post(service.url + ASK, json=PORTS, headers=key, timeout=60).status_code for _ in range(21)]
    assert keyed == [200] * 20 + [429]


def test_what_is_refused_costs_no_turn(serve: Callable[..., Any]) -> None:
    service = serve(anonymous_per_minute=1)
    for refused in ({"question": ""}, {**PORTS, "docker": True}, {**PORTS, "model": "openai:gpt-4o"}, {"question": 1}):
        assert httpx.post(service.url + ASK, json=refused, timeout=60).status_code in {404, 422}
    chat = {"messages": [{"role": "system", "content": "x"}]}
    assert httpx.post(f"{service.url}v1/chat/completions", json=chat, timeout=60).status_code == 400
    answers = [httpx.post(service.url + ASK, json=PORTS, timeout=60).status_code for _ in range(2)]
    assert answers == [200, 429]


def test_a_line_of_the_proxys_own_counts_and_not_the_one_before(serve: Callable[..., Any]) -> None:
    service = serve(proxies=("127.0.0.1",), anonymous_per_minute=1)
    answers = []
    for invented in ("198.51.100.1", "198.51.100.2"):
        headers = [("X-Forwarded-For", invented), ("X-Forwarded-For", "203.0.113.1")]
        answers.append(httpx.post(service.url + ASK, json=PORTS, headers=headers, timeout=60).status_code)
    assert answers == [200, 429]


def test_behind_a_listed_proxy_each_reader_counts_alone(serve: Callable[..., Any]) -> None:
    service = serve(proxies=("127.0.0.1",), anonymous_per_minute=1)

    def asked(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        return httpx.post(service.url + ASK, json=PORTS, headers=headers, timeout=60).status_code

    assert [asked("203.0.113.1"), asked("203.0.113.2"), asked("203.0.113.1")] == [200, 200, 429]
    assert asked("198.51.100.7, 203.0.113.1") == 429  # what a client says itself stands on the left
    assert [asked("2001:db8::1"), asked("2001:db8::2"), asked("2001:db8:0:1::1")] == [200, 429, 200]


# Keys and tokens


def test_a_key_that_is_wrong_or_revoked_is_refused(serve: Callable[..., Any]) -> None:
    from assistant.keys import Keys

    service = serve()
    header = service.key()
    assert httpx.post(service.url + ASK, json=PORTS, headers=header, timeout=60).status_code == 200
    (key,) = Keys(service.journal).all()
    assert Keys(service.journal).revoke(key.id)
    for wrong in (header, {"Authorization": "Bearer ask_wrong"}, {"Authorization": "Basic eDp5"}):
        refused = httpx.post(service.url + ASK, json=PORTS, headers=wrong, timeout=60)
        _problem(refused, 401)
        assert refused.headers["www-authenticate"] == "Bearer"


def test_a_key_for_staff_alone_may_not_ask(serve: Callable[..., Any]) -> None:
    service = serve()
    _problem(httpx.post(service.url + ASK, json=PORTS, headers=service.key("staff"), timeout=60), 403)


def _claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {"iss": "forum", "sub": "ada", "aud": "ask", "iat": now, "exp": now + 600, "jti": "1", "course": "docker"}
    return {name: value for name, value in {**claims, **changed}.items() if value is not None}


@pytest.fixture
def forum(serve: Callable[..., Any], tmp_path: Path) -> Any:
    keys = tmp_path / "keys"
    keys.write_text(f"{'f' * 32}\n{SECRET}\n")
    return serve(identity_keys=keys, identity_issuer="forum", identity_course="docker")


def _asked(service: Any, token: str) -> httpx.Response:
    return httpx.post(service.url + ASK, json=PORTS, headers={"Authorization": f"Bearer {token}"}, timeout=60)


def test_a_reader_whom_the_forum_names_may_ask_and_have_it_removed(forum: Any) -> None:
    token = jwt.encode(_claims(), SECRET)
    answer = _asked(forum, token)
    assert answer.status_code == 200
    path = f"{forum.url}v1/answers/{answer.json()['id']}"
    assert httpx.get(path).status_code == 200
    removed = httpx.delete(f"{forum.url}v1/me", headers={"Authorization": f"Bearer {token}"})
    assert removed.json() == {"removed": 1}
    assert httpx.get(path).status_code == 404
    _problem(httpx.delete(f"{forum.url}v1/me"), 401)


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "other"},
        {"aud": "other"},
        {"course": "other"},
        {"course": None},
        {"exp": 1},
        {"iat": int(time.time()) + 3_600},
        {"exp": int(time.time()) + 86_400},
        {"exp": str(int(time.time()) + 600)},
        {"iat": str(int(time.time()))},
        {"sub": ""},
        {"sub": "a\0b"},
        {"sub": "\ud800"},
        {"sub": None},
        {"jti": None},
        {"iat": None},
        {"exp": None},
    ],
    ids=itertools.count(),  # each worker has to give them the same names, and the times are of now
)
def test_a_token_with_a_wrong_claim_is_refused(forum: Any, changed: dict[str, Any]) -> None:
    _problem(_asked(forum, jwt.encode(_claims(**changed), SECRET)), 401)


def test_a_token_signed_otherwise_is_refused(forum: Any) -> None:
    unsigned = jwt.encode(_claims(), None, algorithm="none")
    other = jwt.encode(_claims(), "g" * 32)
    longer = jwt.encode(_claims(), SECRET * 2, algorithm="HS512")
    for token in (unsigned, other, longer, "x.y.z", "-"):
        _problem(_asked(forum, token), 401)
    header = [(b"Authorization", b"Bearer \xff.\xff.\xff")]
    _problem(httpx.post(forum.url + ASK, json=PORTS, headers=header, timeout=60), 401)


def _pem(private: Ed25519PrivateKey) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return private.public_key().public_bytes(serialization.Encoding.PEM, form)


def test_a_public_key_checks_tokens_and_is_no_secret(serve: Callable[..., Any], tmp_path: Path) -> None:
    import hashlib
    import hmac

    private = Ed25519PrivateKey.generate()
    public = _pem(private)
    (tmp_path / "key.pem").write_bytes(public)
    service = serve(identity_keys=tmp_path / "key.pem", identity_issuer="forum", identity_algorithms=("EdDSA",))
    assert _asked(service, jwt.encode(_claims(), private, algorithm="EdDSA")).status_code == 200
    head, body, _ = jwt.encode(_claims(), "g" * 32).split(".")
    signature = hmac.new(public, f"{head}.{body}".encode(), hashlib.sha256).digest()
    forged = f"{head}.{body}.{jwt.utils.base64url_encode(signature).decode()}"
    _problem(_asked(service, forged), 401)


# Origins


def test_no_page_elsewhere_may_call_unless_its_origin_is_listed(
    serve: Callable[..., Any], client: httpx.Client
) -> None:
    asks = {"Origin": "https://forum.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in client.get("/healthz", headers=asks).headers
    assert "access-control-allow-origin" not in client.options("/v1/ask", headers=asks).headers
    service = serve(cors_origins=("https://forum.example",))
    allowed = httpx.options(service.url + ASK, headers=asks)
    assert allowed.headers["access-control-allow-origin"] == "https://forum.example"
    for other in ("https://forum.example.evil.example", "http://forum.example", "https://forum.example:444", "null"):
        refused = httpx.options(service.url + ASK, headers={**asks, "Origin": other})
        assert "access-control-allow-origin" not in refused.headers
        assert refused.headers["x-content-type-options"] == "nosniff"
        assert "ASK_CORS_ORIGINS" in _problem(refused, 400)["detail"]


# The end


def test_told_to_stop_it_ends_the_answers_under_way(home: Path, api_notes: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from ui.cli import main; main()", "serve", "--port", str(port)]
    environment = {**os.environ, "ASK_HOME": str(home), "PYTHONPATH": str(ROOT), "ASK_NOTES": str(api_notes)}
    environment["ASK_JOURNAL"] = f"sqlite:///{tmp_path / 'j.sqlite3'}"
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        url = f"http://127.0.0.1:{port}/"
        wait_until_ready(url.rstrip("/"))
        with concurrent.futures.ThreadPoolExecutor(4) as pool, httpx.Client(base_url=url, timeout=60) as client:
            asked = [pool.submit(client.post, ASK, json=PORTS) for _ in range(4)]
            while "ask_answers_under_way 4.0" not in client.get("metrics").text:  # the first ones load what is needed
                assert not any(each.done() for each in asked)
            process.send_signal(signal.SIGTERM)
            assert [each.result().status_code for each in asked] == [200] * 4
        _, said = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert [line["status"] for line in lines if line.get("path") == "/v1/ask"] == [200] * 4
    assert "Traceback" not in said


# Settings


def test_keys_for_tokens_that_will_not_do_are_told_at_the_start(tmp_path: Path) -> None:
    from assistant.settings import Settings
    from corpus.errors import SettingsError
    from ui.api.app import create_app

    file = tmp_path / "keys"
    file.write_text("short\n")
    with pytest.raises(SettingsError, match="too short"):
        create_app(Settings(identity_keys=file, identity_issuer="forum"))
    file.write_text(SECRET)
    with pytest.raises(SettingsError, match="ASK_IDENTITY_ISSUER"):
        create_app(Settings(identity_keys=file))
    with pytest.raises(SettingsError, match="cannot be read"):
        create_app(Settings(identity_keys=tmp_path / "none", identity_issuer="forum"))
    for algorithm, text in (("RS256", SECRET), ("HS256", _pem(Ed25519PrivateKey.generate()).decode())):
        file.write_text(text)
        with pytest.raises(SettingsError, match=f"is none for {algorithm}"):
            create_app(Settings(identity_keys=file, identity_issuer="forum", identity_algorithms=(algorithm,)))


def test_what_does_not_say_that_it_is_json_is_told_to(client: httpx.Client) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}  # what curl sends if it is told nothing
    said = client.post("/v1/ask", content=b'{"question": "How?"}', headers=form)
    assert "Content-Type: application/json" in _problem(said, 415)["detail"]
    assert client.post("/v1/ask", content=b'"How?"', headers={"Content-Type": "application/json"}).status_code == 422


def test_an_address_without_anything_says_where_to_look(client: httpx.Client) -> None:
    assert "/docs" in _problem(client.get("/nothing-here"), 404)["detail"]
    assert "/docs" in _problem(client.put("/v1/ask"), 405)["detail"]


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 8_000, b'{"question": ' + b"9" * 7_000 + b"}"])
def test_a_body_that_is_no_json_says_so(client: httpx.Client, body: bytes) -> None:
    problem = client.post("/v1/ask", content=body, headers={"Content-Type": "application/json"})
    assert problem.status_code in {400, 422}
    assert problem.headers["content-type"] == "application/problem+json"
    assert "JSON" in problem.json()["detail"]


def _until_closed(service: Any, *parts: bytes, every: float = 0.1) -> tuple[bytes, float]:
    """Send parts with a pause after each; what came back until the other side closed, and the seconds it took."""
    started = time.perf_counter()
    with socket.create_connection(("127.0.0.1", urlsplit(service.url).port), timeout=10) as connection:
        with contextlib.suppress(OSError):  # closed while we send
            for part in parts:
                connection.sendall(part)
                time.sleep(every)
        told = b""
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(65_536):
                told += piece
    return told, time.perf_counter() - started


@pytest.mark.parametrize(
    "parts",
    [(), (b"POST /v1/ask HTTP/1.1\r\n",), (b"GET /healthz HTTP/1.1\r\n", *(b"x-%d: y\r\n" % n for n in range(20)))],
    ids=["nothing is sent", "half a head", "a line now and then"],
)
def test_a_connection_that_sends_no_whole_head_is_closed(
    parts: tuple[bytes, ...], serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "head_seconds", 0.5)
    told, took = _until_closed(serve(), *parts)
    assert told == b""
    assert 0.4 < took < 3


def test_a_head_without_end_is_refused(serve: Callable[..., Any]) -> None:
    lines = (b"x: " + b"y" * 1_000 + b"\r\n" for _ in range(200))
    told, _ = _until_closed(serve(), b"GET /healthz HTTP/1.1\r\n", *lines, every=0.001)
    assert told.startswith(b"HTTP/1.1 431 ")
    assert b"application/problem+json" in told


def test_what_is_no_http_is_a_problem_too(service: Any) -> None:
    told, _ = _until_closed(service, b"GARBAGE\r\n\r\n")
    head, _, body = told.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    problem = json.loads(body)
    assert (problem["status"], f"X-Request-Id: {problem['request_id']}".encode() in head) == (400, True)


def test_where_the_notes_are_is_not_told(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    running = serve()
    service = running.app.state.shared.service
    monkeypatch.setattr(service, "_opened", None)
    monkeypatch.setattr(service, "bring_up_to_date", lambda: None)
    monkeypatch.setattr(service, "problem", "There are no notes at /srv/course.")
    for answer in (httpx.get(f"{running.url}readyz"), httpx.post(running.url + ASK, json=PORTS)):
        assert answer.status_code == 503
        assert "cannot be read" in answer.text
        assert "/srv" not in answer.text


def test_a_client_that_reads_nothing_is_let_go(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "unread_seconds", 0.5)
    service = serve()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.connect(("127.0.0.1", urlsplit(service.url).port))
        connection.settimeout(1)
        with contextlib.suppress(OSError):  # it takes no more, or has let us go
            connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 2_000)
        until = time.monotonic() + 15
        while service.server.server_state.connections and time.monotonic() < until:
            time.sleep(0.1)
        assert not service.server.server_state.connections


def test_a_connection_is_kept_for_the_next_request(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "head_seconds", 0.5)
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    told, _ = _until_closed(serve(), request, request, request, every=0.4)
    assert told.count(b"HTTP/1.1 200 ") == 3
