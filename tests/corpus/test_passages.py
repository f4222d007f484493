from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.documents import Notes, front_matter_lines, read_notes
from corpus.passages import Passage, Via, notes_passages
from corpus.sections import document_sections, without_marks

REPOSITORY = Path(__file__).parents[2]


def brief(passages: list[Passage]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(p.kind, p.text, p.parents) for p in passages]


def texts(passages: list[Passage]) -> list[str]:
    return [p.text for p in passages]


def spans(passages: list[Passage]) -> list[tuple[str, int, int]]:
    return [(p.document, p.start_line, p.end_line) for p in passages]


class TestBullets:
    def test_a_bullet_has_the_bullets_above_it_as_parents(self, passages):
        found = passages("- a\n    - b\n        - c\n    - d\n- e")
        assert brief(found) == [
            ("bullet", "a", ()),
            ("bullet", "b", ("a",)),
            ("bullet", "c", ("a", "b")),
            ("bullet", "d", ("a",)),
            ("bullet", "e", ()),
        ]
        assert [p.start_line for p in found] == [1, 2, 3, 4, 5]

    @pytest.mark.parametrize("indent", ["  ", "   ", "    ", "\t"], ids=["two", "three", "four", "tab"])
    def test_every_indentation_nests(self, passages, indent):
        assert brief(passages(f"- a\n{indent}- b"))[1] == ("bullet", "b", ("a",))

    def test_numbered_lists_nest_and_mix(self, passages):
        found = passages("1. a\n   - b\n10) c\n    1. d")
        assert [(p.text, p.parents, p.quote) for p in found] == [
            ("a", (), "a"),
            ("b", ("a",), "b"),
            ("c", (), "c"),
            ("d", ("c",), "d"),
        ]

    def test_a_bullet_over_several_lines_is_one_passage(self, passages):
        (found,) = passages("- one\n  two\nthree `four`  \n")
        assert (found.text, found.quote) == ("one two three four", "one\n  two\nthree `four`")
        assert (found.start_line, found.end_line) == (1, 3)

    def test_a_second_paragraph_in_a_bullet_stands_under_it(self, passages):
        assert brief(passages("- a\n\n  b\n")) == [("bullet", "a", ()), ("bullet", "b", ("a",))]

    def test_a_paragraph_after_a_list_is_its_own(self, passages):
        assert brief(passages("- a\n    - b\n\nstray\n\n- c"))[2:] == [("paragraph", "stray", ()), ("bullet", "c", ())]

    def test_a_sentence_that_leads_in_a_list_is_its_parent(self, passages):
        found = passages("It takes:\n\n- a\n    - b\n\nNo lead\n\n- c")
        assert [(p.text, p.parents) for p in found][1:] == [
            ("a", ("It takes:",)),
            ("b", ("It takes:", "a")),
            ("No lead", ()),
            ("c", ()),
        ]

    def test_a_lead_in_leads_in_only_what_comes_next(self, passages):
        found = passages("Run it:\n\n```\nls\n```\n\n- a\n")
        assert [(p.text, p.parents) for p in found][1:] == [("ls", ("Run it:",)), ("a", ())]

    def test_a_lead_in_does_not_reach_into_the_next_bullet(self, passages):
        found = passages("- x:\n-\n  - c")
        assert [(p.text, p.parents) for p in found] == [("x:", ()), ("c", ())]

    def test_lists_in_one_line_leave_only_the_words(self, passages):
        (found,) = passages("- 1. > + word")
        assert (found.kind, found.text, found.quote) == ("bullet", "word", "word")

    def test_a_heading_in_a_bullet_is_a_passage(self, passages):
        assert brief(passages("- # a\n- b\n  ===\n- c")) == [("bullet", t, ()) for t in "abc"]

    def test_empty_bullets_are_none(self, passages):
        assert texts(passages("-\n- \n- a\n-\n")) == ["a"]


