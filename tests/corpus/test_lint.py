from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.documents import read_notes
from corpus.lint import Problem, lint_notes

REPOSITORY = Path(__file__).parents[2]


def found(problems: list[Problem]) -> list[tuple[str, str, int]]:
    return [(p.code, p.document, p.line) for p in problems]


def of(code: str, problems: list[Problem]) -> list[Problem]:
    return [p for p in problems if p.code == code]


class TestFiles:
    def test_a_skipped_file_is_an_error(self, lint):
        (problem,) = lint({"a.md": bytes(200), "b.md": "text"})
        assert problem == Problem("skipped-file", "error", "a.md", 1, "was not read: it is a binary file, not text")

    def test_another_encoding_is_a_warning(self, lint):
        (problem,) = lint({"a.md": b"\xfc"})
        assert (problem.code, problem.severity, problem.document) == ("encoding", "warning", "a.md")

    def test_a_script_that_no_note_includes_is_an_orphan(self, lint):
        files = {"a.md": "```\n{! s/used.sh !}\n```", "s/used.sh": "ls", "s/left.sh": "ls", "b.bash": "ls", ".c.sh": ""}
        assert found(lint(files)) == [("orphan-script", "b.bash", 1), ("orphan-script", "s/left.sh", 1)]

    def test_orphans_are_not_looked_for_beside_a_single_note(self, write):
        notes = read_notes(write({"a.md": "text", "left.sh": "ls"}) / "a.md")
        assert lint_notes(notes, whole_folder=False) == []


class TestIncludes:
    @pytest.mark.parametrize(
        ("target", "code"),
        [
            ("gone.sh", "missing-include"),
            ("../../etc/passwd", "include-outside"),
            ("note.md", "include-cycle"),
            ("binary.sh", "unreadable-include"),
        ],
    )
    def test_what_is_wrong_with_an_include_is_told_with_its_place(self, lint, target, code):
        problems = lint({"note.md": f"# a\n\ntext\n\n```\n{{! {target} !}}\n```", "binary.sh": bytes(100)})
        (problem,) = [p for p in problems if p.code != "orphan-script"]
        assert (problem.code, problem.severity, problem.document, problem.line) == (code, "error", "note.md", 6)
        assert (target in problem.message, problem.heading) == (True, ("a",))

    def test_includes_that_go_too_deep_are_told(self, lint):
        files = {f"{i:02}.txt": f"{{! {i + 1:02}.txt !}}" for i in range(20)}
        assert found(lint({"note.md": "text\n\n{! 00.txt !}", **files})) == [("include-depth", "15.txt", 1)]

    def test_a_fault_in_a_file_included_twice_is_told_once(self, lint):
        assert found(lint({"a.md": "{! b.md !}\n\n{! b.md !}", "b.md": "t\n\n{! gone.sh !}"})) == [
            ("missing-include", "b.md", 3)
        ]

    def test_an_include_inside_a_line_is_a_warning(self, lint):
        problems = lint({"a.md": "# a\nsee {! b.sh !}\n\nbut not `{! c.sh !}`"})
        assert found(problems) == [("inline-include", "a.md", 2)]
        assert problems[0].heading == ("a",)

    def test_a_script_outside_a_fence_is_a_warning(self, lint):
        text = "text\n\n{! x.sh !}\n\n```\n{! x.sh !}\n```\n\n    {! x.sh !}\n\n<pre>\n{! x.sh !}\n</pre>"
        problems = of("unfenced-script", lint({"a.md": text, "x.sh": "# not a heading\nls"}))
        assert found(problems) == [("unfenced-script", "a.md", 3)]

    def test_an_included_note_needs_no_fence(self, lint):
        assert lint({"a.md": "{! b.md !}", "b.md": "text"}) == []


class TestHeadings:
    def test_headings_with_nothing_under_them_are_warnings(self, lint):
        problems = lint("# a\n## b\n\ntext\n\n## c\n\n<!-- later -->\n\n# d\n## e")
        assert found(problems) == [("unfinished-section", "note.md", line) for line in (6, 10, 11)]
        assert problems[0].heading == ("a", "c")

    def test_a_heading_over_a_missing_include_says_so(self, lint):
        problems = of("unfinished-section", lint("# a\n\n{! gone.sh !}"))
        assert [p.line for p in problems] == [1]
        assert "only an include that cannot be had (gone.sh)" in problems[0].message

    def test_a_missing_include_before_any_heading_is_told(self, lint):
        assert {p.code for p in lint("{! gone.sh !}\n")} == {"missing-include", "unfinished-section"}

    def test_the_same_heading_twice_under_one_parent_is_a_warning(self, lint):
        text = "# a\n\n## Ports\n\nx\n\n# b\n\n## Ports\n\nx\n\n## ports\n\nx\n"
        (problem,) = lint(text)
        assert (problem.code, problem.line) == ("duplicate-heading", 13)
        assert "stands already in line 9," in problem.message

    def test_a_heading_out_of_an_include_is_told_by_its_own_line(self, lint):
        problems = lint({"a.md": "# a\n\nx\n\n{! b.txt !}\n", "b.txt": "y\n\n# a\n\n# c\n"})
        assert found(problems) == [
            ("duplicate-heading", "b.txt", 3),
            ("unfinished-section", "b.txt", 3),
            ("unfinished-section", "b.txt", 5),
        ]
        assert "line 1 of a.md" in problems[0].message


