from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from corpus import documents
from corpus.documents import Include, Origin, Skipped, front_matter_lines, notes_revisions, read_notes
from corpus.errors import NotesError


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def faults(document: documents.Document) -> list[tuple[str, str | None]]:
    return [(include.target, include.fault) for include in document.includes]


class TestFinding:
    def test_notes_are_found_in_subfolders_in_natural_order(self, read):
        notes = read(dict.fromkeys(("10-end.md", "9-mid.MD", "a/2.markdown", "a/10.md", "a/1.md"), "x"))
        assert [d.path for d in notes.documents] == ["9-mid.MD", "10-end.md", "a/1.md", "a/2.markdown", "a/10.md"]

    def test_hidden_files_and_package_folders_are_passed_over(self, read):
        notes = read({"a.md": "x", ".b.md": "x", ".git/c.md": "x", "node_modules/d.md": "x", "e.txt": "x"})
        assert [d.path for d in notes.documents] == ["a.md"]

    def test_a_single_file_is_read_whatever_its_suffix(self, write):
        folder = write({"notes.txt": "# text", "other.md": "x"})
        notes = read_notes(folder / "notes.txt")
        assert notes.root == folder.resolve()
        assert [d.path for d in notes.documents] == ["notes.txt"]

    def test_paths_are_relative_to_the_folder_when_it_is_named_by_a_link(self, write, tmp_path):
        link = tmp_path / "link"
        link.symlink_to(write({"sub/a.md": "x", "a.md": "y"}))
        notes = read_notes(link)
        assert [d.path for d in notes.documents] == ["a.md", "sub/a.md"]
        assert notes_revisions(link, notes.revisions) == notes.revisions

    def test_a_single_file_named_by_a_link_is_read_where_it_is(self, write, tmp_path):
        folder = write({"real.md": "{! s.sh !}", "s.sh": "ls"})
        link = tmp_path / "link.md"
        link.symlink_to(folder / "real.md")
        notes = read_notes(link)
        assert [d.text for d in notes.documents] == ["ls"]
        assert notes_revisions(link, notes.revisions) == notes.revisions

    def test_a_folder_named_like_a_note_is_a_folder(self, read):
        assert [d.path for d in read({"chapter.md/one.md": "x"}).documents] == ["chapter.md/one.md"]

    def test_an_empty_file_is_an_empty_document(self, read):
        (document,) = read("").documents
        assert document.text == ""
        assert document.origins == (Origin("note.md", 1),)


class TestNothingToRead:
    @pytest.mark.parametrize("name", ["nowhere", "no\0where", "n" * 5000], ids=["missing", "nul", "long"])
    def test_a_path_that_is_not_there_is_said(self, tmp_path, name):
        with pytest.raises(NotesError, match="Name a folder or file that exists"):
            read_notes(tmp_path / name)
        with pytest.raises(NotesError, match="Name a folder or file that exists"):
            notes_revisions(tmp_path / name, {})

    def test_a_loop_of_links_is_said(self, tmp_path):
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
        with pytest.raises(NotesError, match="There are no notes at"):
            read_notes(tmp_path / "loop")

    def test_an_empty_folder_says_what_to_put_there(self, tmp_path):
        with pytest.raises(NotesError, match=r"no Markdown notes to read in .* ends in \.md"):
            read_notes(tmp_path)

    def test_a_folder_without_a_readable_note_says_why(self, write):
        with pytest.raises(NotesError, match=r"\(a\.md is a binary file, not text\)"):
            read_notes(write({"a.md": bytes(200)}))

    def test_a_single_unreadable_file_says_why(self, write):
        with pytest.raises(NotesError, match=r"a\.md is a binary file, not text"):
            read_notes(write({"a.md": bytes(200)}) / "a.md")

    def test_a_device_is_no_note(self):
        with pytest.raises(NotesError, match="is not a regular file"):
            read_notes(Path(os.devnull))

    def test_a_folder_that_may_not_be_entered_is_said(self, open_folder, as_reader):
        (open_folder / "locked" / "in").mkdir(parents=True)
        (open_folder / "locked").chmod(0)
        with as_reader(), pytest.raises(NotesError, match=r"in cannot be opened \(Permission denied\)"):
            read_notes(open_folder / "locked" / "in")
        (open_folder / "locked").chmod(0o755)


