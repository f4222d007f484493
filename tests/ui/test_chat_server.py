from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ui.chat.server import HEADERS, Guard, is_loopback, streamlit_options

COMMAND = [sys.executable, "-c", "from ui.cli import main; main()"]


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("192.168.1.5", False), ("x", False)],
)
def test_loopback_is_told_from_the_rest_and_guards_its_names(host: str, local: bool) -> None:
    assert is_loopback(host) is local
    assert ("server.allowedHosts" in streamlit_options(host, 1)) is local


def test_streamlit_calls_nobody_and_shows_no_code() -> None:
    options = streamlit_options("127.0.0.1", 8501)
    assert options["browser.gatherUsageStats"] is False
    assert options["client.showErrorDetails"] == "none"
    assert options["server.enableAgentApi"] is False


# The guard


def _through(scope: dict[str, Any]) -> tuple[bool, list[dict[str, Any]]]:
    """Whether a request came through, and what was sent."""
    came: list[bool] = []
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, _: Any, send: Any) -> None:
        came.append(True)
        if scope["type"] == "http":
            headers = [(b"x-frame-options", b"ALLOWALL"), (b"content-type", b"text/html")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Guard(app)(scope, receive, send))
    return bool(came), sent


def test_every_response_forbids_to_be_framed() -> None:
    _, (start,) = _through({"type": "http", "headers": []})
    assert set(HEADERS) <= set(start["headers"])
    assert [value for name, value in start["headers"] if name == b"x-frame-options"] == [b"DENY"]


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (b"http://127.0.0.1:8501", True),
        (None, True),
        (b"http://evil.example", False),
        (b"http://127.0.0.1:9999", False),
        (b"null", False),
    ],
)
def test_a_web_socket_is_for_pages_of_this_address(origin: bytes | None, allowed: bool) -> None:
    headers = [(b"host", b"127.0.0.1:8501"), *([(b"origin", origin)] if origin else [])]
    came, sent = _through({"type": "websocket", "headers": headers})
    assert came is allowed
    assert [message["type"] for message in sent] == ([] if allowed else ["websocket.close"])


# `ask ui`


@pytest.fixture
def started(environment: dict[str, str], notes: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`ask ui` as a process of its own."""
    with subprocess.Popen(
        [*COMMAND, "ui", "--no-browser", "--port", "0", "--notes", str(notes)],
        cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment,
    ) as process:  # fmt: skip
        yield process
        process.kill()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+/", line)
    assert found, line + process.stderr.read()
    return found[0]


@pytest.mark.real
@pytest.mark.slow
def test_it_serves_with_headers_on_loopback_and_ctrl_c_ends_it(started: subprocess.Popen[str]) -> None:
    address = _address(started)
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as response:  # noqa: S310  # our own address
                headers = dict(response.headers)
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert headers["content-security-policy"] == "frame-ancestors 'none'"
    assert headers["x-content-type-options"] == "nosniff"
    started.send_signal(signal.SIGINT)
    assert started.wait(15) == 130
    assert started.stderr is not None
    assert started.stderr.read().strip() == "ask: interrupted"


@pytest.mark.real
@pytest.mark.slow
def test_a_second_one_on_the_same_port_says_so(started: subprocess.Popen[str], environment: dict[str, str]) -> None:
    port = _address(started).rpartition(":")[2].rstrip("/")
    second = subprocess.run(
        [*COMMAND, "ui", "--no-browser", "--port", port], capture_output=True, text=True, timeout=60, check=False,
        env=environment,
    )  # fmt: skip
    assert second.returncode == 1
    assert second.stderr.startswith(f"ask: Port {port} of 127.0.0.1 is taken")
    assert second.stderr.count("\n") == 1


@pytest.mark.real
def test_wrong_settings_are_told_before_a_server_starts(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [*COMMAND, "ui", "--no-browser", "--model", "nonsense"], capture_output=True, text=True, timeout=60,
        check=False, env=environment | {"PYTHONDEVMODE": ""},
    )  # fmt: skip
    assert done.returncode == 2
    assert "has no provider" in done.stderr


def test_help_needs_neither_streamlit_nor_a_database() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from ui.cli import cli; "
        "shown = CliRunner().invoke(cli, ['ui', '--help']); assert '--no-browser' in shown.output; "
        "print(*({'streamlit', 'sqlalchemy', 'starlette'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
        env=os.environ,
    )  # fmt: skip
    assert done.stdout.strip() == ""