class TestOpenEnds:
    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("```\nls", 1),
            ("```", 1),
            ("text\n\n```\nls\n\n", 3),
            ("````\nls\n```", 1),
            ("```\nls\n~~~", 1),
            ("```\nls\n    ```", 1),
            ("```\nls\n``` sh", 1),
            ("- a\n\n  ```\n  ls\n\ntext\n", 3),
            ("- ```\n  ls\n- b\n", 1),
            ("> ```\n> ls\n\ntext\n", 1),
            ("```\n{! x.sh !}\n", 1),
        ],
    )
    def test_a_fence_without_its_end_is_an_error(self, lint, text, line):
        problems = of("unclosed-fence", lint({"note.md": text, "x.sh": "ls"}))
        assert [(p.severity, p.line) for p in problems] == [("error", line)]

    @pytest.mark.parametrize(
        "text",
        [
            "```\nls\n```",
            "```\nls\n``````   ",
            "```\n```",
            "```\n\n```",
            "~~~\n```\n~~~~",
            "````\n```\n````",
            "```\nls\n   ```\n",
            "   ```\nls\n```\n",
            "- a\n\n  ```\n  ls\n  ```\n",
            "- a\n    - ```\n      ls\n      ```\n\ntext",
            "1. a\n   ```\n   ls\n   `````\n2. b",
            "> ```\n> ls\n> ```\n",
            "> - ```\n>   ```\n",
            "```\n{! x.sh !}\n```",
            "```\n{! gone.sh !}\n```",
            "- a\n    ```\n    {! x.sh !}\n    ```",
        ],
    )
    def test_a_fence_with_its_end_is_none(self, lint, text):
        assert of("unclosed-fence", lint({"note.md": text, "x.sh": "ls\n"})) == []

    def test_a_fence_opened_in_an_include_is_told_by_its_own_line(self, lint):
        problems = of("unclosed-fence", lint({"a.md": "x\n\n{! b.txt !}\n", "b.txt": "y\n\n```\nz"}))
        assert found(problems) == [("unclosed-fence", "b.txt", 3)]

    def test_a_comment_without_its_end_is_an_error(self, lint):
        assert found(lint("text\n\n<!-- one -->\n\n<!-- two\n\nlost\n")) == [("unclosed-comment", "note.md", 5)]

    def test_it_is_told_in_a_note_that_has_nothing_else(self, lint):
        assert found(lint({"a.md": "<!-- all\n\n# hidden", "b.md": "---\n```"})) == [
            ("unclosed-comment", "a.md", 1),
            ("unclosed-fence", "b.md", 2),
        ]

    @pytest.mark.parametrize("text", ["<div>\n<!-- a -->\n</div>", "<!-- a\n\nb -->", "a <!-- b", "```\n<!--\n```"])
    def test_other_comments_are_none(self, lint, text):
        assert lint(text) == []


class TestShell:
    @pytest.mark.parametrize("language", ["sh", "bash", "shell", "Bash title=x"])
    def test_a_snippet_that_bash_cannot_parse_is_an_error(self, lint, language):
        (problem,) = lint(f"# a\n\n```{language}\nls\necho )\n```\n")
        assert (problem.code, problem.severity, problem.line, problem.heading) == ("shell-syntax", "error", 5, ("a",))
        assert "unexpected token `)'" in problem.message

    def test_a_script_is_checked_in_any_block_and_told_by_its_own_line(self, lint):
        problems = lint({"a.md": "```\n$ a (b\n{! x.sh !}\n```", "x.sh": "ls\n\nfi\n"})
        assert found(problems) == [("shell-syntax", "x.sh", 3)]

    def test_a_snippet_without_its_end_is_told_in_its_last_line(self, lint):
        assert found(lint("```sh\nif true; then\nls\n```\n")) == [("shell-syntax", "note.md", 3)]

    def test_a_block_is_checked_as_a_whole(self, lint):
        assert lint({"a.md": "```sh\nif true; then\n{! x.sh !}\nfi\n```", "x.sh": "ls"}) == []

    @pytest.mark.parametrize(
        "code",
        ["docker run \\\n  -p 80:80 nginx", "cat <<-EOF\n\ta ( b\n\tEOF", "echo 'ü'", "# only a remark", "ls *(x"],
        ids=["continued", "here-document", "not-ascii", "remark", "wrong"],
    )
    def test_only_what_bash_cannot_parse_is_told(self, lint, code):
        assert [p.code for p in lint(f"```sh\n{code}\n```")] == (["shell-syntax"] if code == "ls *(x" else [])

    @pytest.mark.parametrize("language", ["", "console", "python", "text"])
    def test_other_languages_are_left_alone(self, lint, language):
        assert lint(f"```{language}\necho )\n```") == []

    def test_nothing_is_run(self, lint, tmp_path):
        lint(f"```sh\ntouch {tmp_path}/ran\n```")
        assert not (tmp_path / "ran").exists()