class TestText:
    @pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
    def test_line_ends_of_all_kinds_are_one(self, document, newline):
        note = document(newline.join(["# a", "", "- b", "\t- c", ""]))
        assert note.lines == ["# a", "", "- b", "\t- c", ""]
        assert [o.line for o in note.origins] == [1, 2, 3, 4, 5]

    def test_only_line_ends_part_lines(self, document):
        assert document("a\x0bb\x0cc\x85d\u2028e\x1cf").lines == ["a\x0bb\x0cc\x85d\u2028e\x1cf"]

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
    def test_a_byte_order_mark_tells_the_encoding(self, document, encoding):
        assert document("# Über Container".encode(encoding)).text == "# Über Container"

    @pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"], ids=["little", "big"])
    def test_a_byte_order_mark_with_something_else_behind_it_is_no_text(self, read, mark):
        notes = read({"a.md": mark + b"\x00\xd8\x00", "b.md": "x"})
        assert notes.skipped == (Skipped("a.md", "starts like UTF-16 but is not: save it as UTF-8"),)

    def test_latin_1_is_read_with_a_warning(self, read):
        notes = read("Übung \u2013 fünf".encode("cp1252"))
        assert notes.documents[0].text == "Übung \u2013 fünf"
        assert notes.warnings == (Skipped("note.md", "is not UTF-8: read as Latin-1 (save it as UTF-8)"),)

    def test_a_latin_1_file_is_warned_of_once_however_often_it_is_included(self, read):
        notes = read({"a.md": "{! s.sh !}\n{! s.sh !}", "b.md": "{! s.sh !}", "s.sh": "# \u00fc".encode("cp1252")})
        assert [w.path for w in notes.warnings] == ["s.sh"]

    def test_a_few_nul_bytes_become_the_replacement_character(self, document):
        assert document(b"one\0two").text == "one\ufffdtwo"
        assert document("one\0two".encode("utf-16")).text == "one\ufffdtwo"

    def test_binary_is_skipped_with_a_reason_and_the_rest_is_read(self, read):
        notes = read({"a.md": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, "b.md": "text"})
        assert [d.path for d in notes.documents] == ["b.md"]
        assert notes.skipped == (Skipped("a.md", "is a binary file, not text"),)

    def test_binary_without_a_nul_is_skipped_too(self, read):
        notes = read({"a.md": bytes(range(1, 256)) * 40, "b.md": "text"})
        assert notes.skipped == (Skipped("a.md", "is a binary file, not text"),)

    def test_a_few_control_characters_in_latin_1_are_text(self, read):
        assert [d.path for d in read("f\u00fcnf \x07\x08 T\u00f6ne".encode("cp1252")).documents] == ["note.md"]


