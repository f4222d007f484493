"""The notes by the Model Context Protocol over HTTP: the protocol's own client at the running service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from assistant.asked import given

pytestmark = pytest.mark.real

PORTS = "How do I publish a port?"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


@asynccontextmanager
async def connected(url: str, headers: dict[str, str] | None = None, **options: Any) -> AsyncIterator[Client]:
    """The protocol's client, with headers of its own."""
    async with (
        httpx2.AsyncClient(headers=headers or {}, timeout=60) as http,
        Client(streamable_http_client(f"{url}mcp", http_client=http), **options) as client,
    ):
        yield client


def structured(result: Any) -> dict[str, Any]:
    """What a tool has returned."""
    assert not result.is_error, result.content
    found: dict[str, Any] = result.structured_content or json.loads(result.content[0].text)
    return found


def post(url: str, body: Any = INITIALIZE, **headers: str) -> httpx.Response:
    """One message by hand."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(f"{url}mcp", content=content, headers={**JSON, **headers}, timeout=60)


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["request_id"] == answer.headers["x-request-id"]
    return found


def called(tool: str, **arguments: Any) -> dict[str, Any]:
    """The message that calls a tool."""
    return {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


# The client


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_client_of_the_protocol_reads_everything(service: Any, mode: str) -> None:
    async with connected(service.url, mode=mode) as client:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == {"ask_notes", "search_notes", "get_section"}
        assert all(tool.annotations is not None and tool.annotations.read_only_hint for tool in tools)
        assert "call" not in json.dumps([tool.input_schema for tool in tools])
        answer = structured(await client.call_tool("ask_notes", {"question": PORTS}))
        assert answer["outcome"] == "answered"
        (citation, *_) = answer["citations"]
        where = {"document": citation["document"], "anchor": citation["anchor"]}
        section = structured(await client.call_tool("get_section", where))
        assert citation["quote"] in section["markdown"]
        found = structured(await client.call_tool("search_notes", {"query": "publish a port", "limit": 1}))
        assert found["passages"][0]["url"].startswith(f"{service.url}notes/note.md?lines=")
        contents = await client.read_resource("notes://index")
        assert "note.md" in {note["document"] for note in json.loads(contents.contents[0].text)["notes"]}
        note = await client.read_resource("notes://note/note.md")
        assert "publish a port with" in note.contents[0].text
        with pytest.raises(Exception, match=r"(?i)no note|not found|traversal|invalid|unknown"):
            await client.read_resource("notes://note/../secret.md")
    kept = httpx.get(f"{service.url}v1/answers/{answer['id']}").json()
    assert kept["question"] == PORTS
    assert citation["url"] == kept["citations"][0]["url"]
    assert httpx.get(citation["url"]).status_code == 200
    assert httpx.get(f"{service.url}a/{answer['id']}").status_code == 200
    assert answer["id"] in {each.answer for each in given(service.journal)}


async def test_many_clients_at_once_leave_nothing_behind(service: Any) -> None:
    async def one() -> str:
        async with connected(service.url) as client:
            return str(structured(await client.call_tool("ask_notes", {"question": PORTS}))["outcome"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ui.api.mcp_http.MESSAGES", [(1_000, 60.0)])
        assert await asyncio.gather(*(one() for _ in range(12))) == ["answered"] * 12
    assert "ask_answers_under_way 0.0" in httpx.get(f"{service.url}metrics").text


def test_there_are_no_sessions_and_no_streams_that_stay_open(service: Any) -> None:
    answer = post(service.url)
    assert answer.status_code == 200
    assert "mcp-session-id" not in answer.headers
    assert answer.headers["content-type"] == "application/json"
    for method in ("GET", "PUT", "DELETE"):
        refused = httpx.request(method, f"{service.url}mcp", headers={"Accept": "text/event-stream"}, timeout=5)
        problem(refused, 405)
        assert refused.headers["allow"] == "POST"
    listen = {
        "jsonrpc": "2.0",
        "id": 3,
        "method": "subscriptions/listen",
        "params": {
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            },
            "notifications": {"toolsListChanged": True},
        },
    }
    headers = {"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "subscriptions/listen"}
    refused = post(service.url, listen, **headers)
    assert refused.status_code == 404, refused.text
    assert "Method not found" in refused.text


# Who may ask, and how often


async def test_a_call_is_a_question_of_the_same_limit(serve: Callable[..., Any]) -> None:
    service = serve(anonymous_per_minute=3)
    asked = httpx.post(f"{service.url}v1/ask", json={"question": PORTS}, timeout=60)
    assert asked.status_code == 200
    async with connected(service.url) as client:
        structured(await client.call_tool("ask_notes", {"question": PORTS}))
        structured(await client.call_tool("search_notes", {"query": PORTS}))
        for tool, arguments in (
            ("ask_notes", {"question": PORTS}),
            ("search_notes", {"query": PORTS}),
            ("get_section", {"document": "note.md", "anchor": "ports"}),
        ):
            refused = await client.call_tool(tool, arguments)
            assert refused.is_error
            assert "That was often. Ask again in " in refused.content[0].text
        assert (await client.list_tools()).tools  # what is no question has a limit of its own
        with_key = service.key()
    assert httpx.post(f"{service.url}v1/ask", json={"question": PORTS}).status_code == 429
    async with connected(service.url, with_key) as client:
        structured(await client.call_tool("ask_notes", {"question": PORTS}))
    assert 'ask_answers_total{outcome="answered"} 3.0' in httpx.get(f"{service.url}metrics").text


def test_messages_have_a_limit_of_their_own(serve: Callable[..., Any]) -> None:
    service = serve()
    answers = [post(service.url) for _ in range(121)]
    assert {answer.status_code for answer in answers[:120]} == {200}
    problem(answers[120], 429)
    assert int(answers[120].headers["retry-after"]) > 0


def test_a_wrong_key_is_refused(service: Any) -> None:
    for said in ("Bearer ask_nonsense", "Bearer x.y.z", "Basic eDp5"):
        refused = post(service.url, Authorization=said)
        problem(refused, 401)
        assert refused.headers["www-authenticate"] == "Bearer"


# Where it comes from


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", ""])
def test_another_name_of_this_machine_is_refused(service: Any, host: str) -> None:
    assert problem(post(service.url, Host=host), 421)["detail"].endswith("ASK_PUBLIC_URL.")


def test_the_name_of_the_public_address_is_known(serve: Callable[..., Any]) -> None:
    service = serve(public_url="https://ask.example.org/")
    assert post(service.url, Host="ask.example.org").status_code == 200
    assert post(service.url, Host="localhost:1234").status_code == 200
    problem(post(service.url, Host="forum.example.org"), 421)


def test_pages_may_call_only_if_they_are_on_the_list(serve: Callable[..., Any]) -> None:
    service = serve(cors_origins=("https://forum.example.org",))
    allowed = post(service.url, Origin="https://forum.example.org")
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://forum.example.org"
    for origin in ("https://evil.example", "null", "https://forum.example.org.evil.example", service.url.rstrip("/")):
        refused = post(service.url, Origin=origin)
        problem(refused, 403)
        assert "access-control-allow-origin" not in refused.headers
    asked = {
        "Origin": "https://forum.example.org",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, mcp-protocol-version",
    }
    assert httpx.options(f"{service.url}mcp", headers=asked).status_code == 200


# What comes in


def test_a_body_that_is_too_large_is_refused(service: Any) -> None:
    problem(post(service.url, b" " * (64 * 1024 + 1)), 413)


def test_what_is_no_message_is_told(service: Any) -> None:
    problem(post(service.url, b"{}", **{"Content-Type": "text/plain"}), 415)
    problem(post(service.url, Accept="text/html"), 406)
    nested = b"[" * 30_000 + b"]" * 30_000
    batch = [called("ask_notes", question=PORTS)] * 50
    for body in (b"{", b"[]", b"null", b"\xff", nested, batch, {"jsonrpc": "2.0", "id": 1}):
        answer = post(service.url, body)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["code"] < 0
        assert answer.headers["x-request-id"]
        modern = post(service.url, body, **{"Mcp-Protocol-Version": "2026-07-28"})
        assert modern.status_code == 400, modern.text


@pytest.mark.parametrize("tool", ["ask_notes", "search_notes", "get_section"])
def test_a_text_that_is_too_long_is_an_error_in_words(service: Any, tool: str) -> None:
    text = "x" * 2_001
    arguments = {"question": text} if tool == "ask_notes" else {"query": text}
    if tool == "get_section":
        arguments = {"document": "note.md", "anchor": text}
    result = post(service.url, called(tool, **arguments)).json()["result"]
    assert result["isError"] is True
    assert "at most 2,000 are taken" in result["content"][0]["text"]


def test_what_cannot_be_asked_is_an_error_in_words(service: Any) -> None:
    for message, words in (
        (called("ask_notes", question=" "), "The question is empty"),
        (called("ask_notes"), "question"),
        (called("ask_notes", question={"$ne": 1}), "question"),
        (called("get_section", document="../secret.md", anchor="x"), "There is no section"),
        (called("run_shell", line="id"), "Unknown tool"),
    ):
        answer = post(service.url, message).json()
        assert words in json.dumps(answer), answer
        assert "Traceback" not in json.dumps(answer)


def test_while_the_index_is_built_a_tool_says_so(serve: Callable[..., Any]) -> None:
    service = serve(anonymous_per_minute=1)
    here = service.app.state.shared.service
    opened, here._opened = here._opened, None
    for _ in range(2):  # and it costs no turn
        result = post(service.url, called("ask_notes", question=PORTS)).json()["result"]
        assert result["isError"] is True
        assert result["content"][0]["text"].endswith("The index of the notes is being built. Ask again in a moment.")
    read = {"jsonrpc": "2.0", "id": 4, "method": "resources/read", "params": {"uri": "notes://index"}}
    assert "is being built" in post(service.url, read).json()["error"]["message"]
    here._opened = opened
    assert post(service.url, called("ask_notes", question=PORTS)).json()["result"]["isError"] is False


def test_too_many_at_once_is_an_error_in_words(serve: Callable[..., Any]) -> None:
    service = serve(answers_at_once=1, answers_waiting=0)
    answers = service.app.state.shared.answers
    answers.under_way += 1
    result = post(service.url, called("ask_notes", question=PORTS)).json()["result"]
    answers.under_way -= 1
    assert result["isError"] is True
    assert "Too many are asking" in result["content"][0]["text"]


def test_it_is_no_part_of_the_description(service: Any) -> None:
    assert "/mcp" not in httpx.get(f"{service.url}openapi.json").json()["paths"]
