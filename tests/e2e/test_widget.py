"""The widget on pages of other origins, in chromium, asking a real `ask serve`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import axe_core_python
import httpx
import pytest
from playwright.sync_api import Frame, FrameLocator, Locator, Page, expect

from tests.e2e.conftest import write_notes
from tests.e2e.hosts import NONCE, STRICT, Host, hosting, serving_api

pytestmark = [pytest.mark.real, pytest.mark.slow]

PORTS = "How do I publish a port?"
LEGACY = "What is legacy linking of containers?"
OTHER = "Who won the world cup in 1998?"
TITLE = "Ask the notes"
AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
NewPage = Callable[..., Page]


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


@pytest.fixture(scope="module")
def sites(encoders: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    folder = tmp_path_factory.mktemp("widget")
    home = folder / "home"
    home.mkdir()
    (home / "encoders").symlink_to(encoders, target_is_directory=True)
    with hosting() as forum, hosting() as stranger:
        settings = {"ASK_EMBED_ORIGINS": forum.origin, "ASK_BASE_URL": f"{forum.origin}/notes/"}
        with serving_api(write_notes(folder / "notes"), home, **settings) as service:
            forum.add("plain", f"{service}/widget.js", suggestions=f"{PORTS}|{OTHER}", course="docker")
            yield Sites(service, forum, stranger)


def _shot(page: Page, name: str) -> None:
    """A picture to look at, where a folder for them is named."""
    folder = os.environ.get("WIDGET_SHOTS")
    if folder:
        page.wait_for_timeout(300)
        page.screenshot(path=f"{folder}/{name}.png")


def _launcher(page: Page) -> Locator:
    return page.get_by_role("button", name=TITLE)


def _panel(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def _open(page: Page, address: str) -> FrameLocator:
    page.goto(address)
    _launcher(page).click()
    panel = _panel(page)
    expect(panel.get_by_label("Your question")).to_be_focused()
    return panel


def _ask(panel: FrameLocator, question: str, outcome: str = "Answered from the notes") -> FrameLocator:
    before = panel.locator(".outcome").count()
    panel.get_by_label("Your question").fill(question)
    panel.get_by_label("Your question").press("Enter")
    expect(panel.locator(".outcome")).to_have_count(before + 1)
    expect(panel.locator(".outcome").last).to_have_text(outcome)
    return panel


def _frame(page: Page) -> Frame:
    return next(frame for frame in page.frames if "/embed?" in frame.url)


def _complaints(page: Page) -> list[str]:
    """What the browser writes to the console: errors, what a policy has blocked, mistakes in scripts."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def _streamed(*events: dict[str, Any]) -> str:
    return "".join(f"event: {event['event']}\ndata: {json.dumps(event)}\n\n" for event in events)


def _answer(**parts: Any) -> dict[str, Any]:
    """An Answer as the service sends it."""
    return {
        "schema": 1, "id": "a1", "question": "q", "standalone_question": "q", "outcome": "answered", "text": "Yes.",
        "claims": [], "citations": [], "commands": [], "tool_runs": [], "nearest": [], "coverage": 0.9,
        "model": "quotes", "notice": None, "timings": {"search_ms": 1, "answer_ms": 1, "total_ms": 2}, **parts,
    }  # fmt: skip


def _citation(**parts: Any) -> dict[str, Any]:
    return {
        "number": 1, "document": "note.md", "heading": ["Docker", "Ports"], "parents": [], "start_line": 5,
        "end_line": 5, "quote": "as it stands", "anchor": "ports", "url": "file:///notes/note.md#ports",
        "revision": "0", "via": None, **parts,
    }  # fmt: skip


def _reply(page: Page, *events: dict[str, Any]) -> None:
    """Answer in place of the service, from now on."""
    page.unroute_all()
    body = _streamed(*events)
    page.route("**/v1/ask", lambda route: route.fulfill(content_type="text/event-stream", body=body))


# Asking


def _facts(service: str) -> dict[str, str]:
    found: dict[str, str] = httpx.get(f"{service}/widget.json").json()
    return found


