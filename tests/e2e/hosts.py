"""Pages of others that show the widget, and `ask serve`: each a server of its own on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.e2e.servers import running, wait_until_ready

NONCE = "bm90LXJlYWxseS1yYW5kb20"
STRICT = (
    "default-src 'none'; script-src 'nonce-{nonce}'; frame-src {service}; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
PAGE = """<!doctype html>
<html lang="en"{attributes}><head><title>A topic of the forum</title><meta name="viewport" content="width=device-width">
{head}</head><body><main><h1>A topic of the forum</h1><p>A page of somebody else's.</p><div id="ask-notes-here"></div>
</main>{script}</body></html>"""


class Host(ThreadingHTTPServer):
    """A forum: `/NAME` is the page that `pages` has under it, `/notes/...` the notes on the web."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, tuple[str, str]] = {}  # the page, and its Content-Security-Policy

    @property
    def origin(self) -> str:
        """As a browser names it."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, name: str, src: str, *, policy: str = "", head: str = "", attributes: str = "", **data: str) -> str:
        """A page with the loader from `src`; its address. Options of the loader are the rest."""
        integrity = data.pop("integrity", "")
        sri = f' integrity="{integrity}" crossorigin="anonymous"' if integrity else ""
        options = "".join(f' data-{key}="{escape(value)}"' for key, value in data.items())
        script = f'<script async nonce="{NONCE}" src="{escape(src)}"{sri}{options}></script>'
        self.pages[name] = (PAGE.format(head=head, script=script, attributes=attributes), policy)
        return f"{self.origin}/{name}"


class _Handler(BaseHTTPRequestHandler):
    server: Host

    def do_GET(self) -> None:
        """A page."""
        name = self.path.partition("?")[0].removeprefix("/")
        is_note = name.startswith("notes/")
        note = "<!doctype html><html lang='en'><title>A note</title><h1>A note</h1></html>"
        page, policy = (note, "") if is_note else self.server.pages.get(name, ("", ""))
        self.send_response(200 if page else 204 if name == "favicon.ico" else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        if policy:
            self.send_header("Content-Security-Policy", policy)
        self.send_header("Content-Length", str(len(page.encode())))
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *args: object) -> None:
        """Nothing on standard error."""


@contextmanager
def hosting() -> Iterator[Host]:
    """A forum, until the end of the block."""
    host = Host()
    thread = threading.Thread(target=host.serve_forever, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        host.shutdown()
        host.server_close()
        thread.join()


@contextmanager
def serving_api(notes: Path, home: Path, **settings: str) -> Iterator[str]:
    """`ask serve` over some notes, ready to be asked, until the end of the block; its origin."""
    # The limits have tests of their own; here they are far away.
    limits = {"ASK_ANONYMOUS_PER_MINUTE": "100000", "ASK_ANONYMOUS_PER_HOUR": "100000"}
    with running("serve", notes, home, home / "api.log", **{**limits, **settings}) as origin:
        wait_until_ready(origin)
        yield origin
