"""Sentence of a model + Evidence -> Claim: tied to the passages that say it, or not.

No model is asked. What must stand in the passages exactly is looked up: code, flags, numbers, names and addresses.
What may be reworded is weighed: how well each word of the sentence is covered by the words of the passages in their
context, and what the small words say that no cover shows: negations, opposites, words of degree, order and reason,
and who is what to whom. `python tests/bench/grounding/fit.py` fits the weights over notes on several subjects.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

import numpy as np

from assistant.answer import Support
from assistant.clauses import Clause, clauses, code_clauses, content_of, plain_words
from assistant.coverage import sigmoid
from assistant.evidence import Evidence
from assistant.exact import has_code, missing_exactly
from assistant.opposites import HEDGES, STRONG, TELLING, opposites
from assistant.replies import Sentence, code_lines
from corpus.passages import Passage
from index.embedding import Encoder, Vectors
from index.interaction import content_words
from index.lexical import words as stems_of

MAX_CITED = 3
LIKELY = 2  # passages that are tried for a sentence that cites none of them
SAME_THING = 2  # content words that two clauses share, to be about the same thing
RIVAL = 2  # words by which a clause about another thing is nearer, for a sentence to have taken the one for the other
CLOSE = 4  # words between two that belong together
DOUBTS = ("turned", "opposite", "misplaced", "stronger", *(f"adds_{kind}" for kind in TELLING))
MOSTLY_KNOWN = 0.34  # share of new words, at most, in a sentence that is supported
MIN_WORDS = 2  # content words of a sentence that is not the notes' own

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")


@dataclass(frozen=True)
class Ground:
    """One passage as something to stand on: its own words, and those above it. `number` is that of the evidence."""

    number: int
    passage: Passage
    text: str  # heading, bullets above, the passage itself
    stems: frozenset[str]
    words: list[str]  # content words of `text`, as the encoder splits it
    states: Vectors  # shape (words, dimension)
    vector: Vectors  # shape (dimension,)

    @cached_property
    def clauses(self) -> tuple[Clause, ...]:
        """The clauses of the passage, and of the bullets above it."""
        own = code_clauses(self.passage.text) if self.passage.kind == "code" else clauses(self.passage.text)
        return (*own, *(clause for text in self.passage.parents for clause in clauses(text)))

    @cached_property
    def above(self) -> frozenset[str]:
        """What stands above it says what it is about, and may be said with any of its clauses."""
        texts = (*self.passage.heading[-2:], *self.passage.parents)
        return frozenset(word for text in texts for clause in clauses(text) for word in clause.content)


@dataclass(frozen=True, slots=True)
class Grounded:
    """What became of one sentence: how it is supported, by which evidence, and what is wrong with it if it is not."""

    support: Support
    evidence: tuple[int, ...]
    probability: float
    problem: str | None = None


@cache
def weights() -> dict[str, Any]:
    """The fitted weights and thresholds, as tests/bench/grounding/fit.py wrote them."""
    loaded: dict[str, Any] = json.loads(
        files("assistant").joinpath("grounding_weights.json").read_text(encoding="utf-8")
    )
    return loaded


class Grounding:
    """The evidence of one answer, encoded once. `rarity` is the idf of a stem in the notes."""

    def __init__(self, evidence: Sequence[Evidence], encoder: Encoder, rarity: Callable[[str], float]) -> None:
        self._encoder = encoder
        self._rarity = rarity
        texts = [_with_what_is_above(item.passage) for item in evidence]
        vectors, words = encoder.encode_words(texts)
        self.grounds = [
            Ground(n, item.passage, text, frozenset(stems_of(text)), *content_words(word), vector)
            for n, (item, text, word, vector) in enumerate(zip(evidence, texts, words, vectors, strict=True), start=1)
        ]

    def check(self, sentence: Sentence) -> Grounded:
        """Whether the evidence says this. Of the passages that do, those that the sentence cites come first."""
        if sentence.kind == "code":
            return self._code(sentence)
        cited = [ground for ground in self.grounds if ground.number in sentence.marks][:MAX_CITED]
        for ground in [*cited, *self.grounds]:
            if _is_part_of(sentence.words, ground.passage.text) and not missing_exactly(sentence, [ground.text]):
                return Grounded("verbatim", (ground.number,), 1.0)
        measured = self.measure(sentence)
        if cited:
            found = self._judged(sentence, measured, cited)
            if found.support != "unsupported":
                return self._better_cited(found, sentence, measured) if found.support == "weak" else found
        return self._cited_for_it(sentence, measured)

    def _better_cited(self, weak: Grounded, sentence: Sentence, measured: Measured) -> Grounded:
        """The same by a passage that supports it, if there is one that it does not cite."""
        other = self._cited_for_it(sentence, measured)
        return other if other.support == "supported" else weak

    def _cited_for_it(self, sentence: Sentence, measured: Measured) -> Grounded:
        """For a sentence that cites nothing or the wrong passage: the one passage that supports it, if one does."""
        likely = sorted(self.grounds, key=lambda ground: -measured.cover([ground]))[:LIKELY]
        found = [self._judged(sentence, measured, [ground]) for ground in likely]
        best = max(found, key=lambda each: each.probability)
        if best.support == "supported":
            return best
        return Grounded("unsupported", (), best.probability, best.problem or "not what the evidence says")

    def _code(self, sentence: Sentence) -> Grounded:
        """A code block stands if each of its lines stands in the evidence, its comments too."""
        lines = [line.strip() for line in code_lines("\n".join(sentence.code))]
        missing = next((line for line in lines if not any(has_code(g.text, line) for g in self.grounds)), None)
        if missing is not None or not lines:
            return Grounded("unsupported", (), 0.0, f"code that is not in the evidence: {missing}")
        numbers = {next(g.number for g in self.grounds if has_code(g.text, line)) for line in lines}
        return Grounded("verbatim", tuple(sorted(numbers)), 1.0)

    def _judged(self, sentence: Sentence, measured: Measured, grounds: Sequence[Ground]) -> Grounded:
        numbers = tuple(g.number for g in grounds)
        problem = problem_with(sentence, grounds)
        if problem is None and len(measured.words) < MIN_WORDS and not sentence.code:
            problem = "too short to say anything"
        if problem:
            return Grounded("unsupported", numbers, 0.0, problem)
        values = features(sentence, measured, grounds)
        fitted = weights()
        odds = fitted["bias"] + sum(weight * values[name] for name, weight in fitted["weights"].items())
        probability = sigmoid(odds)
        if probability >= fitted["supported"] and not doubts(values):
            return Grounded("supported", numbers, probability)
        if probability >= fitted["weak"]:
            return Grounded("weak", numbers, probability, "only part of it is in the evidence")
        return Grounded("unsupported", numbers, probability, "not what the evidence says")

    def measure(self, sentence: Sentence) -> Measured:
        """How well each word of a sentence is covered by each passage."""
        return measure(sentence, self.grounds, self._encoder, self._rarity)


@dataclass(frozen=True, slots=True)
class Measured:
    """How well each content word of a sentence is covered by each passage, 0 to 1; shape (words, passages)."""

    words: list[str]
    rarity: Vectors  # shape (words,)
    covered: Vectors
    cosines: Vectors  # of the whole sentence to each passage, shape (passages,)

    def cover(self, grounds: Sequence[Ground]) -> float:
        """The mean cover by these passages together, rare words counting more."""
        if not self.words:
            return 0.0
        columns = [ground.number - 1 for ground in grounds]
        best = self.covered[:, columns].max(axis=1)
        return float((best * self.rarity).sum() / self.rarity.sum())


def measure(
    sentence: Sentence, grounds: Sequence[Ground], encoder: Encoder, rarity: Callable[[str], float]
) -> Measured:
    """Compare the words of a sentence with those of every passage."""
    text = sentence.words.replace("`", "")
    vectors, (words,) = encoder.encode_words([text])
    words = content_words(words)
    stems = [stems_of(word) for word in words.words]
    rare = [max((rarity(stem) for stem in own), default=0.1) for own in stems]
    exact = np.array([[any(s in g.stems for s in own) for g in grounds] for own in stems], bool)
    exact = exact.reshape(len(stems), len(grounds))
    alike = np.array(
        [(words.states @ g.states.T).max(axis=1) if len(g.states) else np.zeros(len(stems)) for g in grounds]
    ).T.reshape(len(stems), len(grounds))
    covered = np.where(exact, 1.0, np.clip(alike, 0.0, 1.0)).astype(np.float32)
    cosines = np.array([float(vectors[0] @ g.vector) for g in grounds], np.float32)
    return Measured(words.words, np.array(rare, np.float32), covered, cosines)


def problem_with(sentence: Sentence, grounds: Sequence[Ground]) -> str | None:
    """Why passages cannot support a sentence, whatever else is alike; None if nothing speaks against it."""
    missing = missing_exactly(sentence, [ground.text for ground in grounds])
    if missing is None and _is_turned_round(sentence, grounds):
        return "what the evidence says of one thing is said of another"
    return missing


def features(sentence: Sentence, measured: Measured, grounds: Sequence[Ground]) -> dict[str, float]:
    """What the fitted model looks at; all of it from 0 to 1."""
    columns = [ground.number - 1 for ground in grounds]
    return {
        "cover": measured.cover(grounds),
        "cosine": float(measured.cosines[columns].max()),
        **_clause_features(sentence, grounds),
        **_word_features(sentence, grounds),
    }


def doubts(values: Mapping[str, float]) -> bool:
    """Whether something may be turned round, however like the sentence is: then it is weak at best."""
    return any(values[name] for name in DOUBTS) or values["new"] > MOSTLY_KNOWN


def _clause_features(sentence: Sentence, grounds: Sequence[Ground]) -> dict[str, float]:
    """Clause by clause: what is new, and whether the nearest clause of the notes says it the other way round."""
    own = [clause for clause in clauses(sentence.words) if clause.content]
    said = [clause for ground in grounds for clause in ground.clauses]
    known = frozenset[str]().union(*(ground.above for ground in grounds), *(clause.content for clause in said))
    turned = opposite = misplaced = False
    for clause in own:
        overlap = {other: len(clause.content & other.content) for other in said}
        most = max(overlap.values())
        alike = [other for other in said if overlap[other] == most]
        turned |= most >= SAME_THING and all(clause.is_negated != other.is_negated for other in alike)
        nearest = min(alike, key=lambda other: len(other.content))
        there = nearest.content | set(nearest.words)
        opposite |= any(opposites(word) & there for word in clause.content - known)
        misplaced |= _is_misplaced(clause, said, _keys(sentence))
    total = sum(len(clause.content) for clause in own) or 1
    new = sum(len(clause.content - known) for clause in own) / total
    return {"new": new, "turned": float(turned), "opposite": float(opposite), "misplaced": float(misplaced)}


def _keys(sentence: Sentence) -> frozenset[str]:
    """The words of the code of a sentence: that of which it says something."""
    return frozenset(word for code in sentence.code for clause in clauses(code) for word in clause.content)


def _is_misplaced(clause: Clause, said: Sequence[Clause], code: frozenset[str]) -> bool:
    """Whether a clause says of one thing (a flag, a command, one of two opposites) what is said there of another."""

    def is_key(word: str) -> bool:
        return word in code or word.startswith("-") or any(map(str.isdigit, word)) or bool(opposites(word))

    for key in filter(is_key, clause.content):
        rest = clause.content - {key} - code
        of_it = [len(rest & other.content) for other in said if key in other.content]
        if not rest or not of_it:
            continue
        for other in said:
            is_rival = key not in other.content and any(map(is_key, other.content - clause.content))
            if is_rival and len(rest & other.content) >= max(of_it) + RIVAL:
                return True
    return False


def _is_crossed(own: Sequence[Clause], said: Sequence[Clause]) -> bool:
    """Whether two clauses have exchanged words: "the host second, the container first"."""
    for one, other in itertools.combinations(own, 2):
        first, second = one.content - other.content, other.content - one.content
        for here, there in itertools.permutations(said, 2):
            mine, theirs = here.content - there.content, there.content - here.content
            if first & mine and first & theirs and second & mine and second & theirs:
                return True
    return False


def _is_turned_round(sentence: Sentence, grounds: Sequence[Ground]) -> bool:
    own = [clause for clause in clauses(sentence.words) if clause.content]
    if _is_crossed(own, [clause for ground in grounds for clause in ground.clauses]):
        return True
    return any(_is_swapped(sentence.words, ground.passage.text) for ground in grounds)


def _is_swapped(text: str, said: str) -> bool:
    """Whether two opposites, numbers or flags have changed places: port 80 of the host, which is the container's."""
    here, there = _places(text), _places(said)
    common = [word for word in here if word in there]
    for one, other in itertools.combinations(common, 2):
        if not _is_pair(one, other):
            continue
        rest = [word for word in common if word not in (one, other)]
        for first, second in itertools.permutations(rest, 2):
            if (
                _is_at(here, first, one, other)
                and _is_at(here, second, other, one)
                and _is_at(there, first, other, one)
                and _is_at(there, second, one, other)
            ):
                return True
    return False