@pytest.mark.parametrize("kind", ["plain", "strict", "trusted"])
def test_it_is_opened_asked_answered_followed_and_closed(sites: Sites, new_page: NewPage, kind: str) -> None:
    facts = _facts(sites.service)
    policy = STRICT.format(nonce=NONCE, service=sites.service)
    sites.forum.add("strict", sites.service + facts["src"], policy=policy, integrity=facts["integrity"])
    sites.forum.add("trusted", sites.loader, policy="require-trusted-types-for 'script'")
    page = new_page()
    complaints = _complaints(page)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(f"{sites.forum.origin}/{kind}")
    launcher = _launcher(page)
    expect(launcher).to_have_attribute("aria-expanded", "false")
    page.wait_for_timeout(300)
    assert len([url for url in requests if url.startswith(sites.service)]) == 1
    launcher.click()
    panel = _panel(page)
    expect(page.get_by_role("dialog", name=TITLE)).to_be_visible()
    expect(launcher).to_have_attribute("aria-expanded", "true")
    expect(panel.get_by_label("Your question")).to_be_focused()
    _shot(page, f"open-{kind}")
    page.keyboard.type(PORTS)
    page.keyboard.press("Enter")
    expect(panel.locator(".outcome")).to_have_text("Answered from the notes")
    expect(panel.get_by_role("status")).to_contain_text("Answered from the notes. Sources: ")
    _shot(page, f"answered-{kind}")
    panel.get_by_role("link", name="Source 1: Docker › Ports").first.click()
    source = panel.locator(".sources a").first
    expect(source).to_be_focused()
    with page.expect_popup() as opened:
        source.click()
    expect(opened.value.get_by_role("heading", name="A note")).to_be_visible()
    assert opened.value.url == f"{sites.forum.origin}/notes/note.md#ports"
    assert opened.value.evaluate("window.opener") is None
    panel.get_by_label("Your question").focus()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).not_to_be_visible()
    expect(launcher).to_be_focused()
    page.keyboard.press("Enter")
    expect(panel.locator(".outcome")).to_be_visible()  # what was said is still there
    assert complaints == []


