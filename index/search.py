"""Question -> Hit: Chroma, BM25 and the words in context, fused.

Chroma and BM25 name the candidates. Each gets a score from three likenesses: of the whole question
to the whole chunk, of each word of the question to the words of the chunk, and BM25. The passages of
a section speak for it together. The weights are fitted over notes on several subjects, see
tests/bench/coverage; `python tests/bench/coverage/fit.py` writes them anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
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
Weights = Mapping[str, Mapping[str, float]]  # "passage" and "section": name of a likeness -> weight


class Question(NamedTuple):
    """A question as it is searched: its vector, its content words in context, and how rare each is in the notes."""

    text: str
    vector: Vectors  # shape (dimension,)
    words: Words
    rarity: Floats  # idf of each word, shape (words,)
    stems: list[str]


@dataclass(frozen=True, slots=True, eq=False)  # eq: arrays in it
class Hit:
    """One passage that was found. `score` is the log-odds that it answers, as fitted, from three likenesses.

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
    features: dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)  # eq: arrays in it
class HeadingHit:
    """A section by its heading, and how like the question is to its heading path and its heading alone (cosines)."""

    number: int
    outline: Outline
    path: float
    title: float
    named: float  # share of the question's content words, by rarity, that stand in the heading path


@dataclass(frozen=True, slots=True, eq=False)  # eq: arrays in it
class Found:
    """What a search found. `sections` and `hits` are sorted, best first; `unfinished` too."""

    question: Question
    hits: tuple[Hit, ...]
    sections: tuple[SectionHit, ...]
    unfinished: tuple[HeadingHit, ...]
    written: HeadingHit | None  # the written heading that is most like the question; `named` is the most of any


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
    hits = _hits(found, index, fitted["passage"])
    sections = _sections(hits, found.question, index, fitted["section"])
    return Found(found.question, hits, sections, *_headings(found.question, index))


def _hits(found: Candidates, index: Index, fitted: Mapping[str, float]) -> tuple[Hit, ...]:
    """One hit a passage: its best chunk."""
    scores = (
        fitted["bias"] + fitted["dense"] * found.dense + fitted["cover"] * found.cover + fitted["bm25"] * found.bm25
    )
    of_chunks = index.chunk_passages[found.chunks]
    passages, sections = of_chunks.tolist(), index.passage_sections[of_chunks].tolist()
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


def _sections(
    hits: tuple[Hit, ...], question: Question, index: Index, fitted: Mapping[str, float]
) -> tuple[SectionHit, ...]:
    """The hits by section. A section is as good as its best passages, its tenor, and what they cover together."""
    if not hits:
        return ()
    grouped: dict[int, list[Hit]] = {}
    for hit in hits:
        grouped.setdefault(hit.section, []).append(hit)
    every = np.stack([hit.covered for own in grouped.values() for hit in own])
    firsts = np.cumsum([0, *map(len, grouped.values())])[:-1]
    together = np.maximum.reduceat(every, firsts, axis=0)
    covers = weighted(together.T, question.rarity).tolist()
    found = []
    for (number, own), covered, cover in zip(grouped.items(), together, covers, strict=True):
        features = {
            "best": own[0].score,
            "second": own[1].score if len(own) > 1 else own[0].score - 1.0,
            "tenor": sum(hit.dense for hit in own) / len(own),
            "cover": cover,
        }
        score = sum(fitted[name] * value for name, value in features.items())
        found.append(SectionHit(number, index.outline[number], score, tuple(own), covered, features))
    return tuple(sorted(found, key=lambda section: (-section.score, section.number)))


def _headings(question: Question, index: Index) -> tuple[tuple[HeadingHit, ...], HeadingHit | None]:
    """The unfinished headings by likeness, and the written one that is most like the question."""
    if not index.outline:
        return (), None
    # Row by row: a product of all rows at once wakes the threads of OpenBLAS, see index/interaction.py.
    paths = np.vecdot(index.heading_vectors, question.vector).tolist()
    titles = np.vecdot(index.title_vectors, question.vector).tolist()
    named = _named(question, index)
    unfinished = [
        HeadingHit(n, index.outline[n], paths[n], titles[n], named.get(n, 0.0)) for n in index.unfinished_sections
    ]
    written = max(index.written_sections, key=paths.__getitem__, default=None)
    nearest = None
    if written is not None:
        most = max((share for n, share in named.items() if index.outline[n].state == "written"), default=0.0)
        nearest = HeadingHit(written, index.outline[written], paths[written], titles[written], most)
    return tuple(sorted(unfinished, key=lambda heading: -(heading.path + heading.title))), nearest


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
