"""A student in a browser: asks in Spirit, reads the bot's reply, opens the widget on the same page and asks there."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.bot import bot_environment, ends_of, report, served
from tests.e2e.conftest import write_notes
from tests.e2e.servers import wait_until_ready
from tests.e2e.spirit_forum import PASSWORD, Project, Spirit, free_port, gate, made, running, wait_until
from tests.e2e.widget import PORTS, ask, complaints_of, launcher_of, panel_of, shot
from ui.bot.reply import AUTOMATIC

pytestmark = [pytest.mark.real, pytest.mark.slow]

NewPage = Callable[..., Page]
CONTROLS = ".spirit :is(a, button, input, textarea)"
# Spirit's own styles stand in its pages, so they are let in; of scripts those with the nonce of the page.
STRICT = (
    "default-src 'none'; script-src 'nonce-NONCE'; frame-src {service}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'"
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return made(tmp_path_factory.mktemp("spirit"))


@dataclass
class Watch:
    """Seconds that each step took."""

    steps: dict[str, float] = field(default_factory=dict)
    last: float = field(default_factory=time.monotonic)

    def lap(self, step: str) -> None:
        """A step has ended."""
        now = time.monotonic()
        self.steps[step] = now - self.last
        self.last = now

    def __str__(self) -> str:
        return ", ".join(f"{step} {seconds:.1f} s" for step, seconds in self.steps.items())


def _log_in(page: Page, forum: Spirit) -> None:
    page.goto(f"{forum.address}/user/login/")
    page.locator("#id_username").fill("ada")
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Login").click()
    expect(page.get_by_text("ada").first).to_be_visible()


def _open_topic(page: Page, forum: Spirit, title: str, text: str) -> None:
    page.goto(f"{forum.address}/topic/publish/")
    page.locator("#id_title").fill(title)
    page.locator("#id_category").select_option(forum.questions)
    page.locator("#id_comment").fill(text)
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("heading", name=title)).to_be_visible()


def _sees(page: Page, words: str) -> bool:
    page.reload()
    return page.get_by_text(words).count() > 0


def _overlaps(page: Page, selector: str) -> list[str]:
    """The controls of the forum that the launcher lies upon when the page is at its end."""
    expect(launcher_of(page)).to_be_visible()
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    return page.evaluate(  # type: ignore[no-any-return]
        """(selector) => {
            const own = document.getElementById("ask-notes").shadowRoot.querySelector("button").getBoundingClientRect();
            return [...document.querySelectorAll(selector)].filter((each) => {
                const box = each.getBoundingClientRect();
                const isBeside = box.left >= own.right || box.right <= own.left;
                return box.width && !isBeside && box.top < own.bottom && box.bottom > own.top;
            }).map((each) => each.outerHTML.slice(0, 120));
        }""",
        selector,
    )


@pytest.mark.parametrize("kind", ["plain", "strict"])
def test_a_student_asks_in_the_forum_and_in_its_widget(
    project: Project, own_home: Path, tmp_path: Path, new_page: NewPage, kind: str
) -> None:
    watch = Watch()
    port = free_port()
    service = f"http://127.0.0.1:{port}"
    policy = STRICT.format(service=service) if kind == "strict" else ""
    notes = write_notes(tmp_path / "notes")
    with (
        gate() as between,
        running(project, f"{between.address}/webhooks/spirit", widget=f"{service}/widget.js", policy=policy) as forum,
    ):
        watch.lap("forum started")
        own = {"ASK_EMBED_ORIGINS": forum.address, "ASK_PUBLIC_URL": service}
        with served(notes, bot_environment(own_home, forum, **own), tmp_path, port):
            between.target, between.refuse = service, 1
            wait_until_ready(service)
            watch.lap("service ready")
            page = new_page()
            complaints = complaints_of(page)
            seen: set[str] = set()
            page.context.on("request", lambda request: seen.add(request.url))
            before = len(forum.comments("notesbot"))

            _log_in(page, forum)
            watch.lap("logged in")
            _open_topic(page, forum, f"How do I publish a port? ({kind})", "My container has a web server.")
            watch.lap("topic opened")
            wait_until(lambda: len(forum.comments("notesbot")) > before, 60, "the reply")
            assert _sees(page, AUTOMATIC.strip("*"))
            watch.lap("reply read (with a 503)")
            assert [status for status, *_ in between.deliveries] == [503, 202]
            reply = page.locator(".comment__text, .comment-text").filter(has_text="automatic reply")
            expect(reply.get_by_text("docker run -p 8080:80 web")).to_be_visible()
            expect(reply).not_to_contain_text("ask-the-notes-reply-to")
            shot(page, f"forum-{kind}-reply")
            assert complaints == []
            assert _overlaps(page, CONTROLS) == []
            shot(page, f"forum-{kind}-closed")
            _follow_the_reply(page, service)
            watch.lap("its link followed")

            _ask_in_the_widget(page, service, f"forum-{kind}")
            watch.lap("widget: opened, asked, followed, rated, closed")

            assert complaints == []
            assert {f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in seen} == {forum.address, service}
            assert ends_of(own_home, 1) == {"done": 1}, "its own post asks it nothing"
            assert len(between.deliveries) == 2
            assert len(forum.comments("notesbot")) == before + 1
    report(f"{kind}: {watch}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_the_widget_fits_into_the_pages_of_the_forum(
    project: Project, own_home: Path, tmp_path: Path, new_page: NewPage, scheme: str, width: int
) -> None:
    port = free_port()
    service = f"http://127.0.0.1:{port}"
    notes = write_notes(tmp_path / "notes")
    with running(project, service, widget=f"{service}/widget.js") as forum:
        settings = {"ASK_EMBED_ORIGINS": forum.address, "ASK_PUBLIC_URL": service, "ASK_BOT_IN_SERVE": "false"}
        with served(notes, bot_environment(own_home, forum, **settings), tmp_path, port):
            wait_until_ready(service)
            page = new_page(color_scheme=scheme, viewport={"width": width, "height": 800}, has_touch=width < 480)
            _log_in(page, forum)
            _open_topic(page, forum, f"Ports {scheme} {width}", "My container has a web server.\n\n" * 12)
            name = f"forum-{scheme}-{width}"
            shot(page, f"{name}-closed")
            assert _overlaps(page, CONTROLS) == []
            shot(page, f"{name}-end")
            launcher_of(page).click()
            panel = ask(panel_of(page), PORTS)
            shot(page, f"{name}-open")
            background = "each => getComputedStyle(each).backgroundColor"
            panes = [page.locator("html"), page.get_by_role("dialog"), panel.locator("body")]
            colours = [pane.evaluate(background) for pane in panes]
            assert [_is_dark(colour) for colour in colours] == [scheme == "dark"] * 3, colours
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0


def _is_dark(colour: str) -> bool:
    """Whether an `rgb(...)` is nearer to black."""
    return sum(map(int, re.findall(r"\d+", colour)[:3])) < 3 * 128


def _follow_the_reply(page: Page, service: str) -> None:
    """The link of the reply's first source: the section, with the cited lines marked."""
    topic = page.url
    page.get_by_role("link", name=re.compile("Ports")).first.click()
    assert page.url.startswith(f"{service}/notes/note.md?lines=")
    expect(page.locator("mark").first).to_contain_text("publish a port")
    expect(page.locator("mark").first).to_be_in_viewport()
    shot(page, "forum-section")
    page.goto(topic)