class TestText:
    def test_markup_is_left_out_of_text_and_kept_in_the_quote(self, passages):
        (found,) = passages("see **the** [docs](http://x) and `docker ps`")
        assert found.text == "see the docs and docker ps"
        assert found.quote == "see **the** [docs](http://x) and `docker ps`"

    @pytest.mark.parametrize(
        ("written", "text"),
        [
            ("docker run <image> <command>", "docker run <image> <command>"),
            ("docker run &lt;image&gt;", "docker run <image>"),
            ("one<br>two <b>three</b>", "one two three"),
            ("one <!-- hidden --> two", "one two"),
            ("![](net.png) and ![a net](net.png)", "net.png and a net"),
            ("[](http://x)", "http://x"),
            ("<https://x.y>", "https://x.y"),
            ("a\\*b \\\nc", "a*b c"),
        ],
    )
    def test_words_stay_and_markup_goes(self, passages, written, text):
        assert texts(passages(written)) == [text]

    def test_quotations_are_paragraphs(self, passages):
        (found,) = passages("> one\n> two\nlazy")
        assert (found.kind, found.text, found.quote) == ("paragraph", "one two lazy", "one\n> two\nlazy")

    def test_html_gives_its_words(self, passages):
        found = passages("<details>\n<summary>More &amp; more</summary>\n\n- a\n\n</details>")
        assert brief(found) == [("paragraph", "More & more", ()), ("bullet", "a", ())]

    def test_html_in_a_quotation_has_no_quote_marks(self, passages):
        assert texts(passages("> <div>\n> word\n> </div>")) == ["word"]

    def test_a_link_definition_is_a_passage_and_works(self, passages):
        found = passages('the [docs]\n\n[docs]: http://x "All of it"\n')
        assert texts(found) == ["the docs", "docs: http://x All of it"]
        assert spans(found) == [("note.md", 1, 1), ("note.md", 3, 3)]

    def test_passages_know_their_heading_and_anchor(self, passages):
        (found,) = passages("# a\n## Why?\ntext")
        assert (found.heading, found.anchor) == (("a", "Why?"), "why")


class TestCode:
    def test_a_fence_is_one_passage_led_in_by_the_text_above(self, passages):
        found = passages("List them\n\n```sh title=x\ndocker ps\n\ndocker images\n```\n")
        assert brief(found)[1] == ("code", "docker ps\n\ndocker images", ("List them",))
        assert (found[1].language, found[1].start_line, found[1].end_line) == ("sh", 4, 6)

    def test_code_in_a_list_is_dedented_and_quoted_as_it_stands(self, passages):
        found = passages("- a\n    - b\n\n      ```\n      x\n        y\n      ```\n")
        assert brief(found)[2] == ("code", "x\n  y", ("a", "b"))
        assert found[2].quote == "      x\n        y"

    def test_code_in_a_quotation_has_no_quote_marks(self, passages):
        (found,) = passages("> ```\n> ls\n>\n> pwd\n> ```")
        assert (found.text, found.quote) == ("ls\n\npwd", "> ls\n>\n> pwd")

    def test_indented_code_is_code_at_any_depth(self, passages):
        assert brief(passages("    ls\n\n- a\n\n      pwd\n        x")) == [
            ("code", "ls", ()),
            ("bullet", "a", ()),
            ("code", "pwd\n  x", ("a",)),
        ]

    def test_tabs_in_code_are_kept(self, passages):
        assert texts(passages("```make\nall:\n\tls\n```")) == ["all:\n\tls"]

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("````\n```\nls\n```\n````", "```\nls\n```"),
            ("```\nls\n`````", "ls"),
            ("~~~\n```\n~~~", "```"),
            ("```\nls\n  ```", "ls"),
            ("```\nls\n    ```", "ls\n    ```"),
            ("```\nls", "ls"),
            ("```\nls\n\n\n", "ls"),
            ("- ```\n  ls\n\ntext", "ls"),
        ],
        ids=["inner", "longer-end", "tildes", "indented-end", "no-end", "open", "open-and-empty", "open-in-list"],
    )
    def test_fences_end_where_commonmark_ends_them(self, passages, text, code):
        assert texts(passages(text))[0] == code

    def test_an_empty_fence_is_none(self, passages):
        assert passages("```\n\n```") == []


