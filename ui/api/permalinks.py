"""GET /a/{id}, /notes/{document}, /oembed: what links lead to, for people and for the programs that unfold links."""

from __future__ import annotations

import re
from html import escape
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from ui.addresses import answer_url
from ui.api.keeping import AnswerId, kept_answer
from ui.api.pages import CONTENT_POLICY, Marked, answer_page, note_page, passage, summary
from ui.api.problems import PROBLEMS, Problem
from ui.api.state import Shared, opened, opened_notes, shared
from ui.service import Opened

MAX_LINES = 500
WIDTH, HEIGHT = 600, 200  # of an unfolded link, in pixels, unless a page has less room
LINES = r"^[0-9]{1,7}(-[0-9]{1,7})?$"

router = APIRouter(tags=["permalinks"], responses=PROBLEMS)


@router.get("/a/{answer}", response_class=HTMLResponse)
def answer(answer: AnswerId, here: Annotated[Shared, Depends(shared)]) -> HTMLResponse:
    """The page of an answer."""
    return _html(answer_page(kept_answer(here, answer), here.public_url))


@router.get("/notes/{document:path}", response_class=HTMLResponse)
def note(
    document: str,
    here: Annotated[Shared, Depends(shared)],
    notes: Annotated[Opened, Depends(opened)],
    lines: Annotated[str | None, Query(pattern=LINES, description="Lines to mark, as 12 or 12-13.")] = None,
    of: Annotated[str | None, Query(max_length=500, description="File of these lines, if one is included.")] = None,
    section: Annotated[str | None, Query(max_length=500, description="Anchor of the only section to mark.")] = None,
) -> HTMLResponse:
    """The page of a note, lines of it marked. The fragment of the address is the section's anchor."""
    chapter = notes.text.chapter(document)  # a name among those that were read: no path is opened
    if chapter is None:
        raise Problem(404, "There is no such note.")
    only = notes.text.section(document, section) if section is not None else None
    asked = {name: value for name, value in (("lines", lines), ("of", of), ("section", section)) if value is not None}
    url = f"{here.public_url}notes/{quote(document)}{'?' if asked else ''}{urlencode(asked)}"
    return _html(note_page(chapter, only, _marked(lines, of or document), url, here.public_url))


@router.get("/oembed")
def oembed(
    url: Annotated[str, Query(max_length=2_000)],
    here: Annotated[Shared, Depends(shared)],
    format: Literal["json"] = "json",  # noqa: A002  # its name in oEmbed; XML is not made
    maxwidth: Annotated[int, Query(ge=1, le=100_000)] = WIDTH,
    maxheight: Annotated[int, Query(ge=1, le=100_000)] = HEIGHT,
) -> dict[str, Any]:
    """An answer, or a section of the notes, for a page that links to it: a quotation, without any script."""
    del format
    title, text, link = _answer_at(here, url) or _note_at(here, url)
    return {
        "version": "1.0",
        "type": "rich",
        "provider_name": "Ask the Notes",
        "provider_url": here.public_url,
        "title": title,
        "width": min(WIDTH, maxwidth),
        "height": min(HEIGHT, maxheight),
        "html": f'<blockquote><p>{escape(text)}</p><a href="{escape(link)}">{escape(title)}</a></blockquote>',
    }


def _answer_at(here: Shared, url: str) -> tuple[str, str, str] | None:
    """The question, the beginning of the answer and its address; None if the address is none of an answer."""
    found = re.fullmatch(rf"{re.escape(here.public_url)}a/([0-9a-f]{{1,40}})", unquote(url))
    if found is None:
        return None
    kept = kept_answer(here, found[1])
    return kept.question, summary(kept), answer_url(here.public_url, kept.id)


def _note_at(here: Shared, url: str) -> tuple[str, str, str]:
    """The section, the cited lines and the address of a note. Raises Problem."""
    root = f"{here.public_url}notes/"
    nothing = Problem(404, "There is no answer and no note of this service at that address.")
    if not url.startswith(root):
        raise nothing
    try:
        parts = urlsplit(url.removeprefix(root))
        asked = dict(parse_qsl(parts.query, max_num_fields=10))
    except ValueError as error:
        raise nothing from error
    text, document = opened_notes(here).text, unquote(parts.path)
    chapter = text.chapter(document)
    lines = asked.get("lines")
    if chapter is None or not re.fullmatch(LINES, lines or "1"):
        raise nothing
    only = text.section(document, asked["section"]) if "section" in asked else None
    return *passage(chapter, only, _marked(lines, asked.get("of", document))), url


def _marked(lines: str | None, document: str) -> Marked:
    first, last = _lines(lines)
    return frozenset((document, number) for number in range(first, last + 1))


def _lines(lines: str | None) -> tuple[int, int]:
    """The first and the last, both included; none are (1, 0)."""
    if lines is None:
        return 1, 0
    first, _, last = lines.partition("-")
    return int(first), min(int(last or first), int(first) + MAX_LINES)


def _html(text: str) -> HTMLResponse:
    return HTMLResponse(text, headers={"Content-Security-Policy": CONTENT_POLICY})