def _ask_in_the_widget(page: Page, service: str, name: str) -> None:
    """By keyboard alone, on the page of the topic."""
    launcher = launcher_of(page)
    expect(launcher).to_be_visible()
    launcher.focus()
    page.keyboard.press("Enter")
    panel = panel_of(page)
    expect(panel.get_by_label("Your question")).to_be_focused()
    page.keyboard.type(PORTS)
    with page.expect_response(f"{service}/v1/ask") as asked:
        page.keyboard.press("Enter")
    assert asked.value.headers["content-type"].startswith("text/event-stream")
    expect(panel.locator(".outcome")).to_have_text("Answered from the notes")
    shot(page, f"{name}-answered")
    source = panel.locator(".sources a").first
    source.focus()
    with page.expect_popup() as opened:
        page.keyboard.press("Enter")
    section = opened.value
    expect(section.locator("mark").first).to_contain_text("publish a port")
    assert section.evaluate("window.opener") is None
    section.close()
    thumb = panel.get_by_role("button", name="Helpful", exact=True)
    thumb.focus()
    with page.expect_response(f"{service}/v1/feedback") as kept:
        page.keyboard.press("Enter")
    assert kept.value.ok
    expect(thumb).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).not_to_be_visible()
    expect(launcher).to_be_focused()
