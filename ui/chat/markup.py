"""Text of notes, questions and models -> what the page may show: Markdown that fetches and does nothing, and HTML.

Streamlit's Markdown does more than CommonMark: pictures are fetched, `$` opens a formula, `:red[` a
colour. Everything of that kind is escaped. The HTML made here holds text only after html.escape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import groupby
from urllib.parse import urlencode

from assistant.answer import Answer, Citation
from assistant.marks import code_parts, with_marks
from ui.notes_text import Line, SectionText
from ui.rendering import heading as heading_path
from ui.rendering import printable, with_doubts

AROUND = 2  # lines shown on either side of a quote

_ACTING = re.compile(
    r"\\[\s\S]"
    r"|<!--[\s\S]*?(?:-->|\Z)"
    r"|<https?://[^\s<>]+>"
    r"|:[\w+-]+:"
    r"|!(?=\[)|\$|<(?=[A-Za-z/!?])|:(?=[A-Za-z\[])|(?<!~)~(?!~)"
)
_NO_SPACE = "\u2060"  # seen by no reader: `:name:` with it is no emoji
_LINK = re.compile(r"(?<!\\)\]\((?!#|[A-Za-z][A-Za-z0-9+.-]*:)([^()\s]+?)(?:#([^()\s]*))?\)")


def markdown(text: str) -> str:
    """Markdown as Streamlit shows it: nothing is fetched, no HTML, no formulas, no colours of its own."""

    def harmless(match: re.Match[str]) -> str:
        found = match[0]
        if found.startswith("<!--"):
            return ""
        if len(found) > 1 and found[0] == ":":
            return f"\\:{_NO_SPACE}{found[1:]}"
        return found if found.startswith(("\\", "<http")) else f"\\{found}"

    return "".join(part if is_code else _ACTING.sub(harmless, part) for part, is_code in code_parts(printable(text)))


def plain(words: str) -> str:
    """Words as they are, in a label that Streamlit reads as Markdown."""
    line = " ".join(printable(words).split())
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:^])", r"\\\1", line)


def answer_markdown(answer: Answer, prefix: str) -> str:
    """The text of an answer: sentences in doubt marked, each mark a link to its source below."""
    numbers = {citation.number for citation in answer.citations}

    def link(number: int) -> str:
        return f"[\\[{number}\\]](#{prefix}-{number})" if number in numbers else f"\\[{number}\\]"

    return with_marks(markdown(with_doubts(answer)), link)


def note_markdown(section: SectionText, documents: Mapping[str, object]) -> str:
    """The text of a section; links to other notes lead to them on this page."""

    def on_this_page(match: re.Match[str]) -> str:
        target = match[1].removeprefix("./")
        return f"]({permalink(target, match[2] or '')})" if target in documents else match[0]

    return "".join(
        part if is_code else _LINK.sub(on_this_page, part) for part, is_code in code_parts(markdown(section.markdown))
    )


def permalink(document: str, anchor: str = "") -> str:
    """Where a section is read on this page, relative to the page."""
    return "notes?" + urlencode({"note": document, **({"section": anchor} if anchor else {})})


def lines_in_words(first: int, last: int) -> str:
    """`line 3` or `lines 3 to 5`."""
    return f"line {first}" if first == last else f"lines {first} to {last}"


def place_in_words(citation: Citation) -> str:
    """Where a citation stands, for people."""
    return f"{citation.document}, {lines_in_words(citation.start_line, citation.end_line)}"


def sources_html(
    citations: Sequence[Citation], sections: Mapping[int, SectionText | None], prefix: str, *, cited: bool = True
) -> str:
    """The sources as a list of things that open: the quoted lines marked, those around, the whole section.

    `cited`: the text has their numbers.
    """
    items = "".join(_source(citation, sections.get(citation.number), prefix, cited=cited) for citation in citations)
    return f'<ol class="ask-sources">{items}</ol>'


def _source(citation: Citation, section: SectionText | None, prefix: str, *, cited: bool) -> str:
    note = citation.via.document if citation.via is not None else citation.document
    number = f'<span class="ask-number">[{citation.number}]</span> ' if cited else ""
    summary = (
        f"{number}"
        f'<span class="ask-path">{escape(printable(heading_path(citation)))}</span> '
        f'<span class="ask-place">{escape(printable(place_in_words(citation)))}</span>'
    )
    parts = [f'<span class="ask-target" id="{escape(prefix)}-{citation.number}"></span>']
    if citation.via is not None:
        included = f"{note}, {lines_in_words(citation.via.start_line, citation.via.end_line)}"
        parts.append(f'<p class="ask-place">Included by {escape(printable(included))}</p>')
    if citation.parents:
        above = " \u203a ".join(citation.parents)
        parts.append(f'<p class="ask-place">Under: {escape(printable(above))}</p>')
    parts += _excerpt(citation, section)
    href = escape(permalink(note, citation.anchor))
    parts.append(f'<p><a href="{href}" target="_blank">Open this section in the notes</a></p>')
    return f"<li><details><summary>{summary}</summary><div>{''.join(parts)}</div></details></li>"


def _excerpt(citation: Citation, section: SectionText | None) -> list[str]:
    quoted = {(citation.document, n) for n in range(citation.start_line, citation.end_line + 1)}
    places = [i for i, line in enumerate(section.lines) if (line.document, line.number) in quoted] if section else []
    if section is None or not places:
        lines = [Line(citation.document, citation.start_line + n, t) for n, t in enumerate(citation.quote.split("\n"))]
        return [
            _lines(lines, quoted),
            '<p class="ask-place">This note has changed since: the lines are shown as they were.</p>',
        ]
    first, last = max(0, places[0] - AROUND), places[-1] + AROUND + 1
    whole = f"<details><summary>The whole section</summary>{_lines(section.lines, quoted)}</details>"
    is_all = first == 0 and last >= len(section.lines)
    return [_lines(section.lines[first:last], quoted), *([] if is_all else [whole])]


def _lines(lines: Iterable[Line], quoted: set[tuple[str, int]]) -> str:
    """Lines with their numbers, those of each file under its name where there are several."""
    blocks = [(document, list(own)) for document, own in groupby(lines, key=lambda line: line.document)]
    shown = []
    for document, own in blocks:
        name = f'<span class="ask-file">{escape(printable(document))}</span>' if len(blocks) > 1 else ""
        rows = "".join(_row(line, (line.document, line.number) in quoted) for line in own)
        shown.append(f'{name}<pre class="ask-lines">{rows}</pre>')
    return "".join(shown)


def _row(line: Line, is_quoted: bool) -> str:
    text = escape(printable(line.text)) or " "
    text = f"<mark>{text}</mark>" if is_quoted and line.text.strip() else text
    return f'<span class="ask-row"><span class="ask-line">{line.number}</span><span>{text}</span></span>'
