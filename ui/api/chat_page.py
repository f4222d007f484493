"""/chat: the page of `ask ui`, for everybody, over the notes and the journal of the service and within its limits.

Streamlit is loaded by the first visit: it takes a second and 20 MB that a service without visitors never uses.
"""

from __future__ import annotations

import asyncio
import queue
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing

from fastapi import Request
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, State
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.answer import Event, Turn
from corpus.errors import AskError
from ui.api.asking import begin, checked_length
from ui.api.callers import Caller, address, spend, windows
from ui.api.limits import MINUTE, SECOND, client_address, network_of
from ui.api.problems import Problem
from ui.api.state import Shared, opened_notes
from ui.chat.refusal import Refused
from ui.chat.server import hosted_app
from ui.service import read_events

PAGES = {"", "notes", "favicon.png", "manifest.json"}  # and what is in these folders:
FILES = {"static", "media"}
FOLDERS = {"notes", *FILES}
NO_PAGE = "There is no such page."
ABOUT = {"_stcore/health", "_stcore/host-config"}
SOCKET = "_stcore/stream"
MAX_OPEN = 200  # pages
MAX_OPEN_OF_ONE = 20  # of one address
OPENINGS = [(60, MINUTE)]  # of one address: each begins a session, which is kept for a while
# Of one address, on all of its pages. Each draws a page anew, which is a seventh of a second of the processor.
PRESSES = [(4, SECOND), (120, MINUTE)]
# Of everybody together: many addresses may wait for each other, and the rest of the service for none of them.
ALL_PRESSES = [(5, SECOND)]
MAX_WAITS = 8  # messages in a row of one page that came too soon

Events = queue.Queue[Event | BaseException | None]


async def to_chat(request: Request) -> RedirectResponse:
    """The page's addresses are relative to the slash."""
    query = request.url.query
    return RedirectResponse(f"chat/?{query}" if query else "chat/")


def front_page(*, has_chat: bool) -> Callable[[], Awaitable[RedirectResponse]]:
    """The route of the bare address, which is what a person types: to the page, or to what else there is."""

    async def front() -> RedirectResponse:
        return RedirectResponse("chat/" if has_chat else "docs")

    return front


class ChatPage:
    """The page, under a path of the service. What it does not need is refused before it is loaded."""

    path = "/chat"  # what the figures call all of it

    def __init__(self) -> None:
        self._loading = asyncio.Lock()
        self._running = AsyncExitStack()
        self._app: ASGIApp | None = None
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        here: Shared = scope["app"].state.shared
        scope["route"] = self
        path = scope["path"].removeprefix(scope.get("root_path", "")).removeprefix("/")
        if scope["type"] == "websocket":
            await self._socket(here, path, scope, receive, send)
            return
        if scope["method"] not in {"GET", "HEAD"}:
            raise Problem(405, "This can only be read.", {"Allow": "GET, HEAD"})
        if path not in PAGES | ABOUT and path.partition("/")[0] not in FOLDERS:
            raise Problem(404, NO_PAGE)
        await self._read(await self._ready(here), path, scope, receive, send)

    async def _read(self, app: ASGIApp, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what the page gives; what it refuses, or has no file for, is a problem as everywhere."""
        is_file = path.partition("/")[0] in FILES
        refused = 0

        async def given(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start":
                kind = Headers(raw=message["headers"]).get("content-type", "")
                is_missing = is_file and kind.startswith("text/html")  # in place of a missing file there is the page
                refused = message["status"] if message["status"] >= 400 else 404 if is_missing else 0
            if not refused:
                await send(message)

        await app(dict(scope), receive, given)
        if refused:
            raise Problem(refused, NO_PAGE)

    async def _socket(self, here: Shared, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """The connection of one open page; so many at once, and no more of one address."""
        who = address(HTTPConnection(scope), here.settings)
        is_full = self._open.total() >= MAX_OPEN or self._open[who] >= MAX_OPEN_OF_ONE
        if path != SOCKET or is_full or here.limits.spend(f"chat:{who}", OPENINGS):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        self._open[who] += 1
        slowly = throttled(
            receive,
            lambda: here.limits.spend(f"press:{who}", PRESSES),
            lambda: here.limits.spend("presses", ALL_PRESSES),
        )
        try:
            await (await self._ready(here))(scope, slowly, send)
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]

    async def _ready(self, here: Shared) -> ASGIApp:
        async with self._loading:
            if self._app is None:
                host = ServedPage(here, asyncio.get_running_loop())
                app = await run_in_threadpool(hosted_app, host, here.public_url)
                await self._running.enter_async_context(app.lifespan()(app))
                self._app = app
        return self._app

    async def close(self) -> None:
        """End the sessions, if there were any."""
        await self._running.aclose()


def throttled(receive: Receive, spend: Callable[[], int], spend_of_all: Callable[[], int] = lambda: 0) -> Receive:
    """What comes, one by one when it is too much: `spend` gives the seconds to wait for the next turn, or 0, and
    `spend_of_all` those for which others are the reason.

    A page that goes on sending too much is closed: what it has sent would hold its place long after it has gone.
    """
    waits = 0

    async def slowly() -> Message:
        nonlocal waits
        await asyncio.sleep(0)  # what has come already is there without waiting: others would have no turn between
        message = await receive()
        is_too_soon = False
        while message["type"] == "websocket.receive" and (wait := spend()):
            is_too_soon = True
            await asyncio.sleep(wait)
        while message["type"] == "websocket.receive" and (wait := spend_of_all()):
            await asyncio.sleep(wait)
        waits = waits + 1 if is_too_soon else 0
        return message if waits <= MAX_WAITS else {"type": "websocket.disconnect", "code": 1008}

    return slowly


class ServedPage:
    """What the page has of the service. Its sessions run in threads of their own, the limits in that of the loop."""

    def __init__(self, here: Shared, loop: asyncio.AbstractEventLoop) -> None:
        self.settings = here.settings
        self.service = here.service
        self.journal = here.journal
        self._here = here
        self._loop = loop

    def answer(
        self, question: str, history: Sequence[Turn], *, peer: str, forwarded: str, waiting: Callable[[], None]
    ) -> Iterator[Event]:
        """The events of one answer, which counts as one of /v1/ask from that address. Raises AskError and Refused."""
        who = Caller("anonymous", network_of(client_address(peer, forwarded, self.settings.proxies)))
        events: Events = queue.Queue()
        asking = asyncio.run_coroutine_threadsafe(self._ask(question, history, who, events), self._loop)
        try:
            yield from read_events(events, waiting)
        finally:
            asking.cancel()

    async def _ask(self, question: str, history: Sequence[Turn], who: Caller, events: Events) -> None:
        here = self._here
        try:
            checked_length(question)
            assistant = opened_notes(here).assistant
            spend(here, "ask", who, windows(who, self.settings))
            # The page keeps the answer itself, in its conversation.
            answering = begin(here, assistant, question, history, who, State(), keep=False)
            async with aclosing(answering.events()) as answered:  # type: ignore[type-var]  # it is a generator
                async for event in answered:
                    events.put(event)
            events.put(None)
        except Problem as problem:
            is_later = "Retry-After" in problem.headers
            events.put(Refused(problem.detail) if is_later else AskError(problem.detail))
        except BaseException as error:
            events.put(error)
            raise
