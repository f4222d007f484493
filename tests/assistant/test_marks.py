from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from assistant.marks import as_markdown, code_parts, marks, quotable, with_marks

MARKDOWN = st.text(alphabet="ab1 `~[]()<>!#*_\\-+.:/&;=|\n\"'", max_size=60)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("one [1] and two [2]", [1, 2]),
        ("one [1][2]", [1, 2]),
        ("code `a[1]` [2]", [2]),
        ("long code ``a ` [1]`` [2]", [2]),
        ("a lone ` tick [1]", [1]),
        (r"\[1\] and \[2] and \\[3]", [3]),
        (r"\`a [1]`", [1]),
        ("```sh\necho [1]\n```\n\n[2]", [2]),
        ("````md\n```\n[1]\n```\n````\n\n[2]", [2]),
        ("- a [1]\n\n  ```sh\n  echo [2]\n  ```\n\n  [3]", [1, 3]),
        ("~~~\n[1]\n~~~\n[2]", [2]),
        ("```\nnever closed [1]", []),
        ("a `tick [1]\n\nanother` paragraph [2]", [1, 2]),
        ("[a] [^1] [1a] [] [1234567]", []),
    ],
)  # fmt: skip
def test_marks_stand_outside_code(text: str, numbers: list[int]) -> None:
    assert marks(text) == numbers


def test_marks_are_replaced_where_they_stand() -> None:
    assert with_marks(r"a [1] `x[1]` \[1\] [2]", lambda n: f"<{n}>") == r"a <1> `x[1]` \[1\] <2>"


@given(MARKDOWN)
def test_the_parts_are_the_text(text: str) -> None:
    assert "".join(part for part, _ in code_parts(text)) == text


def _line(markdown: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The blocks of a bullet by the Markdown parser, and the tokens of its words."""
    blocks = MarkdownIt("commonmark").disable("text_join").parse(f"- {markdown} [7]")
    return [b.type for b in blocks], [(t.type, t.content) for b in blocks for t in b.children or ()]


@settings(max_examples=500, deadline=None)
@given(MARKDOWN)
def test_whatever_the_notes_say_the_mark_after_it_is_one_and_no_other_is(text: str) -> None:
    line = quotable(" ".join(text.split()))
    blocks, tokens = _line(line)
    expected = ["bullet_list_open", "list_item_open", "paragraph_open", "inline", "paragraph_close"]
    assert blocks == [*expected, "list_item_close", "bullet_list_close"]
    assert tokens[-1][0] == "text"
    assert tokens[-1][1].endswith("[7]")
    assert "html_inline" not in {kind for kind, _ in tokens}
    assert marks(f"{line} [7]") == [7]


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="ab1 `~[]()<>!#*_\\-+.:/=|&;\"'", min_size=1, max_size=40))
@example("[a](b) and [a][b] and <http://a.b> and &amp; and &#42;")
def test_words_without_markup_are_shown_as_they_are(text: str) -> None:
    words = " ".join(text.split())
    _, tokens = _line(as_markdown(words))
    shown = "".join(content for _, content in tokens)
    assert "".join(shown.split()) == "".join(f"{words}[7]".split())


@pytest.mark.parametrize(
    "markdown",
    [
        "plain words", "`docker run <image>`", "**bold** and *not*", "see [the docs](https://x.example)",
        "<https://x.example>", "#hash and - dash and 1. one inside", "--rm removes it", "x < y > z",
    ],
)  # fmt: skip
def test_what_does_not_act_stays_as_it_is(markdown: str) -> None:
    assert quotable(markdown) == markdown


@pytest.mark.parametrize(
    "text", ["`" * 100_000, "`a " * 50_000, "`` ` " * 20_000, "[1" * 50_000, "<a " * 50_000, "\\" * 100_001]
)
def test_long_lines_take_no_long_time(text: str) -> None:
    started = time.perf_counter()
    assert marks(f"{quotable(text)} [7]") == [7]
    assert time.perf_counter() - started < 5
