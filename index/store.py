"""Chunk -> Chroma: embedded by default, a Chroma server by URL. The only file that knows chromadb.

Anyone can open an embedded one: `langchain_chroma.Chroma(persist_directory=..., collection_name="notes")`.
Errors of chromadb, of its sqlite and of its server end here.
"""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from corpus.errors import IndexProblem
from corpus.passages import Passage
from index.chunks import HEADING_JOINT
from index.location import unwritable
from index.manifest import REBUILD

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

COLLECTION = "notes"
BATCH = 2_000
_DATABASE = "chroma.sqlite3"
# How sqlite (inside chromadb, as text only) and the system say that they cannot write.
_UNWRITABLE = (
    "disk is full",
    "disk i/o error",
    "readonly database",
    "unable to open database file",
    "no space left",
    "read-only file system",
    "permission denied",
)

# With chromadb's own numbers (100, 100) every third question over 700 chunks misses one of its 64 nearest, and another
# one in the next process: the same question would not have the same answer. These cost a tenth of a millisecond.
_EF_CONSTRUCTION, _EF_SEARCH = 200, 400

Metadata = Mapping[str, str | int]
Vectors = NDArray[np.float32]


def passage_metadata(passage: Passage, number: int) -> dict[str, str | int]:
    """What a stranger needs to show a chunk's source; `number` is the passage's, from 1, in its note."""
    return {
        "document": passage.document,
        "heading": HEADING_JOINT.join(passage.heading),
        "start_line": passage.start_line,
        "end_line": passage.end_line,
        "anchor": passage.anchor,
        "kind": passage.kind,
        "passage": number,
    }


class Store:
    """The vectors of one index.

    `location` is a folder or the http(s) address of a Chroma server. Without `create` it must be
    there. All methods raise IndexUnwritable (disk full, read-only) or IndexProblem (anything else).
    """

    def __init__(self, location: Path | str, *, collection: str = COLLECTION, create: bool = False) -> None:
        self._location = location
        self._scratch: TemporaryDirectory[str] | None = None
        self._count: int | None = None
        with _our_errors(location):
            self._client = self._connect(create)
            self._collection = _collection(self._client, collection, create=create)

    def _connect(self, create: bool) -> Client:
        if isinstance(self._location, str):
            return _server(self._location)
        if create:
            self._location.mkdir(parents=True, exist_ok=True)
            return _embedded(self._location)
        _must_be_there(self._location)
        try:
            return _embedded(self._location)
        except Exception as error:  # chromadb's types are not known before it is imported
            if not _is_unwritable(str(error)):
                raise
        # chromadb writes to its database even to open it. An index on a read-only or full disk can still
        # be asked: from a copy.
        self._scratch = TemporaryDirectory(prefix="ask-index-", ignore_cleanup_errors=True)
        copy_store(self._location, Path(self._scratch.name))
        return _embedded(Path(self._scratch.name))

    def add(
        self,
        ids: Sequence[str],
        vectors: Vectors,
        texts: Sequence[str],
        metadatas: Sequence[Metadata],
    ) -> None:
        """Add chunks that are not there yet; `vectors` has the shape (len(ids), dimension)."""
        self._count = None
        with _our_errors(self._location, writing=True):
            for span in _batches(len(ids)):
                self._collection.add(
                    ids=list(ids[span]),
                    embeddings=vectors[span],
                    documents=[_clean(text) for text in texts[span]],
                    metadatas=[_clean_all(metadata) for metadata in metadatas[span]],
                )

    def update(self, ids: Sequence[str], metadatas: Sequence[Metadata]) -> None:
        """Give chunks new metadata; their vectors stay."""
        with _our_errors(self._location, writing=True):
            for span in _batches(len(ids)):
                self._collection.update(ids=list(ids[span]), metadatas=[_clean_all(m) for m in metadatas[span]])

    def delete(self, ids: Sequence[str]) -> None:
        """Remove chunks by id."""
        self._count = None
        with _our_errors(self._location, writing=True):
            for span in _batches(len(ids)):
                self._collection.delete(ids=list(ids[span]))

    def query(self, vector: Vectors, k: int) -> list[tuple[str, float]]:
        """The `k` nearest chunks (fewer if there are not so many): (id, cosine similarity), nearest first."""
        k = min(k, self.count())
        if k < 1:
            return []
        with _our_errors(self._location):
            found = self._collection.query(query_embeddings=vector.reshape(1, -1), n_results=k, include=["distances"])
        distances = found["distances"] or [[]]
        return [(key, 1.0 - distance) for key, distance in zip(found["ids"][0], distances[0], strict=True)]

    def vectors(self, ids: Sequence[str]) -> Vectors:
        """The vectors of chunks, in the order of `ids`, shape (len(ids), dimension)."""
        rows: dict[str, Any] = {}
        with _our_errors(self._location):
            for span in _batches(len(ids)):
                found = self._collection.get(ids=list(ids[span]), include=["embeddings"])
                embeddings = found["embeddings"]
                if embeddings is not None:
                    rows.update(zip(found["ids"], embeddings, strict=True))
        missing = next((key for key in ids if key not in rows), None)
        if missing is not None:
            raise IndexProblem(f"The chunk {missing} is not in the index. {REBUILD}")
        return np.asarray([rows[key] for key in ids], np.float32)

    def ids(self) -> list[str]:
        """The ids of all chunks, in no order."""
        with _our_errors(self._location):
            return list(self._collection.get(include=[])["ids"])

    def count(self) -> int:
        """How many chunks there are. Counted once: of many it takes longer than a query."""
        if self._count is None:
            with _our_errors(self._location):
                self._count = int(self._collection.count())
        return self._count

    def close(self) -> None:
        """Let go of files and connections; may be called twice."""
        _close(self._client)
        if self._scratch is not None:
            self._scratch.cleanup()


