"""Notes -> index: only what changed is encoded, and a build is all or nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Literal

from corpus.documents import Notes, Skipped, notes_revisions, read_notes
from corpus.errors import IndexProblem
from corpus.passages import Outline, Passage, notes_passages
from index.chunks import MAX_WORDS, Chunk, heading_text, note_titles, notes_chunks
from index.embedding import DEFAULT_ENCODER, Encoder, load_encoder
from index.generation import (
    HEADINGS,
    TITLES,
    Index,
    collection_prefix,
    open_index,
    open_store,
    write_contents,
    write_vectors,
)
from index.interaction import WordStatesWriter
from index.location import (
    ask_home,
    build_lock,
    current_generation,
    generation_folder,
    new_generation,
    remove_all_but,
    switch_to,
    unwritable,
)
from index.manifest import REBUILD, Manifest, program_version, read_manifest, write_manifest
from index.store import Metadata, Store, copy_store, drop_collections, passage_metadata

Stage = Literal["waiting", "reading", "encoding", "storing"]
# progress(stage, done, total): seconds of at most so many, notes, chunks, steps; a total of 0 is not known yet.
Progress = Callable[[Stage, int, int], None]
EncoderLoader = Callable[[str, Path], Encoder]

WAIT_SECONDS = 600.0
BLOCK = 256  # chunks encoded, then stored, before the next: bounds the vectors in memory, those of words above all
_STORING_STEPS = 3


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did. `up_to_date`: the notes had not changed, and nothing was done.

    `indexed` counts notes; `encoded`, `removed` and `unchanged` count chunks. `skipped` are files that
    were left out, `warnings` files read with a reservation.
    """

    indexed: int
    passages: int
    encoded: int
    removed: int
    unchanged: int
    skipped: tuple[Skipped, ...]
    warnings: tuple[Skipped, ...]
    seconds: float
    up_to_date: bool = False


