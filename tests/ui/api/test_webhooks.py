"""Deliveries of a forum to the running service: large, forged, old, and again."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from assistant.inbox import Inbox
from tests.ui.bot.parts import OTHER_SECRET, SECRET, comment, standard_delivery

pytestmark = pytest.mark.real

PATH = "webhooks/spirit"
TEN_MB = 10_000_000


@pytest.fixture
def forum(serve: Callable[..., Any], tmp_path: Path) -> Any:
    journal = f"sqlite:///{tmp_path / 'journal.sqlite3'}"
    return serve(bot_forum="spirit", bot_secrets=SECRET, bot_in_serve=False, journal=journal)


def _refused(response: httpx.Response, status: int) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["request_id"] == response.headers["x-request-id"]


def test_what_is_forged_or_old_is_refused_and_a_replay_changes_nothing(forum: Any) -> None:
    url = forum.url + PATH
    forged, old = (
        standard_delivery(comment(), secret=OTHER_SECRET),
        standard_delivery(comment(), when=datetime.now(UTC) - timedelta(minutes=6)),
    )
    for body, headers in (forged, old):
        _refused(httpx.post(url, content=body, headers=headers), 401)
    body, headers = standard_delivery(comment(12))
    said = [httpx.post(url, content=body, headers=headers) for _ in range(3)]
    assert [(each.status_code, each.json()["stored"]) for each in said] == [(202, True), (202, False), (202, False)]
    assert [job.post for job in Inbox(forum.journal).jobs()] == ["12"]


@pytest.mark.parametrize("kind", ["named", "chunked"])
def test_of_a_body_of_10_mb_little_is_read(forum: Any, kind: str) -> None:
    address = urlsplit(forum.url)
    assert address.hostname is not None
    assert address.port is not None
    size = f"Content-Length: {TEN_MB}" if kind == "named" else "Transfer-Encoding: chunked"
    part = b"x" * 65_536 if kind == "named" else b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    sent = 0
    started = time.monotonic()
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(f"POST /{PATH} HTTP/1.1\r\nHost: {address.netloc}\r\n{size}\r\n\r\n".encode())
        try:
            while sent < TEN_MB:
                connection.sendall(part)
                sent += len(part)
        except OSError:  # the service has hung up
            pass
        said = b""
        try:
            while block := connection.recv(65_536):
                said += block
        except ConnectionResetError:  # what it has not read is thrown away with the connection
            pass
    assert said[:12] in {b"HTTP/1.1 413", b""}
    assert sent < TEN_MB or said
    assert time.monotonic() - started < 10
    assert httpx.get(f"{forum.url}healthz").status_code == 200
    assert Inbox(forum.journal).jobs() == []


def test_a_body_that_says_how_large_it_is_is_refused_before_it_comes(forum: Any) -> None:
    address = urlsplit(forum.url)
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=30) as connection:
        connection.sendall(
            f"POST /{PATH} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {TEN_MB}\r\n\r\n".encode()
        )
        said = b""
        while block := connection.recv(65_536):
            said += block
    assert said.startswith(b"HTTP/1.1 413")
    assert b"application/problem+json" in said
