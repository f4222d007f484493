from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index.embedding import HashingEncoder
from index.generation import open_index
from index.location import current_generation, generation_folder
from tests.index.builds import NOTES, CountingEncoder, assert_equals_a_clean_build, build, found, run, texts


def test_a_first_build_reports_what_it_did(notes: Path, folder: Path) -> None:
    report = build(notes, folder)
    assert (report.indexed, report.passages, report.encoded, report.removed, report.unchanged) == (2, 7, 7, 0, 0)
    assert not report.up_to_date


def test_chunks_passages_and_sections_belong_together(notes: Path, folder: Path) -> None:
    build(notes, folder)
    index = open_index(folder)
    assert len(index.passages) == 7
    assert [section.heading[-1] for section in index.outline] == ["Docker", "Ports", "Images", "Swarm", "Volumes"]
    assert index.chunk_passages.tolist() == list(range(7))
    assert [index.outline[number].heading for number in index.passage_sections] == [p.heading for p in index.passages]
    assert sorted(index.store.ids()) == sorted(index.chunk_ids)
    index.close()


def test_the_nearest_chunk_is_the_one_that_says_it(notes: Path, folder: Path) -> None:
    build(notes, folder)
    assert found(folder, "Images remove one: docker rmi") == "remove one: docker rmi"


def test_headings_have_a_vector_each_and_the_empty_ones_too(notes: Path, folder: Path) -> None:
    build(notes, folder)
    vectors = open_index(folder).heading_vectors
    assert np.array_equal(vectors, HashingEncoder().encode(["Docker", "Ports", "Images", "Swarm", "Volumes"]))


def test_unchanged_notes_are_left_alone(notes: Path, folder: Path) -> None:
    build(notes, folder)
    before = sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))
    encoder = CountingEncoder()
    report = build(notes, folder, load=encoder.load)
    assert report.up_to_date
    assert (report.indexed, report.passages, report.encoded, report.unchanged) == (2, 7, 0, 7)
    assert encoder.loaded == 0
    assert sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*")) == before


def test_unchanged_notes_load_no_encoder_no_store_and_take_no_time(notes: Path, folder: Path) -> None:
    build(notes, folder)
    code = """
import sys, time, pathlib
from index.build import build_index
started = time.perf_counter()
assert build_index(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), encoder_name="hashing").up_to_date
print(time.perf_counter() - started)
heavy = {"chromadb", "onnxruntime", "tokenizers", "torch", "sentence_transformers", "bm25s", "scipy", "langchain_core"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    assert float(run(code, notes, folder).stdout) < 0.5


def test_opening_an_index_loads_no_encoder_and_no_store(notes: Path, folder: Path) -> None:
    build(notes, folder)
    code = """
