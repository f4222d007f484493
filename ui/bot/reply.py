"""Answer -> the reply in a thread, in the Markdown that all forums share.

Its last line is the definition of a link that nothing uses: no forum shows it, and it says, in the plain text of
the post, which post this is the reply to. That is how a reply is found again that was posted just before a crash.
"""

from __future__ import annotations

import re

from assistant.answer import Answer, Citation
from assistant.marks import as_markdown, code_parts, marks
from ui.addresses import answer_url, note_url
from ui.rendering import heading, place, printable, remarks, with_doubts

MAX_REPLY = 3_000  # characters: as many as Spirit takes; Discourse takes ten times as many
MARKER = "ask-the-notes-reply-to"
AUTOMATIC = "*This is an automatic reply out of the course notes; it can be wrong.*"
ZERO_WIDTH = "\u200b"
_MARKER_LINE = re.compile(rf"^\[{MARKER}-([\w-]+)\]: \S+\s*\Z", re.MULTILINE)
_CUT = re.compile(r"(?<=\n)(?=\n|[-*+] |[0-9]{1,9}[.)] )")
_AT = re.compile(r"@(?=[\w.+-])")


def write_reply(answer: Answer, post: str, public_url: str | None) -> str:
    """The reply to that post: the text, its sources numbered, one line that it is automatic, and the marker.

    A text that is too long for a forum is cut behind a paragraph or a bullet, and the reply says so.
    """
    text = with_doubts(answer).strip("\n")
    reply = _reply(answer, text, post, public_url)
    blocks = _blocks(text)
    while len(reply) > MAX_REPLY and blocks:
        blocks.pop()
        reply = _reply(answer, "".join(blocks).strip("\n"), post, public_url, is_cut=True)
    return reply


def _reply(answer: Answer, text: str, post: str, public_url: str | None, *, is_cut: bool = False) -> str:
    shown = set(marks(text)) if is_cut else {citation.number for citation in answer.citations}
    cited = [citation for citation in answer.citations if citation.number in shown]
    parts = [text, *(as_markdown(remark) for remark in remarks(answer))]
    if is_cut:
        whole = f": [the whole answer]({answer_url(_base(public_url), answer.id)})." if public_url else "."
        parts.append(f"*There is more than fits into a reply{whole}*")
    if cited:
        parts.append("\n".join(f"{c.number}. {_source(c, public_url)}" for c in cited))
    elif answer.nearest and not answer.citations:
        listed = (f"{n}. {_source(c, public_url)}" for n, c in enumerate(answer.nearest, start=1))
        parts.append("The nearest that is written:\n\n" + "\n".join(listed))
    parts.append(AUTOMATIC)
    said = without_mentions(printable("\n\n".join(part for part in parts if part)))
    return f"{said}\n\n{marker_line(answer.id, post, public_url)}"


def _blocks(text: str) -> list[str]:
    """The text in pieces behind which it can be cut: paragraphs, bullets with what is under them, code as a whole."""
    blocks = [""]
    for part, is_code in code_parts(text):
        if is_code:
            blocks[-1] += part
        else:
            first, *others = _CUT.split(part)
            blocks[-1] += first
            blocks += others
    return blocks


def marker_line(answer: str, post: str, public_url: str | None) -> str:
    """The last line of the reply to that post."""
    return f"[{MARKER}-{post}]: {answer_url(_base(public_url), answer) if public_url else '#'}"


def replied_to(text: str) -> str | None:
    """The id of the post that a text is our reply to; None if it is no reply of a bot of this kind."""
    found = _MARKER_LINE.search(text.replace("\r\n", "\n").rstrip())
    return found[1] if found is not None else None


def is_automatic(text: str) -> bool:
    """Whether a bot of this kind wrote it, ours or that of another course."""
    return replied_to(text) is not None


def without_mentions(text: str) -> str:
    """The same to read, and nobody is called by it: forums look for a name directly behind the sign.

    Code stays as it is, for it is copied; no forum looks for names there.
    """
    return "".join(part if is_code else _AT.sub(f"@{ZERO_WIDTH}", part) for part, is_code in code_parts(text))


def _base(public_url: str) -> str:
    return f"{public_url.rstrip('/')}/"


def _source(citation: Citation, public_url: str | None) -> str:
    """A section as a link, where it has an address that a reader can open."""
    shown = as_markdown(printable(heading(citation)))
    where = as_markdown(printable(place(citation)))
    if public_url:
        return f"[{shown}]({note_url(_base(public_url), citation)}), {where}"
    if citation.url.startswith(("https://", "http://")):
        return f"[{shown}]({citation.url}), {where}"
    return f"{shown}, {where}"
