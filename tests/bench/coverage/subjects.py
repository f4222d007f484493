"""The subjects that the search and the coverage are fitted and measured on: notes, questions, gold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.evaluation import GoldQuestion, ends_in, read_questions
from corpus.passages import Passage
from index.build import build_index
from index.embedding import DEFAULT_ENCODER, load_encoder
from index.generation import Index, open_index
from index.location import ask_home, index_folder
from index.search import Candidates, candidates, prepare

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SUBJECTS = sorted(p.parent.name for p in (HERE / "subjects").glob("*/questions.jsonl"))
MEASURED = ("answerable", "partial", "empty_section", "not_in_notes", "out_of_domain")
SHORT = 15  # a shorter passage is not gold just because it stands inside a gold line


@dataclass(frozen=True)
class Asked:
    """A question with its gold, and what the index offers for it before anything is weighed."""

    gold: GoldQuestion
    found: Candidates

    @property
    def label(self) -> str:
        """What the notes can do for it."""
        return self.gold.label

    def is_right_section(self, heading: Sequence[str]) -> bool:
        """Whether a section is where the answer is."""
        return ends_in(heading, (*self.gold.gold_headings, *self.gold.accept_headings))

    def is_gold(self, passage: Passage) -> bool:
        """Whether a passage is one of those that a good answer shows."""
        quote, text = _normal(passage.quote), _normal(passage.text)
        gold = [_normal(q) for q in self.gold.gold_quotes]
        return any(g in quote or g in text or (len(quote) > SHORT and quote in g) for g in gold)


@dataclass(frozen=True)
class Subject:
    """One subject's index and its single questions."""

    name: str
    index: Index
    asked: tuple[Asked, ...]


def load_subject(name: str) -> Subject:
    """One of the subjects beside this file; `course` is the packaged course."""
    folder = HERE / "subjects" / name
    notes = ROOT / "corpus" / "course" if name == "course" else folder / "notes"
    return load(name, notes, folder / "questions.jsonl")


def load(name: str, notes: Path, questions: Path) -> Subject:
    """Build the index if need be, and search every single question."""
    folder = index_folder(notes, ask_home())
    build_index(notes, folder)
    index = open_index(folder)
    encoder = load_encoder(DEFAULT_ENCODER, ask_home())
    golds = [g for g in read_questions(questions) if g.kind == "single" and g.label in MEASURED]
    asked = tuple(Asked(g, candidates(prepare(g.question, index, encoder), index)) for g in golds)
    return Subject(name, index, asked)


def _normal(text: str) -> str:
    return " ".join(text.split()).lower()
