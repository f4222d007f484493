"""Notes for the tests: written as strings, read as the product reads them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from corpus.documents import Document, Notes, read_notes
from corpus.lint import Problem, lint_notes
from corpus.passages import Passage, notes_passages
from corpus.sections import Section, document_sections

Files = dict[str, str | bytes]
NOBODY = 65534


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Files], Path]:
    """Write files into a folder of notes and return the folder."""
    folder = tmp_path / "notes"
    folder.mkdir()

    def write_files(files: Files) -> Path:
        for name, content in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    return write_files


@pytest.fixture
def read(write: Callable[[Files], Path]) -> Callable[..., Notes]:
    """Read notes given as strings: `read(text)` for one note, `read({name: text})` for a folder."""

    def read_files(files: str | bytes | Files) -> Notes:
        return read_notes(write(files if isinstance(files, dict) else {"note.md": files}))

    return read_files


@pytest.fixture
def document(read: Callable[..., Notes]) -> Callable[..., Document]:
    """The document `note.md` (or the first) of notes given as strings."""

    def first(files: str | bytes | Files) -> Document:
        documents = read(files).documents
        return next((d for d in documents if d.path == "note.md"), documents[0])

    return first


@pytest.fixture
def sections(document: Callable[..., Document]) -> Callable[..., list[Section]]:
    return lambda files: document_sections(document(files))


@pytest.fixture
def passages(read: Callable[..., Notes]) -> Callable[..., list[Passage]]:
    return lambda files: notes_passages(read(files))[0]


@pytest.fixture
def lint(read: Callable[..., Notes]) -> Callable[..., list[Problem]]:
    return lambda files: lint_notes(read(files))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def as_reader() -> Callable[[], AbstractContextManager[None]]:
    """Go on as a user who is bound by file permissions, also where the tests run as root."""

    @contextmanager
    def bound() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)

    return bound
