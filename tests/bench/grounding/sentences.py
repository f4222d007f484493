"""Sentences as models write them, honest and not, each with the passages that it was written from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from assistant.evidence import Evidence
from assistant.grounding import Grounding
from assistant.replies import Reply, Sentence
from corpus.passages import Passage
from index.build import build_index
from index.embedding import DEFAULT_ENCODER, Encoder, load_encoder
from index.generation import Index, open_index
from index.location import ask_home, index_folder

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SUBJECTS = HERE.parent / "coverage" / "subjects"


@dataclass(frozen=True)
class Written:
    """One sentence with the numbers of its evidence in the index, and whether it is honest."""

    id: str
    subject: str
    kind: str
    is_honest: bool
    sentence: Sentence
    evidence: tuple[int, ...]
    right: int | None  # the passage that says it, of a sentence that cites another one


def read(path: Path) -> Iterator[Written]:
    """The lines of a file: id, subject, evidence (places), sentence, label, kind."""
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        sentences = list(Reply([row["sentence"]]))
        if len(sentences) != 1:
            raise ValueError(f"{row['id']} has {len(sentences)} sentences")
        numbers = tuple(places(row["subject"])[place] for place in row["evidence"])
        kind = row.get("way", row["kind"])
        yield Written(
            row["id"], row["subject"], kind, row["label"] == "honest", sentences[0], numbers, row.get("right")
        )


def grounding(written: Written) -> Grounding:
    """The grounding of a sentence's evidence."""
    index = subject(written.subject)
    evidence = [Evidence(number, index.passages[number], 0, 0) for number in written.evidence]
    return Grounding(evidence, encoder(), index.lexical.idf)


@cache
def encoder() -> Encoder:
    """The default encoder."""
    return load_encoder(DEFAULT_ENCODER, ask_home())


@cache
def subject(name: str) -> Index:
    """The index of a subject; `course` is the packaged course."""
    notes = ROOT / "corpus" / "course" if name == "course" else SUBJECTS / name / "notes"
    folder = index_folder(notes, ask_home())
    build_index(notes, folder)
    return open_index(folder)


@cache
def places(name: str) -> dict[str, int]:
    """Place (`document:line`) -> the number of the passage that starts there."""
    passages: Sequence[Passage] = subject(name).passages
    found: dict[str, int] = {}
    for number, passage in enumerate(passages):
        found.setdefault(f"{passage.document}:{passage.start_line}", number)
    return found
