from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from corpus.errors import IndexProblem
from index.embedding import HashingEncoder
from index.generation import Index, open_index
from index.location import build_lock
from tests.index.builds import assert_equals_a_clean_build, build, popen, run, started


def test_two_builds_at_once_queue_and_the_second_has_nothing_left_to_do(notes: Path, folder: Path) -> None:
    first = started(notes, folder, pause=2.5)
    told: list[str] = []
    report = build(notes, folder, progress=lambda stage, *_: told.append(stage))
    output, _ = first.communicate()
    assert "encoded 7" in output
    assert set(told) == {"waiting"}
    assert report.up_to_date
    assert_equals_a_clean_build(notes, folder)


def test_many_builds_of_changing_notes_at_once_end_in_a_whole_index(notes: Path, folder: Path) -> None:
    children = []
    for number in range(3):
        (notes / "new.md").write_text(f"# New\n\nline {number}\n")
        children.append(started(notes, folder, pause=0.2) if not children else popen(notes, folder))
    assert [child.wait() for child in children] == [0, 0, 0]
    for child in children:
        child.communicate()
    build(notes, folder)
    assert_equals_a_clean_build(notes, folder)


def test_a_build_that_waits_too_long_says_so(notes: Path, folder: Path) -> None:
    build(notes, folder)
    (notes / "new.md").write_text("# New\n\nline\n")
    with build_lock(folder, wait_seconds=0, waiting=lambda _: None):
        assert build(notes / "..", folder.parent / "other").indexed  # another index is not concerned
        code = (
            "import sys, pathlib; from index.build import build_index; from corpus.errors import IndexBusy\n"
            "try: build_index(*map(pathlib.Path, sys.argv[1:]), encoder_name='hashing', wait_seconds=1)\n"
            "except IndexBusy as error: print(error)"
        )
        assert "Wait until it is done" in run(code, notes, folder).stdout


def test_a_reader_goes_on_while_the_next_index_is_built(notes: Path, folder: Path) -> None:
    build(notes, folder)
    reader: Index = open_index(folder)
    question = HashingEncoder().encode(["Images remove one: docker rmi"])[0]
    before = reader.nearest(question, 3)[0].tolist()
    assert reader.is_current()
    (notes / "new.md").write_text("# New\n\nline\n")
    build(notes, folder)
    assert reader.nearest(question, 3)[0].tolist() == before
    assert reader.passages[4].text == "remove one: docker rmi"
    assert not reader.is_current()
    assert open_index(folder).is_current()
    reader.close()


def test_a_reader_that_was_left_behind_is_told_to_open_the_index_again(notes: Path, folder: Path) -> None:
    build(notes, folder)
    reader = open_index(folder)
    for number in range(2):
        (notes / "new.md").write_text(f"# New\n\nline {number}\n")
        build(notes, folder)
    assert reader.passages[4].text == "remove one: docker rmi"
    with pytest.raises(IndexProblem, match="Open it again"):
        reader.nearest(np.ones(64, np.float32), 3)


def test_the_generation_just_replaced_is_kept_for_its_readers_and_then_removed(notes: Path, folder: Path) -> None:
    build(notes, folder)
    for number in range(3):
        (notes / "new.md").write_text(f"# New\n\nline {number}\n")
        build(notes, folder)
    assert sorted(path.name for path in (folder / "generations").iterdir()) == ["3", "4"]
