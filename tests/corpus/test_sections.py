from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from corpus.sections import document_sections, github_anchor, markdown_parser


def titles(sections) -> list[tuple[str, ...]]:
    return [section.heading for section in sections]


def states(sections) -> dict[str, str]:
    return {section.title: section.state for section in sections}


def at_depth(frames: int, call: Callable[[], object]) -> object:
    """Call with so many frames of Python's stack in use."""
    return call() if frames == 0 else at_depth(frames - 1, call)


class TestHeadings:
    def test_a_heading_path_goes_from_the_outermost_to_its_own(self, sections):
        found = sections("# a\n## b\n#### c\n### d\n## e\n###### f\n# g")
        assert titles(found) == [
            ("a",),
            ("a", "b"),
            ("a", "b", "c"),
            ("a", "b", "d"),
            ("a", "e"),
            ("a", "e", "f"),
            ("g",),
        ]

    def test_a_section_runs_to_the_line_before_the_next_heading(self, sections):
        found = sections("lead\n\n# a\ntext\n\n\n## b\n")
        assert [(s.start_line, s.end_line) for s in found] == [(1, 2), (3, 6), (7, 7)]

    def test_setext_headings_count(self, sections):
        found = sections("Part\n====\n\ntext\n\nChapter\ngoes on\n---\n\nmore")
        assert titles(found) == [("Part",), ("Part", "Chapter goes on")]
        assert [(s.start_line, s.end_line) for s in found] == [(1, 5), (6, 10)]

    @pytest.mark.parametrize(
        "text",
        [
            "```\n# not\n```",
            "    # not",
            "#not",
            "####### not",
            "\\# not",
            "<!--\n# not\n-->",
            "- # not",
            "> # not",
            "    not\n    ===",
        ],
        ids=["fence", "indented", "no-space", "seven", "escaped", "comment", "bullet", "quote", "indented-setext"],
    )
    def test_what_only_looks_like_a_heading_starts_no_section(self, sections, text):
        assert titles(sections(f"# a\n\ntext\n\n{text}")) == [("a",)]

    def test_text_before_the_first_heading_is_a_section_of_its_own(self, sections):
        lead, _ = sections("text\n\n# a")
        assert (lead.heading, lead.title, lead.level, lead.anchor, lead.state) == ((), "", 0, "", "written")

    def test_notes_without_any_heading_are_one_section(self, sections):
        (only,) = sections("- one\n- two\n")
        assert (only.heading, only.start_line, only.end_line) == ((), 1, 2)

    @pytest.mark.parametrize("text", ["", "\n\n", "---\n", "<!-- nothing -->", "---\ntitle: x\n---\n"])
    def test_notes_without_any_text_have_no_section(self, sections, text):
        assert sections(text) == []

    def test_front_matter_is_no_text_and_moves_no_line(self, sections):
        (section,) = sections("---\ntitle: x\n---\n# a\ntext")
        assert (section.heading, section.start_line, section.end_line) == (("a",), 4, 5)

    def test_text_between_two_rules_is_not_front_matter(self, sections):
        assert titles(sections("---\ntext\n\n# a\n\n---\n")) == [(), ("a",)]

    def test_markup_in_a_heading_is_left_out_of_its_name(self, sections):
        found = sections("# The `docker` *command* [here](x) <br> ![logo](l.png) <!-- todo --> &amp; more ##")
        assert titles(found) == [("The docker command here logo & more",)]

    def test_an_empty_heading_has_a_name(self, sections):
        assert titles(sections("#\n\n##   ##\n\ntext")) == [("(untitled)",), ("(untitled)", "(untitled)")]

    def test_a_heading_of_10000_characters_is_kept_whole(self, sections):
        name = "long " * 2000
        (section,) = sections(f"# {name}\n\ntext")
        assert section.title == name.strip()
        assert len(section.anchor) == len(name) - 1

    def test_headings_out_of_an_include_count(self, sections):
        found = sections({"note.md": "# a\n\n{! b.md !}\n", "b.md": "## b\n\ntext"})
        assert titles(found) == [("a",), ("a", "b")]
        assert [(s.start_line, s.end_line) for s in found] == [(1, 2), (3, 5)]


