"""`ask serve`: the application on one address until it is interrupted."""

from __future__ import annotations

import sys
from typing import Any

from assistant.settings import Settings
from ui.api.app import create_app
from ui.api.connection import Connection
from ui.api.telemetry import log_as_json
from ui.chat.server import free_port

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
    """Serve until SIGINT or SIGTERM; requests under way are finished. Raises AskError if the address is taken."""
    import uvicorn

    port = free_port(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{port}/"
    app = create_app(settings, address=address)
    log_as_json()
    print(f"Ask the Notes is at {address}  (Ctrl-C stops it)", file=sys.stderr, flush=True)  # noqa: T201
    uvicorn.run(app, host=host, port=port, **OPTIONS)
