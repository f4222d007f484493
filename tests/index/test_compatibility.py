from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from corpus.errors import IndexIncompatible, IndexProblem
from index.build import build_index
from index.embedding import HashingEncoder
from index.generation import open_index
from index.location import current_generation, generation_folder
from index.manifest import FORMAT, read_manifest, write_manifest
from tests.index.builds import CountingEncoder, assert_equals_a_clean_build, build, found, texts


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
