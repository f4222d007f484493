"""The page for course staff in a real browser: the key as a password, hostile questions, axe-core, a phone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import axe_core_python
import pytest
from playwright.sync_api import Page, expect

from assistant.answer import Answer, Citation, Outcome
from assistant.inbox import Inbox, Incoming
from assistant.journal import Journal
from assistant.keys import Keys
from tests.e2e.conftest import write_notes
from tests.e2e.hosts import serving_api
from tests.e2e.widget import shot
from tests.homes import make_home

pytestmark = [pytest.mark.real, pytest.mark.slow]

AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
HOSTILE = (
    "<script>alert(1)</script><img src=https://evil.example/x onerror=alert(2)><svg/onload=alert(3)>"
    "\"'><a href=javascript:alert(4)>x</a><style>@import 'https://evil.example/y'</style>\u202e"
)
PORTS = Citation(1, "note.md", ("Docker", "Ports"), (), 5, 5, "publish never so", "ports", "u", "old")
NewPage = Callable[..., Page]


@dataclass(frozen=True)
class Staffed:
    """A service with a key for staff; one of them has much to show, the other nothing."""

    origin: str
    key: str


def _fill(journal: Journal) -> None:
    """Every section of the page with what is hostile in each of its texts."""
    hostile = replace(PORTS, heading=("Docker", HOSTILE), anchor=HOSTILE)
    outcomes: tuple[Outcome, ...] = ("answered", "partial", "unfinished", "not_covered")
    for number, outcome in enumerate(outcomes):
        cited = () if outcome == "not_covered" else (hostile,)
        journal.keep_answer(Answer(f"a{number}", HOSTILE, "q", outcome, "So.", citations=cited))
        journal.keep_answer(Answer(f"b{number}", "How?\n" + "long " * 400, "q", outcome, "So.", citations=(PORTS,)))
        journal.rate(f"a{number}", "down", reason=HOSTILE, text=HOSTILE)
    inbox = Inbox(journal)
    for post, answer in (("7", "a0"), ("8", "b0")):
        inbox.add(Incoming("spirit", "d", post, "3", "1", post))
        job = inbox.claim("w", 60)
        assert job is not None
        inbox.advance(job, "w", "answering", question=HOSTILE)
        state = ("done", "9") if answer == "a0" else ("review", "")
        inbox.finish(job, "w", state[0], answer=answer, reply=HOSTILE, reply_post=state[1])  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=["full", "empty"])
def staffed(
    request: pytest.FixtureRequest, encoders: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Staffed]:
    folder = tmp_path_factory.mktemp("staff")
    home = make_home(folder / "home", encoders)
    url = f"sqlite:///{folder / 'journal.sqlite3'}"
    journal = Journal.open(url)
    _, key = Keys(journal).add("teacher", ["staff"])
    if request.param == "full":
        _fill(journal)
    journal.close()
    with serving_api(write_notes(folder / "notes"), home, ASK_JOURNAL=url, ASK_IDENTIFIED_PER_MINUTE="1000") as origin:
        yield Staffed(origin, key)


@pytest.fixture
def staff_page(staffed: Staffed, new_page: NewPage) -> Iterator[NewPage]:
    """Opens /staff with the key as a password. What a browser notes of an attack is checked at the end."""
    noted: list[str] = []
    asked: set[str] = set()

    def opened(**options: object) -> Page:
        page = new_page(http_credentials={"username": "anyone", "password": staffed.key}, **options)
        page.on("dialog", lambda dialog: (noted.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("console", lambda message: noted.append(f"console {message.text}"))
        page.on("pageerror", lambda error: noted.append(f"error {error}"))
        page.on("request", lambda request: asked.add(f"{urlsplit(request.url).netloc}{urlsplit(request.url).path}"))
        response = page.goto(f"{staffed.origin}/staff?days=all")
        assert response is not None
        assert response.status == 200
        return page

    yield opened
    # Before it has the key, a browser is refused once, and says so.
    assert [each for each in noted if "401" not in each] == []
    host = urlsplit(staffed.origin).netloc
    assert asked <= {f"{host}/staff", f"{host}/static/page.css", f"{host}/favicon.ico"}


def _serious(page: Page) -> list[str]:
    page.evaluate(AXE)
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['target']} {node['html'][:200]}"
        for violation in result["violations"]
        if violation["impact"] in {"serious", "critical", "moderate"}
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(staff_page: NewPage, theme: str) -> None:
    page = staff_page(color_scheme=theme)
    expect(page.get_by_role("heading", level=1)).to_have_text("For course staff")
    expect(page.get_by_role("navigation", name="Period").get_by_role("link")).to_have_count(4)
    assert page.get_by_role("heading", level=2).all_text_contents() == [
        "Summary",
        "What to write next",
        "Thumbs down",
        "Answers whose lines have changed",
        "Replies that wait for you",
    ]
    shot(page, f"staff-{theme}")
    assert _serious(page) == []


def test_nothing_is_cut_off_on_a_phone(staff_page: NewPage) -> None:
    page = staff_page(viewport={"width": 360, "height": 740})
    for summary in page.locator("summary").all():
        summary.click()
    wide = page.evaluate(
        "[...document.body.querySelectorAll('*')].filter(each => each.getBoundingClientRect().right > innerWidth + 1)"
        ".map(each => each.outerHTML.slice(0, 80))"
    )
    assert wide == []
    shot(page, "staff-phone")


def test_it_needs_no_script_and_leads_to_the_other_periods(staff_page: NewPage) -> None:
    page = staff_page(java_script_enabled=False)
    page.get_by_role("link", name="7 days").click()
    expect(page.get_by_role("link", name="7 days")).to_have_attribute("aria-current", "page")
    assert page.locator("script").count() == 0


def test_a_browser_with_a_wrong_key_is_told_how_to_get_one(staffed: Staffed, new_page: NewPage) -> None:
    page = new_page(http_credentials={"username": "anyone", "password": "ask_wrong"})
    response = page.goto(f"{staffed.origin}/staff")
    assert response is not None
    assert response.status == 401
    expect(page.get_by_text("This key is not known")).to_be_visible()
    assert _serious(page) == []


def test_a_reply_that_waits_is_let_go_out_by_a_button(encoders: Path, tmp_path: Path, new_page: NewPage) -> None:
    url = f"sqlite:///{tmp_path / 'journal.sqlite3'}"
    journal = Journal.open(url)
    _, key = Keys(journal).add("teacher", ["staff"])
    _fill(journal)
    with serving_api(
        write_notes(tmp_path / "notes"), make_home(tmp_path / "home", encoders), ASK_JOURNAL=url
    ) as origin:
        page = new_page(http_credentials={"username": "anyone", "password": key}, java_script_enabled=False)
        page.goto(f"{origin}/staff")
        page.get_by_role("button", name=re.compile("^Post it")).click()
        expect(page.get_by_text("No reply waits.")).to_be_visible()
        assert page.url == f"{origin}/staff#waiting"
    assert [job.state for job in Inbox(journal).jobs("posting", "review")] == ["posting"]
    journal.close()