class TestSkipped:
    def test_a_file_of_50_mb_is_skipped_without_being_read(self, write):
        folder = write({"b.md": "text"})
        with (folder / "a.md").open("wb") as file:
            file.truncate(50_000_000)
        notes = read_notes(folder)
        assert notes.skipped == (Skipped("a.md", "has 50.0 MB, more than the 8 MB of one note: split it"),)
        assert [d.path for d in notes.documents] == ["b.md"]

    def test_a_note_of_too_many_lines_is_skipped(self, read):
        notes = read({"a.md": "\n" * 400_001, "b.md": "x"})
        assert [s.path for s in notes.skipped] == ["a.md"]
        assert "is longer than 400000 lines" in notes.skipped[0].reason

    def test_a_pipe_is_skipped_and_not_waited_for(self, write):
        folder = write({"b.md": "text"})
        os.mkfifo(folder / "a.md")
        assert read_notes(folder).skipped == (Skipped("a.md", "is not a regular file"),)

    def test_a_link_to_nothing_is_skipped(self, write):
        folder = write({"b.md": "text"})
        (folder / "a.md").symlink_to("gone.md")
        (folder / "c.md").symlink_to("c.md")
        assert read_notes(folder).skipped == (
            Skipped("a.md", "is a link to nothing"),
            Skipped("c.md", "is not a regular file"),
        )

    def test_a_link_out_of_the_folder_is_not_read(self, write, tmp_path):
        folder = write({"b.md": "text"})
        (tmp_path / "secret.md").write_text("secret")
        (folder / "a.md").symlink_to(tmp_path / "secret.md")
        notes = read_notes(folder)
        assert notes.skipped == (Skipped("a.md", "is a link that leaves the notes' folder"),)
        assert [d.text for d in notes.documents] == ["text"]

    def test_a_linked_folder_is_not_entered(self, write, tmp_path):
        folder = write({"a/b.md": "text"})
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "secret.md").write_text("secret")
        (folder / "inner").symlink_to(folder / "a")
        (folder / "outer").symlink_to(tmp_path / "outside")
        notes = read_notes(folder)
        assert [d.path for d in notes.documents] == ["a/b.md"]
        assert notes.skipped == (Skipped("outer", "is a link that leaves the notes' folder"),)

    def test_what_may_not_be_read_is_named(self, open_folder, as_reader):
        (open_folder / "b.md").write_text("text")
        (open_folder / "a.md").write_text("secret")
        (open_folder / "a.md").chmod(0)
        (open_folder / "locked").mkdir(mode=0)
        with as_reader():
            notes = read_notes(open_folder)
            assert notes_revisions(open_folder, notes.revisions) == notes.revisions
        (open_folder / "locked").chmod(0o755)
        denied = "cannot be read (Permission denied)"
        assert set(notes.skipped) == {Skipped("a.md", denied), Skipped("locked", denied)}

    def test_a_name_that_is_not_utf_8_is_shown_escaped(self, write):
        folder = write({"b.md": "text"})
        with open(os.fsencode(folder) + b"/caf\xe9.md", "w") as file:  # bytes are no Path
            file.write("text")
        assert read_notes(folder).skipped == (Skipped("caf\\udce9.md", "has a name that is not UTF-8: rename it"),)


class TestFrontMatter:
    @pytest.mark.parametrize(
        "text",
        [
            "---\ntitle: Docker\n---\n",
            "---\ntitle: Docker\ntags:\n  - a\n- b\n# remark\n---\n",
            '---\n"quoted key": x\n...\n',
            "+++\ntitle = 'Docker'\n[extra]\n+++\n",
        ],
        ids=["yaml", "lists", "dots", "toml"],
    )
    def test_keys_between_marks_are_front_matter(self, text):
        assert front_matter_lines((text + "text").split("\n")) == text.count("\n")

    @pytest.mark.parametrize(
        "text",
        [
            "---\ntext\n---\n",
            "---\n\ntitle: x\n---",
            "---\ntitle: x\n\ntext\n---\n",
            "---\n# Heading\n---\n",
            "---\ntitle: x\n",
            "----\ntitle: x\n----\n",
            "text\n---\ntitle: x\n---\n",
            "",
        ],
        ids=["text", "empty-first", "empty-line", "heading", "open", "long-mark", "later", "nothing"],
    )
    def test_text_between_rules_is_none(self, text):
        assert front_matter_lines(text.split("\n")) == 0


