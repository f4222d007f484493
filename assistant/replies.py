"""A model's reply -> Sentences, one by one while it streams: what is to be checked, and shown only after that.

The reply is data. Of its Markdown only bullets, code and emphasis are kept: headings are dropped, links and
images become their words, and HTML is text like any other.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

from assistant.marks import as_markdown, code_parts

# The first line of a reply that is no JSON, as prompts.py asks for it.
_VERDICT = re.compile(r"[\s*_`#]*ANSWERED[\s*_`]*:[\s*_`]*(yes|no)\b[\s*_`.,]*", re.IGNORECASE)
_THINK = "<think"
_MAY_BE_VERDICT = re.compile(r"[\s*_`#]*(?:ANSWERED|$)", re.IGNORECASE)
_MARK = re.compile(r"\s*[\[\u3010]\^?(\d{1,6}(?:\s*[,;\u2013-]\s*\d{1,6})*)[\]\u3011]")
_LIST_ITEM = re.compile(r"(\s*)(?:[-*+\u2022]|(\d{1,3})[.)])\s+")
_FENCE = re.compile(r"\s*(`{3,}|~{3,})\s*([\w+-]*)[^`]*$")
_MAY_BE_A_BLOCK = ("", "#", "`", "~", "=", "-", "*", "_", "+")
_HEADING = re.compile(r"\s{0,3}#{1,6}(?:\s|$)|\s*(?:={3,}|-{3,}|\*{3,}|_{3,})\s*$")
# A sentence ends where the next begins with a capital, a number or code; marks may stand behind its full stop.
_END = re.compile(r"(?<=[.!?])[\"')*_\u201d]*(?:\s*\[[\d,;\s\u2013-]+\])*\s+(?=[\"'(*_\u201c]*[^\W_a-z]|[`-])")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|vs|cf|no|approx|fig|eq|resp|incl|dr|mr|mrs|ms|st)\.$", re.IGNORECASE)
_DASH_BEFORE_LETTER = re.compile(r"(?<!\w)[\u2010-\u2015\u2212](?=[-\u2010-\u2015\u2212]?[A-Za-z])")
_THOUGHT = re.compile(r"</think(?:ing)?>", re.IGNORECASE)

Kind = Literal["prose", "item", "code"]


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, list item or code block of a reply, and the marks that it carries, as they were written.

    `text` is safe Markdown on one line (the code itself, for a code block); `words` the same as plain words, `prose`
    without its code; `code` its code spans, or the lines of the block. `opens` says that a new paragraph begins.
    """

    kind: Kind
    text: str
    words: str
    code: tuple[str, ...]
    marks: tuple[int, ...]
    prose: str = ""
    opens: bool = False
    language: str = ""


class Reply:
    """The sentences of a reply that streams in. `declined` is set once the model has said that it cannot answer."""

    def __init__(self, parts: Iterable[str | Mapping[str, Any]]) -> None:
        self.declined = False
        self._parts = parts

    def __iter__(self) -> Generator[Sentence, None, None]:
        """Each sentence as soon as it is complete."""
        pending = ""
        answer: Mapping[str, Any] | None = None
        given = 0
        reader = _Reader()
        for part in _spoken(self._parts):
            if isinstance(part, Mapping):  # structured output: ever more of one object
                answer = part
                complete = _entries(part)[given:-1]
                given += len(complete)
                yield from _structured(complete)
            else:
                pending += part
                *lines, pending = pending.split("\n")
                yield from self._read(reader, lines)
                if not self.declined:
                    ready, pending = reader.ready(pending)
                    yield from ready
            if self.declined or (answer is not None and answer.get("answered") is False):
                self.declined = True
                return
        if answer is not None:
            yield from _structured(_entries(answer)[given:])
        yield from self._read(reader, [pending])
        yield from reader.close()

    def _read(self, reader: _Reader, lines: Iterable[str]) -> Iterator[Sentence]:
        for line in lines:
            if reader.is_fresh and (verdict := _VERDICT.match(line)):
                self.declined = verdict[1].lower() == "no"
                if self.declined:
                    return
                line = line[verdict.end() :]
            yield from reader.line(line)


def _spoken(parts: Iterable[str | Mapping[str, Any]]) -> Iterator[str | Mapping[str, Any]]:
    """The parts without what the model thinks aloud before it replies: `<think> ... </think>`."""
    head = ""
    is_thinking: bool | None = None  # not known yet
    for part in parts:
        if isinstance(part, Mapping) or is_thinking is False:
            yield part
            continue
        head += part
        begins = head.lstrip().lower()[: len(_THINK)]
        if is_thinking is None and not _THINK.startswith(begins):
            is_thinking = False
            yield head
        elif begins == _THINK:
            is_thinking = True
            if thought := _THOUGHT.search(head):
                is_thinking = False
                yield head[thought.end() :]
    if is_thinking is None:
        yield head


def _entries(answer: Mapping[str, Any]) -> list[Any]:
    entries = answer.get("sentences")
    return entries if isinstance(entries, list) else []


def _structured(entries: Iterable[Any]) -> Iterator[Sentence]:
    """The sentences of entries `{"text", "citations"}`; what is of another shape is left out."""
    for entry in entries:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("text"), str):
            continue
        cited = entry.get("citations")
        marks = tuple(n for n in cited if isinstance(n, int)) if isinstance(cited, list) else ()
        reader = _Reader()
        for line in entry["text"].split("\n"):
            for sentence in reader.line(line):
                yield replace(sentence, marks=sentence.marks + marks)
        for sentence in reader.close():
            yield replace(sentence, marks=sentence.marks + marks)


