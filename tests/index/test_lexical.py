from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.lexical import STOP_WORDS, Lexical, words

ROOT = Path(__file__).parent.parent.parent
TEXTS = [
    "Publish ports of a container with -p",
    "docker-compose up starts the services",
    "limit the memory of a container: --memory 512m",
    "",
    "the of and",
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How do I expose the ports?", ["expos", "port"]),
        ("--memory", ["--memory", "memori"]),
        ("docker run -it", ["docker", "run", "-it"]),
        ("docker-compose", ["docker-compose", "docker", "compos"]),
        ("1234/udp", ["1234/udp", "1234", "udp"]),
        ("shoot at f/2.8", ["shoot", "f/2.8", "f", "2.8"]),
        ("8080:80", ["8080:80", "8080", "80"]),
        ("Docker 28.1.1", ["docker", "28.1.1"]),
        ("ubuntu:14.04", ["ubuntu:14.04", "ubuntu", "14.04"]),
        ("ASK_HOME", ["ask_home", "ask", "home"]),
        ("and/or", ["and/or"]),
        ("Docker's image isn't what's built", ["docker", "imag", "built"]),
        ("don’t", []),
        ("naïve café", ["naïv", "café"]),
        ("😀 — …", []),
        ("", []),
    ],
)
def test_words_are_stems_with_flags_and_names_kept(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_a_path_yields_itself_its_names_and_their_parts() -> None:
    assert words("/var/run/docker.sock") == ["var/run/docker.sock", "var", "run", "docker.sock", "docker", "sock"]


def test_compound_names_can_be_left_out() -> None:
    assert words("docker-compose 1234/udp --memory 14.04", compounds=False) == [
        "docker",
        "compos",
        "1234",
        "udp",
        "--memory",
        "memori",
        "14.04",
    ]


@given(st.text(max_size=300))
def test_any_text_has_words_and_none_of_them_is_empty_or_has_a_space(text: str) -> None:
    assert all(word and not word.isspace() for word in words(text))


@given(st.sampled_from(["docker-compose", "--memory", "1234/udp", "f/2.8"]), st.text(' .,;!?()"\n', max_size=5))
def test_marks_around_a_name_do_not_change_it(name: str, around: str) -> None:
    assert words(f"{around} {name} {around}") == words(name)


def test_stop_words_are_not_indexed() -> None:
    assert not any(words(word) for word in STOP_WORDS)


def test_the_chunk_with_the_rare_word_scores_highest() -> None:
    scores = Lexical.build(TEXTS).scores(words("memory of a container"))
    assert scores.dtype == np.float32
    assert scores.shape == (5,)
    assert scores.argmax() == 2
    assert scores[0] > 0
    assert not scores[[1, 3, 4]].any()


def test_the_scores_are_those_of_bm25() -> None:
    """Lucene's formula by hand: two chunks, one stem that stands twice in the first."""
    lexical = Lexical.build(["port port image", "volume"])
    k1, b, length, average = 0.9, 0.4, 3, 2
    expected = math.log(1 + (2 - 1 + 0.5) / 1.5) * 2 / (2 + k1 * (1 - b + b * length / average))
    assert lexical.scores(["port"]) == pytest.approx([expected, 0.0])


def test_unknown_words_score_nothing() -> None:
    assert not Lexical.build(TEXTS).scores(["kubernet", "--no-such-flag"]).any()


def test_a_flag_is_found_exactly() -> None:
    assert Lexical.build(TEXTS).chunks_with("--memory").tolist() == [2]
    assert Lexical.build(TEXTS).chunks_with("-p").tolist() == [0]


def test_document_frequencies_count_chunks() -> None:
    lexical = Lexical.build([*TEXTS, "container container"])
    assert lexical.document_frequency("contain") == 3
    assert lexical.document_frequency("nowher") == 0


def test_the_rarer_a_stem_the_higher_its_idf() -> None:
    lexical = Lexical.build(TEXTS)
    assert 0 < lexical.idf("contain") < lexical.idf("servic") < lexical.idf("nowher")


@pytest.mark.parametrize("texts", [[], [""], ["the", "of"]])
def test_nothing_to_index_is_a_valid_index(texts: list[str], tmp_path: Path) -> None:
    Lexical.build(texts).save(tmp_path)
    lexical = Lexical.load(tmp_path)
    assert lexical.scores(["port"]).tolist() == [0.0] * len(texts)
    assert lexical.idf("port") > 0


def test_what_was_saved_is_loaded_again(tmp_path: Path) -> None:
    built = Lexical.build(TEXTS)
    built.save(tmp_path)
    loaded = Lexical.load(tmp_path)
    query = words("start the services of a container -p")
    assert loaded.count == 5
    assert loaded.scores(query).tolist() == built.scores(query).tolist()
    assert loaded.idf("servic") == built.idf("servic")


def test_a_question_imports_neither_bm25s_nor_scipy(tmp_path: Path) -> None:
    Lexical.build(TEXTS).save(tmp_path)
    code = (
        "import sys, pathlib; from index.lexical import Lexical, words;"
        "assert Lexical.load(pathlib.Path(sys.argv[1])).scores(words('services')).any();"
        "assert not {'bm25s', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True)