import sys, pathlib
from index.generation import open_index
index = open_index(pathlib.Path(sys.argv[1]))
assert index.passages[0].text and index.heading_vectors.shape == (5, 64)
assert not {"chromadb", "onnxruntime", "torch", "bm25s", "scipy"} & set(sys.modules)
"""
    run(code, folder)


def test_one_changed_bullet_encodes_one_chunk(notes: Path, folder: Path) -> None:
    build(notes, folder)
    (notes / "docker.md").write_text(NOTES.replace("docker rmi", "docker image rm"))
    encoder = CountingEncoder()
    report = build(notes, folder, load=encoder.load)
    assert encoder.texts == ["Images\nremove one: docker image rm"]
    assert (report.encoded, report.removed, report.unchanged) == (1, 1, 6)
    assert found(folder, "Images remove one: docker image rm") == "remove one: docker image rm"
    assert_equals_a_clean_build(notes, folder)


def test_moved_lines_are_not_encoded_again(notes: Path, folder: Path) -> None:
    build(notes, folder)
    (notes / "docker.md").write_text(NOTES.replace("# Docker\n", "<!-- two\nlines -->\n\n# Docker\n"))
    encoder = CountingEncoder()
    report = build(notes, folder, load=encoder.load)
    assert encoder.loaded == 0
    assert (report.encoded, report.removed, report.unchanged) == (0, 0, 7)
    assert open_index(folder).passages[0].start_line == 8
    assert_equals_a_clean_build(notes, folder)  # Chroma's metadata have the new lines too


def test_a_renamed_note_is_not_encoded_again(notes: Path, folder: Path) -> None:
    build(notes, folder)
    (notes / "volumes.md").rename(notes / "storage.md")
    encoder = CountingEncoder()
    build(notes, folder, load=encoder.load)
    assert encoder.loaded == 0
    assert_equals_a_clean_build(notes, folder)


def test_a_removed_note_leaves_nothing_behind(notes: Path, folder: Path) -> None:
    build(notes, folder)
    (notes / "volumes.md").unlink()
    report = build(notes, folder)
    assert (report.indexed, report.encoded, report.removed) == (1, 0, 2)
    assert_equals_a_clean_build(notes, folder)
    index = open_index(folder)
    assert index.store.count() == 5
    assert index.lexical.document_frequency("volum") == 0
    assert not any("volume" in passage.text for passage in index.passages)
    assert len(index.heading_vectors) == len(index.outline) == 4
    index.close()
    files = generation_folder(folder, current_generation(folder) or 0)
    with np.load(files / "headings.npz") as arrays:
        assert len(arrays["keys"]) == 4


def test_a_new_note_is_added(notes: Path, folder: Path) -> None:
    build(notes, folder)
    (notes / "networks.md").write_text("# Networks\n\n- create one: docker network create\n")
    report = build(notes, folder)
    assert (report.indexed, report.encoded, report.removed, report.unchanged) == (3, 1, 0, 7)
    assert_equals_a_clean_build(notes, folder)


def test_a_changed_include_is_noticed(notes: Path, folder: Path) -> None:
    (notes / "shell").mkdir()
    (notes / "run.md").write_text("# Run\n\n```sh\n{! shell/run.sh !}\n```\n")
    build(notes, folder)
    (notes / "shell" / "run.sh").write_text("docker run nginx\n")
    assert build(notes, folder).encoded == 1
    (notes / "shell" / "run.sh").write_text("docker run redis\n")
    assert (build(notes, folder).encoded, "docker run redis" in texts(folder)) == (1, True)
    assert build(notes, folder).up_to_date


def test_a_text_that_stands_twice_may_lose_one_of_its_places(notes: Path, folder: Path) -> None:
    twice = "# Twice\n\n- same\n- other\n- same\n"
    (notes / "twice.md").write_text(twice)
    build(notes, folder)
    (notes / "twice.md").write_text(twice.replace("- same\n", "", 1))
    assert build(notes, folder).removed == 1
    assert_equals_a_clean_build(notes, folder)


@pytest.mark.slow
def test_any_series_of_changes_ends_where_a_clean_build_ends(notes: Path, folder: Path) -> None:
    dice = np.random.default_rng(7)
    for _ in range(12):
        for name in ("docker.md", "volumes.md", "more.md"):
            lines = [f"- {word} {number}" for word in ("port", "image") for number in dice.integers(6, size=4)]
            kept = lines[: dice.integers(len(lines) + 1)]
            (notes / name).write_text("\n".join([f"# {dice.choice(['A', 'B'])}", "", *kept, ""]))
        build(notes, folder)
    assert_equals_a_clean_build(notes, folder)


def test_a_single_file_has_an_index_of_its_own(notes: Path, folder: Path) -> None:
    assert build(notes / "volumes.md", folder).passages == 2
    (notes / "docker.md").write_text("# Changed\n")
    assert build(notes / "volumes.md", folder).up_to_date


def test_notes_with_nothing_under_their_headings_are_an_index_without_chunks(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("# Docker\n\n## Ports\n")
    report = build(tmp_path / "notes", folder)
    assert (report.passages, report.encoded) == (0, 0)
    index = open_index(folder)
    assert index.nearest(np.ones(64, np.float32), 5)[0].shape == (0,)
    assert index.lexical.scores(["port"]).shape == (0,)
    assert list(index.passages) == []
    assert index.heading_vectors.shape == (2, 64)
    index.close()
    (tmp_path / "notes" / "a.md").write_text("# Docker\n\n## Ports\n\nwritten now\n")
    build(tmp_path / "notes", folder)
    assert found(folder, "written") == "written now"


def test_what_was_skipped_is_told_again_when_nothing_has_changed(notes: Path, folder: Path) -> None:
    (notes / "image.md").write_bytes(bytes(range(256)) * 40)
    first, second = build(notes, folder), build(notes, folder)
    assert [skipped.path for skipped in first.skipped] == ["image.md"]
    assert second.up_to_date
    assert second.skipped == first.skipped


def test_a_skipped_note_is_read_once_it_can_be(notes: Path, folder: Path) -> None:
    (notes / "image.md").write_bytes(bytes(range(256)) * 40)
    build(notes, folder)
    (notes / "image.md").write_text("# Image\n\nnow text\n")
    assert build(notes, folder).encoded == 1


def test_progress_goes_through_the_stages_in_order(notes: Path, folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    build(notes, folder, progress=lambda *step: told.append(step))
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == ["reading", "encoding", "storing"]
    assert ("reading", 2, 2) in told
    assert ("encoding", 7, 7) in told
    assert all(done <= total or total == 0 for _, done, total in told)
    assert told[-1][1] == told[-1][2]


def test_faulty_notes_are_read_once_and_then_left_alone(notes: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.sh").write_text("echo secret\n")
    (notes / "huge.md").write_bytes(b"# Huge\n\n" + b"line\n" * 2_000_000)
    (notes / "binary.md").write_bytes(bytes(range(256)) * 40)
    (notes / "latin.md").write_bytes("# Caf\u00e9\n\nau lait\n".encode("latin-1"))
    (notes / "empty.md").touch()
    (notes / "dangling.md").symlink_to(notes / "nowhere.md")
    (notes / "outside.md").symlink_to(tmp_path / "secret.sh")
    (notes / "cycle.md").write_text("# Cycle\n\nline\n\n{! cycle.md !}\n")
    (notes / "missing.md").write_text("# Missing\n\n```sh\n{! shell/gone.sh !}\n{! ../secret.sh !}\n```\n")
    first, second = build(notes, folder), build(notes, folder)
    assert first.encoded > 0
    assert second.up_to_date
    assert (second.skipped, second.warnings) == (first.skipped, first.warnings)
    (notes / "shell").mkdir()
    (notes / "shell" / "gone.sh").write_text("echo here\n")
    assert build(notes, folder).encoded > 0
    assert "echo here" in texts(folder)
