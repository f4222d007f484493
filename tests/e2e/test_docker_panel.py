"""The Docker panel of the chat page: off until it is turned on, the command before it runs, its output as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.assistant.docker.engine import Engine, secrets_in
from tests.e2e.conftest import Served

pytestmark = [pytest.mark.real, pytest.mark.slow]

NewPage = Callable[..., Page]


@pytest.fixture
def page(serve: Callable[..., Served], new_page: NewPage, engine: Engine) -> Page:
    """The page over small notes, on a machine that has the engine of the tests."""
    opened = new_page()
    opened.goto(serve(ASK_DOCKER_HOST=f"unix://{engine.socket}").address)
    expect(opened.get_by_text("To begin with").first).to_be_visible(timeout=90_000)
    return opened


def _ask(page: Page, question: str) -> None:
    box = page.get_by_test_id("stChatInputTextArea")
    expect(box).to_be_enabled()
    box.fill(question)
    box.press("Enter")
    expect(page.get_by_test_id("stFeedback").last).to_be_visible()


def _turn_on(page: Page, name: str = "Questions may look at it") -> None:
    toggle = page.get_by_test_id("stSidebar").get_by_text(name)
    if not toggle.is_visible():
        page.get_by_text("Docker on this machine").click()
    toggle.click()
    expect(page.get_by_text("Ask for instance")).to_be_visible()


def test_it_is_off_until_it_is_turned_on(page: Page) -> None:
    _ask(page, "which containers have exited?")
    expect(page.get_by_text("From your machine")).to_have_count(0)
    _turn_on(page)
    _ask(page, "which containers have exited?")
    expect(page.get_by_text("From your machine")).to_have_count(1)


def test_the_command_its_output_and_its_engine_are_shown(page: Page, engine: Engine, tmp_path: Path) -> None:
    _turn_on(page)
    _ask(page, "which containers have exited?")
    code = page.get_by_test_id("stCode")
    expect(code.filter(has_text="docker ps --all=true --filter=status=exited").first).to_be_visible()
    expect(code.filter(has_text="Exited (137)").first).to_be_visible()
    expect(page.get_by_text(f"answered by {engine.socket}")).to_be_visible()
    expect(page.get_by_text("has exited with code 137").first).to_be_visible()
    page.screenshot(path=str(tmp_path / "docker.png"), full_page=True)


def test_hostile_output_is_text(page: Page, engine: Engine) -> None:
    before = engine.state()
    _turn_on(page)
    logs = page.get_by_test_id("stSidebar").get_by_text("And at what containers have logged")
    logs.click()
    expect(page.get_by_label("And at what containers have logged")).to_be_checked()
    _ask(page, "show me the logs of hostile")
    shown = page.get_by_test_id("stCode").filter(has_text="<script>alert(1)</script>")
    expect(shown.first).to_be_visible()
    assert page.get_by_role("link", name="link").count() == 0
    assert not secrets_in(page.content())
    assert engine.state() == before


def test_logs_need_their_own_toggle_and_a_change_is_refused(page: Page, engine: Engine) -> None:
    before = engine.state()
    _turn_on(page)
    _ask(page, "show me the logs of web")
    expect(page.get_by_text("Not done")).to_have_count(1)
    _ask(page, "please delete all my containers")
    expect(page.get_by_text("Not done")).to_have_count(2)
    assert engine.state() == before
