from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from corpus.documents import Skipped
from corpus.errors import IndexIncompatible
from index.manifest import FORMAT, Manifest, read_manifest, write_manifest

MANIFEST = Manifest(
    encoder="hashing",
    fingerprint="hashing:64",
    max_words=200,
    notes="/notes",
    root="/notes",
    revisions={"a.md": "0" * 64, "shell/gone.sh": None},
    documents=1,
    passages=2,
    chunks=3,
    built_at="2026-01-02T03:04:05+00:00",
    skipped=(Skipped("b.md", "is a binary file, not text"),),
    warnings=(Skipped("c.md", "is not UTF-8"),),
    program="1.2.3",
)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    write_manifest(MANIFEST, tmp_path)
    assert read_manifest(tmp_path) == MANIFEST


def test_a_file_name_that_is_no_utf8_is_kept(tmp_path: Path) -> None:
    odd = replace(MANIFEST, revisions={"caf\udce9.md": "1" * 64})
    write_manifest(odd, tmp_path)
    assert read_manifest(tmp_path) == odd


def test_writing_leaves_nothing_but_the_manifest(tmp_path: Path) -> None:
    write_manifest(MANIFEST, tmp_path)
    write_manifest(replace(MANIFEST, chunks=4), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]
    assert read_manifest(tmp_path).chunks == 4


def test_another_format_is_refused_with_the_way_to_rebuild(tmp_path: Path) -> None:
    write_manifest(replace(MANIFEST, format=FORMAT + 1), tmp_path)
    with pytest.raises(IndexIncompatible, match=rf"format {FORMAT + 1}.*ask index PATH --rebuild"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"format": 1}', b'{"format": 1, "skipped": [], "warnings": [], "x": 1}'],
)
def test_a_damaged_manifest_is_refused_with_the_way_to_rebuild(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(IndexIncompatible, match="ask index PATH --rebuild"):
        read_manifest(tmp_path)


def test_a_manifest_of_a_later_program_with_the_same_format_but_another_field_is_refused(tmp_path: Path) -> None:
    write_manifest(MANIFEST, tmp_path)
    plain = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**plain, "colour": "red"}))
    with pytest.raises(IndexIncompatible):
        read_manifest(tmp_path)


def test_the_encoder_must_be_the_one_that_made_it() -> None:
    MANIFEST.check_encoder("hashing", "hashing:64")
    with pytest.raises(IndexIncompatible, match=r"'hashing', not 'other'.*ask index PATH --rebuild"):
        MANIFEST.check_encoder("other")


def test_another_version_of_the_encoder_is_not_the_same() -> None:
    with pytest.raises(IndexIncompatible, match=r"another version of the encoder 'hashing'.*ask index PATH --rebuild"):
        MANIFEST.check_encoder("hashing", "hashing:128")
