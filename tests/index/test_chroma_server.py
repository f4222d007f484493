from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from corpus.errors import IndexProblem
from index.generation import collection_prefix, open_index
from index.location import generation_folder
from tests.index.builds import NOTES, CountingEncoder, assert_equals_a_clean_build, build, everything, found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Chroma server of its own on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--path", str(folder), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        for _ in range(300):
            with socket.socket() as probe:
                if child.poll() is not None or probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
        child.terminate()


@pytest.mark.slow
def test_vectors_on_a_server_are_updated_like_those_in_a_folder(notes: Path, folder: Path, server: str) -> None:
    assert build(notes, folder, store=server).encoded == 7
    (notes / "volumes.md").unlink()
    (notes / "docker.md").write_text(NOTES.replace("docker rmi", "docker image rm"))
    report = build(notes, folder, store=server)
    assert (report.encoded, report.removed, report.unchanged) == (1, 3, 4)
    assert found(folder, "Images remove one: docker image rm") == "remove one: docker image rm"
    build(notes, folder.parent / "clean")
    on_server, in_folder = everything(folder), everything(folder.parent / "clean")
    assert on_server["chroma"] == in_folder["chroma"]
    assert not (generation_folder(folder, 2) / "chroma").exists()


@pytest.mark.slow
def test_a_server_keeps_no_more_than_the_last_two_generations(notes: Path, folder: Path, server: str) -> None:
    for number in range(4):
        (notes / "new.md").write_text(f"# New\n\nline {number}\n")
        build(notes, folder, store=server)
    index = open_index(folder)
    prefix = collection_prefix(folder)
    names = [collection.name for collection in index.store._client.list_collections()]
    index.close()
    assert sorted(name for name in names if name.startswith(prefix)) == [f"{prefix}3", f"{prefix}4"]


@pytest.mark.slow
def test_an_index_moves_to_a_server_and_back_without_encoding(notes: Path, folder: Path, server: str) -> None:
    build(notes, folder)
    encoder = CountingEncoder()
    build(notes, folder, store=server, load=encoder.load)
    assert found(folder, "Images remove one: docker rmi") == "remove one: docker rmi"
    build(notes, folder, load=encoder.load)
    assert encoder.loaded == 0
    assert_equals_a_clean_build(notes, folder)


def test_a_server_that_does_not_answer_is_one_sentence(notes: Path, folder: Path) -> None:
    with pytest.raises(IndexProblem, match=r"The Chroma server at http://127\.0\.0\.1:9 .*chroma run"):
        build(notes, folder, store="http://127.0.0.1:9")
    assert build(notes, folder).encoded == 7
