"""Pages that a citation or a link opens: an answer, a section of the notes with the cited lines marked. HTML and CSS.

Nothing in them acts: no script, no HTML of the notes, no picture from anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from html import escape
from itertools import groupby
from urllib.parse import urlencode

from markdown_it import MarkdownIt
from markdown_it.token import Token

from assistant.answer import Answer, Citation
from assistant.marks import with_marks
from ui.addresses import answer_url, note_url
from ui.notes_text import Chapter, Line, SectionText
from ui.rendering import OUTCOMES, heading, place, printable, remarks, with_doubts

CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"  # no pictures
)
MAX_SUMMARY = 200
MAX_RENDERED = 1_000  # sections
Marked = frozenset[tuple[str, int]]  # lines: document and number

_SAFE_LINK = re.compile(r"(?:https?://|#)[^\s]*", re.IGNORECASE)


def page(title: str, body: str, head: str = "") -> str:
    """A whole page. `title` is text; `body` and `head` are HTML."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{_text(title)}</title><link rel="stylesheet" href="/static/page.css">{head}</head>'
        f"<body><main>{body}</main></body></html>"
    )


def answer_page(answer: Answer, public_url: str) -> str:
    """The page of an answer."""
    here = answer_url(public_url, answer.id)
    head = _unfolding(answer.question, summary(answer), here, public_url)
    outcome = f'<p class="outcome">{_text(OUTCOMES[answer.outcome])}</p>' if OUTCOMES[answer.outcome] else ""
    said = "".join(f'<p class="remark">{_text(remark)}</p>' for remark in remarks(answer))
    body = (
        f"<h1>{_text(answer.question)}</h1>{outcome}<div class=answer>{answer_html(answer, public_url)}</div>{said}"
        + _sources("Sources", answer.citations, public_url)
        + _sources("The nearest that is written", answer.nearest, public_url)
        + '<p class="small">This answer was made by a program, from the notes it names.</p>'
    )
    return page(answer.question, body, head)


def answer_html(answer: Answer, public_url: str) -> str:
    """The text of an answer as HTML; each mark leads to its source."""
    urls = {citation.number: note_url(public_url, citation) for citation in answer.citations}

    def link(number: int) -> str:
        return f"[\\[{number}\\]](<{urls[number]}>)" if number in urls else f"\\[{number}\\]"

    return markdown_html(with_marks(with_doubts(answer), link))


def summary(answer: Answer) -> str:
    """The beginning of an answer as plain text."""
    tokens = _parser().parse(printable(answer.text))
    return _short(_plain(tokens))


def passage(chapter: Chapter, section: SectionText | None, marked: Marked) -> tuple[str, str]:
    """What a link to a note is about: the section of the cited lines and their text, or the note itself."""
    among = chapter.sections if section is None else (section,)
    cited = [(each, line) for each in among for line in each.lines if (line.document, line.number) in marked]
    if not cited:
        return (section.title if section is not None else chapter.title), chapter.title
    return cited[0][0].title, _short(" ".join(line.text for _, line in cited))


def note_page(chapter: Chapter, section: SectionText | None, marked: Marked, url: str, public_url: str) -> str:
    """The page of a note: all its sections; the cited lines of `section`, or of all, are marked and shown as lines."""
    parts = []
    for each in chapter.sections:
        cited = marked if section is None or each is section else frozenset()
        parts.append(_section(each, cited))
    title = section.title if section is not None else chapter.title
    return page(title, "".join(parts), _unfolding(*passage(chapter, section, marked), url, public_url))


@lru_cache(MAX_RENDERED)
def _written(markdown: str) -> str:
    """A section of the notes: whoever opens many of them would else hold the others up with nothing but reading."""
    return markdown_html(markdown)


def markdown_html(text: str) -> str:
    """Markdown as HTML in which nothing acts: tags are text, pictures are their description, links are for the web."""
    shown: str = _parser().render(printable(text))
    return shown


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])
    parser.validateLink = lambda url: _SAFE_LINK.fullmatch(url) is not None  # type: ignore[method-assign]
    parser.add_render_rule("image", _picture)
    parser.add_render_rule("link_open", _link)
    return parser


def _picture(renderer: object, tokens: list[Token], place: int, options: object, env: object) -> str:
    """A picture would be fetched from wherever a note says."""
    del renderer, options, env
    return f"<em>(picture: {_text(tokens[place].content)})</em>"


def _link(renderer: object, tokens: list[Token], place: int, options: object, env: object) -> str:
    del renderer, options, env
    return f'<a rel="noopener noreferrer nofollow" href="{escape(str(tokens[place].attrGet("href") or ""))}">'


def _plain(tokens: Iterable[Token]) -> str:
    words = []
    for token in tokens:
        if token.children:
            words.append(_plain(token.children))
        elif token.type in {"text", "code_inline", "fence", "code_block"}:
            words.append(re.sub(r"\s*\[\d+\]", "", token.content))
        elif token.type in {"softbreak", "hardbreak", "paragraph_close"}:
            words.append(" ")
    return "".join(words)


def _sources(title: str, citations: Iterable[Citation], public_url: str) -> str:
    items = "".join(_source(citation, public_url) for citation in citations)
    return f"<h2>{title}</h2><ol>{items}</ol>" if items else ""


def _source(citation: Citation, public_url: str) -> str:
    href = escape(note_url(public_url, citation))
    return (
        f'<li value="{citation.number}"><a href="{href}">{_text(heading(citation))}</a> '
        f'<span class="small">{_text(place(citation))}</span><pre>{_text(citation.quote)}</pre></li>'
    )


def _section(section: SectionText, marked: Marked) -> str:
    level = min(max(section.level, 1), 6)
    title = f'<h{level} id="{_text(section.anchor)}">{_text(section.title)}</h{level}>' if section.heading else ""
    cited = any((line.document, line.number) in marked for line in section.lines)
    lines = f"<details open><summary>The cited lines</summary>{_lines(section.lines, marked)}</details>"
    empty = '<p class="outcome">Nothing is written here yet.</p>' if section.state != "written" else ""
    return f"<section>{title}{lines if cited else ''}{_written(section.markdown)}{empty}</section>"


def _lines(lines: Iterable[Line], marked: Marked) -> str:
    blocks = []
    for document, own in groupby(lines, key=lambda line: line.document):
        rows = "".join(_row(line, is_marked=(document, line.number) in marked) for line in own)
        blocks.append(f'<p class="small">{_text(document)}</p><pre class="lines">{rows}</pre>')
    return "".join(blocks)


def _row(line: Line, *, is_marked: bool) -> str:
    text = f'<span class="number">{line.number:>4}</span> {_text(line.text)}'
    return f"<mark>{text}</mark>\n" if is_marked else f"{text}\n"


def _short(text: str) -> str:
    words = " ".join(printable(text).split())
    return words if len(words) <= MAX_SUMMARY else f"{words[: MAX_SUMMARY - 1]}\u2026"


def _unfolding(title: str, description: str, url: str, public_url: str) -> str:
    """What programs that unfold links look for in the head of a page."""
    embedding = f"{public_url}oembed?{urlencode({'url': url})}"
    link = f'<link rel="alternate" type="application/json+oembed" href="{_text(embedding)}" title="{_text(title)}">'
    about = {"og:type": "article", "og:site_name": "Ask the Notes", "og:title": title, "og:url": url}
    properties = {**about, "og:description": description}
    return link + "".join(f'<meta property="{name}" content="{_text(value)}">' for name, value in properties.items())


def _text(words: str) -> str:
    return escape(printable(words))
