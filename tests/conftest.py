"""What every test stands on: a home of its own, nothing of the user's, no outside network, one exported encoder."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.homes import make_home

if TYPE_CHECKING:
    from tests.assistant.docker.engine import Engine

ROOT = Path(__file__).parent.parent
USERS_OWN = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES")
# Nothing listens there: a program that a test starts, and that reaches for the network, is refused at once.
NOWHERE = "http://127.0.0.1:9"

os.environ["HF_HUB_OFFLINE"] = "1"  # read when huggingface_hub is imported, so before any test
os.environ.pop("ASK_HOME", None)


def _is_this_machine(host: object) -> bool:
    """Whether a host of a socket address is loopback: an address, `localhost`, or none at all."""
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(name)).is_loopback
    except ValueError:
        return False


def _refuse_outside_network(event: str, args: tuple[Any, ...]) -> None:
    """Fail the test that looks up or reaches any other machine; unlike an OSError, no `except` of the code hides it."""
    if event == "socket.getaddrinfo":
        host = args[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(args[1], tuple):  # a Unix socket has a str
        host = args[1][0]
    else:
        return
    if not _is_this_machine(host):
        pytest.fail(f"A test reached for the network: {event} {host!r}.")


sys.addaudithook(_refuse_outside_network)


def _clear_settings(patch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ASK_")] + list(USERS_OWN):
        patch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def _encoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encoders")


@pytest.fixture(scope="session")
def encoders(_encoders: Path) -> Path:
    """The folder `encoders` of every home, with the default encoder exported: once a session, it takes ten seconds."""
    code = "import sys, pathlib, index.embedding as e; e.load_encoder(e.DEFAULT_ENCODER, pathlib.Path(sys.argv[1]))"
    home = make_home(_encoders.parent / "export-home", _encoders)
    # In a process of its own: torch would stay in this one, where tests look at what is imported.
    subprocess.run([sys.executable, "-c", code, str(home)], cwd=ROOT, check=True)
    return _encoders


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A real Docker Engine, with what tests/assistant/docker/engine.py puts into it; one for all tests."""
    from tests.assistant.docker.engine import missing, running

    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    with running() as started:
        yield started


@pytest.fixture(scope="session")
def home(encoders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home for the whole session, the real encoder in it: for what is built once and only read by tests."""
    return make_home(tmp_path_factory.mktemp("session") / "home", encoders)


@pytest.fixture(scope="session", autouse=True)
def _session_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What fixtures of the session run in: none of the user's settings, files or proxies."""
    users = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patch:
        _clear_settings(patch)
        patch.setenv("ASK_HOME", str(users / "home"))
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
            patch.setenv(name, str(users / name.lower()))
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            patch.setenv(name, NOWHERE)
            patch.setenv(name.upper(), NOWHERE)
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(name, "localhost,127.0.0.1,::1")
        yield


@pytest.fixture(autouse=True)
def ask_home(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, _encoders: Path
) -> Iterator[Path]:
    """ASK_HOME of one test: a new folder that shares the exported encoder; a test marked `real` finds it exported."""
    if request.node.get_closest_marker("real"):
        request.getfixturevalue("encoders")
    with pytest.MonkeyPatch.context() as patch:
        _clear_settings(patch)
        folder = make_home(tmp_path_factory.mktemp("ask") / "home", _encoders)
        patch.setenv("ASK_HOME", str(folder))
        yield folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What drives a browser comes last: Playwright keeps an event loop running, and beside it no other can run."""
    items.sort(key=lambda item: "e2e" in item.path.parts)


def _left_out(reporter: pytest.TerminalReporter) -> list[str]:
    """The tests that were skipped, each with its reason."""
    lines = []
    for report in reporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        lines.append(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}")
    return lines


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what did not run, so that a green run is not taken for more than it is."""
    skipped = _left_out(terminalreporter)
    choice = config.option.markexpr or config.option.keyword  # of several workers none tells how many it left out
    for line in skipped:
        terminalreporter.write_line(f"Left out: {line}")
    if choice:
        terminalreporter.write_line(f"Left out: every test that is not {choice!r}, by the choice of this call.")
    if not skipped and not choice and config.args_source == pytest.Config.ArgsSource.TESTPATHS:
        terminalreporter.write_line(
            "Left out: nothing; the real encoder, Chroma, bash, a Docker Engine, PostgreSQL and chromium took part."
        )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With CI=true a skipped test is a failure: nothing may be left out there."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    in_ci = os.environ.get("CI") == "true"
    if in_ci and session.exitstatus == pytest.ExitCode.OK and reporter is not None and _left_out(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
