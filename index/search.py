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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class SectionHit:
    """A section that was found: its number in the outline, its score, its hits with the best first."""

    number: int
    outline: Outline
    score: float
    hits: tuple[Hit, ...]
    covered: Floats  # of each content word, by the best of its hits
    features: dict[str, float]


@dataclass(frozen=True, slots=True)
class HeadingHit:
    """An unfinished section, and how like the question is to its heading path and its heading alone (cosines)."""

    number: int
    outline: Outline
    path: float
    title: float
    named: float  # share of the question's content words, by rarity, that stand in the heading path


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found. `sections` and `hits` are sorted, best first; `unfinished` too."""

    question: Question
    hits: tuple[Hit, ...]
    sections: tuple[SectionHit, ...]
    unfinished: tuple[HeadingHit, ...]
    heading_likeness: float  # of the written heading that is most like the question


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
    return rank(prepare(text, index, encoder), index, weights())


def rank(question: Question, index: Index, fitted: Weights) -> Found:
    """The same for a question that is encoded already."""
    hits = _hits(question, index, fitted["passage"])
    sections = _sections(hits, question, index, fitted["section"])
    unfinished, likeness = _headings(question, index)
    return Found(question, hits, sections, unfinished, likeness)


def _hits(question: Question, index: Index, fitted: Mapping[str, float]) -> tuple[Hit, ...]:
    """All candidates, one hit a passage (its best chunk)."""
    count = len(index.chunk_ids)
    if not count:
        return ()
    numbers, similarities = index.nearest(question.vector, min(DENSE_CANDIDATES, count))
    dense = dict(zip(numbers.tolist(), similarities.tolist(), strict=True))
    bm25 = index.lexical.scores(question.stems)
    scale = float(sum(index.lexical.idf(stem) for stem in question.stems)) or 1.0
    lexical = np.argpartition(-bm25, min(LEXICAL_CANDIDATES, count - 1))[:LEXICAL_CANDIDATES]
    chunks = list(dense) + [int(n) for n in lexical if bm25[n] > 0 and int(n) not in dense]
    floor = min(dense.values())  # a candidate of BM25 alone is no nearer than that
    covered = index.words.cover(question.words.states, chunks)
    cover = weighted(covered, question.rarity)
    best: dict[int, Hit] = {}
    for column, chunk in enumerate(chunks):
        number = int(index.chunk_passages[chunk])
        likenesses = {
            "dense": dense.get(chunk, floor),
            "cover": float(cover[column]),
            "bm25": float(bm25[chunk]) / scale,
        }
        score = fitted["bias"] + sum(fitted[name] * value for name, value in likenesses.items())
        if number not in best or best[number].score < score:
            section = int(index.passage_sections[number])
            passage = index.passages[number]
            best[number] = Hit(number, passage, section, score, **likenesses, covered=covered[:, column])
    return tuple(sorted(best.values(), key=lambda hit: (-hit.score, hit.number)))


def _sections(
    hits: tuple[Hit, ...], question: Question, index: Index, fitted: Mapping[str, float]
) -> tuple[SectionHit, ...]:
    """The hits by section. A section is as good as its best passages, its tenor, and what they cover together."""
    grouped: dict[int, list[Hit]] = {}
    for hit in hits:
        grouped.setdefault(hit.section, []).append(hit)
    found = []
    for number, own in grouped.items():
        covered = np.max([hit.covered for hit in own], axis=0)
        features = {
            "best": own[0].score,
            "second": own[1].score if len(own) > 1 else own[0].score - 1.0,
            "tenor": sum(hit.dense for hit in own) / len(own),
            "cover": float(weighted(covered[:, None], question.rarity)[0]),
        }
        score = sum(fitted[name] * value for name, value in features.items())
        found.append(SectionHit(number, index.outline[number], score, tuple(own), covered, features))
    return tuple(sorted(found, key=lambda section: (-section.score, section.number)))


def _headings(question: Question, index: Index) -> tuple[tuple[HeadingHit, ...], float]:
    """The unfinished sections by likeness, and the likeness of the nearest written heading."""
    outline = index.outline
    if not outline:
        return (), 0.0
    paths = index.heading_vectors @ question.vector
    titles = index.title_vectors @ question.vector
    stems = set(question.stems)
    total = sum(index.lexical.idf(stem) for stem in stems) or 1.0
    found = []
    likeness = 0.0
    for number, section in enumerate(outline):
        if section.state == "written":
            likeness = max(likeness, float(paths[number]))
            continue
        named = sum(index.lexical.idf(s) for s in stems & _heading_stems(section.heading)) / total
        found.append(HeadingHit(number, section, float(paths[number]), float(titles[number]), named))
    return tuple(sorted(found, key=lambda heading: -(heading.path + heading.title))), likeness


@cache
def _heading_stems(heading: tuple[str, ...]) -> frozenset[str]:
    return frozenset(stems_of(" ".join(heading[1:] or heading)))


def weighted(covered: Floats, rarity: Floats) -> Floats:
    """The cover of each chunk over all words of the question, rare words counting more; shape (chunks,)."""
    if not len(rarity):
        return np.zeros(covered.shape[1], np.float32)
    shares = rarity / rarity.sum()
    return np.asarray(shares @ covered, np.float32)
