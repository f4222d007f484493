"""One real Docker Engine for all tests that need it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assistant.docker.policy import TIERS
from assistant.docker.tool import DockerTool
from tests.assistant.docker.engine import Engine, missing, running


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A running engine, with what tests/assistant/docker/engine.py puts into it."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    with running() as started:
        yield started


@pytest.fixture
def tool(engine: Engine) -> DockerTool:
    """The tool with all that it may ever do, at that engine."""
    return DockerTool(frozenset(TIERS), f"unix://{engine.socket}", per_minute=10_000)
