from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.documents import read_notes
from corpus.errors import EncoderError
from corpus.passages import notes_passages
from index.chunks import notes_chunks
from index.embedding import (
    DEFAULT_ENCODER,
    EQUAL_COSINE,
    HASHING_ENCODER,
    HashingEncoder,
    Vectors,
    export_onnx,
    load_encoder,
    packaged_model,
)

ROOT = Path(__file__).parent.parent.parent
ODD = [
    "",
    " ",
    "\n\t\n",
    "a",
    "?",
    "How do I expose a port?",
    "HOW DO I EXPOSE A PORT?",
    "docker run --rm -ti -p 45678:45678 --name echo-server ubuntu:14.04 bash",
    "word " * 255,
    "word " * 5_000,
    "x" * 100_000,
    "Donaudampfschifffahrtsgesellschaft naïve café",
    "日本語のテキスト",
    "متن فارسی",
    "😀🐳" * 50,
    "\u200b\ufeff\u202e",
    "null \0 byte",
    "[CLS] [SEP] [PAD] [MASK] [UNK]",
    "<script>alert('x')</script> & &amp;",
    "\\frac{1}{2} $x^2$",
]
REFERENCE = """
import json, sys, numpy as np
from index.embedding import ReferenceEncoder, packaged_model
texts = json.loads(sys.stdin.read())
np.save(sys.argv[1], ReferenceEncoder(str(packaged_model())).encode(texts))
"""


def reference_vectors(texts: list[str], folder: Path) -> Vectors:
    """The reference in a process of its own: torch is not to stay in this one."""
    subprocess.run(
        [sys.executable, "-c", REFERENCE, str(folder / "reference.npy")],
        input=json.dumps(texts),
        text=True,
        cwd=ROOT,
        check=True,
    )
    vectors: Vectors = np.load(folder / "reference.npy")
    return vectors


@pytest.mark.real
@pytest.mark.slow
def test_the_fast_encoder_equals_the_reference_on_the_whole_course_and_on_odd_texts(
    ask_home: Path, tmp_path: Path
) -> None:
    passages, _ = notes_passages(read_notes(ROOT / "corpus" / "course"))
    texts = sorted(ODD + [chunk.text for chunk in notes_chunks(passages)], key=len)  # like lengths: less padding
    fast = load_encoder(DEFAULT_ENCODER, ask_home).encode(texts)
    cosines = (fast * reference_vectors(texts, tmp_path)).sum(axis=1)
    assert len(texts) > 500
    assert [text for text, cosine in zip(texts, cosines, strict=True) if cosine <= EQUAL_COSINE] == []


@pytest.mark.real
def test_a_text_has_the_same_vector_whatever_stands_beside_it(ask_home: Path) -> None:
    encoder = load_encoder(DEFAULT_ENCODER, ask_home)
    together = encoder.encode(ODD)
    alone = np.concatenate([encoder.encode([text]) for text in ODD])
    assert (together * alone).sum(axis=1).min() > EQUAL_COSINE


@pytest.mark.real
def test_vectors_have_length_one_and_progress_counts_every_text(ask_home: Path) -> None:
    told: list[tuple[int, int]] = []
    vectors = load_encoder(DEFAULT_ENCODER, ask_home).encode(
        ["port"] * 70, progress=lambda done, total: told.append((done, total))
    )
    assert vectors.shape == (70, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(70), abs=1e-5)
    assert told == [(32, 70), (64, 70), (70, 70)]


@pytest.mark.real
def test_no_texts_are_no_vectors(ask_home: Path) -> None:
    assert load_encoder(DEFAULT_ENCODER, ask_home).encode([]).shape == (0, 384)


@pytest.mark.real
def test_a_text_that_is_no_utf8_is_encoded_all_the_same(ask_home: Path) -> None:
    """A command line may hold any bytes; Python hands them on as lone surrogates."""
    vectors = load_encoder(DEFAULT_ENCODER, ask_home).encode(["caf\udce9 ports"])
    assert np.isfinite(vectors).all()


@pytest.mark.real
def test_a_question_loads_neither_torch_nor_sentence_transformers(ask_home: Path) -> None:
    code = (
        "import sys, pathlib; from index.embedding import DEFAULT_ENCODER, load_encoder;"
        "assert load_encoder(DEFAULT_ENCODER, pathlib.Path(sys.argv[1])).encode(['port']).shape == (1, 384);"
        "print(sorted({'torch', 'sentence_transformers', 'transformers', 'scipy'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(ask_home)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


def test_importing_the_module_loads_nothing_heavy() -> None:
    code = "import sys, index.embedding; print({'torch', 'onnxruntime', 'tokenizers'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


@pytest.mark.real
@pytest.mark.parametrize("damaged", ["model.onnx", "tokenizer.json", "config.json"])
def test_a_damaged_export_says_which_folder_to_remove(encoders: Path, tmp_path: Path, damaged: str) -> None:
    exported = next(encoders.glob(f"{DEFAULT_ENCODER}-*"))
    copy = tmp_path / "encoders" / exported.name
    copy.mkdir(parents=True)
    for file in exported.iterdir():
        (copy / file.name).write_bytes(b"{" if file.name == damaged else file.read_bytes())
    with pytest.raises(EncoderError, match="Remove that folder"):
        load_encoder(DEFAULT_ENCODER, tmp_path)


def test_other_weights_than_the_pinned_ones_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"other")
    with pytest.raises(EncoderError, match="not the one expected"):
        export_onnx(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_packaged_model_is_there() -> None:
    assert (packaged_model() / "model.safetensors").is_file()


@pytest.mark.slow
def test_a_name_that_nobody_knows_is_one_sentence() -> None:
    code = (
        "import pathlib; from corpus.errors import EncoderError; from index.embedding import load_encoder\n"
        "try: load_encoder('no-such/encoder', pathlib.Path('.'))\n"
        "except EncoderError as error: print(error)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.count("\n") == 1
    assert "'no-such/encoder' cannot be loaded" in ran.stdout
    assert "ASK_ENCODER=all-MiniLM-L6-v2" in ran.stdout


@pytest.mark.slow
def test_a_home_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code = (
        "import sys, pathlib; from corpus.errors import EncoderError; from index.embedding import load_encoder\n"
        "try: load_encoder('all-MiniLM-L6-v2', pathlib.Path(sys.argv[1]))\n"
        "except EncoderError as error: print(error)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "file" / "home")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "cannot be kept in" in ran.stdout
    assert "ASK_HOME" in ran.stdout


def test_the_encoder_for_tests_is_the_same_in_every_process() -> None:
    code = "from index.embedding import HashingEncoder; print(HashingEncoder().encode(['publish a port']).tolist())"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    here = load_encoder(HASHING_ENCODER, Path()).encode(["publish a port"])
    assert here.shape == (1, 64)
    assert json.loads(ran.stdout) == here.tolist()


@given(st.lists(st.text(max_size=40), max_size=10))
def test_vectors_of_the_encoder_for_tests_have_length_one_or_are_empty(texts: list[str]) -> None:
    lengths = np.linalg.norm(HashingEncoder().encode(texts), axis=1)
    assert all(length == pytest.approx(1, abs=1e-5) or length == 0 for length in lengths)
