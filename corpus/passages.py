"""Section -> Passage: one bullet, paragraph, table row or code block with its parents. The unit that is cited."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from markdown_it.rules_block.table import escapedSplit
from markdown_it.token import Token

from corpus.documents import Notes
from corpus.sections import (
    Section,
    code_lines,
    document_sections,
    html_text,
    inline_text,
    is_content,
    plain_text,
    without_marks,
)

PassageKind = Literal["bullet", "paragraph", "row", "code"]

_LEAD_LINES = 2  # so many empty lines may stand between a sentence and the list or code that it leads in


@dataclass(frozen=True, slots=True)
class Via:
    """The line of the including note, for a passage that comes out of an include."""

    document: str
    start_line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Passage:
    """What can be quoted.

    `quote` is the notes' text as it stands in `document` from `start_line` to `end_line` (1-based),
    less the indentation, list and quote marks before it and the space after it; `text` is the same as
    words only (code: dedented). All lines are of one file: what runs on into an include is cut there.
    `parents` are the bullets above, outermost first, and the sentence that leads in a list or a code block.
    `incomplete`: it ends in a colon, and the include that it announces is missing.
    """

    document: str
    note: str
    heading: tuple[str, ...]
    anchor: str
    kind: PassageKind
    text: str
    quote: str
    parents: tuple[str, ...]
    start_line: int
    end_line: int
    revision: str
    via: Via | None = None
    language: str = ""
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class Outline:
    """A section as the index keeps it: where it is, whether it is written, how many passages it has."""

    document: str
    heading: tuple[str, ...]
    anchor: str
    state: str
    start_line: int
    end_line: int
    revision: str
    missing: tuple[str, ...] = ()
    source: str = ""  # the file that the heading stands in: the note, or one that it includes
    source_line: int = 0
    source_revision: str = ""


def notes_passages(notes: Notes) -> tuple[list[Passage], list[Outline]]:
    """All passages of the notes in reading order, and the outline of their sections."""
    passages: list[Passage] = []
    outline: list[Outline] = []
    for document in notes.documents:
        for section in document_sections(document):
            passages += section_passages(section)
            outline.append(_outline(section))
    return passages, outline


def _outline(section: Section) -> Outline:
    document = section.document
    first, last = document.origins[section.start_line - 1], document.origins[section.end_line - 1]
    return Outline(
        document.path,
        section.heading,
        section.anchor,
        section.state,
        first.via or first.line,
        last.via or last.line,
        document.revision,
        tuple(i.target for i in section.missing),
        first.document,
        first.line,
        document.revisions[first.document],
    )


def section_passages(section: Section) -> list[Passage]:
    """The passages of one section, in order."""
    return list(_Walker(section).passages())


class _Walker:
    """One pass over a section's tokens; `parents` holds the bullets that are open."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.document = section.document
        self.lines = section.document.lines
        self.missing = {include.at for include in section.missing}
        self.gaps = section.document.gaps
        self.parents: list[str] = []
        self.fresh: list[bool] = []  # for each open list item: no text of its own seen yet
        self.rows: list[tuple[int, list[str]]] | None = None  # line and cells of each row of the open table
        self.lead: dict[int, tuple[str, int]] = {}  # nesting level -> last text there, and its last line

    def passages(self) -> Iterator[Passage]:
        for token in self.section.blocks:
            if token.type == "table_open" or self.rows is not None:
                yield from self._table_part(token)
            elif token.type == "inline":
                yield from self._text_passages(token)
            elif token.type in {"fence", "code_block"}:
                yield from self._code_passages(token)
            elif token.type == "html_block" and is_content(token):
                yield from self._html_passages(token)
            elif token.type == "definition":
                yield from self._definition_passages(token)
            else:
                self._open_or_close(token)

    def _open_or_close(self, token: Token) -> None:
        """Keep `parents` and `fresh` in step with the lists and items that open and close."""
        if token.type in {"bullet_list_open", "ordered_list_open"}:
            self.parents.append(self._lead_in(token))
        elif token.type == "list_item_open":
            self.parents.append("")
            self.fresh.append(True)
        elif token.type in {"bullet_list_close", "ordered_list_close", "list_item_close"}:
            self.parents.pop()
            if token.type == "list_item_close":
                self.fresh.pop()
        if token.nesting > 0:  # what stood at this level in an earlier item leads to nothing here
            self.lead.pop(token.level + 1, None)

    def _lead_in(self, token: Token) -> str:
        """The text just above a list that ends in a colon, unless it is the open bullet itself."""
        text, end = self.lead.get(token.level, ("", -1))
        if not text.endswith(":") or token.map is None or token.map[0] - end > _LEAD_LINES:
            return ""
        return "" if self.parents and self.parents[-1] == text else text

    def _text_passages(self, token: Token) -> Iterator[Passage]:
        text = plain_text(token)
        if not text or token.map is None:
            return
        kind: PassageKind = "bullet" if self.fresh else "paragraph"
        runs = list(self._runs(*token.map))
        content = token.content.split("\n")
        begin = token.map[0]
        while len(content) < token.map[1] - token.map[0] and not self.lines[begin].strip():
            begin += 1  # lines of odd blanks, which the parser takes for text and then strips
        for first, end in runs:
            part = content[max(first - begin, 0) : end - begin] or [without_marks(self.lines[first])]
            words = text if len(runs) == 1 else inline_text("\n".join(part))
            gap = end == token.map[1] and self._leads_to_gap(text, end)
            if words:
                yield self._passage(kind, words, first, end, self._open_parents(), begins=part[0], incomplete=gap)
        if self.fresh and self.fresh[-1]:
            self.fresh[-1] = False
            self.parents[-1] = text
        self.lead[token.level - 1] = (text, token.map[1])

    def _open_parents(self) -> tuple[str, ...]:
        return tuple(p for p in self.parents if p)

    def _leads_to_gap(self, text: str, end: int) -> bool:
        """Whether what this text announces is an include that is missing: it comes next, fence or not."""
        if not self.missing or not text.endswith(":"):
            return False
        for line in range(end, min(end + 4, len(self.lines))):
            if line in self.missing:
                return True
            mark = self.lines[line].strip()
            if mark and not mark.startswith(("```", "~~~")):
                return False
        return False

    def _code_passages(self, token: Token) -> Iterator[Passage]:
        """One passage for each run of lines out of the same file."""
        if token.map is None or not token.content.strip():
            return
        code = code_lines(token)
        begin = token.map[0] + (token.type == "fence")
        parents = self._open_parents()
        lead, lead_end = self.lead.get(token.level, ("", -1))
        if lead and lead not in parents and token.map[0] - lead_end <= _LEAD_LINES:
            parents = (*parents, lead)
        language = (token.info.split() or [""])[0]
        for first, end in self._runs(begin, begin + len(code)):
            text = textwrap.dedent("\n".join(code[first - begin : end - begin]))
            yield self._passage("code", text, first, end, parents, language=language)

    def _table_part(self, token: Token) -> Iterator[Passage]:
        """Collect the rows of a table; at its end they become passages."""
        if self.rows is None:
            self.rows = []
        elif token.type == "tr_open" and token.map is not None:
            self.rows.append((token.map[0], []))
        elif token.type == "inline":
            self.rows[-1][1].append(plain_text(token))
        elif token.type == "table_close":
            rows, self.rows = self.rows, None
            yield from self._table_passages(rows)

    def _table_passages(self, rows: list[tuple[int, list[str]]]) -> Iterator[Passage]:
        """Rows as `column: cell` pairs. The header is a passage only if it names a column that has no cells."""
        (header, names), *others = rows
        body = [(line, self._all_cells(line, cells)) for line, cells in others]
        used = [any(cells[i] for _, cells in body) for i in range(len(names))]
        if any(name and not has_cells for name, has_cells in zip(names, used, strict=True)):
            yield self._row_passage("; ".join(filter(None, names)), header)
        for line, cells in body:
            pairs = [f"{name}: {cell}" if name else cell for name, cell in zip(names, cells, strict=True) if cell]
            if pairs:
                yield self._row_passage("; ".join(pairs), line)

    def _all_cells(self, line: int, cells: list[str]) -> list[str]:
        """Cells without a column (a pipe in a command, often) join the last one; the parser would drop them."""
        written = _cells(without_marks(self.lines[line]))
        if len(written) > len(cells):
            return [*cells[:-1], inline_text("|".join(written[len(cells) - 1 :]))]
        return cells

    def _row_passage(self, text: str, line: int) -> Passage:
        return self._passage("row", text, line, line + 1, self._open_parents())

    def _html_passages(self, token: Token) -> Iterator[Passage]:
        if token.map is None:
            return
        content = token.content.split("\n")
        for first, end in self._runs(*token.map):
            text = html_text("\n".join(content[first - token.map[0] : end - token.map[0]]))
            if text:
                yield self._passage("paragraph", text, first, end, self._open_parents())

    def _definition_passages(self, token: Token) -> Iterator[Passage]:
        """`[label]: address "title"`, which the parser keeps for the links that use it."""
        text = " ".join(f"{token.meta['label']}: {token.meta['url']} {token.meta['title']}".split())
        for first, end in self._runs(*(token.map or (0, 0))):
            yield self._passage("paragraph", text, first, end, self._open_parents())

    def _runs(self, first: int, end: int) -> Iterator[tuple[int, int]]:
        """The parts of lines `first` to `end` (0-based, exclusive) that stand together in one file.

        The empty line in place of an include that is missing or empty parts them; outer empty lines are cut off.
        """
        start = first
        for line in range(first, end + 1):
            if line == end or line in self.gaps or (line > start and not self._continues(line)):
                begin, stop = start, line
                while begin < stop and self._is_empty(begin):
                    begin += 1
                while begin < stop and self._is_empty(stop - 1):
                    stop -= 1
                if begin < stop:
                    yield begin, stop
                start = line + 1 if line in self.gaps else line

    def _is_empty(self, line: int) -> bool:
        """Whether a line has nothing on disk, whatever its include puts before it."""
        return not self.lines[line][self.document.origins[line].indent :].strip()

    def _continues(self, line: int) -> bool:
        """Whether a line follows the one before it on disk too."""
        before, here = self.document.origins[line - 1], self.document.origins[line]
        return (here.document, here.line, here.via) == (before.document, before.line + 1, before.via)

    def _passage(
        self,
        kind: PassageKind,
        text: str,
        first: int,
        end: int,
        parents: tuple[str, ...],
        *,
        begins: str = "",
        language: str = "",
        incomplete: bool = False,
    ) -> Passage:
        """The passage of lines `first` to `end` (0-based, exclusive), which are a run of one file."""
        origin, last = self.document.origins[first], self.document.origins[end - 1]
        via = Via(self.document.path, origin.via, last.via or origin.via) if origin.via else None
        return Passage(
            document=origin.document,
            note=self.document.path,
            heading=self.section.heading,
            anchor=self.section.anchor,
            kind=kind,
            text=text,
            quote=self._quote(kind, first, end, begins),
            parents=parents,
            start_line=origin.line,
            end_line=last.line,
            revision=self.document.revisions[origin.document],
            via=via,
            language=language,
            incomplete=incomplete,
        )

    def _quote(self, kind: PassageKind, first: int, end: int, begins: str) -> str:
        """The lines as they stand on disk, from where their text begins."""
        pairs = zip(self.lines[first:end], self.document.origins[first:end], strict=True)
        lines = [line[origin.indent :] for line, origin in pairs]
        if kind != "code":
            at = lines[0].rfind(begins.rstrip()) if begins.strip() else -1
            head = lines[0][at:] if at >= 0 else without_marks(lines[0])
            lines[0] = head if head.strip() else lines[0].lstrip()
        lines[-1] = lines[-1].rstrip()
        return "\n".join(lines)


def _cells(row: str) -> list[str]:
    """The cells of a table row as written, also those that are more than the table has columns."""
    cells = escapedSplit(row.strip())
    if cells and not cells[0]:
        cells.pop(0)
    if cells and not cells[-1]:
        cells.pop()
    return cells
