"""Question -> Hit: Chroma, BM25 and the words in context, fused.

Chroma and BM25 name the candidates. Each gets a score from a few likenesses: of the whole question
to the whole chunk, of each word of the question to the words of the chunk, BM25, and the first two
for all that was found of its section together. A section is as likely as its passages are, taken
together. The weights are fitted over notes on several subjects, see tests/bench/coverage;
`python tests/bench/coverage/fit.py` writes them anew.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from corpus.passages import Outline, Passage
from index.embedding import Encoder, Vectors, Words
from index.generation import Index
from index.interaction import content_words
from index.lexical import words as stems_of

DENSE_CANDIDATES = 64
LEXICAL_CANDIDATES = 32

Floats = NDArray[np.float32]
Numbers = NDArray[np.intp]
Weights = Mapping[str, Mapping[str, float]]  # "passage" and "heading": name of a likeness -> weight


class Question(NamedTuple):
    """A question as it is searched: its vector, its content words in context, and how rare each is in the notes."""

    text: str
    vector: Vectors  # shape (dimension,)
    words: Words
    rarity: Floats  # idf of each word, shape (words,)
    stems: list[str]


@dataclass(frozen=True, slots=True, eq=False)  # eq: arrays in it
class Hit:
    """One passage that was found. `score` is the log of how likely it answers, as fitted, against the others.

    `dense` is the cosine of question and chunk; `covered` says for each content word of the question how
    like the likest word of the chunk is, `cover` is its mean, rare words counting more; `bm25` is a share
    of the rarity of the question's stems.
    """

    number: int
    passage: Passage
    section: int
    score: float
    dense: float
    cover: float
    bm25: float
    covered: Floats


@dataclass(frozen=True, slots=True, eq=False)  # eq: arrays in it
class SectionHit:
    """A section that was found: its number in the outline, its score, its hits with the best first."""

    number: int
    outline: Outline
    score: float
    hits: tuple[Hit, ...]
    covered: Floats  # of each content word, by the best of its hits
    cover: float  # its mean, rare words counting more


@dataclass(frozen=True, slots=True, eq=False)  # eq: arrays in it
class HeadingHit:
    """A section by its heading. `score` is the log of how likely it is meant, as fitted, against the others."""

    number: int
    outline: Outline
    path: float  # how like the question is to the heading path: a cosine
    title: float  # the same of the heading alone
    named: float  # share of the question's content words, by rarity, that stand in the heading path
    score: float


@dataclass(frozen=True, slots=True, eq=False)  # eq: arrays in it
class Found:
    """What a search found. `sections` and `hits` are sorted, best first; `unfinished` too."""

    question: Question
    hits: tuple[Hit, ...]
    sections: tuple[SectionHit, ...]
    unfinished: tuple[HeadingHit, ...]
    written: HeadingHit | None  # the likeliest of the written headings; `named` is the most of any


@cache
def weights() -> Weights:
    """The fitted weights, as tests/bench/coverage/fit.py wrote them."""
    loaded: Weights = json.loads(files("index").joinpath("search_weights.json").read_text(encoding="utf-8"))
    return loaded


def prepare(text: str, index: Index, encoder: Encoder) -> Question:
    """Encode a question; its words are weighed by how rare they are in the notes."""
    vectors, (words,) = encoder.encode_words([text])
    words = content_words(words)
    rarity = [_word_rarity(word, index) for word in words.words]
    return Question(text, vectors[0], words, np.array(rarity, np.float32), stems_of(text))


def _word_rarity(word: str, index: Index) -> float:
    stems = stems_of(word)
    return max((index.lexical.idf(stem) for stem in stems), default=0.1)


def search(text: str, index: Index, encoder: Encoder) -> Found:
    """Find the passages and sections that may answer, and the unfinished sections that the question may be about."""
    return rank(candidates(prepare(text, index, encoder), index), index, weights())


class Candidates(NamedTuple):
    """The chunks that may answer a question, with their likenesses; shapes (chunks,), `covered` (words, chunks)."""

    question: Question
    chunks: list[int]
    dense: Floats
    cover: Floats
    bm25: Floats
    covered: Floats


def candidates(question: Question, index: Index) -> Candidates:
    """The nearest chunks by Chroma, and the best by BM25."""
    count = len(index.chunk_ids)
    if not count:
        nothing = np.zeros(0, np.float32)
        return Candidates(question, [], nothing, nothing, nothing, np.zeros((len(question.words.words), 0), np.float32))
    numbers, similarities = index.nearest(question.vector, min(DENSE_CANDIDATES, count))
    near = dict(zip(numbers.tolist(), similarities.tolist(), strict=True))
    bm25 = index.lexical.scores(question.stems)
    scale = sum(index.lexical.idf(stem) for stem in question.stems) or 1.0
    lexical = np.argpartition(-bm25, min(LEXICAL_CANDIDATES, count - 1))[:LEXICAL_CANDIDATES]
    chunks = list(near) + [n for n in lexical.tolist() if bm25[n] > 0 and n not in near]
    floor = min(near.values())  # a candidate of BM25 alone is no nearer than that
    dense = np.array([near.get(chunk, floor) for chunk in chunks], np.float32)
    covered = index.words.cover(question.words.states, chunks)
    return Candidates(question, chunks, dense, weighted(covered, question.rarity), bm25[chunks] / scale, covered)


def rank(found: Candidates, index: Index, fitted: Weights) -> Found:
    """Score the candidates, and the sections that they are in."""
    if not found.chunks:
        return Found(found.question, (), (), *_headings(found.question, index, fitted["heading"]))
    of_chunks = index.chunk_passages[found.chunks]
    numbers, places = np.unique(index.passage_sections[of_chunks], return_inverse=True)
    likeness, together = likenesses(found, index, places)
    scores = sum(fitted["passage"][name] * values for name, values in likeness.items())
    hits = _hits(found, index, np.asarray(scores), numbers[places].tolist())
    covers = weighted(together, found.question.rarity).tolist()
    sections = [
        SectionHit(number, index.outline[number], either(h.score for h in own), own, together[:, place], covers[place])
        for place, (number, own) in enumerate(_grouped(hits, numbers.tolist()))
    ]
    sections.sort(key=lambda section: (-section.score, section.number))
    return Found(found.question, hits, tuple(sections), *_headings(found.question, index, fitted["heading"]))


def likenesses(found: Candidates, index: Index, places: Numbers) -> tuple[dict[str, Floats], Floats]:
    """What a score is made of, by name, shape (chunks,), and what the sections cover, shape (words, sections).

    `places` has a number for the section of each chunk, from 0.
    """
    count = int(places.max()) + 1
    nearest = np.full(count, -1, np.float32)
    np.maximum.at(nearest, places, found.dense)
    together = np.full((len(found.covered), count), -1, np.float32)
    np.maximum.at(together.T, places, found.covered.T)
    return {
        "dense": found.dense,
        "cover": found.cover,
        "bm25": found.bm25,
        "section_dense": nearest[places],
        "section_cover": weighted(together, found.question.rarity)[places],
        "length": np.log1p(index.words.counts[found.chunks], dtype=np.float32),
    }, together


def _hits(found: Candidates, index: Index, scores: Floats, sections: list[int]) -> tuple[Hit, ...]:
    """One hit a passage: its best chunk."""
    passages = index.chunk_passages[found.chunks].tolist()
    score, dense, cover, bm25 = (values.tolist() for values in (scores, found.dense, found.cover, found.bm25))
    best: dict[int, Hit] = {}
    for chunk in np.argsort(-scores, kind="stable").tolist():
        number = passages[chunk]
        if number not in best:
            best[number] = Hit(
                number,
                index.passages[number],
                sections[chunk],
                score[chunk],
                dense[chunk],
                cover[chunk],
                bm25[chunk],
                found.covered[:, chunk],
            )
    return tuple(best.values())


def _grouped(hits: tuple[Hit, ...], sections: list[int]) -> list[tuple[int, tuple[Hit, ...]]]:
    """The hits of each section, best first."""
    own: dict[int, list[Hit]] = {section: [] for section in sections}
    for hit in hits:
        own[hit.section].append(hit)
    return [(section, tuple(found)) for section, found in own.items()]


def either(scores: Iterable[float]) -> float:
    """The log of how likely one of several answers, given that of each."""
    values = list(scores)
    most = max(values)
    return most + math.log(sum(math.exp(score - most) for score in values))


def _headings(
    question: Question, index: Index, fitted: Mapping[str, float]
) -> tuple[tuple[HeadingHit, ...], HeadingHit | None]:
    """The unfinished headings, the likeliest first, and the likeliest written one."""
    if not index.outline:
        return (), None
    # Row by row: a product of all rows at once wakes the threads of OpenBLAS, see index/interaction.py.
    paths = np.vecdot(index.heading_vectors, question.vector)
    titles = np.vecdot(index.title_vectors, question.vector)
    scores = (fitted["path"] * paths + fitted["title"] * titles).tolist()
    named = _named(question, index)

    def hit(number: int, share: float) -> HeadingHit:
        outline = index.outline[number]
        return HeadingHit(number, outline, float(paths[number]), float(titles[number]), share, scores[number])

    unfinished = [hit(number, named.get(number, 0.0)) for number in index.unfinished_sections]
    written = max(index.written_sections, key=scores.__getitem__, default=None)
    nearest = None
    if written is not None:
        most = max((share for n, share in named.items() if index.outline[n].state == "written"), default=0.0)
        nearest = hit(written, most)
    return tuple(sorted(unfinished, key=lambda heading: -heading.score)), nearest


def _named(question: Question, index: Index) -> dict[int, float]:
    """The share of the question's stems, by rarity, that stand in each heading path that has any."""
    stems = set(question.stems)
    total = sum(index.lexical.idf(stem) for stem in stems) or 1.0
    shares: dict[int, float] = {}
    for stem in stems:
        for section in index.heading_stems.get(stem, ()):
            shares[section] = shares.get(section, 0.0) + index.lexical.idf(stem) / total
    return shares


def weighted(covered: Floats, rarity: Floats) -> Floats:
    """The cover of each chunk over all words of the question, rare words counting more; shape (chunks,)."""
    if not len(rarity):
        return np.zeros(covered.shape[1], np.float32)
    shares = rarity / rarity.sum()
    return np.asarray(shares @ covered, np.float32)
