"""The widget as a test sees it: the page around, the panel, and answers in place of those of the service."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import ConsoleMessage, Frame, FrameLocator, Locator, Page, expect

from tests.e2e.hosts import Host

TITLE = "Ask the notes"
PORTS = "How do I publish a port?"
LEGACY = "What is legacy linking of containers?"
OTHER = "Who won the world cup in 1998?"


@dataclass(frozen=True)
class Sites:
    """The service, a forum it allows, and one that it does not."""

    service: str
    forum: Host
    stranger: Host

    @property
    def loader(self) -> str:
        """The address of the loader."""
        return f"{self.service}/widget.js"


def shot(page: Page, name: str) -> None:
    """A picture to look at, where a folder for them is named."""
    folder = os.environ.get("WIDGET_SHOTS")
    if folder:
        page.wait_for_timeout(300)
        page.screenshot(path=f"{folder}/{name}.png")


def launcher_of(page: Page) -> Locator:
    """The button."""
    return page.get_by_role("button", name=TITLE)


def panel_of(page: Page) -> FrameLocator:
    """The chat in the frame."""
    return page.frame_locator("iframe")


def open_panel(page: Page, address: str) -> FrameLocator:
    """Go to a page and press the button."""
    page.goto(address)
    launcher_of(page).click()
    panel = panel_of(page)
    expect(panel.get_by_label("Your question")).to_be_focused()
    return panel


def ask(panel: FrameLocator, question: str, outcome: str = "Answered from the notes") -> FrameLocator:
    """Ask, and wait for the answer."""
    before = panel.locator(".outcome").count()
    panel.get_by_label("Your question").fill(question)
    panel.get_by_label("Your question").press("Enter")
    expect(panel.locator(".outcome")).to_have_count(before + 1)
    expect(panel.locator(".outcome").last).to_have_text(outcome)
    return panel


def frame_of(page: Page) -> Frame:
    """The same as a frame, to run scripts in."""
    return next(frame for frame in page.frames if "/embed?" in frame.url)


def complaints_of(page: Page) -> list[str]:
    """What the browser writes to the console: errors, what a policy has blocked, mistakes in scripts."""
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            found.append(f"{message.text} ({message.location['url']})")

    page.on("console", note)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def streamed(*events: dict[str, Any]) -> str:
    """Events as the service sends them."""
    return "".join(f"event: {event['event']}\ndata: {json.dumps(event)}\n\n" for event in events)


def answer_json(**parts: Any) -> dict[str, Any]:
    """An Answer as the service sends it."""
    return {
        "schema": 1, "id": "a1", "question": "q", "standalone_question": "q", "outcome": "answered", "text": "Yes.",
        "claims": [], "citations": [], "commands": [], "tool_runs": [], "nearest": [], "coverage": 0.9,
        "model": "quotes", "notice": None, "timings": {"search_ms": 1, "answer_ms": 1, "total_ms": 2}, **parts,
    }  # fmt: skip


def citation_json(**parts: Any) -> dict[str, Any]:
    """A Citation as the service sends it."""
    return {
        "number": 1, "document": "note.md", "heading": ["Docker", "Ports"], "parents": [], "start_line": 5,
        "end_line": 5, "quote": "as it stands", "anchor": "ports", "url": "file:///notes/note.md#ports",
        "revision": "0", "via": None, **parts,
    }  # fmt: skip


def reply_with(page: Page, *events: dict[str, Any]) -> None:
    """Answer in place of the service, from now on."""
    page.unroute_all()
    body = streamed(*events)
    page.route("**/v1/ask", lambda route: route.fulfill(content_type="text/event-stream", body=body))
