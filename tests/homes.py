"""Homes of the product (`ASK_HOME`) for tests: each of its own, but with one exported encoder for all."""

from pathlib import Path


def make_home(folder: Path, encoders: Path) -> Path:
    """A home that has nothing but the session's encoders, by a link: an export through it is kept for all."""
    folder.mkdir()
    (folder / "encoders").symlink_to(encoders, target_is_directory=True)
    return folder
