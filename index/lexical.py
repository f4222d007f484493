"""Chunk -> BM25: exact names, flags and commands, which an encoder blurs.

bm25s makes the matrix of scores (one column a stem, one row a chunk). A question only adds up a few
of its columns, which numpy does alone: bm25s imports scipy, a third of a second that no question pays.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from Stemmer import Stemmer

K1 = 0.9
B = 0.4

_STOP_WORDS = """
a an the is are was were be been being do does did doing i you it its to of in on for and or if with that this
these those my me mine we us our your yours they them their he she his her what which who whom whose how why when
where what whats hows can could should would will shall may might must there here as at by from into about not no
nor so than then too very just have has had having get gets got getting one some any all also only am im ive dont
doesnt didnt cant s t d ll m re ve u r pls please thanks hi hello want need like use using used way thing things
something anything stuff really actually still even ever much many more most other another such same own each
every both few lot lots bit make makes made know tell explain say says mean means meaning work works give gives
show put let up down out off over under again between through during before after above below because while until
isnt arent wasnt werent wont wouldnt shouldnt couldnt hasnt havent hadnt id youre theyre weve youve ill
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

# A flag; else a run of word characters held together by the marks that stand inside names, paths and numbers.
_TOKEN = re.compile(r"(?<![\w-])--?[^\W\d_][\w-]*|\w+(?:['\u2019]\w+)*(?:(?:[./:@+#-]|::|://)\w+(?:['\u2019]\w+)*)*")
_JOINTS = re.compile(r"[/:@]+")
_INNER = re.compile(r"[.+#_-]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)+")
_APOSTROPHES = re.compile(r"['\u2019]")
_POSSESSIVE = re.compile(r"['\u2019]s?$")

Scores = NDArray[np.float32]
Numbers = NDArray[np.int32]


def words(text: str, *, compounds: bool = True) -> list[str]:
    """The stems of the content words of a text, in order, repeats kept.

    Flags stay as they are (`--memory`, also yielding `memori`). A compound name yields itself
    (`docker-compose`, `1234/udp`, `f/2.8`) and then the stems of its parts; with `compounds=False`
    the parts alone, which is what to count when asking how many of a question's words are known.
    """
    return list(_words(text.lower(), compounds))


def _words(text: str, compounds: bool) -> Iterator[str]:
    for token in _TOKEN.findall(text):
        if token.startswith("-"):
            yield token
            if not token.startswith("--"):
                continue  # the letters of `-it` are no word
            token = token.lstrip("-")
        elif token.isalnum():
            if token not in STOP_WORDS:
                yield _stem(token)
            continue
        elif compounds and not _APOSTROPHES.search(token):
            yield token
        yield from _parts(token, compounds)


def _parts(token: str, compounds: bool) -> Iterator[str]:
    for name in _JOINTS.split(_POSSESSIVE.sub("", token)):
        if _NUMBER.fullmatch(name):
            if name != token or not compounds:
                yield name
            continue
        pieces = [_APOSTROPHES.sub("", piece) for piece in _INNER.split(name)]
        if compounds and len(pieces) > 1 and name != token and not _APOSTROPHES.search(name):
            yield name
        for piece in pieces:
            if piece and piece not in STOP_WORDS:
                yield _stem(piece)


@cache
def _stemmer() -> Stemmer:
    from Stemmer import Stemmer

    return Stemmer("english", 0)  # no cache of its own: _stem has one


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    stem: str = _stemmer().stemWord(word)
    return stem


class Lexical:
    """BM25 over the chunks, as columns of scores: see `build` and `load`.

    `count` is the number of chunks; chunk numbers are those of the texts that were given to `build`.
    """

    def __init__(
        self, count: int, stems: Sequence[str], starts: NDArray[np.int64], rows: Numbers, data: Scores
    ) -> None:
        self.count = count
        self._columns = {stem: column for column, stem in enumerate(stems)}
        self._starts = starts
        self._rows = rows
        self._data = data

    @classmethod
    def build(cls, texts: Sequence[str]) -> Lexical:
        """Index the texts; any of them may be empty, and so may be the list."""
        tokens = [words(text) for text in texts]
        if not any(tokens):
            return cls(len(texts), [], np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
        import bm25s  # imports scipy: paid by a build only

        bm25 = bm25s.BM25(k1=K1, b=B, method="lucene")
        bm25.index(tokens, create_empty_token=False, show_progress=False)
        stems = sorted(bm25.vocab_dict, key=bm25.vocab_dict.__getitem__)
        matrix = bm25.scores
        return cls(
            len(texts),
            stems,
            np.asarray(matrix["indptr"], np.int64),
            np.asarray(matrix["indices"], np.int32),
            np.asarray(matrix["data"], np.float32),
        )

    def save(self, folder: Path) -> None:
        """Write `lexical.npz` and `lexical-stems.json` into the folder."""
        with (folder / "lexical.npz").open("wb") as file:
            np.savez(file, count=np.int64(self.count), starts=self._starts, rows=self._rows, data=self._data)
        (folder / "lexical-stems.json").write_text(json.dumps(list(self._columns)), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Lexical:
        """Read what `save` wrote."""
        stems = json.loads((folder / "lexical-stems.json").read_text(encoding="utf-8"))
        with np.load(folder / "lexical.npz", allow_pickle=False) as arrays:
            return cls(int(arrays["count"]), stems, arrays["starts"], arrays["rows"], arrays["data"])

    def scores(self, stems: Sequence[str]) -> Scores:
        """The BM25 score of every chunk, shape (count,); a stem given twice counts twice."""
        total = np.zeros(self.count, np.float32)
        for stem in stems:
            column = self._columns.get(stem)
            if column is not None:
                span = slice(self._starts[column], self._starts[column + 1])
                total[self._rows[span]] += self._data[span]  # a chunk stands once in a column
        return total

    def chunks_with(self, stem: str) -> Numbers:
        """The numbers of the chunks that hold a stem, ascending."""
        column = self._columns.get(stem)
        if column is None:
            return np.zeros(0, np.int32)
        return self._rows[self._starts[column] : self._starts[column + 1]]

    def document_frequency(self, stem: str) -> int:
        """How many chunks hold a stem."""
        return len(self.chunks_with(stem))

    def idf(self, stem: str) -> float:
        """How rare a stem is: log(1 + (N - n + 0.5) / (n + 0.5)), the largest for one that is not there."""
        found = self.document_frequency(stem)
        return math.log(1 + (self.count - found + 0.5) / (found + 0.5))