class TestTables:
    def test_a_row_names_its_columns(self, passages):
        found = passages("| Flag | Meaning |\n|---|---|\n| `-p` | port |\n| `-d` | |\n\n")
        assert brief(found) == [("row", "Flag: -p; Meaning: port", ()), ("row", "Flag: -d", ())]
        assert [p.quote for p in found] == ["| `-p` | port |", "| `-d` | |"]

    def test_cells_beyond_the_columns_are_kept(self, passages):
        found = passages("| what | how |\n|---|---|\n| find | `docker ps | grep x` |")
        assert texts(found) == ["what: find; how: docker ps | grep x"]

    def test_a_header_without_rows_is_a_passage(self, passages):
        assert brief(passages("- a\n\n  | b | c |\n  |---|---|\n")) == [("bullet", "a", ()), ("row", "b; c", ("a",))]

    def test_a_column_without_cells_keeps_its_name(self, passages):
        found = passages("| a | later |\n|---|---|\n| b | |\n")
        assert [(p.text, p.start_line) for p in found] == [("a; later", 1), ("a: b", 3)]

    def test_a_table_in_a_bullet_has_it_as_parent(self, passages):
        assert brief(passages("- a\n\n  | b |\n  |---|\n  | c |\n"))[1] == ("row", "b: c", ("a",))


class TestIncludes:
    def test_included_code_is_cited_in_its_own_file(self, passages):
        (found,) = passages({"note.md": "# a\n```\n{! s/x.sh !}\n```", "s/x.sh": "\nls\npwd\n"})
        assert spans([found]) == [("s/x.sh", 2, 3)]
        assert (found.note, found.via, found.quote) == ("note.md", Via("note.md", 3, 3), "ls\npwd")

    def test_code_of_several_files_is_several_passages(self, passages):
        found = passages({"note.md": "```sh\nls\n{! x.sh !}\n{! x.sh !}\npwd\n```", "x.sh": "id"})
        assert spans(found) == [("note.md", 2, 2), ("x.sh", 1, 1), ("x.sh", 1, 1), ("note.md", 5, 5)]
        assert [p.via and p.via.start_line for p in found] == [None, 3, 4, None]

    def test_a_paragraph_that_runs_on_into_an_include_is_cut_there(self, passages):
        found = passages({"note.md": "one **two**\n{! x.txt !}\nfive", "x.txt": "three\nfour"})
        assert texts(found) == ["one two", "three four", "five"]
        assert spans(found) == [("note.md", 1, 1), ("x.txt", 1, 2), ("note.md", 3, 3)]

    def test_code_is_cut_where_an_include_is_missing(self, passages):
        found = passages({"note.md": "```\nls\n{! gone.sh !}\npwd\n{! empty.sh !}\nid\n```", "empty.sh": ""})
        assert spans(found) == [("note.md", n, n) for n in (2, 4, 6)]

    def test_an_include_in_a_list_keeps_its_place(self, passages):
        found = passages({"note.md": "- a\n    {! x.txt !}\n- b", "x.txt": "- c\n\n- d"})
        assert [(p.text, p.parents, p.quote) for p in found if p.document == "x.txt"] == [
            ("c", ("a",), "c"),
            ("d", ("a",), "d"),
        ]

    def test_an_included_script_with_empty_lines_stays_in_its_quotation(self, passages):
        (found,) = passages({"note.md": "> ```\n> {! x.sh !}\n> ```", "x.sh": "ls\n\npwd"})
        assert (found.kind, found.text, found.quote) == ("code", "ls\n\npwd", "ls\n\npwd")

    def test_what_stands_before_an_include_makes_no_line_of_it(self, passages):
        (found,) = passages({"note.md": "    - {! x.txt !}", "x.txt": " \n\nls"})
        assert (found.text, found.quote, found.start_line) == ("ls", "ls", 3)

    def test_a_line_of_marks_alone_is_quoted_as_it_stands(self, passages):
        (found,) = passages({"note.md": "<div>\n{! x.txt !}\n</div>", "x.txt": ">"})
        assert (found.text, found.quote, found.document) == (">", ">", "x.txt")

    @pytest.mark.parametrize("body", ["{! gone.sh !}", "\n{! gone.sh !}", "\n```sh\n{! gone.sh !}\n```"])
    def test_text_that_announces_a_missing_include_is_incomplete(self, passages, body):
        (found,) = passages(f"Run this:\n{body}\n")
        assert found.incomplete

    @pytest.mark.parametrize("text", ["Run this\n\n{! gone.sh !}", "Run this:\n\n```\nls\n```", "Run this:"])
    def test_other_text_is_complete(self, passages, text):
        assert not any(p.incomplete for p in passages(text))


