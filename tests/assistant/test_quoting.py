from __future__ import annotations

from pathlib import Path

import pytest

from assistant.answer import Via
from assistant.evidence import Evidence
from assistant.quoting import (
    MAX_CODE_LINES,
    cite,
    cite_heading,
    folder_url,
    gap_sentence,
    quoted,
    section_url,
    shown_commands,
    unfinished_sentence,
)
from corpus.documents import read_notes
from corpus.passages import Outline, Passage, notes_passages

BASE = "https://notes.example/"


def _read(folder: Path, text: str, **files: str) -> tuple[list[Passage], list[Outline]]:
    (folder / "note.md").write_text(text)
    for name, content in files.items():
        (folder / f"{name}.sh").write_text(content)
    return notes_passages(read_notes(folder))


def _evidence(passages: list[Passage]) -> list[Evidence]:
    return [Evidence(number, p, 0, len(p.parents)) for number, p in enumerate(passages)]


def _text(folder: Path, note: str) -> str:
    return quoted(_evidence(_read(folder, note)[0]), BASE)[0]


def test_each_passage_is_a_bullet_with_the_number_of_its_citation(tmp_path: Path) -> None:
    passages, _ = _read(tmp_path, "# Tea\n\n- boil water\n  - not milk\n- wait\n")
    text, claims, citations = quoted(_evidence(passages), BASE)
    assert text == "- boil water [1]\n  - not milk [2]\n- wait [3]"
    assert [(claim.text, claim.citations) for claim in claims] == [
        ("boil water", (1,)), ("not milk", (2,)), ("wait", (3,))
    ]  # fmt: skip
    assert [(c.number, c.start_line, c.url) for c in citations] == [
        (n, line, f"{BASE}note.md#tea") for n, line in [(1, 3), (2, 4), (3, 5)]
    ]


def test_code_is_fenced_with_its_mark_on_a_line_of_its_own(tmp_path: Path) -> None:
    text = _text(tmp_path, "```sh\necho [1]\n  echo 2\n```\n")
    assert text.strip() == "```sh\necho [1]\n  echo 2\n```\n\n[1]"


def test_a_fence_is_longer_than_any_in_its_code(tmp_path: Path) -> None:
    assert "`````\n````\n```\n````\n`````" in _text(tmp_path, "~~~\n````\n```\n````\n~~~\n")


def test_the_language_of_a_fence_is_a_plain_word(tmp_path: Path) -> None:
    assert _text(tmp_path, "~~~c++`[1]<b>\nint x;\n~~~\n").strip().startswith("```c++1b\nint x;")


def test_of_long_code_the_beginning_is_shown_and_cited_and_said_to_be_one(tmp_path: Path) -> None:
    code = "\n".join(f"docker run image{n}" for n in range(50))
    evidence = _evidence(_read(tmp_path, f"```sh\n{code}\n```\n")[0])
    text, _, (citation,) = quoted(evidence, BASE)
    assert "image29" in text
    assert "image30" not in text
    assert f"[1] (the first {MAX_CODE_LINES} of 50 lines)" in text
    assert (citation.start_line, citation.end_line) == (2, 1 + MAX_CODE_LINES)
    assert citation.quote.endswith("image29")
    assert shown_commands(evidence)[-1].text == "docker run image29"


def test_a_paragraph_over_several_lines_is_one_line_and_quoted_as_it_stands(tmp_path: Path) -> None:
    text, _, (citation,) = quoted(_evidence(_read(tmp_path, "one line\nand another\n")[0]), BASE)
    assert text == "- one line and another [1]"
    assert citation.quote == "one line\nand another"
    assert (citation.start_line, citation.end_line) == (1, 2)


def test_a_quotation_over_several_lines_loses_its_marks(tmp_path: Path) -> None:
    assert _text(tmp_path, "> one line\n> and another\n") == "- one line and another [1]"
    assert _text(tmp_path, "> one > two\n> and another\n") == "- one > two > and another [1]"


@pytest.mark.parametrize(
    ("note", "text"),
    [
        ("- see [1] and `x[2]`\n", r"- see \[1\] and `x[2]` [1]"),
        ("- a lone ` tick\n", r"- a lone \` tick [1]"),
        ("- run <image>\n", r"- run \<image> [1]"),
        ("- \\# no heading\n", r"- \# no heading [1]"),
        ("| a | b |\n| - | - |\n| *.md | `x_y` |\n", r"- a: \*.md; b: x_y [1]"),
    ],
)
def test_what_the_notes_say_cannot_act(tmp_path: Path, note: str, text: str) -> None:
    assert _text(tmp_path, note) == text


