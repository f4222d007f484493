from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from corpus.errors import IndexIncompatible, IndexProblem, IndexUnwritable, NotesError
from index.build import BuildReport, build_index
from index.embedding import HASHING_ENCODER, Encoder, HashingEncoder, Vectors, Words
from index.embedding import Progress as EncoderProgress
from index.generation import Index, collection_prefix, open_index
from index.lexical import words
from index.location import build_lock, current_generation, generation_folder
from index.manifest import FORMAT, read_manifest, write_manifest

ROOT = Path(__file__).parent.parent.parent
NOTES = """# Docker

## Ports

- publish a port with -p
  - the host port comes first
- list them: docker port

## Images

- build one from a Dockerfile
- remove one: docker rmi

## Swarm
"""
VOLUMES = "# Volumes\n\n- a named volume outlives its container\n- docker volume prune\n"


class CountingEncoder(HashingEncoder):
    """Remembers what it was asked to encode, and how often it was loaded."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.loaded = 0

    def load(self, _name: str, _home: Path) -> Encoder:
        self.loaded += 1
        return self

    def encode_words(
        self, texts: Sequence[str], *, progress: EncoderProgress | None = None
    ) -> tuple[Vectors, list[Words]]:
        self.texts += texts
        return super().encode_words(texts, progress=progress)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "docker.md").write_text(NOTES)
    (folder / "volumes.md").write_text(VOLUMES)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


def build(notes: Path, folder: Path, **options: Any) -> BuildReport:
    return build_index(notes, folder, encoder_name=HASHING_ENCODER, **options)


def texts(folder: Path) -> list[str]:
    return [passage.text for passage in open_index(folder).passages]


def found(folder: Path, question: str) -> str:
    """The text of the passage whose vector is nearest."""
    index = open_index(folder)
    numbers, _ = index.nearest(HashingEncoder().encode([question])[0], 1)
    index.close()
    return index.passages[index.chunk_passages[numbers[0]]].text


def everything(folder: Path) -> dict[str, Any]:
    """All that can be asked of an index, in a form that two builds of the same notes have in common."""
    index = open_index(folder)
    stored = index.store._collection.get(include=["documents", "metadatas", "embeddings"])
    chroma = {
        key: (text, metadata, np.round(vector, 5).tolist())
        for key, text, metadata, vector in zip(
            stored["ids"], stored["documents"], stored["metadatas"], stored["embeddings"], strict=True
        )
    }
    query = words("publish a port of a named volume docker -p")
    contents = {
        "manifest": replace(index.manifest, built_at=""),
        "passages": list(index.passages),
        "outline": index.outline,
        "chunks": index.chunk_ids,
        "chunk passages": index.chunk_passages.tolist(),
        "passage sections": index.passage_sections.tolist(),
        "chroma": chroma,
        "bm25": index.lexical.scores(query).tolist(),
        "headings": index.heading_vectors.tolist(),
    }
    index.close()
    return contents


def assert_equals_a_clean_build(notes: Path, folder: Path) -> None:
    clean = folder.parent / "clean"
    shutil.rmtree(clean, ignore_errors=True)
    build(notes, clean)
    assert everything(folder) == everything(clean)


def run(code: str, *arguments: object, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=check,
        **options,
    )


# What is in an index, and what a change costs


def test_a_first_build_reports_what_it_did(notes: Path, folder: Path) -> None:
    report = build(notes, folder)
    assert (report.indexed, report.passages, report.encoded, report.removed, report.unchanged) == (2, 7, 7, 0, 0)
    assert not report.up_to_date


def test_chunks_passages_and_sections_belong_together(notes: Path, folder: Path) -> None:
    build(notes, folder)
    index = open_index(folder)
    assert len(index.passages) == 7
    assert [section.heading[-1] for section in index.outline] == ["Docker", "Ports", "Images", "Swarm", "Volumes"]
    assert index.chunk_passages.tolist() == list(range(7))
    assert [index.outline[number].heading for number in index.passage_sections] == [p.heading for p in index.passages]
    assert sorted(index.store.ids()) == sorted(index.chunk_ids)
    index.close()


def test_the_nearest_chunk_is_the_one_that_says_it(notes: Path, folder: Path) -> None:
    build(notes, folder)
    assert found(folder, "Images remove one: docker rmi") == "remove one: docker rmi"


def test_headings_have_a_vector_each_and_the_empty_ones_too(notes: Path, folder: Path) -> None:
    build(notes, folder)
    vectors = open_index(folder).heading_vectors
    assert np.array_equal(vectors, HashingEncoder().encode(["Docker", "Ports", "Images", "Swarm", "Volumes"]))


def test_unchanged_notes_are_left_alone(notes: Path, folder: Path) -> None:
    build(notes, folder)
    before = sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))
    encoder = CountingEncoder()
    report = build(notes, folder, load=encoder.load)
    assert report.up_to_date
    assert (report.indexed, report.passages, report.encoded, report.unchanged) == (2, 7, 0, 7)
    assert encoder.loaded == 0
    assert sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*")) == before


def test_unchanged_notes_load_no_encoder_no_store_and_take_no_time(notes: Path, folder: Path) -> None:
    build(notes, folder)
    code = """