class TestDockerCommands:
    def test_a_command_that_docker_does_not_take_is_an_error_with_the_right_one(self, lint):
        (problem,) = lint("# a\n\n- so: `docker run --rm --ti debian sh`\n")
        assert (problem.code, problem.severity, problem.line, problem.heading) == ("docker-command", "error", 3, ("a",))
        assert problem.message == (
            "docker run --rm --ti debian sh: docker run has no flag --ti (Docker 28.2). "
            "Better: docker run --rm -ti debian sh"
        )

    @pytest.mark.parametrize(
        "line", ["docker ps -all", "docker run -p 53:53 udp", "docker run -it <image> sh", "docker stop --time 3 web"]
    )
    def test_what_is_surely_not_meant_in_a_snippet_is_a_warning(self, lint, line):
        assert [(p.code, p.severity) for p in lint(f"```\n{line}\n```")] == [("docker-command", "warning")]

    @pytest.mark.parametrize("line", ["docker commit", "docker run -p", "docker tag <image> NAME", "docker logs $c"])
    def test_in_a_sentence_a_command_may_have_blanks(self, lint, line):
        assert lint(f"- then `{line}`\n") == []

    @pytest.mark.parametrize("line", ["docker logs $c", "docker tag shop USER/shop", "docker build --push ."])
    def test_capitals_variables_and_flags_of_plugins_are_no_fault(self, lint, line):
        assert lint(f"```\n{line}\n```") == []

    def test_a_prompt_and_a_comment_are_no_part_of_the_command(self, lint):
        assert lint("- `$ docker ps # --ti`\n") == []
        assert [p.code for p in lint({"b.md": "- `$ docker ps --ti`\n"})] == ["docker-command"]

    def test_a_line_of_a_snippet_must_be_whole(self, lint):
        assert [p.severity for p in lint("```\n$ docker commit\n```")] == ["error"]


ODD = st.text(st.sampled_from("#-*>`~|<!:[](){}0123456789.\t \n\r\0\x0c\u2028üa$\"'\\&;"), max_size=200)


class TestUnknownThings:
    @settings(
        max_examples=150,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(ODD, ODD)
    def test_no_text_makes_it_stumble(self, write, note, script):
        folder = write({"a.md": f"{note}\n{{! x.sh !}}\n{note}", "x.sh": script, "b.md": "text"})
        for problem in lint_notes(read_notes(folder)):
            assert problem.line >= 1

    def test_a_folder_of_odd_things_is_linted(self, write, tmp_path):
        folder = write({"a.md": "text", "b.sh/c.sh": "ls", "deep/er/d.sh": "ls"})
        (folder / "e.sh").symlink_to("e.sh")
        (folder / "f.sh").symlink_to("nowhere.sh")
        (folder / "out").symlink_to(tmp_path)
        assert {p.document for p in lint_notes(read_notes(folder))} == {
            "b.sh/c.sh",
            "deep/er/d.sh",
            "e.sh",
            "f.sh",
            "out",
        }


class TestNotesOfTheRepository:
    def test_the_packaged_course_has_no_problem(self):
        assert lint_notes(read_notes(REPOSITORY / "corpus" / "course")) == []

    def test_each_fault_of_a_learners_notes_is_found(self):
        assert found(lint_notes(read_notes(REPOSITORY / "tests" / "corpus" / "faulty"))) == [
            ("include-cycle", "loop/one.md", 3),
            ("include-cycle", "loop/two.md", 3),
            ("orphan-script", "shell/old-attempt.sh", 1),
            ("docker-command", "week-1.md", 12),
            ("unfinished-section", "week-1.md", 23),
            ("missing-include", "week-1.md", 37),
            ("shell-syntax", "week-1.md", 43),
            ("docker-command", "week-1.md", 49),
            ("duplicate-heading", "week-1.md", 59),
            ("unfinished-section", "week-1.md", 59),
            ("unfinished-section", "week-1.md", 64),
            ("inline-include", "week-2.md", 3),
            ("unfinished-section", "week-2.md", 5),
            ("unfenced-script", "week-2.md", 8),
            ("unclosed-fence", "week-2.md", 15),
            ("include-outside", "week-2.md", 28),
            ("unclosed-fence", "week-2.md", 34),
            ("shell-syntax", "week-2.md", 41),
        ]