class _Reader:
    """Lines of Markdown -> Sentences. It keeps what the lines before decide: an open code block, a new paragraph."""

    def __init__(self) -> None:
        self.is_fresh = True  # nothing but empty lines so far
        self._opens = True
        self._fence = ""
        self._language = ""
        self._block: list[str] = []

    def line(self, line: str) -> Iterator[Sentence]:
        """The sentences of a whole line."""
        if self._fence:
            if line.strip().startswith(self._fence) and not line.strip().strip(self._fence[0]):
                yield from self.close()
            else:
                self._block.append(line)
        elif fence := _FENCE.match(line):
            self.is_fresh = False
            self._fence, self._language = fence[1], fence[2]
        elif not line.strip():
            self._opens = True
        elif _HEADING.match(line):
            self.is_fresh = False
            self._opens = True
        else:
            self.is_fresh = False
            yield from self._sentences(line)

    def ready(self, beginning: str) -> tuple[list[Sentence], str]:
        """The sentences that are complete in the beginning of a line, and the rest of it."""
        if self._fence or _LIST_ITEM.match(beginning) or beginning.lstrip()[:1] in _MAY_BE_A_BLOCK:
            return [], beginning
        if any("`" in part for part, is_code in code_parts(beginning) if not is_code):  # code that is not closed yet
            return [], beginning
        if self.is_fresh and _MAY_BE_VERDICT.match(beginning):
            return [], beginning
        whole, rest = _split(beginning)
        self.is_fresh = self.is_fresh and not whole
        return [s for text in whole for s in self._sentences(text)], rest

    def close(self) -> Iterator[Sentence]:
        """The code block that is open, if any; its lines are set back to the left."""
        if self._fence and any(line.strip() for line in self._block):
            indent = min(len(line) - len(line.lstrip()) for line in self._block if line.strip())
            lines = tuple(line[indent:].rstrip() for line in self._block if line.strip())
            yield Sentence("code", "\n".join(lines), "", lines, (), opens=True, language=self._language)
            self._opens = True
        self._fence, self._language, self._block = "", "", []

    def _sentences(self, line: str) -> Iterator[Sentence]:
        item = _LIST_ITEM.match(line)
        if item:
            yield from _sentence("item", line[item.end() :], opens=True)
            self._opens = True
            return
        whole, rest = _split(line)
        for text in [*whole, rest]:
            found = list(_sentence("prose", text, opens=self._opens))
            if found:
                self._opens = False
            yield from found


def _split(line: str) -> tuple[list[str], str]:
    """The sentences of a line that another follows, and the last one."""
    whole = []
    start = place = 0
    for part, is_code in code_parts(line):
        if not is_code:
            for end in _END.finditer(line, place, place + len(part)):
                if not _ABBREVIATION.search(line[start : end.start()]):
                    whole.append(line[start : end.end()])
                    start = end.end()
        place += len(part)
    return whole, line[start:]


def _sentence(kind: Kind, text: str, *, opens: bool) -> Iterator[Sentence]:
    """One piece of text as a Sentence, if there are words in it."""
    tokens = _inline().parseInline(text)
    shown: list[str] = []
    words: list[str] = []
    prose: list[str] = []
    code: list[str] = []
    marks: list[int] = []
    for token in (child for block in tokens for child in block.children or ()):
        if token.type == "code_inline":
            code.append(token.content)
            shown.append(_code_span(token.content))
            words.append(f"`{token.content}`")
            prose.append(" ")
        elif token.type in {"strong_open", "strong_close"}:
            shown.append("**")
        else:
            content = _DASH_BEFORE_LETTER.sub("-", _without_marks(_content(token), marks).replace("~~", ""))
            shown.append(as_markdown(content))
            words.append(content)
            prose.append(content)
    plain = " ".join("".join(words).split())
    if not any(c.isalnum() for c in plain):
        return
    yield Sentence(kind, _tidied("".join(shown)), plain, tuple(code), tuple(marks), "".join(prose), opens=opens)


def _content(token: Token) -> str:
    if token.type in {"softbreak", "hardbreak"}:
        return " "
    if token.type == "image":  # neither the picture nor its place; an image says nothing that could be checked
        return ""
    return token.content if token.type in {"text", "html_inline", "text_special"} else ""


def _without_marks(text: str, marks: list[int]) -> str:
    """The text without its marks, which are added to `marks`; `[1-3]` is three of them."""

    def taken(match: re.Match[str]) -> str:
        for group in re.split(r"\s*[,;]\s*", match[1]):
            first, _, last = re.sub(r"\s*[\u2013-]\s*", "-", group).partition("-")
            span = range(int(first), int(last or first) + 1)
            marks.extend(span if len(span) <= 20 else (int(first), int(last)))
        return ""

    return _MARK.sub(taken, text)


def _tidied(markdown: str) -> str:
    """One line; without the space that a mark has left before a full stop, or emphasis around nothing."""
    line = " ".join(markdown.replace("****", "").split())
    line = re.sub(r"\s+([.,;:!?])", r"\1", line)
    return line if line.count("**") % 2 == 0 else line.replace("**", "")


def code_lines(code: str) -> list[str]:
    """The lines of a snippet, continued ones in one piece, without prompts; comments are lines like any other."""
    joined = re.sub(r"\\\n\s*", " ", code)
    return [re.sub(r"^\s*[$>]\s+", "", line) for line in joined.split("\n") if line.strip()]


def _code_span(code: str) -> str:
    ticks = "`" * (1 + max((len(run) for run in re.findall(r"`+", code)), default=0))
    space = " " if code.startswith("`") or code.endswith("`") else ""
    return f"{ticks}{space}{' '.join(code.split())}{space}{ticks}"


@cache
def _inline() -> MarkdownIt:
    return MarkdownIt("commonmark", {"maxNesting": 20}).disable(["autolink", "entity"])
