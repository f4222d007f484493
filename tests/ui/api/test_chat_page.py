"""What /chat refuses before it is loaded, and what a question of the page counts as."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from assistant.answer import Answer, Turn
from assistant.asked import given
from corpus.errors import AskError
from ui.api.chat_page import MAX_WAITS, ServedPage, throttled
from ui.chat.refusal import Refused

pytestmark = pytest.mark.real

PORTS = "How do I publish a port?"
ROOT = Path(__file__).parents[3]


def _problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_service_without_visitors_loads_neither_streamlit_nor_the_protocol() -> None:
    code = (
        "import sys; from assistant.settings import Settings; from ui.api.app import create_app; "
        "create_app(Settings()); print(*({'streamlit', 'mcp', 'pandas', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env=os.environ
    )
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_it_can_only_be_read(client: httpx.Client, method: str) -> None:
    for path in ("/chat/", "/chat/_stcore/upload_file/a/b", "/chat/_stcore/agent/mcp"):
        refused = client.request(method, path)
        _problem(refused, 405)
        assert refused.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path",
    [
        "nothing", "_stcore/metrics", "_stcore/script-health-check", "_stcore/upload_file/a/b", "_stcore/stream",
        "_stcore/bidi-components/x", "_stcore/agent/openapi.json", "component/x/index.html", "app/static/x",
        "auth/login", "oauth2callback", "%2e%2e/v1/models", "index.html/../../app.py", "/etc/passwd",
    ],
)  # fmt: skip
def test_what_the_page_does_not_need_is_not_there(client: httpx.Client, path: str) -> None:
    _problem(client.get(f"/chat/{path}"), 404)


def test_without_a_slash_one_is_led_to_the_page(client: httpx.Client) -> None:
    assert client.get("/chat").headers["location"] == "chat/"
    assert client.get("/chat?q=How+now%3F").headers["location"] == "chat/?q=How+now%3F"


def test_a_setting_turns_it_off(serve: Callable[..., Any]) -> None:
    service = serve(chat_in_serve=False)
    for path in ("chat", "chat/", "chat/_stcore/health"):
        _problem(httpx.get(service.url + path), 404)


async def test_what_is_pressed_too_often_waits_for_its_turn() -> None:
    waits = iter([0, 1, 0])

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.receive"}

    started = time.monotonic()
    slowly = throttled(receive, lambda: next(waits))
    await slowly()
    assert time.monotonic() - started < 0.9
    await slowly()
    assert time.monotonic() - started >= 1


async def test_a_page_that_goes_on_sending_too_much_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "websocket.receive"}

    async def no_time(_: float) -> None:
        """Wait for nothing."""

    monkeypatch.setattr("ui.api.chat_page.asyncio.sleep", no_time)
    waits = iter([1, 0] * (MAX_WAITS + 1))
    slowly = throttled(receive, lambda: next(waits))
    told = [(await slowly())["type"] for _ in range(MAX_WAITS + 1)]
    assert told == ["websocket.receive"] * MAX_WAITS + ["websocket.disconnect"]


async def test_a_page_that_waits_for_others_is_not_closed_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.receive"}

    async def no_time(seconds: float) -> None:
        """Wait for nothing."""
        waited.append(seconds)

    monkeypatch.setattr("ui.api.chat_page.asyncio.sleep", no_time)
    others = iter([2, 0] * (MAX_WAITS + 5))
    slowly = throttled(receive, lambda: 0, lambda: next(others))
    told = {(await slowly())["type"] for _ in range(MAX_WAITS + 5)}
    assert told == {"websocket.receive"}
    assert waited.count(2) == MAX_WAITS + 5


async def test_many_presses_at_once_leave_others_their_turn() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "websocket.receive"}

    slowly = throttled(receive, lambda: 0)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.create_task(other())
    for _ in range(20):
        await slowly()
    running.cancel()
    assert turns >= 15


# Its questions


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs in a thread, as that of a server does for the threads of the page."""
    running = asyncio.new_event_loop()
    thread = threading.Thread(target=running.run_forever, daemon=True)
    thread.start()
    yield running
    running.call_soon_threadsafe(running.stop)
    thread.join(10)
    running.close()


