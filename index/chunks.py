"""Passages -> Chunk: the text that is embedded and searched, a passage with what stands above it.

As a rule one passage is one chunk. The encoder reads about 256 word pieces and drops the rest, so a
long paragraph is cut at the ends of its sentences and every piece gets the same head. Code is never
cut: half a command is worse than an end that is not embedded.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from corpus.passages import Outline, Passage

MAX_WORDS = 200
HEADING_CHARACTERS = 120
PARENT_CHARACTERS = 240
PARENTS_KEPT = 6  # of a list nested deeper, the nearest ones
HEADING_JOINT = " > "

# Where a sentence ends: after a full stop, or after the quote or bracket that closes behind one.
_SENTENCE_END = re.compile("(?<=[.!?\u2026])\\s+|(?<=[.!?\u2026][\"')\\]\u201d\u2019])\\s+|\\n+")


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is embedded: `id` is made from `text` alone, `passage_number` counts from 0 in the notes."""

    id: str
    text: str
    passage_number: int


def notes_chunks(passages: Sequence[Passage], *, max_words: int = MAX_WORDS) -> list[Chunk]:
    """The chunks of all passages, in their order. A text that repeats gets a numbered id."""
    titles = note_titles(passages)
    seen: Counter[str] = Counter()
    chunks = []
    for number, passage in enumerate(passages):
        head = _head(passage, titles.get(passage.note))
        for piece in _pieces(passage, max_words):
            text = "\n".join([*head, piece])
            key = text_key(text)
            seen[key] += 1
            chunks.append(Chunk(key if seen[key] == 1 else f"{key}-{seen[key]}", text, number))
    return chunks


def text_key(text: str) -> str:
    """The id of a text: 32 hex digits of its sha256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def note_titles(sections: Iterable[Passage | Outline]) -> dict[str, str]:
    """The title of each note in which one heading stands over all others, by the note's path."""
    tops: dict[str, set[str]] = {}
    for section in sections:
        if section.heading:
            note = section.note if isinstance(section, Passage) else section.document
            tops.setdefault(note, set()).add(section.heading[0])
    return {note: next(iter(names)) for note, names in tops.items() if len(names) == 1}


def heading_text(heading: Sequence[str], title: str | None) -> str:
    """A heading path as one line, without the note's title unless that is all there is."""
    if title is not None and len(heading) > 1 and heading[0] == title:
        heading = heading[1:]
    return HEADING_JOINT.join(_shortened(name, HEADING_CHARACTERS) for name in heading)


def _head(passage: Passage, title: str | None) -> list[str]:
    heading = heading_text(passage.heading, title)
    parents = [_shortened(parent, PARENT_CHARACTERS) for parent in passage.parents[-PARENTS_KEPT:]]
    return [heading, *parents] if heading else parents


def _shortened(text: str, characters: int) -> str:
    """Cut at a word where there is one near."""
    if len(text) <= characters:
        return text
    cut = text[:characters]
    return cut.rsplit(" ", 1)[0] if " " in cut[characters // 2 :] else cut


def _pieces(passage: Passage, max_words: int) -> list[str]:
    words = len(passage.text.split())
    if passage.kind == "code" or words <= max_words:
        return [passage.text]
    count = -(-words // max_words)
    return _joined(_sentences(passage.text, max_words), words / count, max_words)


def _sentences(text: str, max_words: int) -> list[list[str]]:
    """Sentences as lists of words; one that is longer than a piece is cut where it must be."""
    found = []
    for sentence in _SENTENCE_END.split(text):
        words = sentence.split()
        found += [words[start : start + max_words] for start in range(0, len(words), max_words)]
    return found


def _joined(sentences: list[list[str]], words_each: float, max_words: int) -> list[str]:
    """Pieces of about equal length, none longer than `max_words`."""
    pieces: list[list[str]] = [[]]
    for sentence in sentences:
        filled = len(pieces[-1])
        if filled and (filled >= words_each or filled + len(sentence) > max_words):
            pieces.append([])
        pieces[-1] += sentence
    return [" ".join(words) for words in pieces]
