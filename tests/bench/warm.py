"""Question to Answer in a warm process, beside encoding the question and one Chroma query, bare. Prints JSON.

python tests/bench/warm.py NOTES QUESTIONS COUNT
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

from bare import Bare

from assistant.chain import open_assistant
from index.location import ask_home

# Questions in a row: onnxruntime keeps its threads awake for a while, and two sessions in turn would slow each other.
BLOCK = 20


def read_questions(path: Path) -> list[str]:
    """The questions of a question file that stand alone."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row["question"] for row in rows if row["kind"] == "single"]


def timed(ask: Callable[[str], object], questions: Sequence[str]) -> Iterator[float]:
    """The milliseconds of each question, the first left out: it wakes the threads."""
    for number, question in enumerate([questions[-1], *questions]):
        started = time.perf_counter()
        ask(question)
        if number:
            yield (time.perf_counter() - started) * 1000


def exported_encoder(home: Path) -> Path:
    """The folder of the exported encoder."""
    return next((home / "encoders").glob("*/model.onnx")).parent


def main() -> None:
    """Ask all questions both ways, in blocks, and print the medians in milliseconds."""
    notes, questions, count = Path(sys.argv[1]), read_questions(Path(sys.argv[2])), int(sys.argv[3])
    assistant = open_assistant(notes)
    bare = Bare(assistant.index.files / "chroma", exported_encoder(ask_home()))
    found: dict[str, list[float]] = {"ask": [], "bare": []}
    wanted = list(islice(cycle(questions), count))
    for start in range(0, count, BLOCK):
        block = wanted[start : start + BLOCK]
        found["bare"] += timed(bare.find, block)
        found["ask"] += timed(assistant.ask, block)
    print(json.dumps({name: statistics.median(times) for name, times in found.items()}))


if __name__ == "__main__":
    main()
