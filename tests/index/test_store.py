from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from corpus.errors import IndexProblem, IndexUnwritable
from corpus.passages import Passage
from index.embedding import HashingEncoder
from index.store import BATCH, Store, copy_store, passage_metadata

ROOT = Path(__file__).parent.parent.parent
TEXTS = ["publish a port", "remove an image", "name a volume", "publish a port"]
IDS = ["a", "b", "c", "a-2"]


def metadata(line: int = 1) -> dict[str, str | int]:
    return {"document": "notes.md", "heading": "Using > Ports", "start_line": line, "end_line": line}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "chroma", create=True)
    store.add(IDS, HashingEncoder().encode(TEXTS), TEXTS, [metadata(i + 1) for i in range(4)])
    yield store
    store.close()


def test_the_nearest_chunk_comes_first_with_its_cosine_similarity(store: Store) -> None:
    found = store.query(HashingEncoder().encode(["name a volume"])[0], 4)
    assert found[0] == ("c", pytest.approx(1.0, abs=1e-5))
    assert [key for key, _ in found[1:]] != []
    assert all(earlier[1] >= later[1] for earlier, later in pairwise(found))


def test_similarities_are_those_of_the_vectors(store: Store) -> None:
    question = HashingEncoder().encode(["publish an image"])[0]
    exact = dict(zip(IDS, HashingEncoder().encode(TEXTS) @ question, strict=True))
    assert dict(store.query(question, 4)) == pytest.approx(exact, abs=1e-5)


@pytest.mark.parametrize(("asked", "given"), [(1, 1), (3, 3), (100, 4), (0, 0)])
def test_as_many_are_found_as_are_asked_for_and_there(store: Store, asked: int, given: int) -> None:
    assert len(store.query(HashingEncoder().encode(["port"])[0], asked)) == given


def test_an_empty_store_finds_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "chroma", create=True)
    assert store.query(np.ones(64, np.float32), 5) == []
    assert store.count() == 0
    assert store.ids() == []
    store.close()


def test_deleted_chunks_are_gone(store: Store) -> None:
    store.delete(["a", "c"])
    assert sorted(store.ids()) == ["a-2", "b"]
    assert store.count() == 2
    assert {key for key, _ in store.query(HashingEncoder().encode(["publish a port"])[0], 4)} == {"a-2", "b"}


def test_new_metadata_leaves_the_vectors_as_they_are(store: Store, tmp_path: Path) -> None:
    before = store.vectors(IDS)
    store.update(["b"], [metadata(99)])
    assert np.array_equal(store.vectors(IDS), before)
    store.close()
    assert opened_by_a_stranger(tmp_path / "chroma", "remove an image")["metadata"]["start_line"] == 99


def test_vectors_come_in_the_order_that_was_asked_for(store: Store) -> None:
    vectors = store.vectors(["c", "a"])
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, HashingEncoder().encode(["name a volume", "publish a port"]), atol=1e-6)


def test_a_vector_that_is_not_there_is_a_problem(store: Store) -> None:
    with pytest.raises(IndexProblem, match="nowhere is not in the index.*ask index PATH --rebuild"):
        store.vectors(["a", "nowhere"])


def test_nothing_to_do_is_done(store: Store) -> None:
    store.add([], np.zeros((0, 64), np.float32), [], [])
    store.update([], [])
    store.delete([])
    assert store.count() == 4
    assert store.vectors([]).size == 0


def test_more_than_one_batch_is_stored_and_deleted(tmp_path: Path) -> None:
    count = BATCH + 10
    ids = [f"id{i}" for i in range(count)]
    vectors = np.random.default_rng(0).normal(size=(count, 8)).astype(np.float32)
    store = Store(tmp_path / "chroma", create=True)
    store.add(ids, vectors, ids, [metadata(i) for i in range(count)])
    assert store.count() == count
    assert len(store.vectors(ids)) == count
    assert len(store.query(vectors[0], 1_500)) == 1_500
    store.delete(ids[5:])
    assert sorted(store.ids()) == sorted(ids[:5])
    store.close()


def test_a_store_that_is_not_there_is_not_made_by_opening_it(tmp_path: Path) -> None:
    with pytest.raises(IndexProblem, match="ask index PATH --rebuild"):
        Store(tmp_path / "chroma")
    assert not (tmp_path / "chroma").exists()


def test_a_damaged_database_is_a_problem_with_the_way_to_rebuild(store: Store, tmp_path: Path) -> None:
    store.close()
    (tmp_path / "chroma" / "chroma.sqlite3").write_bytes(b"no database" * 1_000)
    with pytest.raises(IndexProblem, match="ask index PATH --rebuild"):
        Store(tmp_path / "chroma")


def test_a_folder_that_cannot_be_made_is_unwritable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(IndexUnwritable, match="ASK_HOME"):
        Store(tmp_path / "file" / "chroma", create=True)


def test_text_that_is_no_utf8_is_stored_all_the_same(tmp_path: Path) -> None:
    store = Store(tmp_path / "chroma", create=True)
    store.add(["x"], HashingEncoder().encode(["x"]), ["odd \udce9"], [{"document": "caf\udce9.md"}])
    assert store.ids() == ["x"]
    store.close()


def test_a_copy_holds_what_the_store_holds_while_that_is_open(store: Store, tmp_path: Path) -> None:
    copy_store(tmp_path / "chroma", tmp_path / "copy")
    copy = Store(tmp_path / "copy")
    assert sorted(copy.ids()) == sorted(IDS)
    assert np.array_equal(copy.vectors(IDS), store.vectors(IDS))
    copy.delete(["a"])
    assert store.count() == 4
    copy.close()


def test_the_metadata_are_what_a_stranger_needs() -> None:
    passage = Passage(
        document="shell/run.sh",
        note="docker.md",
        heading=("Docker", "Ports"),
        anchor="ports",
        kind="code",
        text="docker run",
        quote="docker run",
        parents=(),
        start_line=2,
        end_line=3,
        revision="0" * 64,
    )
    assert passage_metadata(passage, 7) == {
        "document": "shell/run.sh",
        "heading": "Docker > Ports",
        "start_line": 2,
        "end_line": 3,
        "anchor": "ports",
        "kind": "code",
        "passage": 7,
    }


def opened_by_a_stranger(folder: Path, question: str) -> dict[str, object]:
    """What a program that knows LangChain and nothing of ours finds first."""
    code = """
import json, sys, warnings
warnings.simplefilter("ignore")
from langchain_chroma import Chroma
from langchain_core.embeddings import Embeddings
from index.embedding import HashingEncoder
class Hashing(Embeddings):
    def embed_documents(self, texts): return HashingEncoder().encode(texts).tolist()
    def embed_query(self, text): return self.embed_documents([text])[0]
store = Chroma(persist_directory=sys.argv[1], collection_name="notes", embedding_function=Hashing())
document, distance = store.similarity_search_with_score(sys.argv[2], k=1)[0]
print(json.dumps({"text": document.page_content, "metadata": document.metadata, "distance": distance}))
"""
    environment = {**os.environ, "ANONYMIZED_TELEMETRY": "False"}
    ran = subprocess.run(
        [sys.executable, "-c", code, str(folder), question],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, object] = json.loads(ran.stdout)
    return found


def test_langchain_opens_it_and_finds_a_chunk(store: Store, tmp_path: Path) -> None:
    store.close()
    found = opened_by_a_stranger(tmp_path / "chroma", "name a volume")
    assert found["text"] == "name a volume"
    assert found["metadata"] == metadata(3)
    assert found["distance"] == pytest.approx(0.0, abs=1e-5)  # the space is cosine
