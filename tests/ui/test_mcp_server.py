"""The notes by the Model Context Protocol, with the protocol's own client at the real command."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

pytestmark = [pytest.mark.real, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
NOTE = """# Docker

## Ports

- publish a port with `docker run -p 8080:80 web`

## Volumes
"""


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    (folder / "week one").mkdir(parents=True)
    (folder / "week one" / "docker.md").write_text(NOTE)
    (tmp_path / "secret.md").write_text("# not of the notes")
    return folder


@asynccontextmanager
async def connected(notes: Path, home: Path) -> AsyncIterator[Client]:
    """A client of `ask mcp` over these notes."""
    command = StdioServerParameters(
        command=sys.executable,
        args=["-c", "from ui.cli import main; main()", "mcp", "--notes", str(notes)],
        env={**os.environ, "ASK_HOME": str(home), "PYTHONPATH": str(ROOT)},
        cwd=str(home),
    )
    async with Client(command) as client:
        yield client


def structured(result: Any) -> dict[str, Any]:
    """What a tool has returned."""
    assert not result.is_error, result.content
    found: dict[str, Any] = result.structured_content or json.loads(result.content[0].text)
    return found


async def test_tools_only_read(notes: Path, ask_home: Path) -> None:
    async with connected(notes, ask_home) as client:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == {"ask_notes", "search_notes", "get_section"}
        assert all(tool.annotations is not None and tool.annotations.read_only_hint for tool in tools)


async def test_a_question_is_answered_with_citations(notes: Path, ask_home: Path) -> None:
    async with connected(notes, ask_home) as client:
        answer = structured(await client.call_tool("ask_notes", {"question": "How do I publish a port?"}))
        assert answer["outcome"] == "answered"
        (citation, *_) = answer["citations"]
        assert (citation["document"], citation["start_line"]) == ("week one/docker.md", 5)
        where = {"document": citation["document"], "anchor": citation["anchor"]}
        section = structured(await client.call_tool("get_section", where))
        assert citation["quote"] in section["markdown"]
        found = structured(await client.call_tool("search_notes", {"query": "publish a port", "limit": 1}))
        assert len(found["passages"]) == 1


async def test_what_cannot_be_asked_is_an_error_in_words(notes: Path, ask_home: Path) -> None:
    async with connected(notes, ask_home) as client:
        empty = await client.call_tool("ask_notes", {"question": " "})
        assert empty.is_error
        assert "The question is empty" in empty.content[0].text
        gone = await client.call_tool("get_section", {"document": "../secret.md", "anchor": "x"})
        assert gone.is_error
        assert "There is no section" in gone.content[0].text


async def test_the_notes_are_resources(notes: Path, ask_home: Path) -> None:
    async with connected(notes, ask_home) as client:
        contents = await client.read_resource("notes://index")
        (note,) = json.loads(contents.contents[0].text)["notes"]
        states = {tuple(section["heading"]): section["state"] for section in note["sections"]}
        assert states[("Docker", "Volumes")] == "unfinished"
        read = await client.read_resource("notes://note/week%20one/docker.md")
        assert "publish a port with" in read.contents[0].text
        with pytest.raises(Exception, match=r"(?i)no note|not found|traversal|invalid|unknown"):
            await client.read_resource("notes://note/../secret.md")
