from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.replies import Reply, Sentence


def read(text: str, *, size: int = 1000) -> list[Sentence]:
    return list(Reply(text[i : i + size] for i in range(0, len(text), size)))


def texts(text: str) -> list[str]:
    return [sentence.text for sentence in read(text)]


WHOLE = """ANSWERED: yes

To publish a port, use `docker run -p 8080:80 web` [1]. The host comes first, e.g. 8080. [2] It is **fast** [1][3].

## A heading
- one item [1, 2]
- `two. Items` here [1-3]

```bash
docker ps -a
```
And the end [1].
"""


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_it_does_not_matter_in_what_pieces_a_reply_arrives(size: int) -> None:
    assert read(WHOLE, size=size) == read(WHOLE)


@given(st.text(alphabet="ab.A `[1]\n-#*<(!", max_size=80), st.integers(1, 9))
def test_whatever_a_reply_is_it_is_read_and_the_same_in_pieces(text: str, size: int) -> None:
    assert read(text, size=size) == read(text)


def test_a_reply_is_sentences_items_and_code_with_their_marks() -> None:
    found = [(s.kind, s.words or s.text, s.marks) for s in read(WHOLE)]
    assert found == [
        ("prose", "To publish a port, use `docker run -p 8080:80 web`.", (1,)),
        ("prose", "The host comes first, e.g. 8080.", (2,)),
        ("prose", "It is fast.", (1, 3)),
        ("item", "one item", (1, 2)),
        ("item", "`two. Items` here", (1, 2, 3)),
        ("code", "docker ps -a", ()),
        ("prose", "And the end.", (1,)),
    ]


def test_a_sentence_is_there_as_soon_as_the_next_begins() -> None:
    parts = iter(["First one [1]. ", "Sec", "ond"])
    assert next(iter(Reply(parts))).words == "First one."
    assert list(parts) == ["ond"]


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("Yes [0].", (0,)),
        ("Yes [99].", (99,)),
        ("Yes [1][1].", (1, 1)),
        ("Yes \u30101\u3011.", (1,)),
        ("Yes [^2].", (2,)),
        ("Yes [1; 3].", (1, 3)),
        ("Yes [1](http://evil.example).", ()),
        ("Yes \\[1\\].", (1,)),
        ("Yes `[1]`.", ()),
        ("Yes `a[1]` [2].", (2,)),
        ("Yes [a] [see 1].", ()),
        ("Yes [1-999999].", (1, 999999)),
    ],
)
def test_marks_are_read_outside_code_only(text: str, marks: tuple[int, ...]) -> None:
    (sentence,) = read(text)
    assert sentence.marks == marks


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("See [the docs](http://evil.example/x) now.", "See the docs now."),
        ("See ![alt](http://evil.example/x.png) now.", "See now."),
        ("See <http://evil.example> now.", "See \\<http://evil.example> now."),
        ("See <script>alert(1)</script> now.", "See \\<script>alert(1)\\</script> now."),
        ("See <img src=x onerror=alert(1)> now.", "See \\<img src=x onerror=alert(1)> now."),
        ("It is &lt;b&gt; here.", "It is \\&lt;b\\&gt; here."),
        ("A **bold and open.", "A \\*\\*bold and open."),
        ("Not **all** of `a``b` it.", "Not **all** of ```a``b``` it."),
    ],
)
def test_of_the_markdown_only_code_and_emphasis_are_kept(text: str, shown: str) -> None:
    assert texts(text) == [shown]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Use e.g. `x`. Then stop.", 2),
        ("Use v1.2 or 3.4 here.", 1),
        ("It ends. it goes on.", 1),
        ("Wait! Really? Yes.", 3),
        ("Run `a. B` once. Then `c`.", 2),
        ("# Only a heading", 0),
        ("---", 0),
        ("...", 0),
        ("- a\n- b\n1. c", 3),
    ],
)
def test_where_sentences_end(text: str, count: int) -> None:
    assert len(read(text)) == count


def test_code_that_is_never_closed_is_code_still() -> None:
    assert [(s.kind, s.code) for s in read("```\n  a\n    b")] == [("code", ("a", "  b"))]


@pytest.mark.parametrize("first", ["ANSWERED: no", "**ANSWERED:** no", "answered: No.", "\n\nANSWERED: no\nSorry."])
def test_a_model_may_say_that_it_has_no_answer(first: str) -> None:
    reply = Reply([first, "\nand more"])
    assert (list(reply), reply.declined) == ([], True)


def test_the_answer_may_go_on_in_the_line_of_the_verdict() -> None:
    assert texts("ANSWERED: yes. Publish it with `-p` [1].") == ["Publish it with `-p`."]


def test_that_is_said_by_the_first_line_alone() -> None:
    reply = Reply(["Fine.\nANSWERED: no\nThe notes do not answer."])
    assert len(list(reply)) == 3
    assert not reply.declined


def test_structured_output_is_read_while_it_grows() -> None:
    grown = [
        {},
        {"answered": True},
        {"answered": True, "sentences": [{"text": "One `x`."}]},
        {"answered": True, "sentences": [{"text": "One `x`.", "citations": [1]}, {"text": "T"}]},
        {
            "answered": True,
            "sentences": [{"text": "One `x`.", "citations": [1]}, {"text": "Two. Three.", "citations": [2]}],
        },
    ]
    assert [(s.words, s.marks) for s in Reply(grown)] == [("One `x`.", (1,)), ("Two.", (2,)), ("Three.", (2,))]


@pytest.mark.parametrize(
    "answer",
    [
        {"sentences": "no list"},
        {"sentences": [1, None, {"text": 5}, {"citations": [1]}]},
        {"sentences": None},
        {"other": 1},
    ],
)
def test_structured_output_of_another_shape_says_nothing(answer: dict[str, object]) -> None:
    assert list(Reply([answer])) == []


def test_structured_output_may_decline() -> None:
    reply = Reply([{"answered": False}, {"answered": False, "sentences": [{"text": "But."}]}])
    assert (list(reply), reply.declined) == ([], True)
