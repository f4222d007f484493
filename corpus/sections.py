"""Document -> Section: headings with their path, anchor, line span, and whether anything is written there."""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import zip_longest
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from corpus.documents import Document, Include, front_matter_lines

SectionState = Literal["written", "unfinished", "missing_include"]

# The parser recurses, two calls a level, and a bullet inside a bullet is two levels: the bound leaves
# most of Python's stack to the caller. Inside a line brackets cost time times their nesting.
MAX_NESTING = 100
MAX_INLINE_NESTING = 20

_HTML_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_HTML_TAG = re.compile(r"</?([A-Za-z][\w-]*)(?:\s[^<>]*)?/?>")
_MARKS = re.compile(r"(?:[ \t]*(?:>|(?:[-*+]|\d{1,9}[.)])(?=[ \t]|$)))*[ \t]*")
# What else stands in angle brackets is a learner's placeholder, `docker run <image>`, or notes on HTML itself.
_HTML_NAME = re.compile(
    "a|abbr|b|big|blockquote|br|center|code|dd|del|details|div|dl|dt|em|figcaption|figure|font|h[1-6r]|i|iframe|img"
    "|ins|kbd|li|mark|ol|p|pre|q|s|samp|script|small|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td"
    "|tfoot|th|thead|tr|tt|u|ul|var|video|wbr",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Section:
    """One heading and what stands under it, up to the next heading of any level.

    `heading` is the path from the outermost heading to this one, () for text before the first heading.
    Lines are 1-based lines of the resolved document, `start_line` is the heading's own; `blocks` are
    the tokens under it. A heading with written subsections counts as written.
    """

    document: Document = field(repr=False)
    heading: tuple[str, ...]
    level: int
    anchor: str
    start_line: int
    end_line: int
    state: SectionState
    blocks: tuple[Token, ...] = field(repr=False, compare=False, default=())
    missing: tuple[Include, ...] = ()

    @property
    def title(self) -> str:
        """The heading itself, '' for the text before the first one."""
        return self.heading[-1] if self.heading else ""


@cache
def markdown_parser() -> MarkdownIt:
    """CommonMark with tables; link definitions are tokens, and nothing is dropped for its depth."""
    inside_lines = MarkdownIt("commonmark", {"maxNesting": MAX_INLINE_NESTING})

    def inline(state: StateCore) -> None:
        for token in state.tokens:
            if token.type == "inline":
                token.children = []
                inside_lines.inline.parse(token.content, inside_lines, state.env, token.children)

    # The parser drops what is deeper than its own bound; `_too_deep` comes before that.
    parser = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING + 10, "inline_definitions": True}).enable("table")
    parser.block.ruler.before("table", "too_deep", _too_deep)
    parser.core.ruler.at("inline", inline)
    parser.parse("its rules are compiled at the first call, which must not happen in two threads at once")
    return parser


def _too_deep(state: StateBlock, start_line: int, _end_line: int, silent: bool) -> bool:
    """Below MAX_NESTING each line is a paragraph of its own, without its list and quote marks."""
    if silent or state.level < MAX_NESTING:
        return False
    begin, end = state.bMarks[start_line] + state.tShift[start_line], state.eMarks[start_line]
    state.line = start_line + 1
    state.push("paragraph_open", "p", 1).map = [start_line, state.line]
    inline = state.push("inline", "", 0)
    inline.map, inline.content = [start_line, state.line], without_marks(state.src[begin:end]).strip()
    state.push("paragraph_close", "p", -1)
    return True


def document_sections(document: Document, *, empty_lead: bool = False) -> list[Section]:
    """Cut a document at its headings; the text before the first is a section of its own if there is any.

    With `empty_lead` it is one in any case: its fences and comments may be what is wrong with the note.
    """
    tokens = markdown_parser().parse(_without_front_matter(document))
    starts = [i for i, t in enumerate(tokens) if t.type == "heading_open" and t.level == 0]
    ends = [_first_line(tokens[i]) - 1 for i in starts] + [_line_count(document)]
    lead = tuple(tokens[: starts[0]] if starts else tokens)
    missing = _faults(document, 1, ends[0])
    sections: list[Section] = []
    state = _state(lead, missing)
    if state != "unfinished" or empty_lead:
        sections.append(Section(document, (), 0, "", 1, ends[0], state, lead, missing))
    anchors: dict[str, int] = {}
    path: list[tuple[int, str]] = []
    for start, following, end in zip(starts, [*starts, None][1:], ends[1:], strict=True):
        level, first = int(tokens[start].tag[1]), _first_line(tokens[start])
        title = plain_text(tokens[start + 1]) or "(untitled)"
        path = [*(p for p in path if p[0] < level), (level, title)]
        anchor = _anchor(_words(tokens[start + 1]).strip() or title, anchors)
        blocks, missing = tuple(tokens[start + 3 : following]), _faults(document, first, end)
        heading, state = tuple(name for _, name in path), _state(blocks, missing)
        sections.append(Section(document, heading, level, anchor, first, end, state, blocks, missing))
    return _with_parents_written(sections)


