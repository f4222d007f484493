from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.embedding import HashingEncoder, Vectors, Words
from tests.index.builds import assert_equals_a_clean_build, build, everything, many_notes, run, started, texts


@pytest.mark.slow
def test_a_build_killed_at_any_moment_leaves_an_index_that_answers(notes: Path, folder: Path) -> None:
    dice = np.random.default_rng(20)
    many_notes(notes, word="old", count=300)
    build(notes, folder)
    many_notes(notes, word="first", count=300)
    child = started(notes, folder, pause=0.3)
    begun = time.monotonic()
    child.communicate()
    whole = time.monotonic() - begun
    outcomes = set()
    for moment in range(10):
        before = everything(folder)
        many_notes(notes, word=f"word{moment}", count=300)
        child = started(notes, folder, pause=0.3)
        time.sleep(whole * float(moment + dice.random()) / 10)
        child.kill()
        outcomes.add(child.wait())
        child.communicate()
        after = everything(folder)
        assert after == before or f"word{moment}" in after["passages"][0].text
        build(notes, folder)
        assert f"word{moment}" in texts(folder)[0]
        assert len(list((folder / "generations").iterdir())) <= 2
    assert -signal.SIGKILL in outcomes
    assert_equals_a_clean_build(notes, folder)


# Kills its own process at the moment when the mark of the generation in use is replaced, or just after.
KILL_AT_THE_SWITCH = """
import os, signal, sys, pathlib
from index.build import build_index
seen = []
def at(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith("current"):
        seen.append(event)
        if sys.argv[3] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
    elif seen and event == "open":
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(at)
build_index(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), encoder_name="hashing")
"""


@pytest.mark.parametrize(("moment", "count"), [("before", 7), ("after", 1)])
def test_a_build_killed_at_the_switch_leaves_one_whole_index(
    notes: Path, folder: Path, moment: str, count: int
) -> None:
    build(notes, folder)
    (notes / "volumes.md").unlink()
    (notes / "docker.md").write_text("# Changed\n\nline\n")
    ran = run(KILL_AT_THE_SWITCH, notes, folder, moment, check=False)
    assert ran.returncode == -signal.SIGKILL
    assert len(texts(folder)) == count
    build(notes, folder)
    assert_equals_a_clean_build(notes, folder)


def test_an_interrupted_build_leaves_nothing_half_made(notes: Path, folder: Path) -> None:
    build(notes, folder)
    (notes / "new.md").write_text("# New\n\nline\n")

    class Interrupted(HashingEncoder):
        def encode_words(self, *_texts: Any, **_options: Any) -> tuple[Vectors, list[Words]]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(notes, folder, load=lambda *_: Interrupted())
    assert len(list((folder / "generations").iterdir())) == 1
    assert len(texts(folder)) == 7
    assert build(notes, folder).encoded == 1