def build_index(
    notes_path: Path,
    folder: Path,
    *,
    encoder_name: str = DEFAULT_ENCODER,
    home: Path | None = None,
    store: str | None = None,
    max_words: int = MAX_WORDS,
    progress: Progress | None = None,
    rebuild: bool = False,
    wait_seconds: float = WAIT_SECONDS,
    load: EncoderLoader = load_encoder,
) -> BuildReport:
    """Build or update the index of the notes in `folder` (see location.index_folder).

    Unchanged notes return at once, with no encoder and no chromadb loaded and nothing written.
    `home` keeps the exported encoder (default: location.ask_home()); `store` is the address of a
    Chroma server instead of the embedded one; `rebuild` starts from nothing.

    Raises NotesError (nothing to read; the index before stays), EncoderError, IndexIncompatible
    (other encoder or format, without `rebuild`), IndexBusy, IndexUnwritable, IndexProblem.
    """
    job = _Job(
        notes_path=notes_path,
        folder=folder,
        encoder_name=encoder_name,
        home=home,
        store=store,
        max_words=max_words,
        report=progress or _silent,
        load=load,
        started=time.monotonic(),
    )
    report = None if rebuild else _unchanged(job)
    if report is not None:
        return report
    if not any(notes_revisions(notes_path, {}).values()):
        read_notes(notes_path)  # says what is wrong, before a folder is made for nothing
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with build_lock(folder, wait_seconds=wait_seconds, waiting=job.waiting(wait_seconds)):
            report = None if rebuild else _unchanged(job)  # another build may just have done it
            return report or _build(job, rebuild=rebuild)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What `build_index` was asked for."""

    notes_path: Path
    folder: Path
    encoder_name: str
    home: Path | None
    store: str | None
    max_words: int
    report: Progress
    load: EncoderLoader
    started: float

    def waiting(self, limit: float) -> Callable[[float], None]:
        return lambda waited: self.report("waiting", int(waited), int(limit))

    def seconds(self) -> float:
        return time.monotonic() - self.started

    def encoder(self, previous: Index | None) -> Callable[[], Encoder]:
        """Loads the encoder at its first call: many updates need none."""

        @cache
        def loaded() -> Encoder:
            encoder = self.load(self.encoder_name, self.home or ask_home())
            if previous is not None:
                previous.check_encoder(encoder)
            return encoder

        return loaded


def _silent(stage: Stage, done: int, total: int) -> None:
    """Show no progress."""


def _unchanged(job: _Job) -> BuildReport | None:
    """The report of a build that has nothing to do, None if there is something. Raises IndexIncompatible."""
    number = current_generation(job.folder)
    if number is None:
        return None
    try:
        manifest = read_manifest(generation_folder(job.folder, number))
    except FileNotFoundError:
        return None
    manifest.check_encoder(job.encoder_name)
    if manifest.max_words != job.max_words or not is_up_to_date(manifest, job.notes_path, store=job.store):
        return None
    return _report(job, manifest, _Changes(), up_to_date=True)


def is_up_to_date(manifest: Manifest, notes_path: Path, *, store: str | None) -> bool:
    """Whether an index is of these notes as they are now, in this store, by this version of the program."""
    if (manifest.notes, manifest.store, manifest.program) != (str(notes_path.resolve()), store, program_version()):
        return False
    return notes_revisions(notes_path, manifest.revisions) == manifest.revisions


@dataclass(frozen=True, slots=True)
class _Changes:
    """How many chunks were added and removed."""

    added: int = 0
    removed: int = 0


def _report(job: _Job, manifest: Manifest, changes: _Changes, *, up_to_date: bool = False) -> BuildReport:
    return BuildReport(
        indexed=manifest.documents,
        passages=manifest.passages,
        encoded=changes.added,
        removed=changes.removed,
        unchanged=manifest.chunks - changes.added,
        skipped=manifest.skipped,
        warnings=manifest.warnings,
        seconds=job.seconds(),
        up_to_date=up_to_date,
    )


def _build(job: _Job, *, rebuild: bool) -> BuildReport:
    """Under the lock: read, make the next generation beside the current one, put it in use."""
    current = current_generation(job.folder)
    remove_all_but(job.folder, current)
    job.report("reading", 0, 0)
    on_disk = notes_revisions(job.notes_path, {})  # before they are read: what is saved meanwhile counts as changed
    notes = read_notes(job.notes_path)
    passages, outline = notes_passages(notes)
    chunks = notes_chunks(passages, max_words=job.max_words)
    job.report("reading", len(notes.documents), len(notes.documents))
    previous = None if rebuild or current is None else open_index(job.folder)
    number = new_generation(job.folder)
    try:
        files = generation_folder(job.folder, number)
        encoder = job.encoder(previous)
        changes = _store_chunks(job, number, previous, passages, chunks, encoder)
        for name, texts in ((HEADINGS, _heading_texts(outline)), (TITLES, _titles(outline))):
            write_vectors(files, name, texts, encoder, previous.files if previous else None)
        job.report("storing", 1, _STORING_STEPS)
        write_contents(files, passages, outline, chunks)
        job.report("storing", 2, _STORING_STEPS)
        fingerprint = previous.manifest.fingerprint if previous else encoder().fingerprint
        manifest = _manifest(job, notes, {**on_disk, **notes.revisions}, fingerprint, len(passages), len(chunks))
        write_manifest(manifest, files)
        switch_to(job.folder, number)
    except BaseException:  # an interrupt too: leave no half of an index behind, least of all on a full disk
        if current_generation(job.folder) != number:
            remove_all_but(job.folder, current)
        raise
    finally:
        if previous is not None:
            previous.close()
    if job.store is not None:
        drop_collections(job.store, collection_prefix(job.folder), kept=(number, current))
    job.report("storing", _STORING_STEPS, _STORING_STEPS)
    return _report(job, manifest, changes)


def _manifest(
    job: _Job, notes: Notes, revisions: dict[str, str | None], fingerprint: str, passages: int, chunks: int
) -> Manifest:
    return Manifest(
        encoder=job.encoder_name,
        fingerprint=fingerprint,
        max_words=job.max_words,
        notes=str(job.notes_path.resolve()),
        root=str(notes.root),
        revisions=revisions,
        documents=len(notes.documents),
        passages=passages,
        chunks=chunks,
        built_at=datetime.now(UTC).isoformat(timespec="seconds"),
        store=job.store,
        skipped=notes.skipped,
        warnings=notes.warnings,
        program=program_version(),
    )


def _heading_texts(outline: Sequence[Outline]) -> list[str]:
    titles = note_titles(outline)
    return [heading_text(section.heading, titles.get(section.document)) for section in outline]


def _titles(outline: Sequence[Outline]) -> list[str]:
    return [section.heading[-1] if section.heading else "" for section in outline]


def _store_chunks(
    job: _Job,
    number: int,
    previous: Index | None,
    passages: Sequence[Passage],
    chunks: Sequence[Chunk],
    encoder: Callable[[], Encoder],
) -> _Changes:
    """Fill the store of the new generation: what is known is carried over, the rest is encoded."""
    metadata = list(_metadata(passages))
    before = previous.chunk_numbers if previous else {}
    fresh = [chunk for chunk in chunks if chunk.id not in before]
    kept = [chunk for chunk in chunks if chunk.id in before]
    gone = before.keys() - {chunk.id for chunk in kept}
    in_place = previous is not None and previous.manifest.store is None and job.store is None
    if previous is not None and in_place:
        copy_store(previous.files / "chroma", generation_folder(job.folder, number) / "chroma")
    files = generation_folder(job.folder, number)
    with closing(open_store(job.folder, number, job.store, create=True)) as store, WordStatesWriter(files) as words:
        if previous is not None:
            words.keep(previous.words, before, [chunk.id for chunk in kept])
        if previous is not None and in_place:
            store.delete(list(gone))
            moved = _moved(previous, kept, metadata)
            store.update([chunk.id for chunk in moved], [metadata[chunk.passage_number] for chunk in moved])
        elif previous is not None:
            _carry(previous.store, store, kept, metadata)
        _encode(job, store, words, fresh, metadata, encoder)
        words.finish([chunk.id for chunk in chunks])
        stored = store.count()
    if stored != len(chunks):
        raise IndexProblem(f"Only {stored} of {len(chunks)} chunks were stored. {REBUILD}")
    return _Changes(len(fresh), len(gone))


def _metadata(passages: Sequence[Passage]) -> Iterator[Metadata]:
    """The metadata of each passage; they are numbered from 1 in each note, so that one note does not move another's."""
    counts: Counter[str] = Counter()
    for passage in passages:
        counts[passage.note] += 1
        yield passage_metadata(passage, counts[passage.note])


