"""Notes -> their text to read: chapters of sections, and each line with the file and number it has on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from assistant.answer import Citation
from corpus.documents import Document, read_notes
from corpus.sections import Section, document_sections
from index.lexical import words

Wanted = tuple[str, frozenset[str]]  # a word as it was typed, and its stems


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it stands in a file of the notes."""

    document: str
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class SectionText:
    """One section: its heading, its lines with those of included files in place, and the same as Markdown."""

    document: str
    heading: tuple[str, ...]
    anchor: str
    level: int
    state: str
    missing: tuple[str, ...]
    lines: tuple[Line, ...]
    markdown: str

    @property
    def whole(self) -> str:
        """The heading and all lines."""
        return "\n".join((self.title, *(line.text for line in self.lines)))

    @property
    def title(self) -> str:
        """The heading itself; for the text before the first, the note's name."""
        return self.heading[-1] if self.heading else self.document


@dataclass(frozen=True, slots=True)
class Chapter:
    """One note."""

    document: str
    title: str
    sections: tuple[SectionText, ...]


@dataclass(frozen=True)
class NotesText:
    """All notes as they were read; `revisions` has the sha256 of each file."""

    chapters: tuple[Chapter, ...]
    revisions: dict[str, str]

    @cached_property
    def _sections(self) -> dict[tuple[str, str], SectionText]:
        return {(s.document, s.anchor): s for chapter in self.chapters for s in chapter.sections}

    def chapter(self, document: str | None) -> Chapter | None:
        """The chapter of a note."""
        return next((chapter for chapter in self.chapters if chapter.document == document), None)

    def section(self, document: str, anchor: str) -> SectionText | None:
        """The section of a note at an anchor."""
        return self._sections.get((document, anchor))

    def cited(self, citation: Citation) -> SectionText | None:
        """The section that a citation is from; None if its file has changed since, or is gone."""
        if self.revisions.get(citation.document) != citation.revision:
            return None
        note = citation.via.document if citation.via is not None else citation.document
        return self.section(note, citation.anchor)

    def find(self, asked: str) -> list[tuple[SectionText, Line | None]]:
        """The sections that have all the words, those with them in the heading first; each with a line.

        A word is there as it is typed, within a longer one too, or in another form (policy, policies).
        """
        wanted = [(word.casefold(), frozenset(words(word))) for word in asked.split()]
        hits = [section for section in self._sections.values() if wanted and _has_all(section.whole, wanted)]
        in_heading = {id(section) for section in hits if _has_all(section.title, wanted)}
        hits.sort(key=lambda section: id(section) not in in_heading)
        return [(section, _line_with(section, wanted)) for section in hits]


def read_text(notes: Path) -> NotesText:
    """Read the notes. Raises NotesError."""
    read = read_notes(notes)
    revisions = {name: sha for name, sha in read.revisions.items() if sha is not None}
    return NotesText(tuple(map(_chapter, read.documents)), revisions)


def _chapter(document: Document) -> Chapter:
    sections = document_sections(document)
    title = next((section.title for section in sections if section.heading), document.path)
    return Chapter(document.path, title, tuple(_section(section, document) for section in sections))


def _section(section: Section, document: Document) -> SectionText:
    places = range(section.start_line - 1, min(section.end_line, len(document.lines)))
    return SectionText(
        document=document.path,
        heading=section.heading,
        anchor=section.anchor,
        level=section.level,
        state=section.state,
        missing=tuple(include.target for include in section.missing),
        lines=tuple(_line(document, place) for place in places),
        markdown="\n".join(_body(section, document)),
    )


def _line(document: Document, place: int) -> Line:
    origin = document.origins[place]
    return Line(origin.document, origin.line, document.lines[place][origin.indent :])


def _body(section: Section, document: Document) -> Iterator[str]:
    """The lines under the heading; indented code becomes fenced, so that all code can be told from text."""
    maps = [token.map for token in section.blocks if token.map is not None]
    if not maps:
        return
    indented = [token for token in section.blocks if token.type == "code_block" and token.level == 0 and token.map]
    starts = {token.map[0]: token for token in indented if token.map}
    place, end = maps[0][0], section.end_line
    while place < end and place < len(document.lines):
        token = starts.get(place)
        if token is None or token.map is None:
            yield document.lines[place]
            place += 1
            continue
        yield from ("````", *token.content.rstrip("\n").split("\n"), "````")
        place = token.map[1]


def _has_all(text: str, wanted: Sequence[Wanted]) -> bool:
    return _count(text, wanted) == len(wanted)


def _count(text: str, wanted: Sequence[Wanted]) -> int:
    """How many of the words a text has."""
    own, stems = text.casefold(), frozenset(words(text))
    return sum(word in own or bool(forms and forms <= stems) for word, forms in wanted)


def _line_with(section: SectionText, wanted: Sequence[Wanted]) -> Line | None:
    """The line under the heading that has the most of the words; None if none has any."""
    counts = [_count(line.text, wanted) for line in section.lines[1:]]
    most = max(counts, default=0)
    return section.lines[1 + counts.index(most)] if most else None
