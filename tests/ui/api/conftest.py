"""The real service by a real uvicorn, over a small folder of notes; and others with settings of their own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from assistant.journal import Journal
from assistant.keys import Keys
from assistant.settings import Settings
from ui.api.app import create_app
from ui.api.server import OPTIONS

MANY = 1_000_000
NOTE = """# Docker

## Ports

- publish a port with `docker run -p 8080:80 web`: host first, container second
- a UDP port has `/udp` behind its number: `docker run -p 53:53/udp dns`

## Volumes

- a volume keeps its data when the container is removed
- make one with `docker volume create data`

```shell
{! shell/volume.sh !}
```

## Legacy linking of containers
"""
HOSTILE = """# Hostile <script>alert(1)</script>

## <img src=x onerror=alert(1)>

- <script>alert(2)</script> and <svg/onload=alert(3)>
- [run](javascript:alert(4)) and [data](data:text/html,<script>alert(5)</script>) and [j](JaVaScRiPt&#58;alert(6))
- ![pixel](https://tracker.example/pixel.gif) and <iframe src=//evil.example></iframe>
- <a href="x" onmouseover=alert(7)>over</a> `</code><script>alert(8)</script>`

```html
</pre><script>alert(9)</script>
```
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A running service."""

    url: str
    app: Any
    server: uvicorn.Server

    @property
    def journal(self) -> Journal:
        journal: Journal = self.app.state.shared.journal
        return journal

    def key(self, *scopes: str) -> dict[str, str]:
        """The header of a new key."""
        _, text = Keys(self.journal).add("test", scopes or ("ask",))
        return {"Authorization": f"Bearer {text}"}


@contextmanager
def served(**settings: Any) -> Iterator[Served]:
    """A service until the block ends; it can answer when the block begins."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        url = f"http://127.0.0.1:{port}/"
        app = create_app(Settings(**settings), address=url)
        server = uvicorn.Server(uvicorn.Config(app, **OPTIONS))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            _wait_until_ready(url)
            yield Served(url, app, server)
        finally:
            server.should_exit = True
            thread.join(20)
    assert not thread.is_alive()


def _wait_until_ready(url: str) -> None:
    until = time.monotonic() + 120
    said = "nothing"
    while time.monotonic() < until:
        try:
            answer = httpx.get(f"{url}readyz", timeout=5)
        except httpx.TransportError:
            time.sleep(0.05)
            continue
        if answer.status_code == 200:
            return
        said = answer.text
        time.sleep(0.1)
    pytest.fail(f"The service did not become ready: {said}")


@pytest.fixture(scope="session")
def api_notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api") / "notes"
    (folder / "shell").mkdir(parents=True)
    (folder / "note.md").write_text(NOTE)
    (folder / "hostile.md").write_text(HOSTILE)
    (folder / "shell" / "volume.sh").write_text("docker volume ls\ndocker volume prune\n")
    (folder.parent / "secret.md").write_text("# Secret\n\nnothing for readers\n")
    return folder


@pytest.fixture(scope="session")
def service(home: Path, api_notes: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The service of the session: its limits are far away."""
    journal = f"sqlite:///{tmp_path_factory.mktemp('journal') / 'j.sqlite3'}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASK_HOME", str(home))
        with served(
            notes=api_notes,
            journal=journal,
            anonymous_per_minute=MANY,
            anonymous_per_hour=MANY,
            identified_per_minute=MANY,
        ) as running:
            yield running


@pytest.fixture
def serve(home: Path, api_notes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Served]]:
    """Start a service with settings of the test's own."""
    monkeypatch.setenv("ASK_HOME", str(home))
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(served(**{"notes": api_notes, "journal": "none", **settings}))


@pytest.fixture
def client(service: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=60) as opened:
        yield opened
