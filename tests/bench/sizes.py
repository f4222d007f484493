"""How search and memory grow with the notes: generated notes, and an encoder that takes no time. Prints JSON.

    python tests/bench/sizes.py build PASSAGES FOLDER
    python tests/bench/sizes.py ask PASSAGES FOLDER QUESTIONS

Building and asking are processes of their own, so that the peak memory of each can be told.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
from warm import timed

from assistant.chain import Assistant
from assistant.settings import load_settings
from index.build import build_index
from index.embedding import DEFAULT_ENCODER, Encoder, Progress, Vectors, Words, load_encoder
from index.generation import open_index
from index.location import ask_home

DIMENSION = 384
VOCABULARY = 20_000
PASSAGES_A_SECTION = 10
PASSAGES_A_NOTE = 500
SYLLABLES = (
    "ba",
    "co",
    "di",
    "fu",
    "ga",
    "hel",
    "jo",
    "ka",
    "li",
    "mor",
    "ne",
    "pu",
    "ra",
    "si",
    "to",
    "vu",
    "wen",
    "zi",
)


class RandomEncoder:
    """Each word has a random unit vector of its own, a text has the sum of those of its words.

    Given a `model`, it lets that encode as well, for the time that it takes.
    """

    name = "random"
    fingerprint = f"random:{DIMENSION}"

    def __init__(self, model: Encoder | None = None) -> None:
        self._model = model

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Vectors:
        """See Encoder."""
        vectors, _ = self.encode_words(texts, progress=progress)
        return vectors

    def encode_words(self, texts: Sequence[str], *, progress: Progress | None = None) -> tuple[Vectors, list[Words]]:
        """See Encoder."""
        if self._model is not None:
            self._model.encode_words(texts)
        found = []
        for text in texts:
            names = text.lower().replace("?", " ").split() or [""]
            found.append(Words(names, np.stack([_word_vector(name) for name in names])))
        sums = np.stack([words.states.sum(axis=0) for words in found])
        if progress is not None:
            progress(len(texts), len(texts))
        return np.asarray(sums / np.linalg.norm(sums, axis=1, keepdims=True), np.float32), found


@cache
def _word_vector(word: str) -> Vectors:
    vector = np.random.default_rng(crc32(word.encode())).standard_normal(DIMENSION)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def sentences(count: int) -> list[str]:
    """Sentences of 8 to 16 invented words, some of them common and most rare, as in any language; always the same."""
    chance = random.Random(0)  # noqa: S311  # nothing secret: the same every time
    names = ["".join(chance.choices(SYLLABLES, k=chance.randint(2, 4))) for _ in range(VOCABULARY)]
    ranks = [1 / (place + 3) for place in range(VOCABULARY)]
    words = iter(chance.choices(names, weights=ranks, k=count * 16))
    return [" ".join(next(words) for _ in range(chance.randint(8, 16))) for _ in range(count)]


def write_notes(count: int, folder: Path) -> None:
    """Notes of `count` bullets, ten a section."""
    folder.mkdir(parents=True, exist_ok=True)
    bullets = sentences(count)
    for start in range(0, count, PASSAGES_A_NOTE):
        lines = [f"# Note {start // PASSAGES_A_NOTE}", ""]
        for number in range(start, min(start + PASSAGES_A_NOTE, count)):
            if number % PASSAGES_A_SECTION == 0:
                lines += ["", f"## {' '.join(bullets[number].split()[:3])}", ""]
            lines.append(f"- {bullets[number]}")
        (folder / f"note-{start // PASSAGES_A_NOTE:04}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def build(count: int, folder: Path) -> dict[str, float]:
    """Build the index; the seconds that it took."""
    write_notes(count, folder / "notes")
    started = time.perf_counter()
    build_index(folder / "notes", folder / "index", encoder_name=RandomEncoder.name, load=lambda *_: RandomEncoder())
    return {"seconds": time.perf_counter() - started}


def ask(count: int, folder: Path, questions: int) -> dict[str, float]:
    """Ask for words of some bullets; the median in milliseconds, with a real encoding of each question."""
    chance = random.Random(1)  # noqa: S311  # nothing secret: the same every time
    bullets = chance.choices(sentences(count), k=questions)
    asked = [f"how do I {' '.join(chance.sample(bullet.split(), 5))}?" for bullet in bullets]
    encoder = RandomEncoder(load_encoder(DEFAULT_ENCODER, ask_home()))
    assistant = Assistant(open_index(folder / "index"), encoder, load_settings())
    return {"median": statistics.median(timed(assistant.ask, asked))}


def main() -> None:
    """Build or ask."""
    what, count, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    print(json.dumps(build(count, folder) if what == "build" else ask(count, folder, int(sys.argv[4]))))


if __name__ == "__main__":
    main()