def _asked(
    page: ServedPage,
    question: str = PORTS,
    *,
    peer: str = "127.0.0.1",
    forwarded: str = "",
    history: list[Turn] | None = None,
) -> Answer:
    (*_, last) = page.answer(question, history or [], peer=peer, forwarded=forwarded, waiting=lambda: None)
    assert last.answer is not None
    return last.answer


def test_a_question_counts_for_its_address(serve: Callable[..., Any], loop: asyncio.AbstractEventLoop) -> None:
    service = serve(anonymous_per_minute=1, proxies=("127.0.0.1",))
    page = ServedPage(service.app.state.shared, loop)
    readers = ("203.0.113.7", "203.0.113.8", "2001:db8::1", "2001:db8:0:1::1")
    for reader in readers:
        answer = _asked(page, forwarded=f"198.51.100.1, {reader}")
        assert answer.outcome == "answered"
        assert answer.citations[0].url.startswith(f"{service.url}notes/note.md?lines=")
        with pytest.raises(Refused, match=r"That was often\. Ask again in \d+ seconds\."):
            _asked(page, forwarded=reader)
    elsewhere = httpx.post(
        f"{service.url}v1/ask", json={"question": PORTS}, headers={"X-Forwarded-For": readers[0]}, timeout=60
    )
    assert elsewhere.status_code == 429
    with pytest.raises(Refused):
        _asked(page, forwarded="2001:db8::2")  # of the same home


def test_who_is_no_proxy_cannot_name_another(serve: Callable[..., Any], loop: asyncio.AbstractEventLoop) -> None:
    page = ServedPage(serve(anonymous_per_minute=1).app.state.shared, loop)
    _asked(page, peer="203.0.113.7", forwarded="198.51.100.1")
    with pytest.raises(Refused):
        _asked(page, peer="203.0.113.7", forwarded="198.51.100.2")


def test_too_many_at_once_may_be_asked_later(serve: Callable[..., Any], loop: asyncio.AbstractEventLoop) -> None:
    service = serve(answers_at_once=1, answers_waiting=0)
    here = service.app.state.shared
    page = ServedPage(here, loop)
    here.answers.under_way += 1
    with pytest.raises(Refused, match="Too many are asking"):
        _asked(page)
    here.answers.under_way -= 1
    assert _asked(page).outcome == "answered"


def test_what_cannot_be_asked_is_said_and_costs_nothing(
    serve: Callable[..., Any], loop: asyncio.AbstractEventLoop
) -> None:
    page = ServedPage(serve(anonymous_per_minute=1).app.state.shared, loop)
    with pytest.raises(AskError, match="at most 2,000"):
        _asked(page, "x" * 2_001)
    assert page.settings.docker == "off"
    assert _asked(page).outcome == "answered"


def test_the_page_keeps_the_answer_and_the_service_does_not_keep_it_twice(
    serve: Callable[..., Any], loop: asyncio.AbstractEventLoop
) -> None:
    here = serve().app.state.shared
    _asked(ServedPage(here, loop))
    assert not list(given(here.journal))
    assert here.figures.registry.get_sample_value("ask_answers_total", {"outcome": "answered"}) == 1.0


def test_a_reader_who_leaves_stops_the_answer(serve: Callable[..., Any], loop: asyncio.AbstractEventLoop) -> None:
    here = serve(anonymous_per_minute=100).app.state.shared
    page = ServedPage(here, loop)
    for _ in range(10):
        events = page.answer(PORTS, [], peer="127.0.0.1", forwarded="", waiting=lambda: None)
        next(events)
        events.close()  # type: ignore[attr-defined]  # it is a generator
    until = time.monotonic() + 20
    while here.answers.under_way and time.monotonic() < until:
        time.sleep(0.05)
    assert here.answers.under_way == 0
    assert _asked(page).outcome == "answered"
