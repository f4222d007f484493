"""The read-only tool at the real engine of the tests."""

from __future__ import annotations

import pytest

from assistant.docker.policy import TIERS
from assistant.docker.tool import DockerTool
from tests.assistant.docker.engine import Engine


@pytest.fixture
def tool(engine: Engine) -> DockerTool:
    """The tool with all that it may ever do, at that engine."""
    return DockerTool(frozenset(TIERS), f"unix://{engine.socket}", per_minute=10_000)
