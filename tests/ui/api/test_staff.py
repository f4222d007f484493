"""What course staff are shown, and who is not: at a running service."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from assistant.answer import Answer, Citation
from assistant.inbox import Inbox, Incoming
from assistant.keys import Keys
from assistant.upkeep import export_all
from ui.api.limits import Limits
from ui.api.staff_key import TRIES

pytestmark = pytest.mark.real
HTML = {"Accept": "text/html"}
HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">\u202e\x1b[31m [x](javascript:alert(3)) https://evil.example'


def _basic(service: Any, *scopes: str) -> dict[str, str]:
    return _password(Keys(service.journal).add("teacher", scopes or ("staff",))[1])


def _password(text: str, name: str = "anyone") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{text}".encode()).decode()}


def _ask(service: Any, question: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.post(f"{service.url}v1/ask", json={"question": question}, timeout=60).json()
    return found


def _rate(service: Any, answer: str, reason: str, text: str = "") -> None:
    body = {"answer": answer, "rating": "down", "reason": reason, "text": text}
    assert httpx.post(f"{service.url}v1/feedback", json=body, timeout=60).status_code == 201


def _wait_for_staff(service: Any, answer: str, state: str = "review") -> str:
    inbox = Inbox(service.journal)
    inbox.add(Incoming("spirit", "d", "7", "3", "1", "text"))
    job = inbox.claim("w", 60)
    assert job is not None
    posted = {"reply_post": "9"} if state == "done" else {}
    inbox.advance(job, "w", "answering", question="How?")
    inbox.finish(job, "w", state, answer=answer, reply="So. <b>bold</b>", **posted)  # type: ignore[arg-type]
    return job.id


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))


def _elements(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Elements()
    parser.feed(page)
    return parser.found


# Who is let in


@pytest.mark.parametrize("path", ["staff", "v1/staff/gaps", "v1/staff/changed", "v1/staff/replies"])
def test_without_a_key_nothing_is_shown(serve: Callable[..., Any], path: str) -> None:
    service = serve()
    refused = httpx.get(service.url + path)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic realm=" if path == "staff" else "Bearer")
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["cache-control"] == "no-store"
    of_others = httpx.get(service.url + path, headers=service.key("ask"))
    assert (of_others.status_code, of_others.headers["cache-control"]) == (403, "no-store")
    assert httpx.get(service.url + path, headers=service.key("staff")).status_code == 200
    assert httpx.get(service.url + path, headers={"Authorization": "Bearer ask_wrong"}).status_code == 401
    assert httpx.get(service.url + path, headers={"Authorization": "Basic %%%"}).status_code == 401


def test_a_browser_sends_the_key_as_a_password(serve: Callable[..., Any]) -> None:
    service = serve()
    key = _basic(service)
    page = httpx.get(f"{service.url}staff", headers={**HTML, **key})
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert "script-src" not in page.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"
    refused = httpx.get(f"{service.url}staff", headers={**HTML, **_password("ask_wrong")})
    assert (refused.status_code, refused.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert refused.headers["www-authenticate"].startswith("Basic realm=")
    assert httpx.get(f"{service.url}v1/staff/gaps", headers=key).status_code == 401, "no browser reads the API"
    (of_staff,) = Keys(service.journal).all()
    Keys(service.journal).revoke(of_staff.id)
    assert httpx.get(f"{service.url}staff", headers=key).status_code == 401


@pytest.mark.parametrize("path", ["staff", "v1/staff/gaps"])
def test_wrong_keys_are_tried_a_few_times(serve: Callable[..., Any], path: str) -> None:
    service = serve()
    good = service.key("staff")
    for _ in range(15):
        assert httpx.get(service.url + path, headers=good).status_code == 200, "a good key is no try"

    def tried(number: int) -> httpx.Response:
        return httpx.get(service.url + path, headers={"Authorization": f"Bearer ask_{number}"}, timeout=60)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(tried, range(TRIES[0][0] + 10)))
    assert [each.status_code for each in answers].count(401) == TRIES[0][0]
    late = next(each for each in answers if each.status_code == 429)
    assert int(late.headers["retry-after"]) > 0
    assert httpx.get(service.url + path, headers=good).status_code == 429, "whoever has the address waits"


def test_a_key_may_look_so_often(serve: Callable[..., Any]) -> None:
    service = serve(identified_per_minute=2)
    key = _basic(service)
    assert [httpx.get(f"{service.url}staff", headers=key).status_code for _ in range(3)] == [200, 200, 429]


def test_what_is_taken_back_does_not_count() -> None:
    limits = Limits()
    for _ in range(3):
        assert limits.spend("a", [(1, 60.0)]) == 0
        limits.take_back("a")
    limits.take_back("nobody")
    assert limits.spend("a", [(1, 60.0)]) == 0
    assert limits.spend("a", [(1, 60.0)]) > 0


# What is shown


def test_where_nothing_was_asked_the_page_says_what_will_stand_there(serve: Callable[..., Any]) -> None:
    service = serve()
    page = httpx.get(f"{service.url}staff", headers=_basic(service)).text
    for words in ("Nothing was asked", "All that was asked was answered", "No thumb is down", "stand as they were"):
        assert words in page
    assert "No reply waits" in page


def test_what_was_asked_is_shown_by_section(serve: Callable[..., Any]) -> None:
    service = serve(anonymous_per_minute=100)
    for _ in range(3):
        _ask(service, "What is legacy linking of containers?")
    ports = _ask(service, "How do I publish a port?")
    _rate(service, ports["id"], "Wrong source", "see line 9")
    job = _wait_for_staff(service, ports["id"])
    page = httpx.get(f"{service.url}staff", headers=_basic(service)).text
    assert "What is legacy linking of containers?<span class='small'> (3 times)</span>" in page
    assert f'<a href="{service.url}notes/note.md#legacy-linking-of-containers">' in page
    assert f'<a href="{service.url}a/{ports["id"]}">How do I publish a port?</a>' in page
    assert "Wrong source: see line 9" in page
    assert f'action="/staff/replies/{job}"' in page
    for _, attributes in _elements(page):
        if (attributes.get("href") or "").startswith(service.url):
            assert httpx.get(str(attributes["href"])).status_code == 200
    gaps = httpx.get(f"{service.url}v1/staff/gaps", headers=service.key("staff"), params={"days": 7}).json()
    assert (gaps["asked"], gaps["outcomes"]["unfinished"], gaps["disliked"], gaps["days"]) == (4, 3, 1, 7)
    assert gaps["gaps"][0]["examples"] == [{"question": "What is legacy linking of containers?", "times": 3}]


# What is decided


def _token(page: str, job: str) -> str:
    found = re.search(rf'action="/staff/replies/{job}"><input type="hidden" name="token" value="(\w+)">', page)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(("decision", "state"), [("post", "posting"), ("reject", "skipped")])
def test_a_button_of_the_page_decides_on_a_reply_that_waits(
    serve: Callable[..., Any], decision: str, state: str
) -> None:
    service = serve()
    key, job = _basic(service), _wait_for_staff(service, "a0")
    page = httpx.get(f"{service.url}staff", headers={**HTML, **key})
    assert "form-action 'self'" in page.headers["content-security-policy"]
    sent = {"token": _token(page.text, job), "decision": decision}
    address = f"{service.url}staff/replies/{job}"
    done = httpx.post(address, data=sent, headers={**HTML, **key})
    assert (done.status_code, done.headers["location"]) == (303, "/staff#waiting")
    (decided,) = Inbox(service.journal).jobs()
    assert decided.state == state
    late = httpx.post(address, data=sent, headers={**HTML, **key})
    assert (late.status_code, "does not wait any more" in late.text) == (409, True)


def test_no_other_page_can_press_a_button(serve: Callable[..., Any]) -> None:
    service = serve()
    key, other = _basic(service), _basic(service)
    job = _wait_for_staff(service, "a0")
    of_other = _token(httpx.get(f"{service.url}staff", headers=other).text, job)
    address = f"{service.url}staff/replies/{job}"
    for token in ({}, {"token": ""}, {"token": "0" * 64}, {"token": "\u00e9"}, {"token": of_other}):
        refused = httpx.post(address, data={**token, "decision": "post"}, headers=key)
        assert (refused.status_code, refused.headers["content-type"]) == (403, "application/problem+json")
    for body in (b"&" * 8_000, b"=&" * 4_000, b"\xff\x00", b"token[]=1"):
        assert httpx.post(address, content=body, headers=key).status_code == 403
    good = {"token": of_other, "decision": "post"}
    assert httpx.post(address, data=good).status_code == 401
    asking = _password(Keys(service.journal).add("reader", ["ask"])[1])
    assert httpx.post(address, data=good, headers=asking).status_code == 403
    assert httpx.post(address, data={**good, "decision": "burn"}, headers=other).status_code == 422
    assert Inbox(service.journal).counts()["review"] == 1


def test_programs_decide_by_a_bearer(serve: Callable[..., Any]) -> None:
    service = serve()
    key, job = service.key("staff"), _wait_for_staff(service, "a0")
    address = f"{service.url}v1/staff/replies"
    listed = httpx.get(address, headers=key).json()
    assert (listed["count"], [(each["id"], each["reply"]) for each in listed["waiting"]]) == (
        1,
        [(job, "So. <b>bold</b>")],
    )
    body = {"decision": "post"}
    assert httpx.post(f"{address}/{job}", json=body, headers=_basic(service)).status_code == 401
    assert httpx.post(f"{address}/{job}", json=body, headers=service.key("ask")).status_code == 403
    assert httpx.post(f"{address}/{job}", json=body, headers=key).json() == {"reply": job, "decision": "post"}
    assert httpx.post(f"{address}/{job}", json=body, headers=key).status_code == 409
    assert httpx.get(address, headers=key).json() == {"count": 0, "waiting": []}


def test_an_answer_that_stands_in_a_forum_and_is_out_of_date(serve: Callable[..., Any], tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "note.md").write_text("# Docker\n\n## Ports\n\n- publish a port with `docker run -p 8080:80 web`\n")
    service = serve(notes=notes)
    answer = _ask(service, "How do I publish a port?")
    _wait_for_staff(service, answer["id"], "done")
    (notes / "note.md").write_text("# Docker\n\n## Ports\n\n- publish a port with `docker run --publish`\n")
    page = httpx.get(f"{service.url}staff", headers=_basic(service)).text
    assert "Posted in the forum: topic 3, post 9 (spirit)" in page
    assert "reads otherwise now" in page
    found = httpx.get(f"{service.url}v1/staff/changed", headers=service.key("staff")).json()
    assert found["count"] == 1
    assert found["changed"][0]["replies"] == [{"source": "spirit", "topic": "3", "post": "9"}]


@pytest.mark.parametrize(("days", "status"), [("7", 200), ("30", 200), ("90", 200), ("all", 200), ("8", 422)])
def test_the_periods_are_links(serve: Callable[..., Any], days: str, status: int) -> None:
    service = serve()
    page = httpx.get(f"{service.url}staff", params={"days": days}, headers=_basic(service))
    assert page.status_code == status
    if status == 200:
        assert re.findall(r'<a href="\?days=(\w+)" aria-current="page">', page.text) == [days]


def test_what_readers_write_does_nothing_and_nobody_is_named(serve: Callable[..., Any]) -> None:
    service = serve()
    heading = ("Docker", "<script>alert(4)</script>")
    cited = Citation(1, "note.md", heading, (), 3, 3, "x", '"><script>alert(5)</script>', "u", "old")
    for number, outcome in enumerate(("answered", "unfinished")):
        answer = Answer(f"a{number}", HOSTILE * 40, HOSTILE, outcome, "So.", citations=(cited,))  # type: ignore[arg-type]
        service.journal.keep_answer(answer, user="ada@example.org")
        service.journal.rate(answer.id, "down", reason=HOSTILE, text=HOSTILE * 40, user="ada@example.org")
    job = _wait_for_staff(service, "a0")
    page = httpx.get(f"{service.url}staff", headers=_basic(service)).text
    elements = _elements(page)
    assert {tag for tag, _ in elements} & {"script", "img", "b", "iframe", "style"} == set()
    assert {attributes["action"] for tag, attributes in elements if tag == "form"} == {f"/staff/replies/{job}"}
    assert not [name for _, attributes in elements for name in attributes if name.startswith("on") or name == "style"]
    links = [str(attributes["href"]) for _, attributes in elements if "href" in attributes]
    assert all(link.startswith((service.url, "?days=", "/static/")) for link in links)
    assert not set("\u202e\x1b") & set(page)
    assert len(page) < 20_000
    assert "ada@example.org" not in page
    found = httpx.get(f"{service.url}v1/staff/gaps", headers=service.key("staff")).text
    changed = httpx.get(f"{service.url}v1/staff/changed", headers=service.key("staff")).text
    assert "ada@example.org" not in found + changed


def test_each_way_of_asking_counts_once(serve: Callable[..., Any]) -> None:
    service = serve(anonymous_per_minute=100)
    question = "How do I publish a port?"
    _ask(service, question)
    with httpx.stream(
        "POST", f"{service.url}v1/ask", json={"question": question}, headers={"Accept": "text/event-stream"}, timeout=60
    ) as events:
        events.read()
    chat = {"model": "ask-the-notes", "messages": [{"role": "user", "content": question}]}
    assert httpx.post(f"{service.url}v1/chat/completions", json=chat, timeout=60).status_code == 200
    assert [row["times"] for row in export_all(service.journal) if row["table"] == "askings"] == [3]