class TestOutline:
    def test_sections_are_told_with_their_lines_in_the_note(self, read):
        _, outline = notes_passages(
            read({"note.md": "# a\n\n\n{! x.md !}\n# c\n{! y.sh !}\n", "x.md": "t\n# b\nt\nt\n"})
        )
        assert [(o.document, o.heading, o.state, o.start_line, o.end_line, o.missing) for o in outline] == [
            ("note.md", ("a",), "written", 1, 4, ()),
            ("note.md", ("b",), "written", 4, 4, ()),
            ("note.md", ("c",), "missing_include", 5, 6, ("y.sh",)),
            ("x.md", (), "written", 1, 1, ()),
            ("x.md", ("b",), "written", 2, 4, ()),
        ]


class TestLimits:
    @pytest.mark.parametrize(
        "lines",
        [
            ["  " * i + f"- word{i}" for i in range(200)],
            ["    " * i + f"- word{i}" for i in range(200)],
            ["\t" * i + f"- word{i}" for i in range(200)],
            [">" * i + f" word{i}\n" for i in range(200)],
            ["  " * i + ("> " if i % 3 == 1 else "1. ") + f"word{i}\n" for i in range(200)],
            ["  " * min(i, 200 - i) + f"- word{i}" for i in range(200)],
        ],
        ids=["two", "four", "tabs", "quotations", "mixed", "up-and-down"],
    )
    def test_nothing_is_lost_200_levels_down(self, passages, lines):
        found = passages("\n".join(lines))
        for i in range(200):
            (cited,) = [p for p in found if re.search(rf"\bword{i}\b", p.text)]
            assert cited.start_line <= 1 + sum(line.count("\n") + 1 for line in lines[:i]) <= cited.end_line

    def test_bullets_200_levels_down_are_passages_of_their_own(self, passages):
        found = passages("\n".join("  " * i + f"- word{i}" for i in range(200)))
        assert texts(found) == [f"word{i}" for i in range(200)]
        assert all(p.parents == tuple(f"word{i}" for i in range(len(p.parents))) for p in found[:50])
        assert found[199].parents[:50] == tuple(f"word{i}" for i in range(50))

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("unit", "count"),
        [
            ("word ", 1_400_000),
            ("- some `docker run -it` words\n", 200_000),
            ("- a\n    - b\n        - c\n", 66_000),
            ("## head\n\ntext\n\n", 50_000),
            ("| c | d |\n", 50_000),
            ("> quoted\n", 100_000),
            ("    code\n", 200_000),
        ],
        ids=["one-line", "bullets", "nested", "headings", "lines", "quotations", "code"],
    )
    def test_large_notes_take_seconds(self, read, unit, count):
        notes = read(unit * count)
        started = time.monotonic()
        found, _ = notes_passages(notes)
        assert found
        assert time.monotonic() - started < 90


# The lines of generated notes: `#` is a word that is found nowhere else, so that its loss is seen.
BEFORE = ["", "", "", " ", "  ", "   ", "    ", "\t", "> ", ">", "- ", "* ", "+   ", "1. ", "10) ", "-\t", "    - "]
BODIES = [
    *("#", "#", "#:", "# #", "", "@ #", "@@ # @@", "```", "~~~", "````sh", "---", "===", "***", "+++", "..."),
    *("| # | # |", "|---|---|", "| a #", "a # | # | c | #", "<div>", "<div>#", "</div>", "<pre>", "</pre>", "<#>"),
    *("<!-- hidden -->", "<!--", "-->", "[#]: http://y", "[#]:", "[#]: <a b> 'c'", "[#](u)", "[#][#]", "[](u)"),
    *("`#`", "**#**", "*#_", "![](p)", "![#](p)", "<br>", "#\\", "&amp;#", "\\@ #", "# `", "<http://#>", "#  "),
    *("{! inc.sh !}", "{! sub.md !}", "{! missing.sh !}", "{! empty.md !}", "see {! inc.sh !}", "key: #"),
    *("\x0c", "\u00a0", "\x00#", "\ufeff#", "\u2028#", "\x85#", "<script>", "<?php #", "-", "1.", "[ ] #", "|", "-|-"),
]
LINES = st.tuples(
    st.builds("".join, st.lists(st.sampled_from(BEFORE), max_size=4)),
    st.sampled_from(BODIES),
    st.sampled_from(["\n", "\n", "\r\n", "\r"]),
)
GENERATED = st.lists(LINES, max_size=14)


