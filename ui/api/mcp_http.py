"""POST /mcp: the tools of `ask mcp` over HTTP (Streamable HTTP). No sessions: each request stands for itself.

What the protocol needs is loaded by the first request: it takes a second and 20 MB that most services never use.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ui.api.callers import Caller, needs, spend
from ui.api.limits import MINUTE
from ui.api.problems import Problem
from ui.api.state import Shared, shared

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from mcp.server.transport_security import TransportSecurityMiddleware

# Of any kind, from one caller. To connect takes a client about five; questions have their own, lower limit.
MESSAGES = [(120, MINUTE)]
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
REFUSALS = {
    400: (415, "Send JSON, and say so: Content-Type: application/json."),
    421: (421, "This host name is not the one of this service. Whoever runs it can set it: ASK_PUBLIC_URL."),
    403: (403, "Pages of this origin may not call. Whoever runs the service can allow it: ASK_CORS_ORIGINS."),
}

router = APIRouter(include_in_schema=False)


class McpHttp:
    """The protocol's side of the service: loaded and started once, by the first request that needs it."""

    def __init__(self) -> None:
        self._loading = asyncio.Lock()
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._ready: tuple[StreamableHTTPSessionManager, TransportSecurityMiddleware] | None = None

    async def ready(self, here: Shared) -> tuple[StreamableHTTPSessionManager, TransportSecurityMiddleware]:
        """What handles messages, and what looks at where they come from."""
        async with self._loading:
            if self._ready is None:
                manager, security = await run_in_threadpool(_load, here)
                started = asyncio.Event()
                # A task of its own: what it opens has to be closed by the one that opened it.
                self._running = asyncio.create_task(self._run(manager, started))
                await started.wait()
                self._ready = manager, security
        return self._ready

    async def _run(self, manager: StreamableHTTPSessionManager, started: asyncio.Event) -> None:
        async with manager.run():
            started.set()
            await self._stop.wait()

    async def close(self) -> None:
        """End it, if it has been started."""
        self._stop.set()
        if self._running is not None:
            await self._running


def _load(here: Shared) -> tuple[StreamableHTTPSessionManager, TransportSecurityMiddleware]:
    from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings

    from ui.api.mcp_backend import ServedBackend
    from ui.mcp_server import mcp_server

    public = urlsplit(here.public_url)
    # Without this, a page of any host whose name is made to lead here could ask from its reader's browser.
    security = TransportSecuritySettings(
        allowed_hosts=[public.netloc, public.hostname or "", *LOCAL_NAMES, *(f"{name}:*" for name in LOCAL_NAMES)],
        allowed_origins=list(here.settings.cors_origins),
    )
    server = mcp_server(ServedBackend(here))
    server.streamable_http_app(json_response=True, stateless_http=True, transport_security=security)
    return server.session_manager, TransportSecurityMiddleware(security)


class _Handled(Response):
    """The response that the protocol gives."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        super().__init__()
        self._manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle the message."""
        await self._manager.handle_request(scope, receive, send)


async def message_from(
    who: Annotated[Caller, Depends(needs("ask"))],
    here: Annotated[Shared, Depends(shared)],
) -> Caller:
    """Who sends a message (a dependency); a problem with 429 if it is one too many."""
    spend(here, "mcp", who, MESSAGES)
    return who


@router.post("/mcp")
async def message(
    request: Request, who: Annotated[Caller, Depends(message_from)], here: Annotated[Shared, Depends(shared)]
) -> Response:
    """Take one message of a client."""
    protocol: McpHttp = request.app.state.mcp
    manager, security = await protocol.ready(here)
    refused = await security.validate_request(request, is_post=True)
    if refused is not None:
        raise Problem(*REFUSALS[refused.status_code])
    if not _takes_json(request):
        raise Problem(406, "The answer is JSON. Say that you take it: Accept: application/json, text/event-stream.")
    request.state.who = who
    return _Handled(manager)


def _takes_json(request: Request) -> bool:
    from mcp.server.streamable_http import check_accept_headers

    return check_accept_headers(request)[0]
