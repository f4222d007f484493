"""What a terminal is sent: marks that can be clicked, and nothing of the notes that acts."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from assistant.answer import Answer, Citation, Claim, Outcome, ShownCommand, Via
from ui.rendering import OUTCOMES, as_plain, as_terminal, heading, place, printable

URL = "file:///notes/ports.md#ports"


def _citation(number: int) -> Citation:
    return Citation(number, "ports.md", ("Docker", "Ports"), (), 3, 4, "quote", "ports", URL, "0" * 64)


def _answer(text: str) -> Answer:
    claims = (Claim(text, (1,), "verbatim"),)
    return Answer("id", "q", "q", "answered", text, claims=claims, citations=(_citation(1),))


def _shown(text: str) -> str:
    out = StringIO()
    as_terminal(_answer(text), Console(file=out, force_terminal=True, width=100, color_system="truecolor"))
    return out.getvalue()


def test_a_mark_is_a_link_to_its_source() -> None:
    shown = _shown("- publish it [1]")
    assert re.search(r"\x1b\]8;[^;]*;" + re.escape(URL) + r"\x1b\\(?:\x1b\[[\d;]*m)*\[1\]", shown)
    assert "](<" not in shown


def test_a_mark_in_code_stays_code() -> None:
    before_sources = _shown("- `array[1]` is the second").split("Sources")[0]
    assert "array[1]" in re.sub(r"\x1b\[[\d;]*m", "", before_sources)
    assert URL not in before_sources


def test_no_escape_sequence_of_the_notes_gets_through() -> None:
    hostile = "- \x1b]0;owned\x07 \x1b[2J \u202eevil\u202c &#x1b;[31m [1]"
    assert "\x1b]0;" not in _shown(hostile)
    assert "\x1b[2J" not in _shown(hostile)
    assert "\x1b[31m" not in _shown(hostile)
    assert "\u202e" not in _shown(hostile)
    assert "\x1b" not in as_plain(_answer(hostile))


def test_a_file_link_of_the_notes_is_no_link() -> None:
    assert "file:///etc/passwd" not in re.findall(r"\x1b\]8;[^;]*;([^\x1b]*)", _shown("- [x](file:///etc/passwd) [1]"))


def test_plain_output_lists_the_sources_with_their_lines() -> None:
    assert as_plain(_answer("- publish it [1]")) == "- publish it [1]\n\nSources:\n[1] Docker > Ports, ports.md:3-4"


def test_a_wrong_command_is_warned_of_below_the_text() -> None:
    line = "docker run --ti debian"
    commands = (
        ShownCommand(line, "invalid", "docker run has no flag --ti", "docker run -ti debian", "error"),
        ShownCommand("docker logs NAME", "in_notes", "NAME stands for what you put there", None, "placeholder"),
    )
    answer = replace(_answer(f"- `{line}` [1]"), commands=commands)
    remark = f"{line}: docker run has no flag --ti. Better: docker run -ti debian"
    assert as_plain(answer).startswith(f"- `{line}` [1]\n\n{remark}\n\nSources:")
    out = StringIO()
    as_terminal(answer, Console(file=out, width=100))
    assert remark in out.getvalue()
    assert "NAME stands" not in as_plain(answer) + out.getvalue()


def test_the_nearest_are_named_when_the_notes_do_not_say() -> None:
    answer = Answer("id", "q", "q", "not_covered", "The notes do not say.", nearest=(_citation(1),))
    assert "The nearest that is written:\n- Docker > Ports, ports.md:3-4" in as_plain(answer)


def test_a_place_is_one_line_or_a_span() -> None:
    assert place(_citation(1)) == "ports.md:3-4"


def _words(shown: str) -> str:
    """What a terminal shows, without colours and links, spaces folded."""
    return " ".join(re.sub(r"\x1b\[[\d;]*m|\x1b\][^\x1b]*\x1b\\", "", shown).split())


def test_each_source_is_a_link() -> None:
    sources = _shown("- publish it [1]").split("Sources")[1]
    assert f";{URL}\x1b\\" in sources
    assert _words(sources) == "[1] Docker > Ports ports.md:3-4"


def test_html_of_the_notes_is_shown_as_text() -> None:
    assert "run <image> and <b>this</b>" in _words(_shown("- run \\<image> and \\<b>this\\</b> [1]"))


def test_a_code_block_keeps_its_lines_and_brackets() -> None:
    shown = _shown("```sh\ndocker ps\n  echo ${a[1]}\n```\n\n[1]").split("Sources")[0]
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m|\x1b\][^\x1b]*\x1b\\", "", shown).split("\n")]
    assert [line.strip() for line in lines if line][:3] == ["docker ps", "echo ${a[1]}", "[1]"]
    assert "```" not in shown


def test_what_markdown_spells_does_not_act() -> None:
    shown = _shown("- &#x202e;exe.gnp&#x1b;]0;x&#7; [1]")
    assert "\u202e" not in shown
    assert "\x07" not in shown
    assert "\x1b]0" not in shown


def test_a_long_heading_shows_its_beginning() -> None:
    citation = replace(_citation(1), heading=("x" * 10_000, "a\nb"))
    assert heading(citation) == "x" * 79 + "\u2026 > a b"


def test_without_a_heading_the_file_is_named() -> None:
    assert heading(replace(_citation(1), heading=())) == "ports.md"


def test_the_including_line_is_named() -> None:
    assert place(replace(_citation(1), end_line=3, via=Via("note.md", 9, 9))) == "ports.md:3 (included by note.md:9)"


def test_a_name_with_a_line_end_adds_no_line() -> None:
    hostile = replace(_citation(1), document="a\nb\x1b[2J.md", heading=("c\r\nd",))
    shown = as_plain(replace(_answer("x [1]"), citations=(hostile,)))
    assert shown.split("\n")[-1] == "[1] c d, a b[2J.md:3-4"


@pytest.mark.parametrize("outcome", ["partial", "unfinished", "not_covered", "refused"])
def test_a_terminal_is_told_first_that_it_is_no_full_answer(outcome: Outcome) -> None:
    out = StringIO()
    as_terminal(replace(_answer("text [1]"), outcome=outcome), Console(file=out, width=100))
    assert out.getvalue().startswith(OUTCOMES[outcome])


def test_printable_keeps_text_of_any_language_and_drops_what_acts() -> None:
    assert printable("a\tb\n\xfc \u65e5 \N{PARTY POPPER}") == "a\tb\n\xfc \u65e5 \N{PARTY POPPER}"
    assert printable("a\r\x1b\x9b\u200f\u2066\ud800\ue000b") == "ab"


@pytest.mark.real
@pytest.mark.parametrize(
    ("settings", "is_rich"), [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"NO_COLOR": "1"}, False)]
)
def test_colour_and_links_are_for_terminals_that_want_them(
    notes: Path, environment: dict[str, str], settings: dict[str, str], is_rich: bool
) -> None:
    shown = _on_a_terminal(
        ["--notes", str(notes), "how do I publish a port?"], {**environment, "TERM": "xterm", **settings}
    )
    assert "8080:80" in shown
    assert ("\x1b]8;" in shown) is is_rich
    assert ("\x1b" in shown) is is_rich


def _on_a_terminal(words: list[str], environment: dict[str, str]) -> str:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from ui.cli import main; main()", *words]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, env=environment) as started:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # how the end of a terminal reads
            while chunk := os.read(ours, 65_536):
                shown += chunk
        assert started.wait(60) == 0
    os.close(ours)
    return shown.decode()
