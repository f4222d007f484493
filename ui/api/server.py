"""`ask serve`: the application on one address until it is interrupted."""

from __future__ import annotations

import ipaddress
import sys
from contextlib import closing
from typing import Any

from assistant.chain import packaged_course
from assistant.database import journal_url
from assistant.journal import Journal
from assistant.settings import Settings
from corpus.documents import read_notes
from index.location import ask_home
from ui.api.app import create_app
from ui.api.connection import Connection
from ui.api.telemetry import log_as_json
from ui.api.webhooks import intake_of
from ui.bot.starting import connector_of
from ui.port import free_port

OPTIONS: dict[str, Any] = {
    "http": Connection,
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,  # nobody's word about an address is taken, unless a setting names the proxy
    "ws_max_size": 256 * 1024,  # of one message of the chat page
    "timeout_graceful_shutdown": 10,  # seconds for answers under way
}


def run_server(settings: Settings, *, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are finished. Raises AskError if it cannot begin."""
    import uvicorn

    port = free_port(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{port}/"
    app = create_app(settings, address=address)
    _check(settings)
    log_as_json()
    print(f"Ask the Notes is at {address}  (Ctrl-C stops it)", file=sys.stderr, flush=True)  # noqa: T201
    if settings.public_url is None and _is_any(host):
        hint = "Links in its answers lead to that address, which nobody can open: name the one that others reach."
        print(f"ask: {hint} ASK_PUBLIC_URL=https://ask.example.org", file=sys.stderr, flush=True)  # noqa: T201
    uvicorn.run(app, host=host, port=port, **OPTIONS)


def _check(settings: Settings) -> None:
    """What would else end the start in the middle, with a trace. Raises AskError."""
    read_notes(settings.notes or packaged_course())
    with closing(Journal.open(journal_url(settings.journal, ask_home()))) as journal:
        if journal.notice is not None:
            print(f"ask: {journal.notice}", file=sys.stderr, flush=True)  # noqa: T201
        intake_of(settings, journal)
        if settings.bot_forum is not None and settings.bot_in_serve:
            connector_of(settings)


def _is_any(host: str) -> bool:
    """Whether a server listens on all addresses of the machine, of which this is none."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
