"""Where things of this server can be opened: an answer, a section of the notes with the cited lines marked."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote, urlencode

from assistant.answer import Answer, Citation, Event


def answer_url(public_url: str, answer: str) -> str:
    """The page of an answer."""
    return f"{public_url}a/{quote(answer, safe='')}"


def note_url(public_url: str, citation: Citation) -> str:
    """The page of the section that a citation is from, its lines marked; of an included file, the including note."""
    first, last = citation.start_line, citation.end_line
    lines = str(first) if first == last else f"{first}-{last}"
    marked = {"lines": lines} if citation.via is None else {"lines": lines, "of": citation.document}
    anchor = f"#{quote(citation.anchor)}" if citation.anchor else ""
    return f"{public_url}notes/{quote(citation.note)}?{urlencode(marked)}{anchor}"


def section_url(public_url: str, citation: Citation) -> str:
    """The page of the same section, no lines marked."""
    return f"{public_url}notes/{quote(citation.note)}#{quote(citation.anchor)}"


def with_note_urls(event: Event, public_url: str) -> Event:
    """The event with citations that lead to this server."""
    if event.citation is not None:
        return replace(event, citation=_led(event.citation, public_url))
    return replace(event, answer=answer_with_note_urls(event.answer, public_url)) if event.answer is not None else event


def answer_with_note_urls(answer: Answer, public_url: str) -> Answer:
    """The answer with citations that lead to this server."""
    return replace(
        answer,
        citations=tuple(_led(citation, public_url) for citation in answer.citations),
        nearest=tuple(_led(citation, public_url) for citation in answer.nearest),
    )


def _led(citation: Citation, public_url: str) -> Citation:
    return replace(citation, url=note_url(public_url, citation))