def with_words(lines: list[tuple[str, str, str]], tag: str) -> str:
    """The text of generated lines, with words in place of `#` and heading marks in place of `@`."""
    numbered = [before + body.replace("#", f"{tag}{i}w") + end for i, (before, body, end) in enumerate(lines)]
    return "".join(numbered).replace("@", "#")


def lines_on_disk(notes: Notes, name: str) -> list[str]:
    data = (notes.root / name).read_bytes()
    return re.split(r"\r\n|\r|\n", data.decode("utf-8-sig").replace("\0", "\ufffd"))


def assert_quotes_are_on_disk(notes: Notes) -> None:
    for passage in notes_passages(notes)[0]:
        cited = lines_on_disk(notes, passage.document)[passage.start_line - 1 : passage.end_line]
        assert passage.text.strip()
        assert passage.quote.strip()
        assert len(passage.quote.split("\n")) == len(cited) == passage.end_line - passage.start_line + 1
        assert passage.quote in "\n".join(cited)


def assert_no_line_is_lost(notes: Notes) -> None:
    """Each line is in a passage, but for headings, rules, fences, comments, header and delimiter rows, front matter."""
    passages, _ = notes_passages(notes)
    cited = {(p.note, p.document, line) for p in passages for line in range(p.start_line, p.end_line + 1)}
    for document in notes.documents:
        headings = {section.start_line for section in document_sections(document)}
        rest = document.lines[front_matter_lines(document.lines) :]
        for number, line in enumerate(rest, start=len(document.lines) - len(rest) + 1):
            origin = document.origins[number - 1]
            bare = without_marks(line).strip()
            mark = re.fullmatch(r"|(```|~~~).*|[-*_=]{3,}|[|:\- ]+|<!--.*-->", bare)
            header = number < len(document.lines) and re.fullmatch(r"[|:\- ]+", document.lines[number].strip())
            if not mark and not header and number not in headings:
                assert (document.path, origin.document, origin.line) in cited, line


class TestGeneratedNotes:
    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(GENERATED, GENERATED, GENERATED)
    def test_no_word_is_lost_and_each_quote_is_on_disk(self, note, sub, inc):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for file, text in {"a.md": with_words(note, "a"), "sub.md": with_words(sub, "b")}.items():
                (folder / file).write_bytes(text.encode())
            (folder / "inc.sh").write_bytes(with_words(inc, "c").encode())
            (folder / "empty.md").write_text("\n")
            notes = read_notes(folder)
            assert_quotes_are_on_disk(notes)
            passages, outline = notes_passages(notes)
            told = {word for p in passages for word in re.findall(r"[abc]\d+w", p.text)}
            told |= {word for o in outline for word in re.findall(r"[abc]\d+w", " ".join(o.heading))}
            for document in notes.documents:
                text = "\n".join(document.lines[front_matter_lines(document.lines) :])
                seen = re.sub(r"<!--.*?(-->|\Z)", "", text, flags=re.DOTALL)
                assert set(re.findall(r"[abc]\d+w", seen)) <= told


KEPT = [REPOSITORY / "corpus" / "course", *sorted((REPOSITORY / "tests/bench/coverage/subjects").glob("*/notes"))]
KEPT += [REPOSITORY / "tests/corpus/faulty"]


@pytest.mark.parametrize("folder", KEPT, ids=lambda folder: folder.parent.name + "-" + folder.name)
class TestNotesOfTheRepository:
    def test_each_quote_stands_in_the_cited_lines(self, folder):
        assert_quotes_are_on_disk(read_notes(folder))

    def test_no_line_is_lost(self, folder):
        assert_no_line_is_lost(read_notes(folder))