def test_commands_are_named_once_in_order(tmp_path: Path) -> None:
    note = "- `docker ps` and `docker images`\n- `docker ps` and `git log`\n"
    evidence = _evidence(_read(tmp_path, note)[0])
    assert [(c.text, c.status) for c in shown_commands(evidence)] == [
        ("docker ps", "in_notes"), ("docker images", "in_notes")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("note", "status", "severity", "suggestion"),
    [
        ("- `docker run --ti debian sh`\n", "invalid", "error", "docker run -ti debian sh"),
        ("- `docker run -p 53:53 udp`\n", "in_notes", "warn", "docker run -p 53:53/udp IMAGE"),
        ("- `docker logs NAME`\n", "in_notes", "placeholder", None),
        ("- `docker commit`\n", "in_notes", "mention", None),
        ("```\ndocker commit\n```\n", "invalid", "error", None),
    ],
)
def test_a_wrong_command_is_shown_as_it_is_with_what_is_wrong(
    tmp_path: Path, note: str, status: str, severity: str, suggestion: str | None
) -> None:
    evidence = _evidence(_read(tmp_path, note)[0])
    (command,) = shown_commands(evidence)
    assert command.text in note
    assert command.text in quoted(evidence, BASE)[0]
    assert (command.status, command.severity, command.suggestion) == (status, severity, suggestion)
    assert command.problem


def test_a_passage_out_of_an_include_is_cited_in_its_own_file(tmp_path: Path) -> None:
    passages, _ = _read(tmp_path, "# Start\n\n```sh\n{! start.sh !}\n```\n", start="start --all\nwait\n")
    citation = cite(1, passages[0], BASE)
    assert (citation.document, citation.start_line, citation.end_line) == ("start.sh", 1, 2)
    assert citation.via == Via("note.md", 4, 4)
    assert citation.url == f"{BASE}note.md#start"


@pytest.mark.parametrize(
    ("note", "quote"),
    [
        ("# A `b` [1]\n", "A `b` [1]"),
        ("## Closed ##\n", "Closed"),
        ("Under\n=====\n", "Under"),
        ("#\n", "#"),
        ("# C#\r\n", "C#"),
        ("\ufeff# Mark\n", "Mark"),
    ],
)
def test_a_heading_is_quoted_as_it_stands(tmp_path: Path, note: str, quote: str) -> None:
    _, (outline,) = _read(tmp_path, note)
    citation = cite_heading(1, outline, BASE, tmp_path)
    assert citation.quote == quote
    assert (citation.start_line, citation.end_line) == (1, 1)


@pytest.mark.parametrize(("encoding", "quote"), [("cp1252", "Caf\xe9 `x`"), ("utf-16", "Caf\xe9 x")])
def test_a_heading_of_a_note_that_is_not_utf_8_is_quoted(tmp_path: Path, encoding: str, quote: str) -> None:
    (tmp_path / "note.md").write_bytes("# Caf\xe9 `x`\n".encode(encoding))
    _, (outline,) = notes_passages(read_notes(tmp_path))
    assert cite_heading(1, outline, BASE, tmp_path).quote == quote


def test_a_note_that_has_gone_meanwhile_is_cited_by_its_heading(tmp_path: Path) -> None:
    _, (outline,) = _read(tmp_path, "# A `b`\n")
    (tmp_path / "note.md").unlink()
    assert cite_heading(1, outline, BASE, tmp_path).quote == "A b"


def test_the_sentence_about_a_gap_names_the_heading_without_acting() -> None:
    outline = Outline("note.md", ("A [1]", "x" * 10_000), "a", "unfinished", 1, 1, "0" * 64)
    sentence = unfinished_sentence(outline)
    assert sentence.startswith(r'The notes have a heading for this, "A \[1\] > xxx')
    assert len(sentence) < 200


def test_the_sentence_about_missing_includes_names_them() -> None:
    outline = Outline("note.md", ("Backups",), "a", "missing_include", 1, 1, "0" * 64, ("a.sh", "b.sh"))
    assert "an included file that is missing (a.sh, b.sh)" in unfinished_sentence(outline)


def test_names_that_the_notes_lack_cannot_act() -> None:
    assert gap_sentence(["--rm", "[1]"]) == r'The notes do not mention "--rm" and "\[1\]".'


def test_urls_are_encoded() -> None:
    assert section_url(BASE, "my notes/a#b.md", "caf\xe9") == f"{BASE}my%20notes/a%23b.md#caf%C3%A9"
    assert section_url(BASE, "a.md", "") == f"{BASE}a.md"
    assert folder_url(Path("/my notes")) == "file:///my%20notes/"
