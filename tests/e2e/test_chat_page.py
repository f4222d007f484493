"""The chat page as a reader has it: in chromium, served by `ask ui`."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Playwright, expect

from assistant.answer import Answer, Citation, Claim, ShownCommand
from assistant.database import FILE, journal_url
from assistant.journal import Journal
from tests.assistant.provider import Provider, running
from tests.e2e.conftest import FLAGS, Served
from tests.e2e.record import asked_urls, hosts_of, serious
from tests.e2e.servers import COMMAND, ROOT

pytestmark = [pytest.mark.real, pytest.mark.slow]

PORTS = "How do I publish a port?"
LEGACY = "What is legacy linking of containers?"
OTHER = "Who won the world cup in 1998?"
ANSWERED, UNFINISHED, NOT_COVERED = "Answered from the notes", "Not written yet", "Not in the notes"
NewPage = Callable[..., Page]
Serve = Callable[..., Served]


def _open(page: Page, address: str, wait_for: str = "To begin with") -> Page:
    page.goto(address)
    expect(page.get_by_text(wait_for).first).to_be_visible(timeout=90_000)
    return page


def _badge(page: Page, words: str) -> Locator:
    """The outcomes that say so; a badge has a symbol before its words."""
    return page.locator(".stMarkdownBadge", has_text=words)


def _ask(page: Page, question: str, outcome: str = ANSWERED) -> Page:
    before = _badge(page, outcome).count()
    box = page.get_by_test_id("stChatInputTextArea")
    expect(box).to_be_enabled()
    box.fill(question)
    box.press("Enter")
    expect(_badge(page, outcome)).to_have_count(before + 1)
    expect(page.get_by_test_id("stFeedback").last).to_be_visible()
    return page


# Asking


def test_a_mark_leads_to_its_source_with_the_lines_marked(served: Served, new_page: NewPage) -> None:
    page = _ask(_open(new_page(), served.address), PORTS)
    source = page.locator(".ask-sources > li").first
    expect(source.locator("mark").first).not_to_be_visible()
    page.get_by_role("link", name="[1]").first.click()
    expect(source.locator("mark").first).to_have_text(re.compile("docker run -p 8080:80 web"))
    expect(source.locator("mark").first).to_be_in_viewport()
    source.get_by_text("The whole section").click()
    expect(source.get_by_text("docker port web").first).to_be_visible()


def test_an_included_script_is_shown_with_its_own_lines(served: Served, new_page: NewPage) -> None:
    page = _ask(_open(new_page(), served.address), "Which script tells which host port leads where?")
    source = page.locator(".ask-sources > li").filter(has_text="shell/ports.sh, lines 1 to 3").first
    source.locator("summary").first.click()
    expect(source.get_by_text("Included by note.md, line 10")).to_be_visible()
    expect(source.locator(".ask-row").filter(has_text="docker port web").first).to_contain_text("3")


@pytest.mark.parametrize(("question", "outcome"), [(LEGACY, UNFINISHED), (OTHER, NOT_COVERED)])
def test_what_the_notes_do_not_say_is_told_in_words(
    served: Served, new_page: NewPage, question: str, outcome: str
) -> None:
    page = _ask(_open(new_page(), served.address), question, outcome)
    expect(page.get_by_text("The nearest that is written")).to_be_visible()


def test_a_first_question_is_pressed_and_one_that_follows(served: Served, new_page: NewPage) -> None:
    page = _open(new_page(), served.address)
    page.get_by_role("button", name="What should I know about Ports?").click()
    expect(_badge(page, ANSWERED)).to_have_count(1)
    page.get_by_role("button", name="What should I know about Volumes?").click()
    expect(_badge(page, ANSWERED)).to_have_count(2)


def test_commands_can_be_copied(served: Served, new_page: NewPage) -> None:
    page = _ask(_open(new_page(permissions=["clipboard-read", "clipboard-write"]), served.address), PORTS)
    page.get_by_text(re.compile(r"^\d+ commands?$")).click()
    code = page.get_by_test_id("stExpander").get_by_test_id("stCode").first
    code.hover()
    code.get_by_role("button").click()
    assert page.evaluate("navigator.clipboard.readText()").startswith("docker run -p 8080:80 web")


def test_50_000_characters_are_told(served: Served, new_page: NewPage) -> None:
    page = _open(new_page(), served.address)
    page.get_by_test_id("stChatInputTextArea").fill("port " * 10_000)
    page.keyboard.press("Enter")
    expect(page.get_by_text("at most 4,000 are searched")).to_be_visible()
    _ask(page, PORTS)


# Conversations


def test_it_survives_a_reload_and_two_tabs_share_it(served: Served, new_page: NewPage) -> None:
    page = _ask(_open(new_page(), served.address), PORTS)
    expect(page).to_have_url(re.compile(r"\?c=[0-9a-f]{32}"))
    other = _open(new_page(), page.url, ANSWERED)
    _ask(other, OTHER, NOT_COVERED)
    _ask(page, LEGACY, UNFINISHED)
    expect(_badge(page, NOT_COVERED)).to_have_count(1)
    page.reload()
    for outcome in (ANSWERED, NOT_COVERED, UNFINISHED):
        expect(_badge(page, outcome)).to_have_count(1)


def test_a_question_in_the_address_is_asked_once(served: Served, new_page: NewPage) -> None:
    page = _open(new_page(), f"{served.address}?q=How+do+I+publish+a+port%3F", ANSWERED)
    expect(page).to_have_url(re.compile(r"\?c=[0-9a-f]{32}$"))
    page.reload()
    expect(_badge(page, ANSWERED)).to_have_count(1)


def test_a_conversation_is_renamed_exported_and_deleted(serve: Serve, new_page: NewPage) -> None:
    page = _ask(_open(new_page(), serve().address), PORTS)
    page.get_by_role("button", name="Conversation", exact=True).click()
    page.get_by_label("Title").fill("All about ports")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="All about ports")).to_be_visible()
    with page.expect_download() as markdown:
        page.get_by_role("button", name="Export as Markdown").click()
    assert "## How do I publish a port?" in Path(markdown.value.path()).read_text()
    with page.expect_download() as plain:
        page.get_by_role("button", name="Export as JSON").click()
    assert json.loads(Path(plain.value.path()).read_text())["title"] == "All about ports"
    page.get_by_role("button", name="Delete this conversation").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("heading", name="Ask the Notes")).to_be_visible()
    expect(page.get_by_text("All about ports")).to_have_count(0)


def test_one_goes_from_a_conversation_to_the_notes_and_back(served: Served, new_page: NewPage) -> None:
    page = _ask(_open(new_page(), served.address), PORTS)
    page.get_by_role("link", name="Notes").click()
    expect(page.get_by_role("heading", name="Notes", exact=True)).to_be_visible()
    page.get_by_role("link", name="Chat").click()
    expect(_badge(page, ANSWERED)).to_have_count(1)
    page.get_by_role("button", name="New conversation").click()
    expect(page.get_by_role("heading", name="Ask the Notes")).to_be_visible()


def test_a_thumb_and_its_reason_are_kept(serve: Serve, new_page: NewPage) -> None:
    running_page = serve()
    page = _ask(_open(new_page(), running_page.address), PORTS)
    page.get_by_role("radio", name="Thumbs down").click(force=True)
    page.get_by_text("Wrong source").click()
    page.get_by_label("Anything else?").fill("see line 9")
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    page.reload()
    expect(page.get_by_label("Anything else?")).to_have_value("see line 9")
    journal = Journal.open(journal_url(None, running_page.home))
    (conversation,) = journal.conversations(str(running_page.notes))
    (turn,) = journal.turns(conversation.id)
    assert turn.feedback is not None
    assert (turn.feedback.rating, turn.feedback.reason, turn.feedback.text) == ("down", "Wrong source", "see line 9")


# The notes


def test_a_source_opens_its_section_in_the_notes(served: Served, new_page: NewPage) -> None:
    page = _ask(_open(new_page(), served.address), PORTS)
    page.get_by_role("link", name="[1]").first.click()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Open this section in the notes").first.click()
    section = opened.value
    expect(section.get_by_role("heading", name="Ports")).to_be_visible()
    expect(section.get_by_role("heading", name="Volumes")).to_have_count(0)
    section.get_by_role("button", name="Show the whole note").click()
    expect(section.get_by_role("heading", name="Volumes")).to_be_visible()


def test_the_notes_are_read_with_what_is_unfinished_marked_and_searched(served: Served, new_page: NewPage) -> None:
    page = _open(new_page(), f"{served.address}notes", "Sections of this note")
    expect(_badge(page, UNFINISHED)).to_have_count(1)
    expect(page.get_by_text("docker port web")).to_be_visible()
    assert (
        page.locator("img").evaluate_all("all => all.map(each => each.src).filter(src => src.includes('example'))")
        == []
    )
    page.get_by_label("Find in the notes").first.fill("volumes removing")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 section with these words")).to_be_visible()
    expect(page.get_by_role("link", name="Docker › Volumes")).to_be_visible()


# The model


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running() as server:
        server.reply = (
            "ANSWERED: yes\nYou publish a port with `docker run -p 8080:80 web`, host first. [1]\n"
            "A UDP port has `/udp` behind its number. [2]\n"
        )
        yield server


@pytest.fixture
def worded(serve: Serve, provider: Provider) -> Served:
    """The page with a model."""
    return serve(
        ASK_MODEL="openai:scripted", ASK_MODEL_URL=provider.url, ASK_MODEL_RETRIES="0", OPENAI_API_KEY="none",
        ASK_MODEL_SECONDS="25",
    )  # fmt: skip


def test_sentences_come_one_by_one(worded: Served, provider: Provider, new_page: NewPage) -> None:
    page = _open(new_page(), worded.address)
    provider.behaviour = "trickles"
    page.get_by_test_id("stChatInputTextArea").fill("How do I publish a port, and how a UDP port?")
    page.keyboard.press("Enter")
    expect(page.get_by_text("You publish a port with")).to_be_visible()
    expect(page.get_by_text("A UDP port has")).to_have_count(0)
    provider.released.set()
    expect(page.get_by_text("A UDP port has").first).to_be_visible()
    expect(page.get_by_text("Worded by openai:scripted")).to_be_visible()


def test_an_answer_can_be_stopped_and_the_page_goes_on(worded: Served, provider: Provider, new_page: NewPage) -> None:
    page = _open(new_page(), worded.address)
    provider.behaviour = "trickles"
    page.get_by_test_id("stChatInputTextArea").fill(PORTS)
    page.keyboard.press("Enter")
    expect(page.get_by_text("You publish a port with")).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("You stopped this answer")).to_be_visible()
    expect(page.get_by_text("You publish a port with")).to_be_visible()
    provider.behaviour = "replies"
    _ask(page, OTHER, NOT_COVERED)


def test_a_model_that_fails_in_the_middle_is_told_and_the_notes_are_quoted(
    worded: Served, provider: Provider, new_page: NewPage
) -> None:
    page = _open(new_page(), worded.address)
    provider.behaviour = "breaks"
    provider.reply = "ANSWERED: yes\nYou publish a port with `docker run -p 8080:80 web`, host first. [1]"
    _ask(page, PORTS)
    expect(page.get_by_test_id("stAlert")).to_contain_text("scripted")
    expect(page.locator("li code", has_text="docker run -p 8080:80 web").first).to_be_visible()


# When things change or break underneath


def test_a_first_start_shows_how_far_it_is(serve: Serve, new_page: NewPage) -> None:
    page = new_page()
    page.goto(serve().address)
    expect(page.get_by_text("The notes are made ready to be asked.")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_text("To begin with")).to_be_visible(timeout=90_000)


def test_a_note_changes_while_the_page_is_open(serve: Serve, new_page: NewPage) -> None:
    running_page = serve()
    page = _ask(_open(new_page(), running_page.address), PORTS)
    note = running_page.notes / "note.md"
    note.write_text(note.read_text().replace("8080:80", "9090:90"))
    _ask(page, PORTS)
    expect(page.get_by_text("9090:90").first).to_be_visible()
    page.get_by_role("link", name="[1]").first.click()
    expect(page.get_by_text("This note has changed since").first).to_be_visible()


def test_the_index_is_rebuilt_underneath(serve: Serve, new_page: NewPage) -> None:
    running_page = serve()
    page = _ask(_open(new_page(), running_page.address), PORTS)
    for _ in range(2):
        subprocess.run(
            [*COMMAND, "index", "--rebuild", str(running_page.notes)], check=True, capture_output=True, timeout=120,
            env={"PATH": "/usr/bin:/bin", "ASK_HOME": str(running_page.home), "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    _ask(page, "How do I make a volume?")


def test_a_broken_journal_is_told(serve: Serve, own_home: Path, new_page: NewPage) -> None:
    (own_home / FILE).write_bytes(b"This is no database. " * 500)
    page = _open(new_page(), serve().address)
    expect(page.get_by_text("It is kept as")).to_be_visible()
    _ask(page, PORTS)


# Everybody's page


def test_by_keyboard_alone(served: Served, new_page: NewPage) -> None:
    page = _open(new_page(), served.address)
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.testid") == "stChatInputTextArea":
            break
    page.keyboard.type(PORTS)
    page.keyboard.press("Enter")
    expect(_badge(page, ANSWERED)).to_be_visible()
    summary = page.locator(".ask-sources summary").first
    for _ in range(60):
        page.keyboard.press("Shift+Tab")
        if summary.evaluate("each => each === document.activeElement"):
            break
    assert summary.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator(".ask-sources mark").first).to_be_visible()


def test_on_a_phone_nothing_is_cut_off(served: Served, new_page: NewPage) -> None:
    page = _open(new_page(viewport={"width": 360, "height": 740}), served.address)
    expect(page.get_by_role("button", name="New conversation")).not_to_be_in_viewport()
    _ask(page, PORTS)
    page.get_by_role("link", name="[1]").first.click()
    wide = page.evaluate(
        "[...document.querySelectorAll('section.stMain *')].filter(each => each.getBoundingClientRect().right > 361)"
        ".map(each => each.className.toString())"
    )
    assert wide == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_that_of_the_system(served: Served, new_page: NewPage, scheme: str) -> None:
    page = _open(new_page(color_scheme=scheme), served.address)
    colour = page.get_by_test_id("stApp").evaluate("each => getComputedStyle(each).backgroundColor")
    lightness = sum(map(int, re.findall(r"\d+", colour)[:3])) / 3
    assert lightness > 200 if scheme == "light" else lightness < 60


def _wrong_command(served: Served) -> str:
    answer = Answer(
        "wrong", PORTS, PORTS, "partial", "Use `docker run --publsh 1:1 a`. [1]\n\nThis is near. [1]",
        claims=(Claim("Use `docker run --publsh 1:1 a`.", (1,), "supported"), Claim("This is near.", (1,), "weak")),
        citations=(Citation(1, "note.md", ("Docker", "Ports"), (), 5, 5, "as it was", "ports", "u", "old"),),
        commands=(ShownCommand("docker run --publsh 1:1 a", "invalid", "No flag.", "docker run --publish 1:1 a"),),
    )  # fmt: skip
    journal = Journal.open(journal_url(None, served.home))
    return journal.add_turn(None, PORTS, answer, notes=str(served.notes.resolve())).conversation


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothingserious(served: Served, new_page: NewPage, scheme: str) -> None:
    page = _open(new_page(color_scheme=scheme), served.address)
    views = {"beginning": serious(page)}
    _ask(page, PORTS)
    page.get_by_role("link", name="[1]").first.click()
    page.get_by_role("radio", name="Thumbs up").click(force=True)
    expect(page.get_by_text("Why?")).to_be_visible()
    views["answer"] = serious(page)
    _ask(page, OTHER, NOT_COVERED)
    _ask(page, LEGACY, UNFINISHED)
    views["not in the notes"] = serious(page)
    page.get_by_role("button", name="Conversation", exact=True).click()
    views["menu"] = serious(page)
    page.get_by_role("button", name="Delete this conversation").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    views["dialog"] = serious(page)
    views["wrong command"] = serious(_open(page, f"{served.address}?c={_wrong_command(served)}", "Write instead:"))
    views["notes"] = serious(_open(page, f"{served.address}notes", "Sections of this note"))
    section = f"{served.address}notes?note=note.md&section=ports"
    views["section"] = serious(_open(page, section, "Show the whole note"))
    assert {view: found for view, found in views.items() if found} == {}


def test_by_the_browsers_own_record_no_other_host_is_asked(
    served: Served, playwright: Playwright, chromium: str, tmp_path: Path
) -> None:
    record = tmp_path / "net.json"
    browser = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, f"--log-net-log={record}"])
    page = browser.new_page()
    _ask(_open(page, served.address), PORTS)
    _ask(page, "what does a volume keep, with a picture?")
    _open(page, f"{served.address}notes", "Sections of this note")
    browser.close()
    ours = asked_urls(record)
    assert len(ours) > 10
    assert hosts_of(ours) == {"127.0.0.1"}
