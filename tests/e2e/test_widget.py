"""The widget on pages of other origins, in chromium, asking a real `ask serve`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.assistant.provider import Provider, running
from tests.e2e.conftest import write_notes
from tests.e2e.hosts import NONCE, STRICT, hosting, serving_api
from tests.e2e.widget import (
    LEGACY,
    OTHER,
    PORTS,
    TITLE,
    Sites,
    answer_json,
    ask,
    citation_json,
    complaints_of,
    frame_of,
    launcher_of,
    open_panel,
    panel_of,
    reply_with,
    shot,
)

pytestmark = [pytest.mark.real, pytest.mark.slow]

NewPage = Callable[..., Page]


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
    complaints = complaints_of(page)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(f"{sites.forum.origin}/{kind}")
    launcher = launcher_of(page)
    expect(launcher).to_have_attribute("aria-expanded", "false")
    page.wait_for_timeout(300)
    assert len([url for url in requests if url.startswith(sites.service)]) == 1
    launcher.click()
    panel = panel_of(page)
    expect(page.get_by_role("dialog", name=TITLE)).to_be_visible()
    expect(launcher).to_have_attribute("aria-expanded", "true")
    expect(panel.get_by_label("Your question")).to_be_focused()
    shot(page, f"open-{kind}")
    page.keyboard.type(PORTS)
    page.keyboard.press("Enter")
    expect(panel.locator(".outcome")).to_have_text("Answered from the notes")
    expect(panel.get_by_role("status")).to_contain_text("Answered from the notes. Sources: ")
    shot(page, f"answered-{kind}")
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
    panel = open_panel(page, f"{sites.forum.origin}/plain")
    frame_of(page).evaluate("""() => {
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
    frame_of(page).evaluate("window.goOn()")
    expect(panel.locator(".text")).to_have_text("First sentence. Second one.")
    expect(panel.get_by_role("status")).to_have_text("Searching the notes.")
    assert panel.locator(".text").evaluate("each => each.closest('[aria-live], [role=log], [role=status]')") is None
    expect(panel.get_by_role("button", name="Stop")).to_be_focused()
    shot(page, "streaming")
    page.keyboard.press("Enter")
    expect(panel.get_by_text("Stopped.").first).to_be_visible()
    expect(panel.locator(".text")).to_have_text("First sentence. Second one.")
    expect(panel.get_by_label("Your question")).to_be_focused()


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running() as server:
        server.reply = (
            "ANSWERED: yes\nYou publish a port with `docker run -p 8080:80 web`, host first. [1]\n"
            "A UDP port has `/udp` behind its number. [2]\n"
        )
        server.behaviour = "trickles"
        yield server


def test_what_a_model_words_is_shown_by_the_sentence(
    own_home: Path, tmp_path: Path, provider: Provider, new_page: NewPage
) -> None:
    model = {"ASK_MODEL": "openai:scripted", "ASK_MODEL_URL": provider.url, "OPENAI_API_KEY": "none"}
    with hosting() as forum:
        notes = write_notes(tmp_path / "notes")
        with serving_api(notes, own_home, ASK_EMBED_ORIGINS=forum.origin, **model) as service:
            panel = open_panel(new_page(), forum.add("plain", f"{service}/widget.js"))
            panel.get_by_label("Your question").fill("How do I publish a port, and how a UDP port?")
            panel.get_by_label("Your question").press("Enter")
            expect(panel.get_by_text("host first")).to_be_visible()
            assert panel.get_by_text("behind its number").count() == 0
            expect(panel.locator(".text")).to_contain_text("A UDP port has /udp behind its number.")
            expect(panel.get_by_text("Worded by openai:scripted")).to_be_visible()


def test_what_the_notes_do_not_say_is_told_in_words(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    panel = ask(open_panel(page, f"{sites.forum.origin}/plain"), LEGACY, "Not written yet")
    expect(panel.get_by_text("The nearest that is written").last).to_be_visible()
    ask(panel, OTHER, "Not in the notes")
    expect(panel.get_by_text("The nearest that is written").last).to_be_in_viewport()
    expect(panel.get_by_role("heading", name=OTHER)).to_be_in_viewport()
    shot(page, "not-covered")


def test_a_suggestion_is_pressed_and_a_new_conversation_begun(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    panel = open_panel(page, f"{sites.forum.origin}/plain")
    panel.get_by_role("button", name=PORTS).click()
    expect(panel.locator(".outcome")).to_have_count(1)
    panel.get_by_role("button", name="New").click()
    expect(panel.locator(".outcome")).to_have_count(0)
    expect(panel.get_by_role("button", name=PORTS)).to_be_visible()


def test_a_follow_up_takes_the_conversation_along(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    sent: list[dict[str, Any]] = []
    page.on("request", lambda request: sent.append(request.post_data_json) if "/v1/ask" in request.url else None)
    panel = ask(open_panel(page, f"{sites.forum.origin}/plain"), PORTS)
    ask(panel, "And a UDP port?")
    assert [turn["role"] for turn in sent[1]["history"]] == ["user", "assistant"]
    assert sent[1]["history"][0]["content"] == PORTS


def test_doubts_wrong_commands_and_notices_are_shown(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    panel = open_panel(page, f"{sites.forum.origin}/plain")
    text = "Use `docker run --publsh 1:1 a`. [1]\n\nThis is near. [1]\n\n"
    text += "- one\n  - two\n    ```shell\n    ls\n    ```\n- three"
    reply_with(page, {"event": "done", "answer": answer_json(
        outcome="partial", text=text, notice="The model did not answer in time.", citations=[citation_json()],
        claims=[{"text": "This is near.", "citations": [1], "support": "weak"}],
        commands=[{"text": "docker run --publsh 1:1 a", "status": "invalid", "problem": "No flag --publsh.",
                   "suggestion": "docker run --publish 1:1 a", "severity": "error"}],
    )})  # fmt: skip
    ask(panel, PORTS, "Partly in the notes")
    expect(panel.locator(".text")).to_contain_text("This is near. (?) [1]")
    expect(panel.locator(".wrong")).to_contain_text("Write instead: docker run --publish 1:1 a")
    expect(panel.get_by_text("The model did not answer in time.")).to_be_visible()
    expect(panel.locator(".text li li pre code")).to_have_text("ls")
    href = panel.locator(".sources a").get_attribute("href")
    assert href == f"{sites.service}/notes/note.md?lines=5-5#ports"  # never a file of the machine of the service
    shot(page, "doubts")


def test_a_thumb_and_its_reason_are_sent(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    panel = ask(open_panel(page, f"{sites.forum.origin}/plain"), PORTS)
    page.evaluate("window.heard = []; addEventListener('ask-notes:feedback', (e) => heard.push(e.detail))")
    sent: list[dict[str, Any]] = []

    def keep(route: Any) -> None:
        sent.append(route.request.post_data_json)
        route.fulfill(status=200, json={"id": f"{len(sent):032x}"})

    page.route("**/v1/feedback", keep)
    panel.get_by_role("button", name="Not helpful").click()
    panel.get_by_role("button", name="Wrong source").click()
    panel.get_by_label("Anything else?").fill("see line 9")
    panel.get_by_role("button", name="Send").click()
    expect(panel.locator(".thanks")).to_have_text("Thank you, this is kept.")
    shot(page, "feedback")
    assert [{key: each.get(key) for key in ("rating", "reason", "text")} for each in sent] == [
        {"rating": "down", "reason": None, "text": None},
        {"rating": "down", "reason": "Wrong source", "text": None},
        {"rating": "down", "reason": "Wrong source", "text": "see line 9"},
    ]
    # Each in place of the one before: this reader is one.
    assert [each.get("replaces") for each in sent] == [None, f"{1:032x}", f"{2:032x}"]
    assert {"course", "id"} == set(page.evaluate("heard[0]"))


@pytest.mark.parametrize(
    ("status", "words"), [(429, "Too many questions. Try again in 7 seconds."), (503, "Being built.")]
)
def test_a_refusal_is_told_and_asked_again(sites: Sites, new_page: NewPage, status: int, words: str) -> None:
    page = new_page()
    panel = open_panel(page, f"{sites.forum.origin}/plain")
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
    complaints = complaints_of(page)
    page.goto(sites.stranger.add("plain", sites.loader))
    with page.expect_response("**/embed?*") as refused:
        launcher_of(page).click()
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
    shot(page, "refused")


def test_messages_of_others_are_not_heard(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    panel = open_panel(page, f"{sites.forum.origin}/plain")
    close = {"source": "ask-notes", "v": 1, "type": "close"}
    page.evaluate("(message) => window.postMessage(message, location.origin)", close)  # right origin, wrong window
    page.wait_for_timeout(200)
    expect(page.get_by_role("dialog")).to_be_visible()
    theme = {"source": "ask-notes", "v": 1, "type": "theme", "payload": {"theme": "dark"}}
    frame_of(page).evaluate("(message) => window.postMessage(message, location.origin)", theme)  # not the page around
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
    expect(launcher_of(page)).to_have_count(1)


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
    panel = panel_of(page)
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
    panel = ask(open_panel(page, f"{sites.forum.origin}/plain"), PORTS)
    page.evaluate("document.documentElement.replaceChild(document.createElement('body'), document.body)")
    expect(panel.locator(".outcome")).to_have_count(1)


def test_in_a_place_of_the_page_it_comes_back_with_the_place(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    page.goto(sites.forum.add("inline", sites.loader, mode="inline", suggestions=PORTS))
    panel = panel_of(page)
    panel.get_by_role("button", name=PORTS).click()
    expect(panel.locator(".outcome")).to_have_count(1)
    shot(page, "inline")
    page.evaluate("""() => { const place = document.getElementById("ask-notes-here"); const other = place.cloneNode();
        place.remove(); setTimeout(() => document.body.append(other), 50); }""")
    expect(panel.get_by_role("button", name=PORTS)).to_be_visible()


def test_a_token_is_sent_with_the_question_and_is_in_no_address(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    seen: list[tuple[str, str | None]] = []
    page.on("request", lambda request: seen.append((request.url, request.headers.get("authorization"))))
    page.goto(f"{sites.forum.origin}/plain")
    expect(launcher_of(page)).to_be_visible()
    page.evaluate("AskNotes.identify('a.b.c')")
    launcher_of(page).click()
    panel = panel_of(page)
    expect(panel.get_by_label("Your question")).to_be_focused()
    reply_with(page, {"event": "done", "answer": answer_json()})
    ask(panel, PORTS)
    assert [word for url, word in seen if url.endswith("/v1/ask")] == ["Bearer a.b.c"]
    assert [url for url, _ in seen if "a.b.c" in url] == []


def test_a_token_that_is_no_longer_good_does_not_keep_its_reader_from_asking(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    seen: list[str | None] = []
    page.on(
        "request",
        lambda request: seen.append(request.headers.get("authorization")) if request.url.endswith("/v1/ask") else None,
    )
    page.goto(f"{sites.forum.origin}/plain")
    expect(launcher_of(page)).to_be_visible()
    page.evaluate("addEventListener('ask-notes:expired', () => AskNotes.identify('new.b.c'))")
    page.evaluate("AskNotes.identify('old.b.c')")
    launcher_of(page).click()
    panel = ask(panel_of(page), PORTS)  # of the real service, which knows neither token
    assert seen == ["Bearer old.b.c", None]
    reply_with(page, {"event": "done", "answer": answer_json()})
    ask(panel, PORTS)
    assert seen[2:] == ["Bearer new.b.c"]