class TestStates:
    @pytest.mark.parametrize(
        "body",
        [
            "text",
            "- bullet",
            "| a |\n|---|",
            "```\nls\n```",
            "    ls",
            "<b>bold</b>",
            "![](picture.png)",
            "[a]: http://b",
        ],
    )
    def test_something_to_read_makes_a_section_written(self, sections, body):
        assert states(sections(f"# a\n\n{body}\n")) == {"a": "written"}

    @pytest.mark.parametrize(
        "body", ["", "<!-- todo -->", "---", "```\n\n```", "-\n-", "> ", "<br>", "<div>\n</div>", "``` sh"]
    )
    def test_nothing_to_read_leaves_it_unfinished(self, sections, body):
        assert states(sections(f"# a\n\n{body}\n")) == {"a": "unfinished"}

    @pytest.mark.parametrize(
        "body", ["{! x.sh !}", "```\n{! x.sh !}\n```", "- {! x.sh !}", "{! ../x.sh !}", "{! note.md !}"]
    )
    def test_a_faulty_include_alone_is_told_apart(self, sections, body):
        (section,) = sections(f"# a\n\n{body}\n")
        assert section.state == "missing_include"
        assert len(section.missing) == 1

    def test_a_faulty_include_beside_text_leaves_it_written(self, sections):
        (section,) = sections("# a\n\ntext\n\n{! x.sh !}")
        assert (section.state, [i.target for i in section.missing]) == ("written", ["x.sh"])

    def test_a_faulty_include_belongs_to_its_own_section(self, sections):
        found = sections("{! 0.sh !}\n# a\n{! 1.sh !}\n# b\n# c\n{! 2.sh !}")
        assert [[i.target for i in s.missing] for s in found] == [["0.sh"], ["1.sh"], [], ["2.sh"]]
        assert [s.state for s in found] == ["missing_include", "missing_include", "unfinished", "missing_include"]

    def test_an_empty_include_is_nothing_to_read(self, sections):
        assert states(sections({"note.md": "# a\n\n{! x.sh !}", "x.sh": "\n"})) == {"a": "unfinished"}

    def test_a_heading_over_a_written_one_is_written(self, sections):
        found = sections("# a\n## b\n### c\ntext\n## d\n### e\n# f\n## g\n")
        assert states(found) == {
            "a": "written",
            "b": "written",
            "c": "written",
            "d": "unfinished",
            "e": "unfinished",
            "f": "unfinished",
            "g": "unfinished",
        }


class TestAnchors:
    @pytest.mark.parametrize(
        ("title", "anchor"),
        [
            ("What is a container?", "what-is-a-container"),
            ("networking & namespaces", "networking--namespaces"),
            ("docker run -it", "docker-run--it"),
            ("snake_case and Größe", "snake_case-and-größe"),
            ("नमस्ते", "नमस्ते"),
            ("step ② 🎉", "step--"),
        ],
    )
    def test_anchors_are_as_github_makes_them(self, title, anchor):
        assert github_anchor(title) == anchor

    def test_two_spaces_become_two_hyphens(self, sections):
        assert [s.anchor for s in sections("# docker  is")] == ["docker--is"]

    def test_duplicates_are_numbered_and_stay_unique(self, sections):
        found = sections("# a\n# a\n# a-1\n# a\n# A!")
        assert [s.anchor for s in found] == ["a", "a-1", "a-1-1", "a-2", "a-3"]


class TestLimits:
    @pytest.mark.slow
    def test_fifty_thousand_headings_take_seconds(self, document):
        note = document("# a\n" + "## same\n" * 25_000 + "".join(f"### h{i}\n" for i in range(25_000)) + "text")
        started = time.monotonic()
        found = document_sections(note)
        assert time.monotonic() - started < 60
        assert len(found) == 50_001
        assert [s.title for s in found if s.state == "written"] == ["a", "same", "h24999"]

    @pytest.mark.slow
    def test_many_faulty_includes_take_seconds(self, document):
        note = document("".join(f"# h{i}\n{{! {i}.sh !}}\n" for i in range(4_900)) + "# more\n" * 20_000)
        started = time.monotonic()
        found = document_sections(note)
        assert time.monotonic() - started < 60
        assert sum(len(s.missing) for s in found) == 4_900

    @pytest.mark.parametrize(
        "text",
        [
            "- " * 200 + "word",
            "> - " * 200 + "word",
            "\n".join("  " * i + "- word" for i in range(200)),
            "[" * 5000 + "word" + "](x)" * 5000,
            "![" * 5000 + "word" + "](x)" * 5000,
            "*word " * 5000 + "*" * 5000,
        ],
        ids=["bullets", "mixed", "stairs", "links", "pictures", "emphasis"],
    )
    def test_nesting_leaves_half_of_the_stack_to_the_caller(self, document, text):
        note = document(text)
        sections = at_depth(sys.getrecursionlimit() // 2, lambda: document_sections(note))
        assert len(sections) == 1

    def test_notes_are_parsed_in_many_threads(self, document):
        note = document("# a\n\n- `b`\n\n> *c*\n")
        markdown_parser.cache_clear()
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(document_sections, [note] * 50))
        assert all(titles(sections) == [("a",)] for sections in found)