import sys, time, pathlib
from index.build import build_index
started = time.perf_counter()
assert build_index(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), encoder_name="hashing").up_to_date
print(time.perf_counter() - started)
heavy = {"chromadb", "onnxruntime", "tokenizers", "torch", "sentence_transformers", "bm25s", "scipy", "langchain_core"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    assert float(run(code, notes, folder).stdout) < 0.5


def test_opening_an_index_loads_no_encoder_and_no_store(notes: Path, folder: Path) -> None:
    build(notes, folder)
    code = """
import sys, pathlib
from index.generation import open_index
index = open_index(pathlib.Path(sys.argv[1]))
assert index.passages[0].text and index.heading_vectors.shape == (5, 64)
assert not {"chromadb", "onnxruntime", "torch", "bm25s", "scipy"} & set(sys.modules)
"""
    run(code, folder)


def test_one_changed_bullet_encodes_one_chunk(notes: Path, folder: Path) -> None:
    build(notes, folder)
    (notes / "docker.md").write_text(NOTES.replace("docker rmi", "docker image rm"))
    encoder = CountingEncoder()
    report = build(notes, folder, load=encoder.load)
    assert encoder.texts == ["Images\nremove one: docker image rm"]
    assert (report.encoded, report.removed, report.unchanged) == (1, 1, 6)
    assert found(folder, "Images remove one: docker image rm") == "remove one: docker image rm"
    assert_equals_a_clean_build(notes, folder)


def test_moved_lines_are_not_encoded_again(notes: Path, folder: Path) -> None:
    build(notes, folder)
    (notes / "docker.md").write_text(NOTES.replace("# Docker\n", "<!-- two\nlines -->\n\n# Docker\n"))
    encoder = CountingEncoder()
    report = build(notes, folder, load=encoder.load)
    assert encoder.loaded == 0
    assert (report.encoded, report.removed, report.unchanged) == (0, 0, 7)
    assert open_index(folder).passages[0].start_line == 8
    assert_equals_a_clean_build(notes, folder)  # Chroma's metadata have the new lines too


def test_a_renamed_note_is_not_encoded_again(notes: Path, folder: Path) -> None:
    build(notes, folder)
    (notes / "volumes.md").rename(notes / "storage.md")
    encoder = CountingEncoder()
    build(notes, folder, load=encoder.load)
    assert encoder.loaded == 0
    assert_equals_a_clean_build(notes, folder)


def test_a_removed_note_leaves_nothing_behind(notes: Path, folder: Path) -> None:
    build(notes, folder)
    (notes / "volumes.md").unlink()
    report = build(notes, folder)
    assert (report.indexed, report.encoded, report.removed) == (1, 0, 2)
    assert_equals_a_clean_build(notes, folder)
    index = open_index(folder)
    assert index.store.count() == 5
    assert index.lexical.document_frequency("volum") == 0
    assert not any("volume" in passage.text for passage in index.passages)
    assert len(index.heading_vectors) == len(index.outline) == 4
    index.close()
    files = generation_folder(folder, current_generation(folder) or 0)
    with np.load(files / "headings.npz") as arrays:
        assert len(arrays["keys"]) == 4


def test_a_new_note_is_added(notes: Path, folder: Path) -> None:
    build(notes, folder)
    (notes / "networks.md").write_text("# Networks\n\n- create one: docker network create\n")
    report = build(notes, folder)
    assert (report.indexed, report.encoded, report.removed, report.unchanged) == (3, 1, 0, 7)
    assert_equals_a_clean_build(notes, folder)


def test_a_changed_include_is_noticed(notes: Path, folder: Path) -> None:
    (notes / "shell").mkdir()
    (notes / "run.md").write_text("# Run\n\n```sh\n{! shell/run.sh !}\n```\n")
    build(notes, folder)
    (notes / "shell" / "run.sh").write_text("docker run nginx\n")
    assert build(notes, folder).encoded == 1
    (notes / "shell" / "run.sh").write_text("docker run redis\n")
    assert (build(notes, folder).encoded, "docker run redis" in texts(folder)) == (1, True)
    assert build(notes, folder).up_to_date


def test_a_text_that_stands_twice_may_lose_one_of_its_places(notes: Path, folder: Path) -> None:
    twice = "# Twice\n\n- same\n- other\n- same\n"
    (notes / "twice.md").write_text(twice)
    build(notes, folder)
    (notes / "twice.md").write_text(twice.replace("- same\n", "", 1))
    assert build(notes, folder).removed == 1
    assert_equals_a_clean_build(notes, folder)


@pytest.mark.slow
def test_any_series_of_changes_ends_where_a_clean_build_ends(notes: Path, folder: Path) -> None:
    dice = np.random.default_rng(7)
    for _ in range(12):
        for name in ("docker.md", "volumes.md", "more.md"):
            lines = [f"- {word} {number}" for word in ("port", "image") for number in dice.integers(6, size=4)]
            kept = lines[: dice.integers(len(lines) + 1)]
            (notes / name).write_text("\n".join([f"# {dice.choice(['A', 'B'])}", "", *kept, ""]))
        build(notes, folder)
    assert_equals_a_clean_build(notes, folder)


def test_a_single_file_has_an_index_of_its_own(notes: Path, folder: Path) -> None:
    assert build(notes / "volumes.md", folder).passages == 2
    (notes / "docker.md").write_text("# Changed\n")
    assert build(notes / "volumes.md", folder).up_to_date


def test_notes_with_nothing_under_their_headings_are_an_index_without_chunks(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("# Docker\n\n## Ports\n")
    report = build(tmp_path / "notes", folder)
    assert (report.passages, report.encoded) == (0, 0)
    index = open_index(folder)
    assert index.nearest(np.ones(64, np.float32), 5)[0].shape == (0,)
    assert index.lexical.scores(["port"]).shape == (0,)
    assert list(index.passages) == []
    assert index.heading_vectors.shape == (2, 64)
    index.close()
    (tmp_path / "notes" / "a.md").write_text("# Docker\n\n## Ports\n\nwritten now\n")
    build(tmp_path / "notes", folder)
    assert found(folder, "written") == "written now"


def test_what_was_skipped_is_told_again_when_nothing_has_changed(notes: Path, folder: Path) -> None:
    (notes / "image.md").write_bytes(bytes(range(256)) * 40)
    first, second = build(notes, folder), build(notes, folder)
    assert [skipped.path for skipped in first.skipped] == ["image.md"]
    assert second.up_to_date
    assert second.skipped == first.skipped


def test_a_skipped_note_is_read_once_it_can_be(notes: Path, folder: Path) -> None:
    (notes / "image.md").write_bytes(bytes(range(256)) * 40)
    build(notes, folder)
    (notes / "image.md").write_text("# Image\n\nnow text\n")
    assert build(notes, folder).encoded == 1


def test_progress_goes_through_the_stages_in_order(notes: Path, folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    build(notes, folder, progress=lambda *step: told.append(step))
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == ["reading", "encoding", "storing"]
    assert ("reading", 2, 2) in told
    assert ("encoding", 7, 7) in told
    assert all(done <= total or total == 0 for _, done, total in told)
    assert told[-1][1] == told[-1][2]


def test_faulty_notes_are_read_once_and_then_left_alone(notes: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.sh").write_text("echo secret\n")
    (notes / "huge.md").write_bytes(b"# Huge\n\n" + b"line\n" * 2_000_000)
    (notes / "binary.md").write_bytes(bytes(range(256)) * 40)
    (notes / "latin.md").write_bytes("# Caf\u00e9\n\nau lait\n".encode("latin-1"))
    (notes / "empty.md").touch()
    (notes / "dangling.md").symlink_to(notes / "nowhere.md")
    (notes / "outside.md").symlink_to(tmp_path / "secret.sh")
    (notes / "cycle.md").write_text("# Cycle\n\nline\n\n{! cycle.md !}\n")
    (notes / "missing.md").write_text("# Missing\n\n```sh\n{! shell/gone.sh !}\n{! ../secret.sh !}\n```\n")
    first, second = build(notes, folder), build(notes, folder)
    assert first.encoded > 0
    assert second.up_to_date
    assert (second.skipped, second.warnings) == (first.skipped, first.warnings)
    (notes / "shell").mkdir()
    (notes / "shell" / "gone.sh").write_text("echo here\n")
    assert build(notes, folder).encoded > 0
    assert "echo here" in texts(folder)


# Encoders, formats, damage


def test_another_encoder_is_refused_until_a_rebuild(notes: Path, folder: Path) -> None:
    build(notes, folder)
    with pytest.raises(IndexIncompatible, match=r"'hashing', not 'other'.*ask index PATH --rebuild"):
        build_index(notes, folder, encoder_name="other")
    with pytest.raises(IndexIncompatible, match="ask index PATH --rebuild"):
        open_index(folder, encoder_name="other")
    other = CountingEncoder()
    other.name, other.fingerprint = "other", "other:64"
    report = build_index(notes, folder, encoder_name="other", rebuild=True, load=other.load)
    assert report.encoded == 7
    open_index(folder, encoder_name="other").check_encoder(other)
    with pytest.raises(IndexIncompatible):
        open_index(folder).check_encoder(HashingEncoder())


def test_another_version_of_the_encoder_is_refused_before_anything_is_mixed(notes: Path, folder: Path) -> None:
    build(notes, folder)
    (notes / "new.md").write_text("# New\n\nline\n")
    newer = CountingEncoder()
    newer.fingerprint = "hashing:65"
    with pytest.raises(IndexIncompatible, match="another version"):
        build(notes, folder, load=newer.load)
    assert newer.texts == []
    assert "line" not in texts(folder)


def test_another_format_is_refused_until_a_rebuild(notes: Path, folder: Path) -> None:
    build(notes, folder)
    files = generation_folder(folder, current_generation(folder) or 0)
    write_manifest(replace(read_manifest(files), format=FORMAT + 1), files)
    for refused in (build, lambda _, folder: open_index(folder)):
        with pytest.raises(IndexIncompatible, match="ask index PATH --rebuild"):
            refused(notes, folder)
    build(notes, folder, rebuild=True)
    assert_equals_a_clean_build(notes, folder)


def test_other_chunk_settings_cut_anew_what_they_concern(notes: Path, folder: Path) -> None:
    (notes / "long.md").write_text("# Long\n\n" + "One sentence of five words. " * 10 + "\n")
    build(notes, folder)
    report = build(notes, folder, max_words=25)
    assert (report.encoded, report.removed, report.unchanged) == (2, 1, 7)
    assert build(notes, folder, max_words=25).up_to_date


def test_an_index_that_is_not_there_says_how_to_build_it(folder: Path) -> None:
    with pytest.raises(IndexProblem, match="Build it first: ask index NOTES"):
        open_index(folder)


@pytest.mark.parametrize(
    "name", ["manifest.json", "passages.jsonl", "outline.json", "chunks.json", "arrays.npz", "lexical.npz"]
)
@pytest.mark.parametrize("content", [None, b"", b"\0damaged"])
def test_a_damaged_index_says_how_to_rebuild_it(notes: Path, folder: Path, name: str, content: bytes | None) -> None:
    build(notes, folder)
    file = generation_folder(folder, current_generation(folder) or 0) / name
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(IndexIncompatible, match="ask index PATH --rebuild"):
        open_index(folder)
    build(notes, folder, rebuild=True)
    assert len(texts(folder)) == 7


def test_an_index_whose_mark_is_lost_is_built_anew(notes: Path, folder: Path) -> None:
    build(notes, folder)
    (folder / "current").write_text("")
    assert build(notes, folder).encoded == 7
    assert len(list((folder / "generations").iterdir())) == 1


def test_lost_vectors_say_how_to_rebuild(notes: Path, folder: Path) -> None:
    build(notes, folder)
    shutil.rmtree(generation_folder(folder, current_generation(folder) or 0) / "chroma")
    with pytest.raises(IndexProblem, match="ask index PATH --rebuild"):
        found(folder, "port")
    (notes / "docker.md").write_text("# Changed\n\nline\n")
    with pytest.raises(IndexProblem, match="ask index PATH --rebuild"):
        build(notes, folder)
    build(notes, folder, rebuild=True)
    assert found(folder, "line") == "line"


# Notes that are gone, folders that take nothing


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


def many_notes(notes: Path, *, word: str, count: int = 1_500) -> None:
    """Notes of about half a megabyte of index files each hundred lines."""
    for part in range(3):
        lines = [f"- {word} number {part} {i} of a long list of lines to fill a disk with" for i in range(count // 3)]
        (notes / f"{part}.md").write_text("\n".join(["# Many", "", *lines, ""]))


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


# Killed, and two at once


BUILD_AND_TELL = """
import sys, time, pathlib
from index.build import build_index
from index.embedding import HashingEncoder
class Slow(HashingEncoder):
    def encode_words(self, texts, *, progress=None):
        time.sleep(float(sys.argv[3]))
        return super().encode_words(texts, progress=progress)
def tell(stage, done, total):
    print(stage, flush=True)
report = build_index(
    pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), encoder_name="hashing", progress=tell,
    load=lambda name, home: Slow(),
)
print("encoded", report.encoded, flush=True)
"""


def started(notes: Path, folder: Path, *, pause: float) -> subprocess.Popen[str]:
    """A build in another process that has begun to read the notes."""
    child = subprocess.Popen(
        [sys.executable, "-c", BUILD_AND_TELL, str(notes), str(folder), str(pause)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "reading\n"
    return child


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


def popen(notes: Path, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BUILD_AND_TELL, str(notes), str(folder), "0.2"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


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


# Vectors on a Chroma server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Chroma server of its own on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--path", str(folder), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        for _ in range(300):
            with socket.socket() as probe:
                if child.poll() is not None or probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
        child.terminate()


@pytest.mark.slow
def test_vectors_on_a_server_are_updated_like_those_in_a_folder(notes: Path, folder: Path, server: str) -> None:
    assert build(notes, folder, store=server).encoded == 7
    (notes / "volumes.md").unlink()
    (notes / "docker.md").write_text(NOTES.replace("docker rmi", "docker image rm"))
    report = build(notes, folder, store=server)
    assert (report.encoded, report.removed, report.unchanged) == (1, 3, 4)
    assert found(folder, "Images remove one: docker image rm") == "remove one: docker image rm"
    build(notes, folder.parent / "clean")
    on_server, in_folder = everything(folder), everything(folder.parent / "clean")
    assert on_server["chroma"] == in_folder["chroma"]
    assert not (generation_folder(folder, 2) / "chroma").exists()


@pytest.mark.slow
def test_a_server_keeps_no_more_than_the_last_two_generations(notes: Path, folder: Path, server: str) -> None:
    for number in range(4):
        (notes / "new.md").write_text(f"# New\n\nline {number}\n")
        build(notes, folder, store=server)
    index = open_index(folder)
    prefix = collection_prefix(folder)
    names = [collection.name for collection in index.store._client.list_collections()]
    index.close()
    assert sorted(name for name in names if name.startswith(prefix)) == [f"{prefix}3", f"{prefix}4"]


@pytest.mark.slow
def test_an_index_moves_to_a_server_and_back_without_encoding(notes: Path, folder: Path, server: str) -> None:
    build(notes, folder)
    encoder = CountingEncoder()
    build(notes, folder, store=server, load=encoder.load)
    assert found(folder, "Images remove one: docker rmi") == "remove one: docker rmi"
    build(notes, folder, load=encoder.load)
    assert encoder.loaded == 0
    assert_equals_a_clean_build(notes, folder)


def test_a_server_that_does_not_answer_is_one_sentence(notes: Path, folder: Path) -> None:
    with pytest.raises(IndexProblem, match=r"The Chroma server at http://127\.0\.0\.1:9 .*chroma run"):
        build(notes, folder, store="http://127.0.0.1:9")
    assert build(notes, folder).encoded == 7