class TestIncludes:
    def test_included_lines_know_where_they_stand(self, document):
        note = document({"note.md": "one\n\n```\n{! shell/a.sh !}\n```\nlast", "shell/a.sh": "ls\n\npwd\n\n"})
        assert note.text == "one\n\n```\nls\n\npwd\n```\nlast"
        assert note.origins[3:7] == (
            Origin("shell/a.sh", 1, via=4),
            Origin("shell/a.sh", 2, via=4),
            Origin("shell/a.sh", 3, via=4),
            Origin("note.md", 5),
        )
        assert note.includes == (Include("note.md", 4, "shell/a.sh", None, "shell/a.sh", at=3),)

    def test_the_folder_comes_first_and_the_including_file_second(self, read):
        notes = read(
            {"sub/a.md": "{! x.sh !}{!\n{! x.sh !}\n{! y.sh !}", "x.sh": "root", "sub/x.sh": "", "sub/y.sh": "sub"}
        )
        assert notes.documents[0].text == "{! x.sh !}{!\nroot\nsub"

    def test_nested_includes_point_to_the_outermost_line(self, document):
        note = document({"note.md": "\n{! a.md !}", "a.md": "x\n{! b.sh !}", "b.sh": "ls"})
        assert note.text == "\nx\nls"
        assert note.origins[2] == Origin("b.sh", 1, via=2)
        assert [(i.document, i.line) for i in note.includes] == [("note.md", 2), ("a.md", 2)]

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("    {! a.sh !}", "    ls\n\n    pwd"),
            ("\t{!a.sh!}  ", "\tls\n\n\tpwd"),
            ("> {! a.sh !}", "> ls\n>\n> pwd"),
            ("- {! a.sh !}", "- ls\n\n  pwd"),
            ("> 10. {! a.sh !}", "> 10. ls\n>\n>     pwd"),
        ],
        ids=["indented", "tab", "quoted", "bullet", "numbered"],
    )
    def test_what_stands_before_an_include_stands_before_its_lines(self, document, line, expected):
        note = document({"note.md": line, "a.sh": "ls\n\npwd"})
        assert note.text == expected
        shown = [text[origin.indent :] for text, origin in zip(note.lines, note.origins, strict=True)]
        assert shown == ["ls", "", "pwd"]

    @pytest.mark.parametrize(
        "line",
        ["see {! a.sh !}", "{! a.sh !} there", "{! a.sh !", "{!  !}", "`{! a.sh !}`", "{! a.sh !} {! a.sh !}", "!}"],
    )
    def test_other_lines_stay_as_they_are(self, document, line):
        note = document({"note.md": line, "a.sh": "ls"})
        assert note.text == line
        assert note.includes == ()

    def test_front_matter_of_an_included_note_is_left_out(self, document):
        note = document({"note.md": "{! a.md !}\nend", "a.md": "---\ntitle: x\n---\ntext"})
        assert note.text == "text\nend"
        assert note.origins[0] == Origin("a.md", 4, via=1)

    def test_a_missing_include_leaves_an_empty_line(self, document):
        note = document("one\n{! gone.sh !}\ntwo")
        assert note.lines == ["one", "", "two"]
        assert note.includes == (Include("note.md", 2, "gone.sh", "missing", at=1),)
        assert note.gaps == {1}

    def test_an_empty_include_leaves_an_empty_line(self, document):
        note = document({"note.md": "one\n{! empty.sh !}\ntwo", "empty.sh": "\n \n"})
        assert note.lines == ["one", "", "two"]
        assert faults(note) == [("empty.sh", None)]
        assert note.gaps == {1}

    @pytest.mark.parametrize(
        "target", ["../../etc/passwd", "/etc/passwd", "sub/../../secret.sh", "~/x", "https://x/y.sh"]
    )
    def test_no_file_outside_the_folder_is_included(self, document, tmp_path, target):
        (tmp_path / "secret.sh").write_text("secret")
        note = document({"note.md": f"a\n{{! {target} !}}\nb", "sub/x.md": ""})
        assert note.text == "a\n\nb"
        assert note.includes[0].fault in {"outside", "missing"}

    @pytest.mark.parametrize("link", ["link.sh", "folder"])
    def test_no_link_leads_out_of_the_folder(self, write, tmp_path, link):
        folder = write({"note.md": "{! link.sh !}\n{! folder/secret.sh !}"})
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "secret.sh").write_text("secret")
        (folder / link).symlink_to(tmp_path / "outside" / ("secret.sh" if link == "link.sh" else ""))
        (note,) = read_notes(folder).documents
        assert "secret" not in note.text
        assert sorted(f or "" for _, f in faults(note)) == ["missing", "outside"]

    def test_a_link_inside_the_folder_is_followed_to_the_real_file(self, write):
        folder = write({"note.md": "{! now.sh !}", "v2.sh": "ls"})
        (folder / "now.sh").symlink_to("v2.sh")
        (note,) = read_notes(folder).documents
        assert note.origins == (Origin("v2.sh", 1, via=1),)

    def test_cycles_end(self, document):
        note = document({"note.md": "x\n{! a.md !}", "a.md": "y\n{! note.md !}\n{! a.md !}\nz"})
        assert note.text == "x\ny\n\n\nz"
        assert faults(note) == [("a.md", None), ("note.md", "cycle"), ("a.md", "cycle")]

    def test_includes_go_only_so_deep(self, document):
        files = {f"{i}.md": f"{i}\n{{! {i + 1}.md !}}" for i in range(30)}
        note = document({"note.md": "{! 0.md !}", **files})
        assert faults(note)[-1] == ("16.md", "depth")
        assert note.lines == [*map(str, range(16)), ""]

    def test_includes_that_blow_up_are_stopped(self, read):
        files = {f"{i}.md": f"{{! {i + 1}.md !}}\n" * 20 for i in range(6)} | {"6.md": "x"}
        started = time.monotonic()
        notes = read(files)
        assert time.monotonic() - started < 20
        assert Skipped("0.md", "has more than 5000 includes, nested ones counted: use fewer") in notes.skipped
        assert [d.path for d in notes.documents] == ["4.md", "5.md", "6.md"]

    def test_includes_of_large_files_are_stopped(self, read):
        notes = read({"a.md": "{! big.txt !}\n" * 4, "b.md": "x", "big.txt": "x" * 5_000_000})
        assert [s.path for s in notes.skipped] == ["a.md"]
        assert "16 MB with its includes" in notes.skipped[0].reason

    @pytest.mark.parametrize("content", [bytes(100), b"x" * 8_000_001], ids=["binary", "large"])
    def test_what_is_no_text_is_not_included(self, document, content):
        note = document({"note.md": "{! a.sh !}\nb", "a.sh": content})
        assert note.text == "\nb"
        assert faults(note) == [("a.sh", "unreadable")]

    @pytest.mark.parametrize(
        "target", ["x" * 5000, "\ufffd", "a\0b", "sub", "."], ids=["long", "odd", "nul", "folder", "dot"]
    )
    def test_a_target_that_is_no_file_is_missing(self, document, target):
        note = document({"note.md": f"{{! {target} !}}", "sub/x.sh": "ls"})
        assert [fault for _, fault in faults(note)] == ["missing"]

    def test_an_include_that_may_not_be_read_is_a_fault(self, open_folder, as_reader):
        (open_folder / "note.md").write_text("{! a.sh !}")
        (open_folder / "a.sh").write_text("secret")
        (open_folder / "a.sh").chmod(0)
        with as_reader():
            notes = read_notes(open_folder)
            assert notes_revisions(open_folder, notes.revisions) == notes.revisions
        assert faults(notes.documents[0]) == [("a.sh", "unreadable")]

    @pytest.mark.parametrize("line", ["{!" + " " * 1_000_000, "{!" + "a " * 500_000 + "!x", "> " * 500_000 + "{! a !}"])
    def test_odd_long_lines_take_no_time(self, read, line):
        started = time.monotonic()
        read(line)
        assert time.monotonic() - started < 5


