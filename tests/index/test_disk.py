from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from corpus.errors import IndexUnwritable, NotesError
from index.location import current_generation
from tests.index.builds import assert_equals_a_clean_build, build, everything, found, many_notes, run, texts


def test_when_all_notes_are_gone_the_index_stays(notes: Path, folder: Path) -> None:
    build(notes, folder)
    for note in notes.iterdir():
        note.unlink()
    with pytest.raises(NotesError):
        build(notes, folder)
    assert len(texts(folder)) == 7
    notes.rmdir()
    with pytest.raises(NotesError):
        build(notes, folder)
    assert len(texts(folder)) == 7
    assert len(list((folder / "generations").iterdir())) == 1


def test_no_folder_is_made_for_notes_that_are_not_there(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(NotesError):
        build(tmp_path / "nowhere", folder)
    assert not folder.exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(notes: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(IndexUnwritable, match=r"cannot be written \(Not a directory\)\. .*ASK_HOME=FOLDER"):
        build(notes, tmp_path / "file" / "index")


@contextmanager
def mounted(target: Path, *arguments: str) -> Iterator[bool]:
    """Mount something over a folder; yields whether this user may."""
    target.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *arguments, str(target)], capture_output=True, check=False).returncode == 0
    try:
        yield done
    finally:
        if done:
            subprocess.run(["umount", "--lazy", str(target)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a folder read-only: root needs a mount for that, for all others the mode is enough."""
    if os.geteuid() == 0:
        with mounted(folder, "--bind", str(folder)) as done:
            if not done:
                pytest.skip("root without the right to mount cannot make a folder read-only")
            subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
            yield
        return
    everything_in = [folder, *folder.rglob("*")]
    for path in everything_in:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        yield
    finally:
        for path in everything_in:
            path.chmod(path.stat().st_mode | 0o200)


def test_an_index_in_a_read_only_folder_is_asked_but_not_built(notes: Path, folder: Path) -> None:
    build(notes, folder)
    with read_only(folder):
        assert build(notes, folder).up_to_date
        assert found(folder, "Images remove one: docker rmi") == "remove one: docker rmi"
        (notes / "docker.md").write_text("# Changed\n\nline\n")
        with pytest.raises(IndexUnwritable, match="ASK_HOME=FOLDER"):
            build(notes, folder)
        assert len(texts(folder)) == 7
    assert build(notes, folder).encoded == 1


# One process whose disk is full after so many bytes: the kernel refuses to let any file grow further.
BUILD_WITHIN = """
import resource, signal, sys, pathlib
from corpus.errors import IndexUnwritable
from index.build import build_index
limit = int(sys.argv[3])
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    build_index(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), encoder_name="hashing")
except IndexUnwritable as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("limit", [4_000, 60_000, 300_000, 700_000])
def test_files_that_cannot_grow_leave_the_index_before_in_use(notes: Path, folder: Path, limit: int) -> None:
    build(notes, folder)
    before = everything(folder)
    many_notes(notes, word="new")
    ran = run(BUILD_WITHIN, notes, folder, limit)
    assert "cannot be written" in ran.stdout
    assert ran.stdout.count("\n") == 1
    assert ran.stderr == ""
    assert everything(folder) == before
    assert len(list((folder / "generations").iterdir())) == 1
    assert build(notes, folder).encoded == 1_500
    assert_equals_a_clean_build(notes, folder)


@pytest.mark.slow
@pytest.mark.parametrize("size", ["100k", "400k", "1m", "3m", "9m"])
def test_a_full_disk_leaves_the_index_before_in_use(notes: Path, tmp_path: Path, size: str) -> None:
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", f"size={size}", "tmpfs") as done:
        if not done:
            pytest.skip("this user may not mount a small disk; files that cannot grow are tested above")
        folder = tmp_path / "disk" / "index"
        with ExitStack() as stack:
            if size == "100k":  # not even a first index fits
                stack.enter_context(pytest.raises(IndexUnwritable, match="cannot be written"))
            build(notes, folder)
        had_one = current_generation(folder) is not None
        many_notes(notes, word="new", count=6_000)
        ran = run(BUILD_WITHIN, notes, folder, 0)
        assert "cannot be written" in ran.stdout
        assert ran.stderr == ""
        if had_one:
            assert found(folder, "Images remove one: docker rmi") == "remove one: docker rmi"
        assert len(list((folder / "generations").iterdir())) == int(had_one)
