"""Notes to build an index of, and where it is to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.index.builds import NOTES, VOLUMES


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
