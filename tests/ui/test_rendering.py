"""What a terminal is sent: marks that can be clicked, and nothing of the notes that acts."""

from __future__ import annotations

import re
from io import StringIO

from rich.console import Console

from assistant.answer import Answer, Citation, Claim
from ui.rendering import as_plain, as_terminal, place

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


def test_the_nearest_are_named_when_the_notes_do_not_say() -> None:
    answer = Answer("id", "q", "q", "not_covered", "The notes do not say.", nearest=(_citation(1),))
    assert "The nearest that is written:\n- Docker > Ports, ports.md:3-4" in as_plain(answer)


def test_a_place_is_one_line_or_a_span() -> None:
    assert place(_citation(1)) == "ports.md:3-4"
