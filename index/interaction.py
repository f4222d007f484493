"""Chunk -> the vectors of its words in context, and how well they cover the words of a question.

Late interaction as in ColBERT (Khattab and Zaharia, 2020): each word of the question looks for the
word of the chunk that is most like it. Kept on disk as bytes, a row a word, and mapped: a question
reads the rows of its candidates only.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from index.embedding import Vectors, Words
from index.lexical import STOP_WORDS

WORDS_FILE = "words.bin"
PLACES_FILE = "words.npz"
MAX_CHUNK_WORDS = 160
# A component of a unit vector here is below 0.32 as a rule; larger ones are clipped.
_SCALE = 400.0
# Multiplications in one product of matrices. OpenBLAS, which numpy brings, wakes its threads for larger ones; where the
# machine has other work too, waiting for them makes 50 ms of a question of 10.
_ONE_THREAD = 262_144

Numbers = NDArray[np.int32]
Bytes = NDArray[np.int8]


def content_words(words: Words) -> Words:
    """Without stop words; all of them if nothing else is left."""
    kept = [row for row, word in enumerate(words.words) if word not in STOP_WORDS]
    if not kept:
        return words
    return Words([words.words[row] for row in kept], words.states[kept])


class WordStates:
    """The words of all chunks of one generation, open for reading."""

    def __init__(self, files: Path) -> None:
        with np.load(files / PLACES_FILE, allow_pickle=False) as arrays:
            self.starts: NDArray[np.int64] = arrays["starts"]
            self.counts: Numbers = arrays["counts"]
            self.dimension = int(arrays["dimension"])
        self.path = files / WORDS_FILE
        self._map: mmap.mmap | None = None
        self._states: Bytes = np.zeros((0, self.dimension), np.int8)
        if self.dimension and self.path.stat().st_size:
            with self.path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._states = np.frombuffer(self._map, np.int8).reshape(-1, self.dimension)

    def rows(self, chunk: int) -> Bytes:
        """The words of one chunk as bytes, shape (words, dimension)."""
        start = int(self.starts[chunk])
        return self._states[start : start + int(self.counts[chunk])]

    def cover(self, states: Vectors, chunks: Sequence[int]) -> Vectors:
        """How like each word of a question is the likest word of each chunk: shape (words, chunks), -1 to 1."""
        if not len(states) or not len(chunks):
            return np.zeros((len(states), len(chunks)), np.float32)
        counts = self.counts[list(chunks)]
        covered = np.full((len(states), len(chunks)), -1.0, np.float32)
        filled = np.flatnonzero(counts)
        if len(filled):
            rows = np.concatenate([self.rows(chunks[i]) for i in filled.tolist()], dtype=np.float32)
            likeness = _products(states, rows) / _SCALE
            firsts = np.concatenate([[0], np.cumsum(counts[filled])[:-1]])
            covered[:, filled] = np.maximum.reduceat(likeness, firsts, axis=1)
            self._let_go()
        return covered

    def _let_go(self) -> None:
        """Unmap what was read, or question by question all of a large file counts as memory of this process."""
        if self._map is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)


def _products(left: Vectors, right: Vectors) -> Vectors:
    """The product of each row of `left` with each of `right`, shape (left, right), on one thread."""
    products = np.empty((len(left), len(right)), np.float32)
    block = max(1, _ONE_THREAD // left.size)
    for start in range(0, len(right), block):
        span = slice(start, start + block)
        np.matmul(left, right[span].T, out=products[:, span])
    return products


class WordStatesWriter:
    """Writes the words of a new generation: those of kept chunks are copied, fresh ones added as they are encoded."""

    def __init__(self, files: Path) -> None:
        self._files = files
        self._file: BinaryIO | None = None
        self._places: dict[str, tuple[int, int]] = {}
        self._rows = 0
        self._dimension = 0

    def __enter__(self) -> WordStatesWriter:
        self._file = (self._files / WORDS_FILE).open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def keep(self, previous: WordStates, numbers: dict[str, int], ids: Sequence[str]) -> None:
        """Copy chunks that the previous generation has; `numbers` are their numbers there."""
        with previous.path.open("rb") as file:  # not the map: its pages count as memory of this process, all of them
            for key in sorted(ids, key=lambda key: int(previous.starts[numbers[key]])):
                number = numbers[key]
                file.seek(int(previous.starts[number]) * previous.dimension)
                count = int(previous.counts[number])
                rows = np.fromfile(file, np.int8, count * previous.dimension)
                self._append(key, rows.reshape(count, previous.dimension))

    def add(self, key: str, words: Words) -> None:
        """Add a chunk that was encoded."""
        states = content_words(words).states[:MAX_CHUNK_WORDS]
        self._append(key, np.clip(np.rint(states * _SCALE), -127, 127).astype(np.int8))

    def finish(self, ids: Sequence[str]) -> None:
        """Write where each chunk's words are, in the order of the chunks."""
        places = np.array([self._places[key] for key in ids], np.int64).reshape(-1, 2)
        with (self._files / PLACES_FILE).open("wb") as file:
            np.savez(
                file, starts=places[:, 0], counts=places[:, 1].astype(np.int32), dimension=np.int64(self._dimension)
            )

    def _append(self, key: str, rows: Bytes) -> None:
        if self._file is None:
            raise ValueError("the writer is not open")
        self._places[key] = (self._rows, len(rows))
        self._rows += len(rows)
        self._dimension = max(self._dimension, rows.shape[1])
        self._file.write(rows.tobytes())
