"""One generation of an index on disk: written by a build, opened by a search.

manifest.json                          what it was built from
passages.jsonl, outline.json           what can be cited, and the sections
chunks.json, arrays.npz                the ids of the chunks; how chunks, passages and sections belong together
chroma/                                the vectors of the chunks (unless a Chroma server holds them)
lexical.npz, lexical-stems.json        BM25 over the chunks
headings.npz, titles.npz               the vectors of the heading paths, and of the headings alone
words.bin, words.npz                   the vectors of the words of the chunks
"""

from __future__ import annotations

import json
import mmap
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any, overload
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from corpus.errors import IndexIncompatible, IndexProblem
from corpus.passages import Outline, Passage, Via
from index.chunks import Chunk, text_key
from index.embedding import Encoder, Vectors
from index.interaction import WordStates
from index.lexical import Lexical, words
from index.location import current_generation, generation_folder
from index.manifest import REBUILD, Manifest, read_manifest
from index.store import COLLECTION, Store

HEADINGS = "headings.npz"
TITLES = "titles.npz"

Numbers = NDArray[np.int32]


@dataclass(eq=False)
class Index:
    """One generation of an index, open for reading.

    It stays readable while the next one is built, and after that until the one after next is begun: a
    program that runs for long asks `is_current` before each question, and opens the index again if not.

    All numbers count from 0: `chunk_passages[chunk]` is a passage, `passage_sections[passage]` a
    section of `outline`.
    """

    folder: Path
    generation: int
    manifest: Manifest
    passages: Sequence[Passage]
    outline: list[Outline]
    chunk_ids: list[str]
    chunk_passages: Numbers  # shape (chunks,)
    passage_sections: Numbers  # shape (passages,)
    lexical: Lexical  # over the chunks
    words: WordStates  # of the chunks
    _opened: list[Store] = field(default_factory=list, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def files(self) -> Path:
        """The folder of this generation."""
        return generation_folder(self.folder, self.generation)

    @property
    def store(self) -> Store:
        """The vectors; opened at the first use, because that imports chromadb."""
        with self._lock:
            if not self._opened:
                self._opened.append(open_store(self.folder, self.generation, self.manifest.store))
            return self._opened[0]

    @cached_property
    def chunk_numbers(self) -> dict[str, int]:
        """Chunk id -> chunk number."""
        return {key: number for number, key in enumerate(self.chunk_ids)}

    @cached_property
    def written_sections(self) -> list[int]:
        """The numbers of the sections in which something is written, or in one under them."""
        return [number for number, section in enumerate(self.outline) if section.state == "written"]

    @cached_property
    def unfinished_sections(self) -> list[int]:
        """The numbers of the others."""
        return [number for number, section in enumerate(self.outline) if section.state != "written"]

    @cached_property
    def heading_stems(self) -> dict[str, list[int]]:
        """Stem -> the sections that have it in their heading path, the note's title left out."""
        found: dict[str, list[int]] = {}
        for number, section in enumerate(self.outline):
            for stem in set(words(" ".join(section.heading[1:] or section.heading))):
                found.setdefault(stem, []).append(number)
        return found

    def has_word(self, name: str) -> bool:
        """Whether a name, or every part of a compound one, stands anywhere in the notes."""
        stems = words(name)
        return self.lexical.document_frequency(stems[0]) > 0 if stems else True

    def section_passages(self, section: int) -> range:
        """The numbers of the passages of a section; they follow one another."""
        first, last = np.searchsorted(self.passage_sections, [section, section + 1])
        return range(int(first), int(last))

    @cached_property
    def heading_vectors(self) -> Vectors:
        """One unit vector for each section of `outline`, of its heading path; shape (sections, dimension)."""
        return load_vectors(self.files / HEADINGS)

    @cached_property
    def title_vectors(self) -> Vectors:
        """The same of each heading alone, without those above it."""
        return load_vectors(self.files / TITLES)

    def nearest(self, vector: Vectors, k: int) -> tuple[Numbers, NDArray[np.float32]]:
        """The `k` chunks nearest to a question's vector: their numbers and cosine similarities, nearest first."""
        try:
            found = self.store.query(vector, k)
        except IndexProblem as error:
            if self.files.is_dir():
                raise
            raise IndexProblem(
                "This index has been replaced twice since it was opened, and is gone. Open it again."
            ) from error
        found = [each for each in found if each[0] in self.chunk_numbers]  # others may have added to the collection
        numbers = np.fromiter((self.chunk_numbers[key] for key, _ in found), np.int32, len(found))
        return numbers, np.fromiter((similarity for _, similarity in found), np.float32, len(found))

    def check_encoder(self, encoder: Encoder) -> None:
        """Raise IndexIncompatible unless questions encoded by `encoder` may be compared with this index."""
        self.manifest.check_encoder(encoder.name, encoder.fingerprint)

    def is_current(self) -> bool:
        """Whether no newer generation has taken its place: if not, open the index again."""
        return current_generation(self.folder) == self.generation

    def close(self) -> None:
        """Let go of the vectors' files."""
        with self._lock:
            while self._opened:
                self._opened.pop().close()


def open_index(folder: Path, *, encoder_name: str | None = None) -> Index:
    """Open the generation in use. Loads no encoder and no chromadb.

    Raises IndexProblem if there is no index yet, IndexIncompatible if it has another format, is
    damaged, or was made by another encoder than `encoder_name`.
    """
    while True:
        number = current_generation(folder)
        if number is None:
            raise IndexProblem("There is no index of these notes yet. Build it first: ask index NOTES")
        try:
            index = _open_generation(folder, number)
            break
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
            if current_generation(folder) == number:  # else two builds have ended since: look again
                raise IndexIncompatible(f"The index in {folder} is damaged ({error}). {REBUILD}") from error
    if encoder_name is not None:
        index.manifest.check_encoder(encoder_name)
    return index


def _open_generation(folder: Path, number: int) -> Index:
    files = generation_folder(folder, number)
    manifest = read_manifest(files)
    with np.load(files / "arrays.npz", allow_pickle=False) as arrays:
        passages = PassageFile(files / "passages.jsonl", arrays["passage_ends"])
        chunk_passages, passage_sections = arrays["chunk_passages"], arrays["passage_sections"]
    return Index(
        folder=folder,
        generation=number,
        manifest=manifest,
        passages=passages,
        outline=[_outline(row) for row in json.loads((files / "outline.json").read_bytes())],
        chunk_ids=json.loads((files / "chunks.json").read_bytes()),
        chunk_passages=chunk_passages,
        passage_sections=passage_sections,
        lexical=Lexical.load(files),
        words=WordStates(files),
    )


def open_store(folder: Path, number: int, address: str | None, *, create: bool = False) -> Store:
    """The store of one generation: its own folder, or its own collection on the server at `address`."""
    if address is None:
        return Store(generation_folder(folder, number) / "chroma", create=create)
    return Store(address, collection=f"{collection_prefix(folder)}{number}", create=create)


def collection_prefix(folder: Path) -> str:
    """How the collections of this index are called on a Chroma server, less the generation's number."""
    return f"{COLLECTION}-{text_key(str(folder.resolve()))[:16]}-"


def write_contents(
    files: Path, passages: Sequence[Passage], outline: Sequence[Outline], chunks: Sequence[Chunk]
) -> None:
    """Write everything of a generation that needs neither encoder nor Chroma, but for the manifest."""
    lines = [_json(_row(passage)) + b"\n" for passage in passages]
    (files / "passages.jsonl").write_bytes(b"".join(lines))
    (files / "outline.json").write_bytes(_json([_row(section) for section in outline]))
    (files / "chunks.json").write_bytes(_json([chunk.id for chunk in chunks]))
    sections = {(section.document, section.anchor, section.heading): i for i, section in enumerate(outline)}
    places = [sections[passage.note, passage.anchor, passage.heading] for passage in passages]
    with (files / "arrays.npz").open("wb") as file:
        np.savez(
            file,
            passage_ends=np.fromiter(accumulate(map(len, lines)), np.int64, len(lines)),
            passage_sections=np.asarray(places, np.int32),
            chunk_passages=np.asarray([chunk.passage_number for chunk in chunks], np.int32),
        )
    Lexical.build([chunk.text for chunk in chunks]).save(files)


def write_vectors(
    files: Path, name: str, texts: Sequence[str], encoder: Callable[[], Encoder], previous: Path | None
) -> None:
    """Write the vector of each text into `files / name`; `load_vectors` gives them in the same order.

    Vectors of texts that the `previous` generation has in its file of the same name are taken from
    there. `encoder` is called only if that leaves any. This is how further vectors join an index.
    """
    known: dict[bytes, Vectors] = {}
    if previous is not None and (previous / name).is_file():
        with np.load(previous / name, allow_pickle=False) as arrays:
            known = dict(zip(arrays["keys"].tolist(), arrays["vectors"], strict=True))
    wanted = {text_key(text).encode(): text for text in texts}
    fresh = [key for key in wanted if key not in known]
    if fresh:
        known.update(zip(fresh, encoder().encode([wanted[key] for key in fresh]), strict=True))
    order = {key: row for row, key in enumerate(wanted)}
    rows = np.asarray([order[text_key(text).encode()] for text in texts], np.int32)
    vectors = np.stack([known[key] for key in wanted]) if wanted else np.zeros((0, 0), np.float32)
    with (files / name).open("wb") as file:
        np.savez(file, keys=np.asarray(list(wanted), "S32"), vectors=vectors, rows=rows)


def load_vectors(path: Path) -> Vectors:
    """What `write_vectors` wrote: one row for each of its texts, shape (texts, dimension)."""
    with np.load(path, allow_pickle=False) as arrays:
        vectors: Vectors = arrays["vectors"][arrays["rows"]]
    return vectors


class PassageFile(Sequence[Passage]):
    """The passages of one generation, read from disk as they are asked for.

    The file stays mapped, so that it can still be read when a later build has removed it.
    """

    def __init__(self, path: Path, ends: NDArray[np.int64]) -> None:
        self._ends = ends
        self._data: mmap.mmap | bytes = b""  # an empty file cannot be mapped
        if len(ends):
            with path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if len(self._data) != (int(ends[-1]) if len(ends) else 0):
            raise ValueError(f"{path.name} has another length than it was written with")
        self._read = lru_cache(maxsize=20_000)(self._parsed)

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, number: int) -> Passage: ...
    @overload
    def __getitem__(self, number: slice) -> list[Passage]: ...

    def __getitem__(self, number: int | slice) -> Passage | list[Passage]:
        if isinstance(number, slice):
            return [self._read(i) for i in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(f"there is no passage {number}")
        return self._read(int(number) % len(self))

    def _parsed(self, number: int) -> Passage:
        start = int(self._ends[number - 1]) if number else 0
        row = json.loads(self._data[start : int(self._ends[number])])
        via = row["via"]
        row.update(
            heading=tuple(row["heading"]), parents=tuple(row["parents"]), via=Via(**via) if via is not None else None
        )
        return Passage(**row)


def _outline(row: dict[str, Any]) -> Outline:
    row.update(heading=tuple(row["heading"]), missing=tuple(row["missing"]))
    return Outline(**row)


def _row(record: Passage | Outline | Via) -> dict[str, Any]:
    """One record as a dictionary; dataclasses.asdict would copy every string of it."""
    values = ((name.name, getattr(record, name.name)) for name in fields(record))
    return {name: _row(value) if isinstance(value, Via) else value for name, value in values}


def _json(value: Any) -> bytes:
    # escaped to ASCII: a file name may hold bytes that are no UTF-8, and they must come back as they were
    return json.dumps(value, separators=(",", ":")).encode("ascii")
