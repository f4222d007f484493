"""The pages of `ask serve` that links lead to: an answer, a note, the routes, a refusal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.attacks import ATTACKS, MARKER, hostile_note, one_line
from tests.e2e.hosts import serving_api
from tests.e2e.record import Record, serious
from tests.e2e.widget import LEGACY, OTHER, PORTS, Sites, shot
from tests.homes import make_home

pytestmark = [pytest.mark.real, pytest.mark.slow]

NewPage = Callable[..., Page]
# What the pages are made of; anything else, and any other attribute, has come out of a text.
OURS = {
    "a", "blockquote", "body", "br", "code", "details", "div", "em", "h1", "h2", "h3", "head", "html", "li", "link",
    "main", "mark", "meta", "ol", "p", "pre", "section", "span", "strong", "summary", "title", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "charset", "class", "content", "href", "id", "lang", "name", "open", "property", "rel", "start", "title", "type",
    "value",
}  # fmt: skip
EVERYTHING = """() => [...document.querySelectorAll("*")].flatMap(each => [each.localName,
    ...each.getAttributeNames().map(name => `@${name}`)])"""
LINKS = """() => [...document.querySelectorAll("[href]")].map(each => each.href)"""
PRESSED = """() => { for (const each of document.querySelectorAll("a, summary, h2, p, li")) {
    if (each.tagName === "A" && /^https?:/.test(each.href)) continue; // leads away, as it says
    for (const name of ["click", "mouseover", "focus", "pointerenter"])
        each.dispatchEvent(new MouseEvent(name, { bubbles: true, cancelable: true }));
} }"""


@pytest.fixture
def hostile(encoders: Path, tmp_path: Path) -> Iterator[str]:
    """A service over a note with all the attacks in it."""
    home, notes = make_home(tmp_path / "home", encoders), tmp_path / "notes"
    notes.mkdir()
    (notes / "note.md").write_text(hostile_note(), encoding="utf-8")
    with serving_api(notes, home) as service:
        yield service


def _answers(service: str, questions: list[str]) -> list[str]:
    """Ask over HTTP; the ids of the answers."""
    with httpx.Client(base_url=service, timeout=60) as client:
        return [client.post("/v1/ask", json={"question": each}).raise_for_status().json()["id"] for each in questions]


def _look(record: Record, address: str) -> str:
    """Open a page and press what there is; its text. Nothing of it has come from outside."""
    record.page.goto(address)
    record.page.evaluate(PRESSED)
    found = set(record.page.evaluate(EVERYTHING))
    assert {name for name in found if not name.startswith("@")} <= OURS
    assert {name[1:] for name in found if name.startswith("@")} <= ATTRIBUTES
    assert [link for link in record.page.evaluate(LINKS) if not re.match(r"https?://|mailto:", link)] == []
    return record.page.locator("body").inner_text()


def test_nothing_of_60_attacks_acts_on_the_page_of_an_answer(hostile: str, recorded: Callable[[], Record]) -> None:
    record = recorded()
    questions = [f"What does trick {n} publish? {one_line(attack)}" for n, attack in enumerate(ATTACKS, start=1)]
    shown = 0
    for question, answer in zip(questions, _answers(hostile, questions), strict=True):
        text = _look(record, f"{hostile}/a/{answer}")
        assert question[:24] in text
        shown += MARKER in text
    record.page.wait_for_timeout(500)
    assert shown > 30  # the texts were there to act
    assert record.notes == []


def test_nothing_of_60_attacks_acts_on_the_page_of_a_note(hostile: str, recorded: Callable[[], Record]) -> None:
    record = recorded()
    text = _look(record, f"{hostile}/notes/note.md")
    assert all(f"Trick {number}" in text for number in range(1, len(ATTACKS) + 1))
    length = len(hostile_note().splitlines())
    for first in range(1, length, 40):  # the marked lines are shown as they stand in the file
        text = _look(record, f"{hostile}/notes/note.md?lines={first}-{first + 39}")
        assert "The cited lines" in text
    for attack in ATTACKS:
        record.page.goto(
            f"{hostile}/notes/{quote(one_line(attack), safe='')}?of={quote(attack)}&section={quote(attack)}"
        )
        record.page.goto(f"{hostile}/embed?parent={quote(attack)}")
        record.page.goto(f"{hostile}/a/{quote(one_line(attack), safe='')}")
    record.page.wait_for_timeout(500)
    assert record.notes == []


def _views(page: Page, sites: Sites) -> Iterator[str]:
    """Each page in turn, by its name."""
    for name, question in {"answer": PORTS, "unfinished": LEGACY, "not-covered": OTHER}.items():
        page.goto(f"{sites.service}/a/{_answers(sites.service, [question])[0]}")
        expect(page.get_by_role("heading", level=1)).to_have_text(question)
        yield name
    page.goto(f"{sites.service}/notes/note.md?lines=5-6#ports")
    expect(page.locator("mark")).to_have_count(2)
    yield "note"
    page.goto(f"{sites.service}/notes/note.md?lines=3&of=shell/ports.sh#ports")
    expect(page.locator("mark")).to_contain_text("docker port web")
    yield "included"
    page.goto(f"{sites.service}/docs")
    expect(page.get_by_text("/v1/ask").first).to_be_visible()
    yield "docs"
    page.goto(f"{sites.service}/embed?parent=https://elsewhere.example")
    expect(page.get_by_role("heading", level=1)).to_have_text("The chat is not shown here")
    yield "refused"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1_000), ("dark", 1_000), ("light", 360)])
def test_the_pages_can_be_read_by_everybody(sites: Sites, new_page: NewPage, scheme: str, width: int) -> None:
    page = new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    found = {}
    for name in _views(page, sites):
        shot(page, f"page-{name}-{scheme}-{width}")
        found[name] = serious(page)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name}: {wide} pixels stand out"
    assert {name: each for name, each in found.items() if each} == {}
