"""How large a request may be, and how slowly it may come. Counted while it is read: no header is believed."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

KB = 1024
MOST = 8 * KB
# A conversation comes whole with every message; a webhook brings a whole post.
MORE = {"/v1/chat/completions": 64 * KB, "/webhooks/": 256 * KB, "/mcp": 64 * KB}
SECONDS = 15.0  # for the whole of it


class BodyLimit:
    """Refuses a body that is too large (413) or too slow (408)."""

    def __init__(self, app: ASGIApp, seconds: float = SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its body counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = next((size for path, size in MORE.items() if scope["path"].startswith(path)), MOST)
        read, is_read = 0, False
        until = asyncio.get_running_loop().time() + self._seconds

        async def counted() -> Message:
            nonlocal read, is_read
            if is_read:  # what comes now is only that the client has gone
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError as error:
                raise HTTPException(408, "The request came too slowly.", {"Connection": "close"}) from error
            if message["type"] == "http.request":
                read += len(message.get("body", b""))
                is_read = not message.get("more_body", False)
                if read > most:
                    detail = f"The request has more than {most // KB} KB. Send less."
                    raise HTTPException(413, detail, {"Connection": "close"})
            return message

        await self._app(scope, counted, send)
