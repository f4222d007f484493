from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from corpus.documents import read_notes
from corpus.passages import Outline, Passage, notes_passages
from index.chunks import notes_chunks
from index.embedding import HashingEncoder, Vectors, Words
from index.embedding import Progress as EncoderProgress
from index.generation import PassageFile, load_vectors, write_contents, write_vectors

NOTES = """# Docker

## Ports

- publish
  - `-p 80:8080`

```sh
{! shell/run.sh !}
```

## Empty

## Volumes

{! shell/gone.sh !}
"""


class CountingEncoder(HashingEncoder):
    """Remembers what it was asked to encode."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode_words(
        self, texts: Sequence[str], *, progress: EncoderProgress | None = None
    ) -> tuple[Vectors, list[Words]]:
        self.texts += texts
        return super().encode_words(texts, progress=progress)


@pytest.fixture
def contents(tmp_path: Path) -> tuple[list[Passage], list[Outline]]:
    notes = tmp_path / "notes"
    (notes / "shell").mkdir(parents=True)
    (notes / "shell" / "run.sh").write_text("docker run nginx\n")
    (notes / "a.md").write_text(NOTES)
    (notes / "caf\udce9.md").write_text("# Odd\n\nname\n")
    return notes_passages(read_notes(notes))


@pytest.fixture
def files(tmp_path: Path, contents: tuple[list[Passage], list[Outline]]) -> Path:
    folder = tmp_path / "generation"
    folder.mkdir()
    passages, outline = contents
    write_contents(folder, passages, outline, notes_chunks(passages))
    return folder


def passage_file(files: Path) -> PassageFile:
    with np.load(files / "arrays.npz") as arrays:
        return PassageFile(files / "passages.jsonl", arrays["passage_ends"])


def test_passages_are_read_as_they_were_written(files: Path, contents: tuple[list[Passage], list[Outline]]) -> None:
    assert list(passage_file(files)) == contents[0]
    assert any(passage.via for passage in contents[0])  # the hardest to keep is among them


def test_passages_are_a_sequence(files: Path, contents: tuple[list[Passage], list[Outline]]) -> None:
    read = passage_file(files)
    assert len(read) == len(contents[0])
    assert read[-1] == contents[0][-1]
    assert read[1:3] == contents[0][1:3]
    assert read[np.int32(1)] == contents[0][1]
    with pytest.raises(IndexError):
        read[len(read)]


def test_passages_are_read_after_their_file_is_gone(files: Path, contents: tuple[list[Passage], list[Outline]]) -> None:
    read = passage_file(files)
    (files / "passages.jsonl").unlink()
    assert list(read) == contents[0]


def test_a_passage_file_that_was_cut_off_is_noticed(files: Path) -> None:
    (files / "passages.jsonl").write_bytes((files / "passages.jsonl").read_bytes()[:-10])
    with pytest.raises(ValueError, match="another length"):
        passage_file(files)


def test_every_passage_has_its_section(files: Path, contents: tuple[list[Passage], list[Outline]]) -> None:
    passages, outline = contents
    with np.load(files / "arrays.npz") as arrays:
        sections = [outline[number] for number in arrays["passage_sections"]]
    assert [section.heading for section in sections] == [passage.heading for passage in passages]
    assert [section.document for section in sections] == [passage.note for passage in passages]


def test_vectors_come_back_in_the_order_of_their_texts(tmp_path: Path) -> None:
    texts = ["b", "a", "b", ""]
    write_vectors(tmp_path, "x.npz", texts, HashingEncoder, None)
    assert np.array_equal(load_vectors(tmp_path / "x.npz"), HashingEncoder().encode(texts))


def test_only_new_texts_are_encoded(tmp_path: Path) -> None:
    before, after = tmp_path / "1", tmp_path / "2"
    before.mkdir()
    after.mkdir()
    write_vectors(before, "x.npz", ["gone", "stays"], HashingEncoder, None)
    encoder = CountingEncoder()
    write_vectors(after, "x.npz", ["new", "stays", "new"], lambda: encoder, before)
    assert encoder.texts == ["new"]
    assert np.array_equal(load_vectors(after / "x.npz"), HashingEncoder().encode(["new", "stays", "new"]))
    with np.load(after / "x.npz") as arrays:
        assert len(arrays["keys"]) == 2  # what is gone left nothing behind


def test_nothing_new_asks_for_no_encoder(tmp_path: Path) -> None:
    before, after = tmp_path / "1", tmp_path / "2"
    before.mkdir()
    after.mkdir()
    write_vectors(before, "x.npz", ["a"], HashingEncoder, None)
    write_vectors(after, "x.npz", ["a"], lambda: pytest.fail("the encoder was loaded"), before)
    assert load_vectors(after / "x.npz").shape == (1, 64)


def test_no_texts_are_no_vectors(tmp_path: Path) -> None:
    write_vectors(tmp_path, "x.npz", [], lambda: pytest.fail("the encoder was loaded"), None)
    assert len(load_vectors(tmp_path / "x.npz")) == 0


def test_a_previous_generation_may_lack_the_file(tmp_path: Path) -> None:
    write_vectors(tmp_path, "x.npz", ["a"], HashingEncoder, tmp_path / "nowhere")
    assert load_vectors(tmp_path / "x.npz").shape == (1, 64)
