"""Evidence -> Answer text without a model: the passages themselves, as Markdown, each with its citation's number."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote as percent_encoded

from assistant.answer import Citation, Claim, CommandStatus, ShownCommand, Via
from assistant.evidence import Evidence
from assistant.marks import as_markdown, quotable
from corpus.commands import commands
from corpus.docker.cli import check
from corpus.passages import Outline, Passage

MAX_CODE_LINES = 30
MAX_HEADING = 80  # characters of one heading in a sentence
_HEADING_MARKS = re.compile(r"^[\s>]*#{1,6}(?=\s)|\s#+\s*$")
_QUOTATION_MARKS = re.compile(r"\n[ \t]*(?:>[ \t]?)+")


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


def cite_heading(number: int, outline: Outline, base_url: str, root: Path) -> Citation:
    """The citation of a heading under which nothing stands; its line is read from the note in `root`."""
    line = _HEADING_MARKS.sub("", _line(root / outline.source, outline.source_line)).strip()
    is_included = outline.source != outline.document
    return Citation(
        number=number,
        document=outline.source,
        heading=outline.heading,
        parents=(),
        start_line=outline.source_line,
        end_line=outline.source_line,
        quote=line or " > ".join(outline.heading[-1:]),
        anchor=outline.anchor,
        url=section_url(base_url, outline.document, outline.anchor),
        revision=outline.source_revision,
        via=Via(outline.document, outline.start_line, outline.start_line) if is_included else None,
    )


def _line(file: Path, number: int) -> str:
    """One line of a note as it stands there; empty if the note cannot be read any more."""
    try:
        data = file.read_bytes()
    except OSError:
        return ""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")  # as corpus.documents reads it; UTF-16 is not looked into
    lines = re.split(r"\r\n|\n|\r", text)
    return lines[number - 1] if number <= len(lines) and "\0" not in text else ""


def section_url(base_url: str, note: str, anchor: str) -> str:
    """Where a section can be opened: the note under `base_url`, at the heading's anchor."""
    return base_url + percent_encoded(note) + (f"#{percent_encoded(anchor)}" if anchor else "")


def folder_url(root: Path) -> str:
    """The base of the links to notes on this machine."""
    return root.as_uri() + "/"


def quoted(
    evidence: Sequence[Evidence], base_url: str, *, cited: Mapping[int, int] | None = None
) -> tuple[str, list[Claim], list[Citation]]:
    """The text of an answer that quotes, its claims (one a passage) and their citations, numbered from 1.

    `cited` has the numbers of passages that a text before this one cites: they keep them, and the others go on.
    """
    numbers = dict(cited or {})
    lines: list[str] = []
    claims: list[Claim] = []
    citations: list[Citation] = []
    section = None
    for item in evidence:
        if section is not None and item.section != section:
            lines.append("")
        section = item.section
        if item.number not in numbers:
            numbers[item.number] = len(numbers) + 1
            citations.append(cite(numbers[item.number], item.passage, base_url))
        lines += _block(item, numbers[item.number])
        claims.append(Claim(shown_quote(item.passage), (numbers[item.number],), "verbatim"))
    return "\n".join(lines), claims, citations


def unfinished_sentence(outline: Outline) -> str:
    """What to say of a section in which nothing is written, as Markdown."""
    missing = as_markdown(", ".join(outline.missing))
    if not outline.heading:
        return f"The notes have nothing for this but an included file that is missing ({missing})."
    path = as_markdown(" > ".join(_shortened(name) for name in outline.heading))
    why = f"with only an included file that is missing ({missing})" if missing else "with nothing under it yet"
    return f'The notes have a heading for this, "{path}", {why}.'


def gap_sentence(names: Sequence[str]) -> str:
    """What to say of the names in a question that the notes do not have, as Markdown."""
    quoted_names = " and ".join(f'"{as_markdown(name)}"' for name in names)
    return f"The notes do not mention {quoted_names}."


def _shortened(name: str) -> str:
    return name if len(name) <= MAX_HEADING else f"{name[: MAX_HEADING - 1]}\u2026"


def shown_quote(passage: Passage) -> str:
    """What is quoted of a passage: all of it, but for very long code."""
    if passage.kind != "code":
        return passage.quote
    return "\n".join(passage.quote.split("\n")[:MAX_CODE_LINES])


def shown_commands(evidence: Sequence[Evidence]) -> list[ShownCommand]:
    """The docker commands of the passages, each with what the CLI would say of it."""
    found: dict[str, ShownCommand] = {}
    for item in evidence:
        passage = replace(item.passage, text=_shown_code(item.passage))
        for line in commands(passage, "docker"):
            found.setdefault(line, checked_command(line, is_whole=passage.kind == "code"))
    return list(found.values())


@lru_cache(maxsize=4096)  # the same few commands stand in many answers
def checked_command(line: str, *, is_whole: bool) -> ShownCommand:
    """A docker command that stands in the notes: shown as they have it, with what is wrong with it."""
    verdict = check(line, is_whole=is_whole)
    status: CommandStatus = "invalid" if verdict.status == "invalid" else "in_notes"
    return ShownCommand(line, status, verdict.problem, verdict.suggestion, verdict.severity)


def _block(item: Evidence, number: int) -> list[str]:
    """One passage as Markdown: a bullet, or a code block with its mark on a line of its own."""
    indent = "  " * item.depth
    if item.passage.kind == "code":
        body = code_block(_shown_code(item.passage), item.passage.language).split("\n")
        lines = item.passage.text.count("\n") + 1
        cut = f" (the first {MAX_CODE_LINES} of {lines} lines)" if lines > MAX_CODE_LINES else ""
        return ["", *(indent + line for line in body), "", f"{indent}[{number}]{cut}", ""]
    return [f"{indent}- {_one_line(item.passage)} [{number}]"]


def code_block(code: str, language: str) -> str:
    """Code as a fenced block, whatever backticks are in it."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", code)), default=0))
    return f"{fence}{re.sub(r'[^A-Za-z0-9+-]', '', language)}\n{code}\n{fence}"


def _one_line(passage: Passage) -> str:
    """A passage that is no code as one line of Markdown."""
    if passage.kind == "row":
        return as_markdown(passage.text)
    # Further lines of a quotation have its marks; a `>` that the text has too may be any other.
    quote = passage.quote if ">" in passage.text else _QUOTATION_MARKS.sub("\n", passage.quote)
    return quotable(" ".join(quote.split()))


def _shown_code(passage: Passage) -> str:
    return "\n".join(passage.text.split("\n")[:MAX_CODE_LINES])
