from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ui.cli import run
from ui.question_words import separated

OPTIONS = {"--json": False, "-c": False, "--continue": False, "-h": False, "--help": False, "--notes": True}
QUOTED = "how do I publish a port?"


@pytest.mark.parametrize(
    ("line", "options", "question"),
    [
        ("how do I use docker run -c", "", "how do I use docker run -c"),
        ("what does docker -h do", "", "what does docker -h do"),
        ("what does docker run --rm do", "", "what does docker run --rm do"),
        ("what does docker run --rm", "", "what does docker run --rm"),
        ("what is docker run -it --json", "--json", "what is docker run -it"),
        ("--json what does -it mean", "--json", "what does -it mean"),
        ("-c --notes x and how is -p used --json", "-c --notes x --json", "and how is -p used"),
        ("how do I list images --notes x", "--notes x", "how do I list images"),
        ("how do I list images --notes=x --json", "--notes=x --json", "how do I list images"),
        ("what does --json mean here", "", "what does --json mean here"),
        ("what is the flag --notes", "", "what is the flag --notes"),
        ("what is docker run --help", "", "what is docker run --help"),
        ("what is docker run --json=yes", "", "what is docker run --json=yes"),
        ("volumes --frobnicate", "", "volumes --frobnicate"),
        ("how -", "", "how -"),
    ],
)
def test_options_stand_before_an_unquoted_question_or_after_it(line: str, options: str, question: str) -> None:
    assert separated(line.split(), OPTIONS) == [*options.split(), "--", *question.split()]


@pytest.mark.parametrize(
    "words",
    [
        [QUOTED, "--json"],
        [QUOTED, "-c"],
        ["-c", QUOTED, "--notes", "x"],
        [QUOTED, "--frobnicate"],  # which is an error
        ["volumes", "-c"],
        ["volumes", "--help"],
        ["--", "what", "is", "-c"],
        ["-", "--json"],
        ["--notes"],
        ["--notes", "x"],
        [],
    ],
)
def test_what_leaves_no_doubt_is_left_as_it_is(words: list[str]) -> None:
    assert separated(words, OPTIONS) == words


@pytest.mark.real
@pytest.mark.parametrize(
    ("words", "question"),
    [
        ("what does docker run -p 8080:80 web --json", "what does docker run -p 8080:80 web"),
        ("--json how do I use docker run -c", "how do I use docker run -c"),
        ("--json what does docker -h do", "what does docker -h do"),
    ],
)
def test_an_unquoted_question_is_asked_with_all_its_words(
    ask: Callable[..., Any], notes: Path, words: str, question: str
) -> None:
    ended = ask("--notes", notes, *words.split())
    assert json.loads(ended.out)["question"] == question


@pytest.mark.real
def test_a_quoted_question_may_have_its_options_behind_it(ask: Callable[..., Any], notes: Path) -> None:
    assert json.loads(ask(QUOTED, "--json", "--notes", notes).out)["question"] == QUOTED
    ended = ask(QUOTED, "--frobnicate")
    assert (ended.code, "No such option '--frobnicate'" in ended.err) == (2, True)
    ended = ask("--frobnicate", "what", "is", "it")
    assert (ended.code, "No such option '--frobnicate'" in ended.err) == (2, True)


def test_help_is_shown_before_a_question(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-h"]) == 0
    assert "QUESTION... | COMMAND" in capsys.readouterr().out
    assert run(["volumes", "--help"]) == 0
    assert "ask [OPTIONS] QUESTION..." in capsys.readouterr().out
