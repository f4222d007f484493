"""The server of the chat page: Streamlit on one address, with headers, and no word to any other host."""

from __future__ import annotations

import ipaddress
import os
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from corpus.errors import AskError
from ui.port import free_port

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from streamlit.starlette import App

    from ui.chat.session import Host

SCRIPT = Path(__file__).parents[1] / "streamlit_app.py"
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
HEADERS = (
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


def serve(*, notes: Path | None, model: str | None, host: str, port: int, open_browser: bool) -> None:
    """Serve the page until it is interrupted. Raises AskError if the address cannot be had."""
    port = free_port(host, port)
    if notes is not None:
        os.environ["ASK_NOTES"] = str(notes.expanduser().absolute())
    if model is not None:
        os.environ["ASK_MODEL"] = model
    import streamlit as st
    from starlette.middleware import Middleware

    address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"

    @asynccontextmanager
    async def running(_: object) -> AsyncIterator[None]:
        print(f"Ask the Notes is at {address}  (Ctrl-C stops it)", file=sys.stderr, flush=True)  # noqa: T201
        if open_browser:
            threading.Timer(0.5, webbrowser.open, [address]).start()
        yield

    app = st.App(SCRIPT, middleware=[Middleware(Guard)], lifespan=running, on_script_error=show_mistake)
    app.run(config=streamlit_options(host, port))


def hosted_app(host: Host, address: str) -> App:
    """The page as a part of another server, reached at the host of an address. One in a process."""
    import streamlit as st
    from starlette.middleware import Middleware
    from streamlit.web.bootstrap import load_config_options

    from ui.chat import session

    session.hosted = host
    reached = urlsplit(address)
    options = streamlit_options(reached.hostname or "", reached.port or 0)
    load_config_options({**options, "logger.level": "error"})  # what strangers send is not worth a line
    return st.App(SCRIPT, middleware=[Middleware(Guard)], on_script_error=show_mistake)


def streamlit_options(host: str, port: int) -> dict[str, Any]:
    """How Streamlit is set: it asks nobody, shows no code, and takes orders from its own page only."""
    local = {"server.allowedHosts": list(LOCAL_NAMES)} if is_loopback(host) else {}
    return {
        "server.address": host,
        "server.port": port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.enableAgentApi": False,
        "server.maxUploadSize": 1,
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
        "logger.hideWelcomeMessage": True,
        "runner.magicEnabled": False,
        # Blue for what can be pressed (red is for what is wrong), text dark enough that what is paler can still be
        # read, and code in the colour of text.
        "theme.light.textColor": "#111111",
        "theme.light.primaryColor": "#2556a8",
        "theme.light.codeTextColor": "#111111",
        "theme.light.codeBackgroundColor": "#f3f4f6",
        "theme.dark.primaryColor": "#8ab4f8",
        "theme.dark.codeTextColor": "#e6e6e6",
        "theme.dark.codeBackgroundColor": "#262730",
        **local,
    }


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def show_mistake(error: Exception) -> bool:
    """What a reader sees of a mistake in the program; its trace is in the terminal of the server."""
    import streamlit as st

    if isinstance(error, AskError):
        st.error(str(error), icon=":material/error:")
    else:
        st.error(
            "Something went wrong that should not: this is a mistake in the program, please report it. "
            "The terminal of the server shows where. Reload the page to go on.",
            icon=":material/error:",
        )
    return True


class Guard:
    """Frame headers on every response; a web socket is for pages of this very address."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        if scope["type"] == "websocket" and not _is_same_origin(scope):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in HEADERS}
                kept = [pair for pair in message.get("headers", []) if pair[0].lower() not in own]
                message["headers"] = [*kept, *HEADERS]
            await send(message)

        await self._app(scope, receive, with_headers)


def _is_same_origin(scope: Scope) -> bool:
    """Whether a browser sends from the address it asks; programs send no Origin.

    Streamlit would look an unknown origin up against this machine's outside address, at a host far away.
    """
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    origin = headers.get(b"origin")
    return origin is None or urlsplit(origin).netloc == headers.get(b"host")
