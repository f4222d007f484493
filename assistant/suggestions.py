"""Index -> questions that the notes can answer: to begin with, and to go on with after an answer.

They are made of written headings. Each has been searched, and is offered only if the notes are sure to
answer it out of the section that it is made of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

from assistant.answer import Answer
from assistant.chain import Assistant
from assistant.coverage import SURE
from corpus.errors import AskError
from corpus.passages import Outline

FILE = "first-questions.json"
FIRST = 4
FOLLOWING = 3
MAX_TRIED = 40  # sections that are searched for first questions, spread over the notes
MAX_TRIED_AFTER = 8  # around what an answer cites
WHOLE = 2  # the note's title and a heading: what is deeper is a part of something
MAX_WORDS = 7  # of a heading: a longer one is a sentence already

_IN_ORDER = re.compile(r"(?:what|who|when|where|why|which|how)\s+(?:is|are|do|does|can|to|should)\b", re.IGNORECASE)
_INDIRECT = re.compile(r"(?:what|who|when|where|why|which|how)\b", re.IGNORECASE)
_GERUND = re.compile(r"[A-Za-z]{2,}ing\b")


def question_about(heading: str) -> str | None:
    """A question out of a heading; None for one that gives none."""
    name = heading.strip().rstrip(".:")
    if not name or len(name.split()) > MAX_WORDS:
        return None
    if name.endswith("?"):
        return _capital(name)
    if name.lower().startswith("how to "):
        return f"How do I {name[len('how to ') :]}?"
    if _IN_ORDER.match(name):
        return f"{_capital(name)}?"
    if _INDIRECT.match(name):  # "how it works"
        return None
    return f"How does {name} work?" if _GERUND.match(name) else f"What should I know about {name}?"


class Suggestions:
    """The questions to suggest over one generation of an index; what has been tried is remembered."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._outline = assistant.index.outline
        self._tried: dict[int, float] = {}  # number of a section -> how sure the notes answer the question about it

    def first(self) -> list[str]:
        """Four questions to begin with, of different notes as far as there are so many; kept beside the index."""
        index = self._assistant.index
        file = index.folder / FILE
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(file.read_text(encoding="utf-8"))
            if kept["generation"] == index.generation:
                return [str(question) for question in kept["questions"]]
        questions = self._choose()
        with suppress(OSError):  # then they are looked for again by the next process
            file.write_text(json.dumps({"generation": index.generation, "questions": questions}), encoding="utf-8")
        return questions

    def following(self, answer: Answer) -> list[str]:
        """Up to three questions about the sections around those that an answer cites, less what has been asked."""
        cited = {(citation.heading, citation.anchor) for citation in answer.citations or answer.nearest}
        places = [n for n, section in enumerate(self._outline) if (section.heading, section.anchor) in cited]
        near = self._around(places) if answer.citations else places
        asked = {answer.question.lower(), answer.standalone_question.lower()}
        sure = (n for n in near[:MAX_TRIED_AFTER] if self._sureness(n) >= SURE)
        questions = dict.fromkeys(self._question(n) or "" for n in sure)
        return [question for question in questions if question and question.lower() not in asked][:FOLLOWING]

    def _around(self, places: Sequence[int]) -> list[int]:
        """The sections near some, the nearest first, those after before those before; of the same notes."""
        own = {self._outline[place].document for place in places}
        if not places:
            return []
        others = (n for n, section in enumerate(self._outline) if section.document in own and n not in places)
        first = places[0]
        return sorted(others, key=lambda n: (abs(n - first), n < first))

    def _choose(self) -> list[str]:
        numbers = [n for n, section in enumerate(self._outline) if self._question(n) and len(section.heading) > 1]
        step = max(1, -(-len(numbers) // MAX_TRIED))
        best = sorted((n for n in numbers[::step] if self._sureness(n) >= SURE), key=lambda n: -self._sureness(n))
        chosen = list(_of_different_notes(best, self._outline))[:FIRST]
        return [self._question(n) or "" for n in sorted(chosen)]

    def _question(self, number: int) -> str | None:
        """A question about a section; a doing that is named deep down is one only with what stands above it."""
        section = self._outline[number]
        if not section.heading or section.state != "written":
            return None
        is_part = len(section.heading) > WHOLE and _GERUND.match(section.heading[-1]) is not None
        return None if is_part else question_about(section.heading[-1])

    def _sureness(self, number: int) -> float:
        """How sure the notes answer the question about a section, out of that very section; else 0."""
        if number not in self._tried:
            question = self._question(number)
            self._tried[number] = self._search(number, question) if question else 0.0
        return self._tried[number]

    def _search(self, number: int, question: str) -> float:
        try:
            found, likely = self._assistant.find(question)
        except AskError:  # what cannot be searched now is not suggested
            return 0.0
        return likely.probability if found.sections and found.sections[0].number == number else 0.0


def _of_different_notes(numbers: Sequence[int], outline: Sequence[Outline]) -> Iterator[int]:
    """The first of each note, then the second of each, and so on."""
    left = list(numbers)
    while left:
        seen: set[str] = set()
        for number in list(left):
            if outline[number].document not in seen:
                seen.add(outline[number].document)
                left.remove(number)
                yield number


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
