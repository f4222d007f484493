"""Speed and size of `ask`, each figure beside what it is measured against, in one run on one machine.

    python tests/bench/run.py             a table; a few minutes
    python tests/bench/run.py --large     with 100,000 passages as well
    python tests/bench/run.py --quick     whether it runs at all: few questions, and nothing that loads torch
    python tests/bench/run.py --json

Times are medians. Everything happens in a folder of its own; only the exported encoder is shared with
the user's, if there is one. Everything measured is a process of its own, and this one stays small.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from processes import ROOT, Cost, alternating, run

from corpus.documents import read_notes
from corpus.passages import notes_passages
from index.embedding import packaged_model
from index.location import ask_home

HERE = Path(__file__).parent
COURSE = ROOT / "corpus" / "course"
QUESTIONS = HERE / "coverage" / "subjects" / "course" / "questions.jsonl"
QUESTION = "How do I expose a port?"
ALLOWED_SECONDS = 3.0  # of a first index, beyond the encoding itself
ALLOWED_MB = 400.0  # of an index, beyond 2.5 times its vectors
VECTOR_MB = 384 * 4 / 1e6


@dataclass(frozen=True)
class Figure:
    """One line of the table. `ratio` is to be at most `target`, or at least, where more is better."""

    name: str
    value: float
    unit: str
    against: str
    baseline: float
    ratio: float
    target: float
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the target is reached."""
        return self.ratio >= self.target if self.at_least else self.ratio <= self.target


def at_most(name: str, value: float, unit: str, against: str, baseline: float, target: float) -> Figure:
    """A figure that is to be small."""
    return Figure(name, value, unit, against, baseline, value / baseline, target)


@dataclass(frozen=True)
class Bench:
    """How much is measured, and where: `home` is the ASK_HOME of everything, `folder` is for the rest."""

    folder: Path
    home: Path
    quick: bool
    large: bool

    @property
    def environment(self) -> dict[str, str]:
        """What the processes are given."""
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        return {"ASK_HOME": str(self.home), "HF_HUB_OFFLINE": "1", "PYTHONPATH": path}

    @property
    def encoder(self) -> Path:
        """The folder of the exported encoder."""
        return next((self.home / "encoders").glob("*/model.onnx")).parent

    @property
    def chroma(self) -> Path:
        """The folder of the vectors of the course."""
        return max((self.home / "indexes").glob("course-*/generations/*/chroma"))

    def ask(self, *arguments: str) -> Cost:
        """`ask` as a user calls it."""
        return run([*ask_command(), *arguments], self.environment, codes=(0, 3))

    def python(self, script: str, *arguments: object) -> Cost:
        """A script of this folder."""
        return run([sys.executable, str(HERE / script), *map(str, arguments)], self.environment)


def ask_command() -> list[str]:
    """The installed command, else the same from the sources."""
    installed = Path(sys.executable).with_name("ask")
    if installed.exists():
        return [str(installed)]
    return [sys.executable, "-c", "from ui.cli import main; main()"]


def printed(cost: Cost) -> dict[str, Any]:
    """The JSON object that ends what a process printed."""
    found: dict[str, Any] = json.loads("{" + re.split(r"^\{", cost.output, maxsplit=1, flags=re.MULTILINE)[1])
    return found


def first_index(bench: Bench) -> Iterator[Figure]:
    """The first index of the course, with nothing there and with the exported encoder there."""
    if bench.quick:
        bench.ask("index", str(COURSE))
        return
    anew = bench.ask("index", str(COURSE), "--json")
    there = printed(bench.ask("index", str(COURSE), "--json", "--rebuild"))["seconds"]
    reference = bench.python("encode_all.py", COURSE)
    encode = printed(reference)["encode"]
    for name, seconds, against, baseline in (
        ("first index, the process, no encoder there", anew.wall, "the process that encodes + 3 s", reference.wall),
        ("first index, encoder there", there, "encoding alone + 3 s", encode),
    ):
        ratio = max(0.0, seconds - ALLOWED_SECONDS) / baseline
        yield Figure(name, seconds, "s", against, baseline, ratio, 1.0)


def next_index(bench: Bench) -> Iterator[Figure]:
    """Index again: nothing changed, and one bullet changed."""
    again = alternating({"ask": lambda: bench.ask("index", str(COURSE), "--json")}, 1 if bench.quick else 5)["ask"]
    assert printed(again)["up_to_date"], again.output
    yield at_most("index again, nothing changed, the process", again.wall, "s", "a second", 1.0, 1.0)
    notes = bench.folder / "course"
    shutil.copytree(COURSE, notes)
    bench.ask("index", str(notes))
    change_a_bullet(notes)
    changed = printed(bench.ask("index", str(notes), "--json"))
    yield at_most("one bullet changed: chunks encoded", changed["encoded"], "", "one", 1, 1.0)
    yield at_most("one bullet changed", changed["seconds"], "s", "allowed for a first index", ALLOWED_SECONDS, 1.0)


