"""60 texts that try to act, in questions, notes and replies of a model: by the browser's own record none does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, expect

from tests.assistant.provider import Provider, running
from tests.e2e.attacks import ATTACKS, MARKER, hostile_note, one_line
from tests.e2e.hosts import hosting, serving_api
from tests.e2e.record import Record
from tests.e2e.widget import answer_json, citation_json, open_panel, reply_with
from tests.homes import make_home

pytestmark = [pytest.mark.real, pytest.mark.slow]

# What an answer is made of; anything else has come out of a text.
OURS = {
    "a", "blockquote", "br", "button", "code", "details", "div", "em", "h2", "h3", "input", "li", "ol", "p", "pre",
    "section", "span", "strong", "summary", "ul",
}  # fmt: skip
PRESSED = """(main) => { for (const each of main.querySelectorAll("a, summary, .turn span")) {
    if (each.tagName === "A" && /^https?:/.test(each.href)) continue; // leads away, as it says
    each.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
    each.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
} }"""


@contextmanager
def _widget(encoders: Path, folder: Path, **settings: str) -> Iterator[str]:
    """A page with the widget over notes with all the texts in them; its address."""
    home, notes = make_home(folder / "home", encoders), folder / "notes"
    notes.mkdir()
    (notes / "note.md").write_text(hostile_note(), encoding="utf-8")
    with ExitStack() as stack:
        host = stack.enter_context(hosting())
        service = stack.enter_context(serving_api(notes, home, ASK_EMBED_ORIGINS=host.origin, **settings))
        yield host.add("plain", f"{service}/widget.js")


def _ask(panel: FrameLocator, question: str, number: int) -> None:
    """Ask, and wait for the answer, whatever it is."""
    panel.get_by_label("Your question").fill(question)
    panel.get_by_label("Your question").press("Enter")
    expect(panel.locator(".outcome")).to_have_count(number)


def _nothing_of_theirs(panel: FrameLocator) -> None:
    """The conversation has our elements alone, with no handler, and no address but of the web."""
    main = panel.locator("#conversation")
    main.evaluate(PRESSED)
    tags = main.evaluate("main => [...main.querySelectorAll('.turn *')].map(each => each.localName)")
    assert set(tags) <= OURS
    names = main.evaluate("main => [...main.querySelectorAll('.turn *')].flatMap(each => each.getAttributeNames())")
    assert [name for name in names if name.startswith("on") or name in {"style", "src", "srcdoc"}] == []
    addresses = main.evaluate("main => [...main.querySelectorAll('.turn [href]')].map(each => each.href)")
    assert [address for address in addresses if not re.match(r"https?://", address)] == []


def test_there_are_60() -> None:
    assert len(set(ATTACKS)) == 60


def test_in_the_question_and_in_the_notes(encoders: Path, tmp_path: Path, recorded: Callable[[], Record]) -> None:
    with _widget(encoders, tmp_path) as address:
        record = recorded()
        panel = open_panel(record.page, address)
        for number, attack in enumerate(ATTACKS, start=1):
            _ask(panel, f"What does trick {number} publish? {one_line(attack)}", number)
        quoted = panel.locator(".turn .text", has_text=MARKER).count()
        _nothing_of_theirs(panel)
        record.page.wait_for_timeout(500)
    assert quoted > 30  # the notes' own lines were shown, else this would have tried nothing
    assert record.notes == []


def test_in_every_part_of_an_answer(encoders: Path, tmp_path: Path, recorded: Callable[[], Record]) -> None:
    with _widget(encoders, tmp_path) as address:
        record = recorded()
        panel = open_panel(record.page, address)
        for number, attack in enumerate(ATTACKS, start=1):
            cited = citation_json(
                document=attack, heading=[attack], parents=[attack], quote=attack, anchor=attack,
                url=f"javascript:console.log('{MARKER}')",
            )  # fmt: skip
            command = {
                "text": attack,
                "status": "invalid",
                "problem": attack,
                "suggestion": attack,
                "severity": "error",
            }
            run = {"argv": ["docker", attack], "allowed": True, "stdout": attack, "stderr": attack}
            answer = answer_json(
                id=attack, text=f"{attack}\n\n- {attack} [1]\n  - **{attack}** [1]", notice=attack, model=attack,
                claims=[{"text": attack, "citations": [1], "support": "weak"}], citations=[cited], nearest=[cited],
                commands=[command], tool_runs=[run],
            )  # fmt: skip
            delta = {"event": "delta", "text": attack}
            reply_with(record.page, delta, {"event": "done", "answer": answer})
            _ask(panel, attack.replace("\x01", ""), number)
        _nothing_of_theirs(panel)
        record.page.wait_for_timeout(500)
    assert record.notes == []


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running() as server:
        yield server


def test_in_the_reply_of_a_model(
    encoders: Path, tmp_path: Path, recorded: Callable[[], Record], provider: Provider
) -> None:
    settings = {
        "ASK_MODEL": "openai:scripted", "ASK_MODEL_URL": provider.url, "ASK_MODEL_RETRIES": "0",
        "OPENAI_API_KEY": "none",
    }  # fmt: skip
    with _widget(encoders, tmp_path, **settings) as address:
        record = recorded()
        panel = open_panel(record.page, address)
        for number, attack in enumerate(ATTACKS, start=1):
            provider.reply = f"ANSWERED: yes\nYou publish a port with `docker run -p 8080:80 web`. [1]\n{attack} [1]\n"
            provider.reply += f"Trick number {number} publishes a port: {attack} [1]\n"
            _ask(panel, f"How do I publish a port by trick {number}?", number)
            if number % 10 == 0:  # so that what was said does not fill the request
                _nothing_of_theirs(panel)
        record.page.wait_for_timeout(500)
    assert len(provider.requests) >= len(ATTACKS)
    assert record.notes == []