def _line_count(document: Document) -> int:
    """How many lines there are; after the last line end there is none, unless an include stands there."""
    count = len(document.lines)
    return count - 1 if document.text.endswith("\n") and count - 1 not in document.gaps else count


def _without_front_matter(document: Document) -> str:
    """The text to parse: empty lines in place of front matter, so that line numbers stay as they are."""
    count = front_matter_lines(document.lines)
    return "\n" * count + "\n".join(document.lines[count:]) if count else document.text


def _faults(document: Document, first: int, last: int) -> tuple[Include, ...]:
    """The includes from line `first` to `last` that cannot be had; `document.includes` is in order of lines."""
    begin = bisect_left(document.includes, first - 1, key=lambda include: include.at)
    end = bisect_left(document.includes, last, key=lambda include: include.at)
    return tuple(include for include in document.includes[begin:end] if include.fault)


def _state(blocks: Sequence[Token], missing: tuple[Include, ...]) -> SectionState:
    if any(is_content(token) for token in blocks):
        return "written"
    return "missing_include" if missing else "unfinished"


def _with_parents_written(sections: list[Section]) -> list[Section]:
    """A heading over others is as finished as the best of them."""
    done = list(sections)
    path: list[int] = []
    for i, section in enumerate(sections):
        while path and sections[path[-1]].level >= section.level:
            path.pop()
        if section.heading:
            path.append(i)
        if section.state == "written":
            for above in path:
                if done[above].state != "written":
                    done[above] = replace(done[above], state="written")
    return done


def is_content(token: Token) -> bool:
    """Whether a block token holds anything to read (comments, rules and empty fences do not)."""
    if token.type == "inline":
        return bool(plain_text(token))
    if token.type in {"fence", "code_block"}:
        return bool(token.content.strip())
    if token.type == "html_block":
        return bool(html_text(token.content))
    return token.type == "definition"


def html_text(content: str) -> str:
    """The words of a block of HTML, without tags and comments."""
    return " ".join(html.unescape(_HTML_TAG.sub(_tag_text, _HTML_COMMENT.sub(" ", content))).split())


def _tag_text(tag: re.Match[str]) -> str:
    return " " if _HTML_NAME.fullmatch(tag[1]) else tag[0]


def plain_text(inline: Token) -> str:
    """The words of an inline token: markup, link targets and HTML comments removed, code kept."""
    return " ".join(_words(inline).split())


def inline_text(content: str) -> str:
    """The words of inline Markdown that is not a token: a part of a paragraph, a cell of a table."""
    return " ".join(plain_text(token) for token in markdown_parser().parseInline(content))


def _words(inline: Token) -> str:
    return "".join(_inline_parts(inline.children or ()))


def _inline_parts(children: Sequence[Token]) -> Iterator[str]:
    """A picture or link that has no words is given by its address."""
    for child, following in zip_longest(children, children[1:]):
        if child.type in {"text", "code_inline"}:
            yield child.content
        elif child.type in {"softbreak", "hardbreak"}:
            yield "\n"
        elif child.type == "html_inline":
            yield _HTML_COMMENT.sub("", _HTML_TAG.sub(_tag_text, child.content))
        elif child.type == "image":
            words = "".join(_inline_parts(child.children or ()))
            yield words if words.strip() else str(child.attrs.get("src", ""))
        elif child.type == "link_open" and following is not None and following.type == "link_close":
            yield str(child.attrs.get("href", ""))


def without_marks(line: str) -> str:
    """A line without the indentation, list and quote marks it starts with."""
    marks = _MARKS.match(line)
    return line[marks.end() :] if marks else line


def code_lines(token: Token) -> list[str]:
    """The lines of a fenced or indented code block, without the indentation of the block itself."""
    return token.content.removesuffix("\n").split("\n") if token.content else []


def fence_is_closed(token: Token) -> bool:
    """Whether a fence has an end mark, rather than running to the end of its list, quotation or file."""
    return token.map is not None and token.map[1] - token.map[0] == len(code_lines(token)) + 2


def github_anchor(title: str) -> str:
    """The fragment that GitHub gives a heading: lower case, punctuation dropped, spaces to hyphens."""
    return "".join(c for c in title.strip().lower() if c in "- " or _is_word(c)).replace(" ", "-")


def _is_word(character: str) -> bool:
    """Letters, marks, decimal digits and connectors, as Ruby's `\\p{Word}` has them."""
    category = unicodedata.category(character)
    return category[0] in "LM" or category in {"Nd", "Pc"}


def _anchor(title: str, seen: dict[str, int]) -> str:
    """Number duplicates as GitHub does: `name`, `name-1`, `name-2`."""
    base = anchor = github_anchor(title)
    while anchor in seen:
        seen[base] += 1
        anchor = f"{base}-{seen[base]}"
    seen[anchor] = 0
    return anchor


def _first_line(token: Token) -> int:
    return (token.map[0] if token.map else 0) + 1