def _moved(previous: Index, kept: Sequence[Chunk], metadata: Sequence[Metadata]) -> list[Chunk]:
    """The chunks whose text is as before while their lines, file or section are not."""
    old = [_mark(each) for each in _metadata(previous.passages)]  # marks alone: all passages are many
    passage, number = previous.chunk_passages, previous.chunk_numbers
    return [chunk for chunk in kept if _mark(metadata[chunk.passage_number]) != old[passage[number[chunk.id]]]]


def _mark(metadata: Metadata) -> int:
    return hash(tuple(metadata.items()))


def _carry(source: Store, target: Store, chunks: Sequence[Chunk], metadata: Sequence[Metadata]) -> None:
    """Copy vectors from one store to another, where files cannot be copied: to a server, or from it."""
    for block in _blocks(chunks):
        ids = [chunk.id for chunk in block]
        target.add(
            ids,
            source.vectors(ids),
            [chunk.text for chunk in block],
            [metadata[chunk.passage_number] for chunk in block],
        )


def _encode(
    job: _Job,
    store: Store,
    words: WordStatesWriter,
    chunks: Sequence[Chunk],
    metadata: Sequence[Metadata],
    encoder: Callable[[], Encoder],
) -> None:
    """Encode and store, block by block; texts of like length together, as encoders like them."""
    total = len(chunks)
    done = 0
    for block in _blocks(sorted(chunks, key=lambda chunk: (-len(chunk.text), chunk.text))):
        texts = list(dict.fromkeys(chunk.text for chunk in block))
        vectors, found = encoder().encode_words(texts, progress=partial(_report_from, job.report, done, total))
        row = {text: number for number, text in enumerate(texts)}
        for chunk in block:
            words.add(chunk.id, found[row[chunk.text]])
        store.add(
            [chunk.id for chunk in block],
            vectors[[row[chunk.text] for chunk in block]],
            [chunk.text for chunk in block],
            [metadata[chunk.passage_number] for chunk in block],
        )
        done += len(block)
        job.report("encoding", done, total)


def _report_from(report: Progress, start: int, total: int, done: int, _: int) -> None:
    report("encoding", start + done, total)


def _blocks(chunks: Sequence[Chunk]) -> Iterator[Sequence[Chunk]]:
    for start in range(0, len(chunks), BLOCK):
        yield chunks[start : start + BLOCK]


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Errors of the disk become ours."""
    try:
        yield
    except BrokenPipeError:  # of the caller's progress: a file has no other end
        raise
    except OSError as error:
        raise unwritable(folder, error.strerror or str(error)) from error