def _is_pair(one: str, other: str) -> bool:
    """Whether two words are of one kind, so that one could stand in the place of the other."""
    both_flags = one.startswith("-") and other.startswith("-")
    return other in opposites(one) or both_flags or (one[0].isdigit() and other[0].isdigit())


def _is_at(places: Mapping[str, list[int]], word: str, this: str, than: str) -> bool:
    """Whether a word stands close to the one, and closer than to the other."""

    def distance(other: str) -> int:
        return min(abs(a - b) for a in places[word] for b in places[other])

    return distance(this) < distance(than) and distance(this) <= CLOSE


def _places(text: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for place, word in enumerate(plain_words(text)):
        for stem in content_of(word) or ({word} if opposites(word) else ()):
            found.setdefault(stem, []).append(place)
    return found


def _word_features(sentence: Sentence, grounds: Sequence[Ground]) -> dict[str, float]:
    """Kinds of small words that the sentence has and the passages do not: all, only, before, because, more."""
    own = {word for clause in clauses(sentence.words) for word in clause.words}
    there = {word for ground in grounds for clause in ground.clauses for word in clause.words}
    there |= {word for ground in grounds for word in ground.above}
    added = {f"adds_{kind}": float(bool(own & members) and not there & members) for kind, members in TELLING.items()}
    is_stronger = bool((own - there) & STRONG) and bool(there & HEDGES) and not own & HEDGES
    return {**added, "stronger": float(is_stronger)}


def _is_part_of(text: str, said: str) -> bool:
    """Whether a text is the passage itself, or one of its sentences: a part could leave out the "never" before it."""
    own = _verbatim_words(text)
    return len(own) > 2 and any(own == _verbatim_words(part) for part in (said, *_SENTENCE.split(said)))


def _verbatim_words(text: str) -> list[str]:
    return [word for word in (w.strip(".,;:!?()*_\"'`") for w in text.lower().replace("`", " ").split()) if word]


def _with_what_is_above(passage: Passage) -> str:
    return "\n".join(dict.fromkeys((*passage.heading[-2:], *passage.parents, passage.text)))
