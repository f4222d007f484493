"""What a browser noticed of a page: what ran, what a policy stopped, which hosts were asked, what axe-core finds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import axe_core_python
from playwright.sync_api import Frame, Page

from tests.e2e.attacks import MARKER

AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@dataclass
class Record:
    """Dialogs, mistakes, the marker of the attacks, what a policy had to stop."""

    page: Page
    notes: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """From now on."""
        self.page.on("dialog", lambda dialog: (self.notes.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.on("pageerror", lambda error: self.notes.append(str(error)))
        self.page.on("console", lambda message: self._heard(message.text))

    def _heard(self, text: str) -> None:
        # A text of ours that only the policy kept from acting would have come through all the same.
        if MARKER in text or "Content Security Policy" in text or "TrustedHTML" in text:
            self.notes.append(text)


def asked_urls(log: Path) -> set[str]:
    """Every address that the pages of a browser have asked for, by its own network log (`--log-net-log`)."""
    events = json.loads(log.read_text())["events"]
    started = [event["params"] for event in events if "initiator" in event.get("params", {})]
    return {event["url"] for event in started if event["initiator"].startswith("http")}  # else the browser's own


def hosts_of(urls: set[str]) -> set[str | None]:
    """The hosts of addresses."""
    return {urlsplit(url).hostname for url in urls}


def serious(frame: Page | Frame) -> list[str]:
    """What axe-core finds that shuts readers out."""
    frame.wait_for_timeout(400)
    frame.evaluate(AXE)
    result = frame.evaluate("axe.run(document, {resultTypes: ['violations'], iframes: false})")
    return [
        f"{violation['id']}: {node['target']} {node['html'][:200]}"
        for violation in result["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]
