"""The widget for everybody: by axe-core, by keyboard alone, on a phone, in other colours."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.record import serious
from tests.e2e.widget import (
    LEGACY,
    OTHER,
    PORTS,
    Sites,
    ask,
    frame_of,
    launcher_of,
    open_panel,
    panel_of,
    shot,
)

pytestmark = [pytest.mark.real, pytest.mark.slow]

NewPage = Callable[..., Page]


def _serious(page: Page) -> list[str]:
    """In the page and in the frame."""
    return [found for frame in (page.main_frame, frame_of(page)) for found in serious(frame)]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(sites: Sites, new_page: NewPage, theme: str) -> None:
    attributes = f' style="color-scheme: {theme}; background: Canvas; color: CanvasText"'
    page = new_page(color_scheme=theme)
    address = sites.forum.add(theme, sites.loader, theme=theme, suggestions=PORTS, attributes=attributes)
    panel = open_panel(page, address)
    views = {"beginning": _serious(page)}
    ask(panel, PORTS)
    page.route("**/v1/feedback", lambda route: route.fulfill(status=200, json={}))
    panel.get_by_role("button", name="Helpful", exact=True).click()
    expect(panel.get_by_text("Why?")).to_be_visible()
    panel.get_by_text("What it says").first.click()
    views["answer"] = _serious(page)
    ask(panel, LEGACY, "Not written yet")
    ask(panel, OTHER, "Not in the notes")
    views["not in the notes"] = _serious(page)
    shot(page, f"axe-{theme}")
    colour = panel.locator("body").evaluate("each => getComputedStyle(each).backgroundColor")
    lightness = sum(map(int, re.findall(r"\d+", colour)[:3])) / 3
    assert lightness > 200 if theme == "light" else lightness < 60
    assert {view: found for view, found in views.items() if found} == {}


def test_by_keyboard_alone(sites: Sites, new_page: NewPage) -> None:
    page = new_page()
    page.goto(f"{sites.forum.origin}/plain")
    expect(launcher_of(page)).to_be_visible()
    page.keyboard.press("Tab")
    expect(launcher_of(page)).to_be_focused()
    page.keyboard.press("Enter")
    panel = panel_of(page)
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
    expect(launcher_of(page)).to_be_focused()


def test_on_a_phone_nothing_is_cut_off(sites: Sites, new_page: NewPage) -> None:
    page = new_page(viewport={"width": 360, "height": 740}, has_touch=True)
    panel = ask(open_panel(page, f"{sites.forum.origin}/plain"), PORTS)
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
    shot(page, "phone")


def test_with_forced_colours_and_reduced_motion(sites: Sites, new_page: NewPage) -> None:
    page = new_page(forced_colors="active", reduced_motion="reduce")
    panel = ask(open_panel(page, f"{sites.forum.origin}/plain"), PORTS)
    assert (
        panel.get_by_role("button", name="Ask", exact=True).evaluate("e => getComputedStyle(e).borderStyle") == "solid"
    )
    moving = "() => document.getAnimations().length"
    assert (page.evaluate(moving), frame_of(page).evaluate(moving)) == (0, 0)
    shot(page, "forced-colours")
