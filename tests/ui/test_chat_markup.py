from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from assistant.answer import Answer, Citation, Claim, Via
from ui.chat.markup import answer_markdown, markdown, note_markdown, permalink, place_in_words, plain, sources_html
from ui.notes_text import NotesText, read_text

NOTE = """# Docker

## Ports

- above
- publish with `-p`
- below
- further <b>below</b>
- last

```shell
{! shell/ports.sh !}
```

See [volumes](other.md#volumes) and [the web](https://example.com/other.md).

## Volumes

    indented $HOME <code>
"""
CITATION = Citation(1, "note.md", ("Docker", "Ports"), ("above",), 6, 6, "publish with `-p`", "ports", "u", "")


@pytest.fixture
def text(tmp_path: Path) -> NotesText:
    (tmp_path / "shell").mkdir()
    (tmp_path / "shell" / "ports.sh").write_text("#!/bin/sh\ndocker port web\n")
    (tmp_path / "note.md").write_text(NOTE)
    (tmp_path / "other.md").write_text("# Other\n\n## Volumes\n\n## Ports and policies\n\nA policy of ports.\n")
    return read_text(tmp_path)


def _current(citation: Citation, text: NotesText) -> Citation:
    return replace(citation, revision=text.revisions[citation.document])


# Markdown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("![x](http://evil.example/x.png)", "\\![x](http://evil.example/x.png)"),
        ("![x][ref]", "\\![x][ref]"),
        ("<img src=x>", "\\<img src=x>"),
        ("costs $5 and $6", "costs \\$5 and \\$6"),
        (":red[no]", "\\:red[no]"),
        ("a :tada: b", "a \\:\u2060tada: b"),
        ("~/a and ~/b", "\\~/a and \\~/b"),
        ("~~gone~~", "~~gone~~"),
        ("a <!-- note to self --> b", "a  b"),
        ("a <!-- never closed", "a "),
        ("<https://example.com>", "<https://example.com>"),
        ("\\$5", "\\$5"),
        ("`$HOME <b> :red[x] ![y](z)`", "`$HOME <b> :red[x] ![y](z)`"),
        ("```sh\necho $HOME\n```", "```sh\necho $HOME\n```"),
        ("port 8080:80", "port 8080:80"),
        ("escape \x1b[31m and \u202e", "escape [31m and "),
    ],
)
def test_only_what_acts_is_escaped_and_code_stays(text: str, shown: str) -> None:
    assert markdown(text) == shown


@given(st.text(alphabet="ab![]()<>$:`\\~*_# \n/", max_size=60))
def test_no_text_becomes_a_picture_or_html(text: str) -> None:
    for token in MarkdownIt("commonmark").parse(markdown(text)):
        assert token.type != "html_block"
        assert [child.type for child in token.children or () if child.type in {"image", "html_inline"}] == []


@given(st.text(max_size=60))
def test_words_in_a_label_are_words(words: str) -> None:
    (paragraph,) = [t for t in MarkdownIt("commonmark").parse(f"x {plain(words)}") if t.type == "inline"] or [None]
    assert paragraph is not None
    assert {child.type for child in paragraph.children or ()} <= {"text", "text_special"}


def test_marks_lead_to_their_sources_and_unknown_ones_nowhere() -> None:
    answer = Answer("i", "q", "q", "answered", "one [1], two [2], `x[1]`", citations=(CITATION,))
    assert answer_markdown(answer, "s") == "one [\\[1\\]](#s-1), two \\[2\\], `x[1]`"


def test_a_sentence_in_doubt_is_marked() -> None:
    answer = Answer("i", "q", "q", "answered", "It is $5. [1]", claims=(Claim("It is $5.", (1,), "weak"),))
    assert answer_markdown(answer, "s").startswith("It is \\$5. (?)")


def test_links_to_other_notes_stay_on_the_page(text: NotesText) -> None:
    section = text.section("note.md", "ports")
    assert section is not None
    shown = note_markdown(section, {"note.md": 1, "other.md": 1})
    assert "[volumes](notes?note=other.md&section=volumes)" in shown
    assert "(https\\://example.com/other.md)" in shown or "(https://example.com/other.md)" in shown


def test_indented_code_is_code(text: NotesText) -> None:
    section = text.section("note.md", "volumes")
    assert section is not None
    assert "````\nindented $HOME <code>\n````" in note_markdown(section, {})


def test_a_permalink_holds_any_name() -> None:
    assert permalink("a b/c&d.md", "e?f") == "notes?note=a+b%2Fc%26d.md&section=e%3Ff"


# Sources


def test_a_source_marks_its_lines_and_shows_those_around(text: NotesText) -> None:
    citation = _current(CITATION, text)
    html = sources_html([citation], {1: text.cited(citation)}, "s")
    excerpt = html.partition("The whole section")[0]
    assert re.findall(r'ask-line">(\d+)<', excerpt) == ["4", "5", "6", "7", "8"]
    assert re.findall(r"<mark>(.*?)</mark>", excerpt) == ["- publish with `-p`"]
    assert 'id="s-1"' in excerpt
    assert "Under: above" in excerpt
    assert "- last" in html.partition("The whole section")[2]
    assert "<b>" not in html


def test_an_included_script_has_its_own_lines(text: NotesText) -> None:
    via = Via("note.md", 12, 12)
    citation = _current(replace(CITATION, document="shell/ports.sh", start_line=2, end_line=2, via=via), text)
    html = sources_html([citation], {1: text.cited(citation)}, "s")
    assert place_in_words(citation) == "shell/ports.sh, line 2"
    assert "Included by note.md, line 12" in html
    assert "<mark>docker port web</mark>" in html
    assert '<span class="ask-file">shell/ports.sh</span>' in html
    assert "notes?note=note.md&amp;section=ports" in html


def test_a_source_of_other_days_is_shown_as_it_was(text: NotesText) -> None:
    old = replace(CITATION, revision="another", quote="<script>alert(1)</script>")
    html = sources_html([old], {1: text.cited(old)}, "s")
    assert "This note has changed since" in html
    assert "<mark>&lt;script&gt;alert(1)&lt;/script&gt;</mark>" in html


def test_names_of_files_cannot_act(text: NotesText) -> None:
    odd = replace(CITATION, document='"><img src=x onerror=alert(1)>.md', anchor='"><script>')
    html = sources_html([odd], {1: text.cited(odd)}, "s")
    assert "<img" not in html
    assert "<script" not in html


# Finding


def test_finding_takes_all_words_in_any_form_headings_first(text: NotesText) -> None:
    assert [section.anchor for section, _ in text.find("port")] == ["ports", "ports-and-policies"]
    ((section, line),) = text.find("POLICIES port")
    assert section.anchor == "ports-and-policies"
    assert line is not None
    assert line.text == "A policy of ports."
    assert text.find("nonsense") == []
    assert text.find("  ") == []
