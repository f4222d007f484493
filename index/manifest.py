"""What an index was built from: encoder, settings, and the hash of each note. Kept as JSON beside it."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from corpus.documents import Skipped
from corpus.errors import IndexIncompatible

FORMAT = 1
REBUILD = "Build it anew: ask index PATH --rebuild, where PATH is the notes that you asked."
_NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that decides whether an index still fits its notes and this program.

    `revisions` maps each note and included file to its sha256, None if it is missing. `store` is
    None for the embedded Chroma, else the address of the server that holds the vectors.
    """

    encoder: str
    fingerprint: str
    max_words: int
    notes: str
    root: str
    revisions: dict[str, str | None]
    documents: int
    passages: int
    chunks: int
    built_at: str
    store: str | None = None
    skipped: tuple[Skipped, ...] = ()
    warnings: tuple[Skipped, ...] = ()
    program: str = ""
    format: int = FORMAT

    def check_encoder(self, name: str, fingerprint: str | None = None) -> None:
        """Raise IndexIncompatible unless the index was made by this encoder."""
        if name != self.encoder:
            raise IndexIncompatible(f"The index was made by the encoder {self.encoder!r}, not {name!r}. {REBUILD}")
        if fingerprint is not None and fingerprint != self.fingerprint:
            raise IndexIncompatible(f"The index was made by another version of the encoder {name!r}. {REBUILD}")


@cache
def program_version() -> str:
    """The version of this program, '' if it runs from a folder without being installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ask-the-notes")
    except PackageNotFoundError:
        return ""


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write it as one step: a reader sees all of it or nothing."""
    aside = folder / f"{_NAME}.new"
    text = json.dumps(dataclasses.asdict(manifest), indent=1, ensure_ascii=False)
    aside.write_bytes(text.encode("utf-8", "surrogateescape"))  # a file name may be any bytes
    os.replace(aside, folder / _NAME)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of one generation.

    Raises IndexIncompatible if it has another format or is damaged, FileNotFoundError if it is not there.
    """
    try:
        plain = json.loads((folder / _NAME).read_bytes().decode("utf-8", "surrogateescape"))
        found = plain.get("format")
    except (ValueError, AttributeError) as error:
        raise IndexIncompatible(f"The index in {folder} is damaged. {REBUILD}") from error
    if found != FORMAT:
        raise IndexIncompatible(f"The index has format {found}; this program reads format {FORMAT}. {REBUILD}")
    try:
        for name in ("skipped", "warnings"):
            plain[name] = tuple(Skipped(**item) for item in plain[name])
        return Manifest(**plain)
    except (KeyError, TypeError) as error:
        raise IndexIncompatible(f"The index in {folder} is damaged. {REBUILD}") from error
