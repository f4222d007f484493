"""The chat page in a real browser: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from tests.e2e.hosts import hosting, serving_api
from tests.e2e.record import Record, asked_urls, hosts_of
from tests.e2e.servers import running
from tests.e2e.widget import OTHER, PORTS, Sites
from tests.homes import make_home

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NOTE = """# Docker

## Ports

- publish a port with `docker run -p 8080:80 web`: host first, container second
- a UDP port has `/udp` behind its number: `docker run -p 53:53/udp dns`
- which host port leads where, a script tells:

```shell
{! shell/ports.sh !}
```

## Volumes

- a volume keeps its data when the container is removed
- make one with `docker volume create data`
- a picture: ![pixel](https://example.com/pixel.png) <img src="https://example.com/other.png">

## Legacy linking of containers
"""


@dataclass(frozen=True)
class Served:
    """A running `ask ui`."""

    address: str
    home: Path
    notes: Path


@contextmanager
def serving(notes: Path, home: Path, **settings: str) -> Iterator[Served]:
    """`ask ui` over some notes, until the end of the block."""
    with running("ui", notes, home, home / "server.log", **settings) as origin:
        yield Served(f"{origin}/", home, notes)


def write_notes(folder: Path) -> Path:
    """A folder with one note, which includes a script."""
    (folder / "shell").mkdir(parents=True)
    (folder / "shell" / "ports.sh").write_text("#!/bin/sh\n# which host port leads where\ndocker port web\n")
    (folder / "note.md").write_text(NOTE)
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Debian's chromium is; without it the test is left out, which CI takes for a failure."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def playwright(chromium: str) -> Iterator[Playwright]:
    del chromium
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    expect.set_options(timeout=20_000)  # the machine of a CI is slow
    started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
    yield started
    started.close()


@pytest.fixture
def own_home(encoders: Path, tmp_path: Path) -> Path:
    """A home of the test's own, which shares the exported encoder."""
    return make_home(tmp_path / "home", encoders)


@pytest.fixture
def serve(own_home: Path, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts `ask ui` over notes and a home of the test's own; options are settings."""
    with ExitStack() as stack:

        def started(**settings: str) -> Served:
            notes = tmp_path / "notes"
            if not notes.exists():
                write_notes(notes)
            return stack.enter_context(serving(notes, own_home, **settings))

        yield started


@pytest.fixture(scope="module")
def served(encoders: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`ask ui` over notes that no test changes."""
    folder = tmp_path_factory.mktemp("page")
    home = make_home(folder / "home", encoders)
    with serving(write_notes(folder / "notes"), home) as running:
        yield running


@pytest.fixture(scope="session")
def sites(encoders: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """The widget's service with a forum that may show it, over notes that no test changes."""
    folder = tmp_path_factory.mktemp("widget")
    home = make_home(folder / "home", encoders)
    with hosting() as forum, hosting() as stranger:
        settings = {"ASK_EMBED_ORIGINS": forum.origin, "ASK_BASE_URL": f"{forum.origin}/notes/"}
        with serving_api(write_notes(folder / "notes"), home, **settings) as service:
            forum.add("plain", f"{service}/widget.js", suggestions=f"{PORTS}|{OTHER}", course="docker")
            yield Sites(service, forum, stranger)


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages, each a session of its own. That they have asked this machine alone is checked at the end."""
    hosts: set[str] = set()
    with ExitStack() as stack:

        def opened(**options: Any) -> Page:
            context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
            stack.callback(context.close)
            context.on("request", lambda request: hosts.add(request.url))
            page = context.new_page()
            page.set_default_timeout(30_000)
            return page

        yield opened
    outside = {url for url in hosts if not re.match(r"(?:https?|wss?)://127\.0\.0\.1:\d+/|data:|blob:", url)}
    assert outside == set()


@pytest.fixture
def recorded(playwright: Playwright, chromium: str, tmp_path: Path) -> Iterator[Callable[[], Record]]:
    """A browser that keeps a record of all it asks for; at the end the hosts in it are checked."""
    log = tmp_path / "net.json"
    browser: Browser = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, f"--log-net-log={log}"])

    def opened() -> Record:
        record = Record(browser.new_page(viewport={"width": 900, "height": 800}))
        record.page.set_default_timeout(30_000)
        record.watch()
        return record

    yield opened
    browser.close()
    asked = asked_urls(log)
    assert asked
    assert hosts_of(asked) == {"127.0.0.1"}