def copy_store(source: Path, target: Path) -> None:
    """Copy an embedded store while others may be reading it.

    Even a reader makes chromadb write to the database, so that is copied by sqlite itself.
    """
    _must_be_there(source)
    with _our_errors(target):
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(f"{_DATABASE}*"))
        for copied in (target, *target.rglob("*")):  # the modes were copied too, and may say read-only
            copied.chmod(copied.stat().st_mode | (stat.S_IRWXU if copied.is_dir() else stat.S_IWUSR))
        address = f"{(source / _DATABASE).absolute().as_uri()}?mode=ro"
        with (
            closing(sqlite3.connect(address, uri=True)) as before,
            closing(sqlite3.connect(target / _DATABASE)) as after,
        ):
            before.backup(after)


def drop_collections(address: str, prefix: str, *, kept: Sequence[int | None]) -> None:
    """Remove from a Chroma server the collections called `prefix` and a number that is not among `kept`."""
    with _our_errors(address):
        client = _server(address)
        try:
            for collection in client.list_collections():
                number = collection.name.removeprefix(prefix)
                if number != collection.name and number.isdigit() and int(number) not in kept:
                    client.delete_collection(collection.name)
        finally:
            _close(client)


def _must_be_there(folder: Path) -> None:
    """Chromadb would make an empty database where there is none."""
    if not (folder / _DATABASE).is_file():
        raise IndexProblem(f"The vectors in {folder} are gone. {REBUILD}")


def _embedded(folder: Path) -> Client:
    import chromadb  # takes half a second or more: not before a store is opened
    from chromadb.config import Settings

    return cast("Client", chromadb.PersistentClient(path=str(folder), settings=Settings(anonymized_telemetry=False)))


def _server(address: str) -> Client:
    import chromadb
    from chromadb.config import Settings

    parts = urlsplit(address)
    client = chromadb.HttpClient(
        host=parts.hostname or "localhost",
        port=parts.port or (443 if parts.scheme == "https" else 80),
        ssl=parts.scheme == "https",
        settings=Settings(anonymized_telemetry=False),
    )
    return cast("Client", client)


def _close(client: Client) -> None:
    servers = [client._server, getattr(client._admin_client, "_server", None)]
    client.close()
    for server in servers:
        session = getattr(server, "_session", None)
        if session is not None:  # the connections to a server, which chromadb 1.5 leaves open
            session.close()


def _collection(client: Client, name: str, *, create: bool) -> Collection:
    if not create:
        return client.get_collection(name, embedding_function=None)
    return client.get_or_create_collection(
        name,
        embedding_function=None,
        configuration={"hnsw": {"space": "cosine", "ef_construction": _EF_CONSTRUCTION, "ef_search": _EF_SEARCH}},
    )


def _batches(count: int) -> Iterator[slice]:
    for start in range(0, count, BATCH):
        yield slice(start, start + BATCH)


def _clean(text: str) -> str:
    """A file name may hold bytes that are no UTF-8; chromadb takes none of them."""
    return text.encode("utf-8", "replace").decode()


def _clean_all(metadata: Metadata) -> Mapping[str, Any]:
    return {key: _clean(value) if isinstance(value, str) else value for key, value in metadata.items()}


@contextmanager
def _our_errors(location: Path | str, *, writing: bool = False) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of many kinds; those that are neither the disk's nor chromadb's go on
        if not _is_foreign(error):
            raise
        raise _as_ours(error, location, writing=writing) from error


def _is_foreign(error: Exception) -> bool:
    if isinstance(error, (OSError, sqlite3.Error)):
        return True
    from chromadb.errors import ChromaError
    from httpx import HTTPError

    # chromadb raises a plain ValueError when its server does not answer
    return isinstance(error, (ChromaError, HTTPError)) or type(error) is ValueError


def _as_ours(error: Exception, location: Path | str, *, writing: bool) -> IndexProblem:
    reason = str(error).strip().split("\n")[0] or type(error).__name__
    if isinstance(location, str):
        return IndexProblem(
            f"The Chroma server at {location} does not do what is asked ({reason}). "
            "Start it (chroma run), or do without it: leave its address out."
        )
    # Of a disk that fills up while its files grow, chromadb says only what it was doing.
    if isinstance(error, OSError) or _is_unwritable(reason) or (writing and "error in compaction" in reason.lower()):
        return unwritable(location, reason)
    return IndexProblem(f"The index in {location} cannot be used ({reason}). {REBUILD}")


def _is_unwritable(reason: str) -> bool:
    return any(sign in reason.lower() for sign in _UNWRITABLE)