class TestRevisions:
    def test_a_document_has_the_hash_of_each_file_it_is_made_of(self, document):
        note = document({"note.md": "{! a.sh !}", "a.sh": "ls"})
        assert note.revision == sha256("{! a.sh !}")
        assert note.revisions == {"note.md": sha256("{! a.sh !}"), "a.sh": sha256("ls")}

    def test_nothing_changed_is_seen_whatever_the_notes_hold(self, write, tmp_path):
        folder = write(
            {
                "good.md": "{! shell/a.sh !}\n{! ./shell/a.sh !}\n{! gone.sh !}\n{! binary.sh !}\n{! large.sh !}\n",
                "sub/near.md": "{! near.sh !}\n{! gone.sh !}\n{! ../shell/a.sh !}\n{! ../../out.sh !}\n{! /etc/x !}",
                "sub/near.sh": "ls",
                "shell/a.sh": "ls",
                "binary.sh": bytes(100),
                "large.sh": b"x" * 8_000_001,
                "binary.md": bytes(100),
                "large.md": b"x" * 8_000_001,
                "long.md": "{! big.txt !}\n" * 4,
                "big.txt": "x" * 5_000_000,
                "latin.md": b"\xfc",
                "cycle.md": "{! cycle.md !}\n{! link.sh !}",
                "empty.md": "",
            }
        )
        (tmp_path / "out.sh").write_text("ls")
        (folder / "link.sh").symlink_to("shell/a.sh")
        (folder / "dangling.md").symlink_to("nowhere")
        (folder / "outside.md").symlink_to(tmp_path / "out.sh")
        os.mkfifo(folder / "pipe.md")
        notes = read_notes(folder)
        assert notes_revisions(folder, notes.revisions) == notes.revisions
        assert read_notes(folder).revisions == notes.revisions
        assert notes_revisions(folder / "good.md", known := read_notes(folder / "good.md").revisions) == known

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("note.md", "other"),
            ("new.md", "x"),
            ("shell/a.sh", "other"),
            ("gone.sh", "now there"),
            ("sub/gone.sh", "now there"),
            ("binary.md", "now text"),
            ("large.md", "now small"),
            ("binary.sh", "now text"),
        ],
    )
    def test_a_change_is_seen(self, write, name, content):
        files: dict[str, str | bytes] = {
            "note.md": "{! shell/a.sh !}\n{! binary.sh !}",
            "sub/note.md": "{! gone.sh !}",
            "shell/a.sh": "ls",
            "binary.md": bytes(100),
            "binary.sh": bytes(100),
            "large.md": b"x" * 8_000_001,
        }
        before = read_notes(write(files)).revisions
        folder = write({name: content})
        assert notes_revisions(folder, before) != before

    def test_a_file_that_no_include_means_is_no_change(self, write):
        files = {"sub/note.md": "{! found.sh !}", "found.sh": "ls"}
        before = read_notes(write(files)).revisions
        folder = write({"sub/found.sh": "the one in the notes' folder comes first", "other.sh": "ls"})
        assert notes_revisions(folder, before) == before == read_notes(folder).revisions

    def test_a_removed_note_is_seen(self, write):
        folder = write({"a.md": "x", "b.md": "y"})
        before = read_notes(folder).revisions
        (folder / "b.md").unlink()
        assert notes_revisions(folder, before) == {**before, "b.md": None}

    def test_a_link_that_points_elsewhere_is_seen(self, write):
        folder = write({"note.md": "{! now.sh !}", "v1.sh": "one", "v2.sh": "two"})
        (folder / "now.sh").symlink_to("v1.sh")
        before = read_notes(folder).revisions
        (folder / "now.sh").unlink()
        (folder / "now.sh").symlink_to("v2.sh")
        assert notes_revisions(folder, before) != before
