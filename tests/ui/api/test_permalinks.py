"""What links lead to, with documents, paths and answers that try to act."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from assistant.answer import Answer, Citation, Claim

pytestmark = pytest.mark.real
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    '"><script>alert(1)</script>',
    "'-alert(1)-'",
    "</title><script>alert(1)</script>",
    "</pre></code><script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&#58;alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox(1))",
    "[x](file:///etc/passwd)",
    "![x](https://tracker.example/p.gif)",
    "![x](javascript:alert(1))",
    "<javascript:alert(1)>",
    '[x](https://a.example/"onmouseover=alert(1))',
    '[x](https://a.example "title onclick=alert(1)")',
    "[x]: javascript:alert(1)\n\n[x]",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href=javascript:alert(1)>x</a><base href=//evil.example>",
    "`</code><script>alert(1)</script>`",
    "```html\n</pre><script>alert(1)</script>\n```",
    "<math><mtext><style><img src=x onerror=alert(1)></style></mtext></math>",
    "\u202e<script>alert(1)</script>\x1b]8;;x\x07",
]
TAGS = {"html", "head", "meta", "title", "link", "body", "main", "section", "div", "span", "p", "a", "ol", "ul", "li"}
TAGS |= {"h1", "h2", "h3", "h4", "h5", "h6", "pre", "code", "mark", "em", "strong", "details", "summary", "blockquote"}
TAGS |= {"table", "thead", "tbody", "tr", "th", "td", "s", "br", "hr"}
ATTRIBUTES = {"lang", "charset", "name", "content", "rel", "href", "property", "type", "title", "class", "id"}
ATTRIBUTES |= {"value", "open", "start"}


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.meta: dict[str, str] = {}
        self.alternate = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        own = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.links.append(own["href"])
        if tag == "meta" and "property" in own:
            self.meta[own["property"]] = own["content"]
        if tag == "link" and own["rel"] == "alternate":
            self.alternate = own["href"]


def _harmless(answer: httpx.Response) -> Page:
    assert answer.status_code == 200, answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'")
    assert "script-src" not in policy
    page = Page(answer.text)
    assert page.tags <= TAGS
    assert page.attributes <= ATTRIBUTES
    assert all(link.startswith(("http://", "https://", "#")) for link in page.links)
    return page


def _kept(service: Any, **changed: Any) -> str:
    citation = Citation(1, "note.md", ("Docker", "Ports"), (), 5, 5, "quote", "ports", "file:///x", "r")
    answer = Answer("", "How?", "How?", "answered", "So. [1]", (Claim("So.", (1,), "weak"),), (citation,))
    kept = replace(answer, id=f"{abs(hash(str(changed))):020x}"[-20:], **changed)
    service.journal.keep_answer(kept)
    return kept.id


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_an_answer_acts(service: Any, client: httpx.Client, text: str) -> None:
    cited = Citation(1, text, (text,), (text,), 5, 5, text, text, text, "r")
    name = _kept(service, question=text, text=f"{text} [1]", citations=(cited,), nearest=(cited,), notice=text)
    _harmless(client.get(f"/a/{name}"))
    embedded = client.get("/oembed", params={"url": f"{service.url}a/{name}"}).json()
    assert Page(embedded["html"]).tags == {"blockquote", "p", "a"}


def test_a_page_of_an_answer_unfolds(service: Any, client: httpx.Client) -> None:
    page = _harmless(client.get(f"/a/{_kept(service)}"))
    assert page.meta["og:title"] == "How?"
    assert page.meta["og:description"] == "So."
    assert f"{service.url}notes/note.md?lines=5#ports" in page.links
    embedded = client.get(page.alternate).json()
    assert (embedded["title"], embedded["width"], embedded["height"]) == ("How?", 600, 200)
    smaller = client.get(page.alternate + "&maxwidth=300&maxheight=900").json()
    assert (smaller["width"], smaller["height"]) == (300, 200)


def test_no_note_acts_and_nothing_of_it_is_fetched(client: httpx.Client) -> None:
    page = _harmless(client.get("/notes/hostile.md?lines=5-7"))
    assert "img" not in page.tags
    assert page.links == []


@pytest.mark.parametrize("text", HOSTILE)
def test_no_address_of_a_note_acts(client: httpx.Client, text: str) -> None:
    answer = client.get("/notes/note.md", params={"of": text, "section": text, "lines": "5"})
    _harmless(answer)
    assert client.get(f"/notes/{quote(text, safe='')}").headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        "../secret.md",
        "%2e%2e/secret.md",
        "..%2fsecret.md",
        "%2e%2e%2fsecret.md",
        "shell/../../secret.md",
        "shell/volume.sh",  # a note's own file is read in its note
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "..%5csecret.md",
        "note.md%00",
        "note.md/",
        "NOTE.md",
        "file:%2f%2f%2fetc%2fpasswd",
        "",
    ],
)
def test_nothing_but_the_notes_can_be_opened(service: Any, path: str) -> None:
    host = service.url.removeprefix("http://").rstrip("/")
    import http.client

    connection = http.client.HTTPConnection(host, timeout=30)  # sends a path as it is
    connection.request("GET", f"/notes/{path}")
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    assert answer.status == 404
    assert "nothing for readers" not in body


def _marked(text: str) -> list[str]:
    return [part.split("</mark>")[0].split("</span> ")[1] for part in text.split("<mark>")[1:]]


def test_the_cited_lines_are_marked(client: httpx.Client) -> None:
    text = client.get("/notes/note.md?lines=10-11").text
    assert _marked(text) == [
        "- a volume keeps its data when the container is removed",
        "- make one with `docker volume create data`",
    ]
    assert '<h2 id="volumes">' in text


def test_lines_of_an_included_file_are_marked_in_the_note_that_includes_it(client: httpx.Client) -> None:
    asked = client.post("/v1/ask", json={"question": "docker volume prune"}).json()
    text = client.get("/notes/note.md?lines=2&of=shell/volume.sh").text
    assert _marked(text) == ["docker volume prune"]
    assert asked["schema"] == 1


def test_an_empty_section_says_so(client: httpx.Client) -> None:
    assert "Nothing is written here yet." in client.get("/notes/note.md").text


@pytest.mark.parametrize("lines", ["0-99999999", "x", "1-", "-1", "1-2-3", "9" * 30])
def test_lines_that_are_none_are_refused(client: httpx.Client, lines: str) -> None:
    assert client.get("/notes/note.md", params={"lines": lines}).status_code == 422


def test_a_link_to_cited_lines_unfolds_with_what_they_say(service: Any, client: httpx.Client) -> None:
    page = _harmless(client.get("/notes/note.md?lines=5"))
    said = "- publish a port with `docker run -p 8080:80 web`: host first, container second"
    assert (page.meta["og:title"], page.meta["og:description"]) == ("Ports", said)
    assert page.meta["og:url"] == f"{service.url}notes/note.md?lines=5"
    embedded = client.get(page.alternate).json()
    assert embedded["title"] == "Ports"
    assert Page(embedded["html"]).links == [f"{service.url}notes/note.md?lines=5"]
    assert said in embedded["html"]


def test_a_link_to_a_note_unfolds_with_its_name(service: Any, client: httpx.Client) -> None:
    page = _harmless(client.get("/notes/note.md"))
    assert (page.meta["og:title"], page.meta["og:description"]) == ("Docker", "Docker")
    for url in (page.meta["og:url"], f"{service.url}notes/note.md#ports"):
        assert client.get("/oembed", params={"url": url}).json()["title"] == "Docker"


@pytest.mark.parametrize("more", ["", "?lines=1-40", '?lines=3&of="><script>', '#"><script>alert(1)</script>'])
def test_no_text_of_a_note_acts_where_a_link_is_unfolded(service: Any, client: httpx.Client, more: str) -> None:
    embedded = client.get("/oembed", params={"url": f"{service.url}notes/hostile.md{more}"}).json()
    page = Page(embedded["html"])
    assert page.tags == {"blockquote", "p", "a"}
    assert page.attributes == {"href"}
    assert page.links[0].startswith(f"{service.url}notes/hostile.md")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/a/abc",
        "{here}a/../notes/note.md",
        "{here}a/zzz",
        "{here}a/abc?x=1",
        "javascript:x",
        "{here}notes/../secret.md",
        "{here}notes/%2e%2e/secret.md",
        "{here}notes/",
        "{here}notes///[x",
        "{here}notes/note.md?lines=x",
        "https://evil.example/notes/note.md",
        "{here}notes/note.md?" + "a=1&" * 11,
    ],
)
def test_only_what_is_of_this_server_is_embedded(service: Any, client: httpx.Client, url: str) -> None:
    assert client.get("/oembed", params={"url": url.format(here=service.url)}).status_code == 404
