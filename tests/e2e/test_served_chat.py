"""The chat page of `ask serve` as its visitors have it: in chromium, at /chat/."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.e2e.conftest import write_notes
from tests.e2e.hosts import serving_api
from tests.e2e.servers import COMMAND, ROOT, wait_until_ready
from tests.homes import make_home

pytestmark = [pytest.mark.real, pytest.mark.slow]

PORTS = "How do I publish a port?"
ANSWERED = "Answered from the notes"
NewPage = Callable[..., Page]


@pytest.fixture(scope="module")
def origin(encoders: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`ask serve` with settings that would let a reader of `ask ui` do more."""
    folder = tmp_path_factory.mktemp("served")
    home = make_home(folder / "home", encoders)
    with serving_api(write_notes(folder / "notes"), home, ASK_DOCKER="logs") as running:
        yield running


@contextmanager
def _watched(page: Page) -> Iterator[None]:
    """That nothing fails on the page meanwhile, and nothing is said in its console."""
    wrong: list[str] = []
    page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url} {request.failure}"))
    page.on("response", lambda answer: wrong.append(f"{answer.status}: {answer.url}") if answer.status > 399 else None)
    page.on("console", lambda said: wrong.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield
    assert wrong == []


def _open(page: Page, address: str, wait_for: str = "To begin with") -> Page:
    page.goto(address)
    expect(page.get_by_text(wait_for).first).to_be_visible(timeout=90_000)
    return page


def _send(page: Page, question: str) -> None:
    box = page.get_by_test_id("stChatInputTextArea")
    expect(box).to_be_enabled()
    box.fill(question)
    box.press("Enter")


def _ask(page: Page, question: str) -> Page:
    _send(page, question)
    expect(page.locator(".stMarkdownBadge", has_text=ANSWERED)).to_be_visible()
    expect(page.get_by_test_id("stFeedback").last).to_be_visible()
    return page


def test_a_visitor_asks_and_reads_the_source_in_the_notes(origin: str, new_page: NewPage, tmp_path: Path) -> None:
    page = new_page()
    with _watched(page):
        _ask(_open(page, f"{origin}/chat"), PORTS)
        expect(page).to_have_url(re.compile(rf"^{re.escape(origin)}/chat/\?c=[0-9a-f]{{32}}$"))
        page.get_by_role("link", name="[1]").first.click()
        expect(page.locator(".ask-sources > li").first.locator("mark").first).to_contain_text("docker run -p 8080:80")
        page.screenshot(path=tmp_path / "chat.png")
        with page.expect_popup() as opened:
            page.get_by_role("link", name="Open this section in the notes").first.click()
    expect(opened.value.get_by_role("heading", name="Ports")).to_be_visible()
    expect(opened.value).to_have_url(f"{origin}/chat/notes?note=note.md&section=ports")
    page.reload()
    expect(page.locator(".stMarkdownBadge", has_text=ANSWERED)).to_be_visible()
    assert 'ask_answers_total{outcome="answered"}' in httpx.get(f"{origin}/metrics").text


def test_nobody_chooses_notes_model_or_docker(origin: str, new_page: NewPage) -> None:
    page = _ask(_open(new_page(), f"{origin}/chat/"), PORTS)
    expect(page.get_by_role("button", name="New conversation")).to_be_visible()
    for words in ("Settings", "Docker on this machine", "Folder or file of notes"):
        expect(page.get_by_text(words)).to_have_count(0)
    _send(page, "Which containers are running?")
    expect(page.get_by_test_id("stFeedback")).to_have_count(2)
    expect(page.locator(".stMarkdownBadge", has_text="From your machine")).to_have_count(0)


def test_a_conversation_is_listed_for_its_own_visitor_only(origin: str, new_page: NewPage) -> None:
    first = _ask(_open(new_page(), f"{origin}/chat/"), PORTS)
    listed = first.get_by_test_id("stSidebar").get_by_role("button", name=PORTS)
    expect(listed).to_have_count(1)
    other = _open(new_page(), f"{origin}/chat/")
    expect(other.get_by_role("button", name="New conversation")).to_be_visible()
    expect(other.get_by_text("Conversations")).to_have_count(0)
    expect(other.get_by_text(PORTS)).to_have_count(0)


def test_where_the_notes_are_on_the_server_is_not_told(origin: str, new_page: NewPage) -> None:
    page = _ask(_open(new_page(), f"{origin}/chat/"), PORTS)
    page.get_by_role("button", name="Conversation", exact=True).click()
    for name in ("Export as Markdown", "Export as JSON"):
        with page.expect_download() as exported:
            page.get_by_role("button", name=name).click()
        text = Path(exported.value.path()).read_text()
        assert PORTS in text
        assert "/tmp" not in text  # where pytest has put the notes


@pytest.fixture
def serve_limited(own_home: Path, tmp_path: Path) -> Iterator[str]:
    limits = {"ASK_ANONYMOUS_PER_MINUTE": "2", "ASK_JOURNAL": "none"}
    with serving_api(write_notes(tmp_path / "notes"), own_home, **limits) as running:
        yield running


def test_the_limit_is_the_one_of_the_service_and_the_question_stays(serve_limited: str, new_page: NewPage) -> None:
    assert httpx.post(f"{serve_limited}/v1/ask", json={"question": PORTS}, timeout=60).status_code == 200
    page = _ask(_open(new_page(), f"{serve_limited}/chat/"), PORTS)
    _send(page, "How do I make a volume?")
    expect(page.get_by_text(re.compile(r"That was often\. Ask again in \d+ seconds\."))).to_be_visible()
    expect(page.get_by_test_id("stChatInputTextArea")).to_have_value("How do I make a volume?")
    expect(page.locator(".stMarkdownBadge", has_text=ANSWERED)).to_have_count(1)
    assert httpx.post(f"{serve_limited}/v1/ask", json={"question": PORTS}).status_code == 429
    other = _open(new_page(), f"{serve_limited}/chat/")
    _send(other, PORTS)
    expect(other.get_by_text("That was often.")).to_be_visible()
    expect(other.get_by_test_id("stChatInputTextArea")).to_have_value(PORTS)


def test_too_long_a_question_is_told(origin: str, new_page: NewPage) -> None:
    page = _open(new_page(), f"{origin}/chat/")
    _send(page, "x" * 2_001)
    expect(page.get_by_text("at most 2,000 are taken")).to_be_visible()


def test_it_stops_in_good_order_with_a_page_open(own_home: Path, tmp_path: Path, new_page: NewPage) -> None:
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--notes", str(write_notes(tmp_path / "notes"))],
        cwd=tmp_path, env={**os.environ, "ASK_HOME": str(own_home), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        found = re.search(r"http://[^/\s]+", process.stderr.readline())
        assert found
        rest: list[str] = []
        reader = threading.Thread(target=lambda: rest.extend(process.stderr or []), daemon=True)
        reader.start()
        try:
            wait_until_ready(found[0])
            _ask(_open(new_page(), f"{found[0]}/chat/"), PORTS)
            process.send_signal(signal.SIGTERM)
            started = time.monotonic()
            process.wait(15)
            assert time.monotonic() - started < 8
        finally:
            process.kill()
        reader.join(5)
    assert process.returncode in {0, -signal.SIGTERM}
    assert [line for line in rest if '"level": "error"' in line or "Traceback" in line] == []


def test_a_journal_that_fails_costs_no_answer(own_home: Path, tmp_path: Path, new_page: NewPage) -> None:
    with serving_api(write_notes(tmp_path / "notes"), own_home) as running:
        page = _open(new_page(), f"{running}/chat/")
        with closing(sqlite3.connect(own_home / "journal.sqlite3")) as journal:
            journal.execute("DROP TABLE turns")
        _ask(page, PORTS)
        expect(page.get_by_text("Conversations cannot be kept or read now")).to_be_visible()
        assert str(own_home) not in page.content()
    log = (own_home / "api.log").read_text()
    assert "a conversation is kept in memory" in log
    assert "Traceback" not in log


# The web socket, by programs


def _socket(service: str, **options: Any) -> ClientConnection:
    return connect(f"{service.replace('http', 'ws')}/chat/_stcore/stream", open_timeout=60, **options)


def test_a_page_of_another_site_cannot_open_the_socket(origin: str) -> None:
    with _socket(origin, origin=origin):
        pass
    for other in ("https://evil.example", "null", f"{origin}0"):
        with pytest.raises(InvalidStatus, match="403"):
            _socket(origin, origin=other)
    with pytest.raises(InvalidStatus, match="403"):  # a name that was made to lead to this machine
        _socket(origin, origin="http://evil.example", additional_headers={"Host": "evil.example"})
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"{origin.replace('http', 'ws')}/chat/_stcore/other")


def test_one_address_has_so_many_pages_open_and_no_more(origin: str) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(_socket(origin))
        with pytest.raises(InvalidStatus, match="403"):
            _socket(origin)
    time.sleep(1)
    with _socket(origin):
        pass


def test_a_message_that_is_too_large_ends_its_connection_only(origin: str) -> None:
    with _socket(origin) as connection:
        connection.send(b"x" * 300_000)
        with pytest.raises(ConnectionClosed):
            list(connection)
    assert httpx.get(f"{origin}/healthz").status_code == 200


def test_a_file_that_is_not_there_is_a_problem(origin: str) -> None:
    for path in ("static/nothing.js", "static/js/%2e%2e/%2e%2e/x", "media/nothing.png"):
        answer = httpx.get(f"{origin}/chat/{path}", timeout=60)
        assert answer.headers["content-type"] == "application/problem+json", path
        assert answer.json()["status"] == answer.status_code >= 400


def test_every_response_has_the_headers_of_the_page(origin: str) -> None:
    for path in ("/chat/", "/chat/_stcore/health", "/chat/notes"):
        answer = httpx.get(f"{origin}{path}", timeout=60)
        assert answer.status_code == 200
        assert answer.headers["content-security-policy"] == "frame-ancestors 'none'"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-request-id"]
