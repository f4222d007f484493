"""Builds of a small index, here or in another process, and what an index has in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from index.build import BuildReport, build_index
from index.embedding import HASHING_ENCODER, Encoder, HashingEncoder, Vectors, Words
from index.embedding import Progress as EncoderProgress
from index.generation import open_index
from index.lexical import words

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


def many_notes(notes: Path, *, word: str, count: int = 1_500) -> None:
    """Notes of about half a megabyte of index files each hundred lines."""
    for part in range(3):
        lines = [f"- {word} number {part} {i} of a long list of lines to fill a disk with" for i in range(count // 3)]
        (notes / f"{part}.md").write_text("\n".join(["# Many", "", *lines, ""]))


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


def popen(notes: Path, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BUILD_AND_TELL, str(notes), str(folder), "0.2"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
