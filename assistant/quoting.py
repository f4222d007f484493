"""Evidence -> Answer text without a model: the passages themselves, as Markdown, each with the number of its citation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote as percent_encoded

from assistant.answer import Citation, Claim, ShownCommand, Via
from assistant.evidence import Evidence
from corpus.commands import commands
from corpus.passages import Outline, Passage

MAX_CODE_LINES = 30
_LOOKS_LIKE_A_MARK = re.compile(r"\[(\d+)\]")


def cite(number: int, passage: Passage, base_url: str) -> Citation:
    """The citation of a passage; a long code block is cited as far as it is shown."""
    shown = shown_quote(passage)
    return Citation(
        number=number,
        document=passage.document,
        heading=passage.heading,
        parents=passage.parents,
        start_line=passage.start_line,
        end_line=passage.start_line + shown.count("\n") if passage.kind == "code" else passage.end_line,
        quote=shown,
        anchor=passage.anchor,
        url=section_url(base_url, passage.note, passage.anchor),
        revision=passage.revision,
        via=Via(passage.via.document, passage.via.start_line, passage.via.end_line) if passage.via else None,
    )


def cite_heading(number: int, outline: Outline, base_url: str) -> Citation:
    """The citation of a heading under which nothing stands."""
    return Citation(
        number=number,
        document=outline.document,
        heading=outline.heading,
        parents=(),
        start_line=outline.start_line,
        end_line=outline.start_line,
        quote=outline.heading[-1],
        anchor=outline.anchor,
        url=section_url(base_url, outline.document, outline.anchor),
        revision=outline.revision,
    )


def section_url(base_url: str, note: str, anchor: str) -> str:
    """Where a section can be opened: the note under `base_url`, at the heading's anchor."""
    return base_url + percent_encoded(note) + (f"#{percent_encoded(anchor)}" if anchor else "")


def folder_url(root: Path) -> str:
    """The base of the links to notes on this machine."""
    return root.as_uri() + "/"


def quoted(evidence: Sequence[Evidence], base_url: str) -> tuple[str, list[Claim], list[Citation]]:
    """The text of an answer that quotes, its claims (one a passage) and their citations, numbered from 1."""
    lines: list[str] = []
    claims: list[Claim] = []
    citations: list[Citation] = []
    section = None
    for number, item in enumerate(evidence, start=1):
        if section is not None and item.section != section:
            lines.append("")
        section = item.section
        citations.append(cite(number, item.passage, base_url))
        block = _block(item, number)
        lines += block
        claims.append(Claim(shown_quote(item.passage), (number,), "verbatim"))
    return "\n".join(lines), claims, citations


def shown_quote(passage: Passage) -> str:
    """What is quoted of a passage: all of it, but for very long code."""
    if passage.kind != "code":
        return passage.quote
    return "\n".join(passage.quote.split("\n")[:MAX_CODE_LINES])


def shown_commands(evidence: Sequence[Evidence]) -> list[ShownCommand]:
    """The docker commands of the passages. They stand in the notes; whether the CLI takes them is not checked here."""
    found = [command for item in evidence for command in commands(item.passage, "docker")]
    return [ShownCommand(command, "in_notes") for command in dict.fromkeys(found)]


def _block(item: Evidence, number: int) -> list[str]:
    """One passage as Markdown: a bullet, or a code block with its mark on a line of its own."""
    indent = "  " * item.depth
    if item.passage.kind == "code":
        code = "\n".join(item.passage.text.split("\n")[:MAX_CODE_LINES])
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", code)), default=0))
        body = [f"{fence}{re.sub(r'[^A-Za-z0-9+-]', '', item.passage.language)}", *code.split("\n"), fence]
        return ["", *(indent + line for line in body), "", f"{indent}[{number}]", ""]
    words = item.passage.text if item.passage.kind == "row" else " ".join(item.passage.quote.split())
    return [f"{indent}- {_without_marks(words)} [{number}]"]


def _without_marks(markdown: str) -> str:
    """A `[1]` that the notes have themselves is no mark of ours; a lone backtick must not swallow ours."""
    if markdown.count("`") % 2:
        markdown = markdown.replace("`", "\\`")
    return _LOOKS_LIKE_A_MARK.sub(r"\\[\1\\]", markdown)