def change_a_bullet(notes: Path) -> None:
    """Add a word to a bullet of one line that has nothing under it."""
    passages, _ = notes_passages(read_notes(notes))
    parents = {parent for passage in passages for parent in passage.parents}
    bullet = next(p for p in passages if p.kind == "bullet" and p.text not in parents and p.start_line == p.end_line)
    path = notes / bullet.document
    lines = path.read_text(encoding="utf-8").split("\n")
    lines[bullet.start_line - 1] += " indeed"
    path.write_text("\n".join(lines), encoding="utf-8")


def one_question(bench: Bench) -> Iterator[Figure]:
    """`ask` as a process, against the bare script and the tutorial."""
    runs = {
        "ask": lambda: bench.ask(QUESTION),
        "bare": lambda: bench.python("bare.py", bench.chroma, bench.encoder, QUESTION),
    }
    if not bench.quick:
        persist = bench.folder / "tutorial"
        runs["tutorial"] = lambda: bench.python("tutorial.py", COURSE, persist, packaged_model(), QUESTION)
    found = alternating(runs, 1 if bench.quick else 7)
    ask, bare = found["ask"], found["bare"]
    yield at_most("ask, wall clock", ask.wall, "s", "bare script", bare.wall, 1.25)
    yield at_most("ask, processor time", ask.cpu, "s", "bare script", bare.cpu, 1.25)
    if "tutorial" in found:
        slow = found["tutorial"]
        yield Figure("ask, wall clock", ask.wall, "s", "tutorial", slow.wall, slow.wall / ask.wall, 4.5, at_least=True)
        yield Figure("ask, processor time", ask.cpu, "s", "tutorial", slow.cpu, slow.cpu / ask.cpu, 4.5, at_least=True)
    yield at_most("ask, peak memory", ask.peak, "MB", "bare script", bare.peak, 1.3)


def warm(bench: Bench) -> Iterator[Figure]:
    """Question to Answer, in a process that has answered before."""
    found = printed(bench.python("warm.py", COURSE, QUESTIONS, 20 if bench.quick else 400))
    yield at_most("question to Answer, warm", found["ask"], "ms", "encode, one query", found["bare"], 1.5)


def sizes(bench: Bench) -> Iterator[Figure]:
    """Notes of many passages: how long a question takes, and the memory."""
    first: float | None = None
    for count in (1_000,) if bench.quick else (1_000, 10_000, 100_000) if bench.large else (1_000, 10_000):
        folder = bench.folder / f"sizes-{count}"
        built = bench.python("sizes.py", "build", count, folder)
        asked = bench.python("sizes.py", "ask", count, folder, 10 if bench.quick else 100)
        shutil.rmtree(folder)
        median = printed(asked)["median"]
        first = first or median
        vectors = count * VECTOR_MB
        yield at_most(f"{count:,} passages, warm question", median, "ms", "1,000 passages", first, 3.0)
        for name, cost in (("index", built), ("ask", asked)):
            allowed = 2.5 * vectors + ALLOWED_MB
            yield at_most(f"{count:,} passages, {name}, peak", cost.peak, "MB", "2.5 x vectors + 400", allowed, 1.0)


def measure(bench: Bench) -> Iterator[Figure]:
    """Everything, in an order in which the later finds what the earlier has made."""
    for part in (first_index, next_index, one_question, warm, sizes):
        yield from part(bench)


def share_encoder(home: Path) -> None:
    """The user's exported encoder serves here too."""
    users = ask_home() / "encoders"
    if users.is_dir():
        (home / "encoders").symlink_to(users, target_is_directory=True)


TABLE = "{:44} {:>11}  {:30} {:>9} {:>7} {:>8}  {}"


def row(figure: Figure) -> str:
    """One line of the table."""
    bound = f"{'>=' if figure.at_least else '<='} {figure.target:g}"
    return TABLE.format(
        figure.name,
        f"{figure.value:,.4g} {figure.unit}",
        figure.against,
        f"{figure.baseline:,.4g}",
        f"{figure.ratio:.2f}",
        bound,
        "" if figure.is_met else "missed",
    )


def as_json(figure: Figure) -> Mapping[str, Any]:
    """The same for programs."""
    return {**asdict(figure), "is_met": figure.is_met}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="only see whether it runs; the figures say little")
    parser.add_argument("--large", action="store_true", help="with 100,000 passages: some minutes more")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="ask-bench-") as scratch:
        home = Path(scratch) / "home"
        home.mkdir()
        if options.quick:
            share_encoder(home)
        figures = measure(Bench(Path(scratch), home, options.quick, options.large))
        if options.json:
            print(json.dumps([as_json(figure) for figure in figures], indent=1))
            return
        print(TABLE.format("figure", "value", "against", "that", "ratio", "target", ""))
        for figure in figures:
            print(row(figure), flush=True)


if __name__ == "__main__":
    main()