def test_an_answer_is_shown_while_it_comes_and_is_no_live_region(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    panel = _open(page, f"{sites.forum.origin}/plain")
    _frame(page).evaluate("""() => {
        const real = window.fetch;
        window.fetch = async (...given) => {
            if (!String(given[0]).includes("v1/ask")) return real(...given);
            const encoder = new TextEncoder();
            const event = (text) => JSON.stringify({ event: "delta", text });
            const said = (text) => encoder.encode(`event: delta\\ndata: ${event(text)}\\n\\n`);
            const body = new ReadableStream({ start(on) {
                on.enqueue(said("First **sentence**. "));
                window.goOn = () => on.enqueue(said("Second one."));
                given[1].signal.addEventListener("abort", () => on.error(new DOMException("", "AbortError")));
            } });
            return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
        };
    }""")
    panel.get_by_label("Your question").fill(PORTS)
    panel.get_by_role("button", name="Ask", exact=True).click()
    expect(panel.locator(".text strong")).to_have_text("sentence")
    _frame(page).evaluate("window.goOn()")
    expect(panel.locator(".text")).to_have_text("First sentence. Second one.")
    expect(panel.get_by_role("status")).to_have_text("Searching the notes.")
    assert panel.locator(".text").evaluate("each => each.closest('[aria-live], [role=log], [role=status]')") is None
    expect(panel.get_by_role("button", name="Stop")).to_be_focused()
    _shot(page, "streaming")
    page.keyboard.press("Enter")
    expect(panel.get_by_text("Stopped.").first).to_be_visible()
    expect(panel.locator(".text")).to_have_text("First sentence. Second one.")
    expect(panel.get_by_label("Your question")).to_be_focused()


def test_what_the_notes_do_not_say_is_told_in_words(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    panel = _ask(_open(page, f"{sites.forum.origin}/plain"), LEGACY, "Not written yet")
    expect(panel.get_by_text("The nearest that is written").last).to_be_visible()
    _ask(panel, OTHER, "Not in the notes")
    expect(panel.get_by_text("The nearest that is written").last).to_be_visible()
    _shot(page, "not-covered")


def test_a_suggestion_is_pressed_and_a_new_conversation_begun(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    panel = _open(page, f"{sites.forum.origin}/plain")
    panel.get_by_role("button", name=PORTS).click()
    expect(panel.locator(".outcome")).to_have_count(1)
    panel.get_by_role("button", name="New").click()
    expect(panel.locator(".outcome")).to_have_count(0)
    expect(panel.get_by_role("button", name=PORTS)).to_be_visible()


def test_a_follow_up_takes_the_conversation_along(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    sent: list[dict[str, Any]] = []
    page.on("request", lambda request: sent.append(request.post_data_json) if "/v1/ask" in request.url else None)
    panel = _ask(_open(page, f"{sites.forum.origin}/plain"), PORTS)
    _ask(panel, "And a UDP port?")
    assert [turn["role"] for turn in sent[1]["history"]] == ["user", "assistant"]
    assert sent[1]["history"][0]["content"] == PORTS


def test_doubts_wrong_commands_and_notices_are_shown(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    panel = _open(page, f"{sites.forum.origin}/plain")
    text = "Use `docker run --publsh 1:1 a`. [1]\n\nThis is near. [1]\n\n"
    text += "- one\n  - two\n    ```shell\n    ls\n    ```\n- three"
    _reply(page, {"event": "done", "answer": _answer(
        outcome="partial", text=text, notice="The model did not answer in time.", citations=[_citation()],
        claims=[{"text": "This is near.", "citations": [1], "support": "weak"}],
        commands=[{"text": "docker run --publsh 1:1 a", "status": "invalid", "problem": "No flag --publsh.",
                   "suggestion": "docker run --publish 1:1 a", "severity": "error"}],
    )})  # fmt: skip
    _ask(panel, PORTS, "Partly in the notes")
    expect(panel.locator(".text")).to_contain_text("This is near. (?) [1]")
    expect(panel.locator(".wrong")).to_contain_text("Write instead: docker run --publish 1:1 a")
    expect(panel.get_by_text("The model did not answer in time.")).to_be_visible()
    expect(panel.locator(".text li li pre code")).to_have_text("ls")
    href = panel.locator(".sources a").get_attribute("href")
    assert href == f"{sites.service}/notes/note.md?lines=5-5#ports"  # never a file of the machine of the service
    _shot(page, "doubts")


def test_a_thumb_and_its_reason_are_sent(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    panel = _ask(_open(page, f"{sites.forum.origin}/plain"), PORTS)
    page.evaluate("window.heard = []; addEventListener('ask-notes:feedback', (e) => heard.push(e.detail))")
    sent: list[dict[str, Any]] = []

    def keep(route: Any) -> None:
        sent.append(route.request.post_data_json)
        route.fulfill(status=200, json={})

    page.route("**/v1/feedback", keep)
    panel.get_by_role("button", name="Not helpful").click()
    panel.get_by_role("button", name="Wrong source").click()
    panel.get_by_label("Anything else?").fill("see line 9")
    panel.get_by_role("button", name="Send").click()
    expect(panel.locator(".thanks")).to_have_text("Thank you, this is kept.")
    _shot(page, "feedback")
    assert [{key: each.get(key) for key in ("rating", "reason", "text")} for each in sent] == [
        {"rating": "down", "reason": None, "text": None},
        {"rating": "down", "reason": "Wrong source", "text": None},
        {"rating": "down", "reason": "Wrong source", "text": "see line 9"},
    ]
    assert {"course", "id"} == set(page.evaluate("heard[0]"))


@pytest.mark.parametrize(
    ("status", "words"), [(429, "Too many questions. Try again in 7 seconds."), (503, "Being built.")]
)
def test_a_refusal_is_told_and_asked_again(sites: Sites, new_page: NewPage, status: int, words: str) -> None:
    page = new_page()
    panel = _open(page, f"{sites.forum.origin}/plain")
    headers = {"Retry-After": "7"} if status == 429 else {}
    problem = json.dumps({"detail": words.split(" Try")[0]})
    page.route("**/v1/ask", lambda route: route.fulfill(status=status, headers=headers, body=problem))
    panel.get_by_label("Your question").fill(PORTS)
    page.keyboard.press("Enter")
    expect(panel.locator(".failed")).to_have_text(words)
    page.unroute_all()
    panel.get_by_role("button", name="Ask again").click()
    expect(panel.locator(".outcome")).to_have_text("Answered from the notes")


# The page around


def test_a_page_that_is_not_allowed_gets_no_chat(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    complaints = _complaints(page)
    page.goto(sites.stranger.add("plain", sites.loader))
    with page.expect_response("**/embed?*") as refused:
        _launcher(page).click()
    assert refused.value.status == 403
    expect(page.get_by_text("The chat cannot be shown on this page.")).to_be_visible()
    assert any("embed_origins" in complaint for complaint in complaints)
    # That it says it is another page does not help: the browser knows whose page it is.
    page.evaluate(
        "(src) => document.body.append(Object.assign(document.createElement('iframe'), { src }))",
        f"{sites.service}/embed?parent={sites.forum.origin}",
    )
    page.wait_for_timeout(1_000)
    assert any("frame-ancestors" in complaint for complaint in complaints)
    assert [frame.url for frame in page.frames[1:] if frame.url.startswith(sites.service)] == []
    _shot(page, "refused")


def test_messages_of_others_are_not_heard(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    panel = _open(page, f"{sites.forum.origin}/plain")
    close = {"source": "ask-notes", "v": 1, "type": "close"}
    page.evaluate("(message) => window.postMessage(message, location.origin)", close)  # right origin, wrong window
    page.wait_for_timeout(200)
    expect(page.get_by_role("dialog")).to_be_visible()
    theme = {"source": "ask-notes", "v": 1, "type": "theme", "payload": {"theme": "dark"}}
    _frame(page).evaluate("(message) => window.postMessage(message, location.origin)", theme)  # not the page around
    page.evaluate("window.AskNotes.setTheme('light')")
    expect(panel.locator("html")).to_have_attribute("data-theme", "light")


def test_it_is_there_once_and_calls_before_it_is_loaded_are_kept(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    keep = "window.AskNotes = function () { (AskNotes.q = AskNotes.q || []).push(arguments); };"
    stub = f"<script>{keep} AskNotes('open');</script>"
    page.goto(sites.forum.add("stub", sites.loader, head=stub))
    expect(page.get_by_role("dialog", name=TITLE)).to_be_visible()
    again = """(src) => new Promise((onload) => {
        document.body.append(Object.assign(document.createElement("script"), { src, onload }));
    })"""
    page.evaluate(again, sites.loader)
    expect(page.locator("iframe")).to_have_count(1)
    page.evaluate("window.AskNotes.destroy()")
    expect(page.locator("iframe")).to_have_count(0)
    assert page.evaluate("'AskNotes' in window") is False
    page.evaluate(again, sites.loader)
    expect(_launcher(page)).to_have_count(1)


def test_the_options_are_taken(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    options = {
        "title": "Help",
        "placeholder": "Frage?",
        "lang": "de",
        "context": "auto",
        "open": "",
        "position": "left",
    }
    page.goto(sites.forum.add("options", sites.loader, accent="#ffcc00", **options))
    panel = _panel(page)
    expect(panel.get_by_role("heading", name="Help")).to_have_attribute("lang", "de")
    expect(panel.get_by_placeholder("Frage?")).to_be_focused()
    expect(panel.get_by_role("button", name="A topic of the forum")).to_be_visible()
    launcher = page.get_by_role("button", name="Help")
    box = launcher.bounding_box()
    assert box is not None
    assert box["x"] == 20
    for button in (launcher, panel.get_by_role("button", name="Ask", exact=True)):
        assert button.evaluate("e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]") == [
            "rgb(255, 204, 0)", "rgb(0, 0, 0)",
        ]  # fmt: skip


def test_it_survives_that_an_app_puts_another_body(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    panel = _ask(_open(page, f"{sites.forum.origin}/plain"), PORTS)
    page.evaluate("document.documentElement.replaceChild(document.createElement('body'), document.body)")
    expect(panel.locator(".outcome")).to_have_count(1)


def test_in_a_place_of_the_page_it_comes_back_with_the_place(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    page.goto(sites.forum.add("inline", sites.loader, mode="inline", suggestions=PORTS))
    panel = _panel(page)
    panel.get_by_role("button", name=PORTS).click()
    expect(panel.locator(".outcome")).to_have_count(1)
    _shot(page, "inline")
    page.evaluate("""() => { const place = document.getElementById("ask-notes-here"); const other = place.cloneNode();
        place.remove(); setTimeout(() => document.body.append(other), 50); }""")
    expect(panel.get_by_role("button", name=PORTS)).to_be_visible()


def test_a_token_is_sent_with_the_question_and_is_in_no_address(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    seen: list[tuple[str, str | None]] = []
    page.on("request", lambda request: seen.append((request.url, request.headers.get("authorization"))))
    page.goto(f"{sites.forum.origin}/plain")
    expect(_launcher(page)).to_be_visible()
    page.evaluate("AskNotes.identify('a.b.c')")
    _launcher(page).click()
    panel = _panel(page)
    expect(panel.get_by_label("Your question")).to_be_focused()
    _reply(page, {"event": "done", "answer": _answer()})
    _ask(panel, PORTS)
    assert [word for url, word in seen if url.endswith("/v1/ask")] == ["Bearer a.b.c"]
    assert [url for url, _ in seen if "a.b.c" in url] == []


# Everybody's widget


def _serious(page: Page) -> list[str]:
    """What axe-core finds that shuts readers out, in the page and in the frame."""
    found = []
    page.wait_for_timeout(400)
    for frame in (page.main_frame, _frame(page)):
        frame.evaluate(AXE)
        result = frame.evaluate("axe.run(document, {resultTypes: ['violations'], iframes: false})")
        found += [
            f"{violation['id']}: {node['target']} {node['html'][:200]}"
            for violation in result["violations"]
            if violation["impact"] in {"serious", "critical"}
            for node in violation["nodes"]
        ]
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(sites: Sites, new_page: NewPage, theme: str) -> None:
    attributes = f' style="color-scheme: {theme}; background: Canvas; color: CanvasText"'
    page = new_page(color_scheme=theme)
    address = sites.forum.add(theme, sites.loader, theme=theme, suggestions=PORTS, attributes=attributes)
    panel = _open(page, address)
    views = {"beginning": _serious(page)}
    _ask(panel, PORTS)
    page.route("**/v1/feedback", lambda route: route.fulfill(status=200, json={}))
    panel.get_by_role("button", name="Helpful", exact=True).click()
    expect(panel.get_by_text("Why?")).to_be_visible()
    panel.get_by_text("What it says").first.click()
    views["answer"] = _serious(page)
    _ask(panel, LEGACY, "Not written yet")
    _ask(panel, OTHER, "Not in the notes")
    views["not in the notes"] = _serious(page)
    _shot(page, f"axe-{theme}")
    colour = panel.locator("body").evaluate("each => getComputedStyle(each).backgroundColor")
    lightness = sum(map(int, re.findall(r"\d+", colour)[:3])) / 3
    assert lightness > 200 if theme == "light" else lightness < 60
    assert {view: found for view, found in views.items() if found} == {}


def test_by_keyboard_alone(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    page.goto(f"{sites.forum.origin}/plain")
    expect(_launcher(page)).to_be_visible()
    page.keyboard.press("Tab")
    expect(_launcher(page)).to_be_focused()
    page.keyboard.press("Enter")
    panel = _panel(page)
    expect(panel.get_by_label("Your question")).to_be_focused()
    page.keyboard.type(PORTS)
    page.keyboard.press("Enter")
    expect(panel.locator(".outcome")).to_be_visible()
    source = panel.locator(".sources a").first
    for _ in range(40):
        page.keyboard.press("Shift+Tab")
        if source.evaluate("each => each === document.activeElement"):
            break
    assert source.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
    with page.expect_popup() as opened:
        page.keyboard.press("Enter")
    opened.value.close()
    page.keyboard.press("Escape")
    expect(_launcher(page)).to_be_focused()


def test_on_a_phone_nothing_is_cut_off(sites: Sites, new_page: NewPage) -> None:
    page = new_page(viewport={"width": 360, "height": 740}, has_touch=True)
    panel = _ask(_open(page, f"{sites.forum.origin}/plain"), PORTS)
    wide = panel.locator("body").evaluate(
        "body => [...body.querySelectorAll('*')].filter(each => each.getBoundingClientRect().right > innerWidth + 1)"
        ".map(each => each.outerHTML.slice(0, 80))"
    )
    assert wide == []
    assert page.locator("iframe").bounding_box() == {"x": 0, "y": 0, "width": 360, "height": 740}
    small = panel.locator("a, button, input, textarea, summary").evaluate_all(
        "all => all.filter(each => each.offsetParent && each.getBoundingClientRect().height < 24"
        " && !each.classList.contains('mark')).map(each => each.outerHTML)"
    )
    assert small == []
    _shot(page, "phone")


def test_with_forced_colours_and_reduced_motion(sites: Sites, new_page: NewPage) -> None:
    page = new_page(forced_colors="active", reduced_motion="reduce")
    panel = _ask(_open(page, f"{sites.forum.origin}/plain"), PORTS)
    assert (
        panel.get_by_role("button", name="Ask", exact=True).evaluate("e => getComputedStyle(e).borderStyle") == "solid"
    )
    moving = "() => document.getAnimations().length"
    assert (page.evaluate(moving), _frame(page).evaluate(moving)) == (0, 0)
    _shot(page, "forced-colours")
