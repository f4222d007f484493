"""The marks `[1]` in a text: where they stand, and how words of the notes are kept from acting like one.

A text is Markdown, and what it quotes is Markdown too: a `[1]`, a lone backtick or a `<!--` of the notes
must neither pass for a citation nor swallow one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

# In this order: a fenced block; an escaped character, which opens nothing; a code span within one
# paragraph; backticks that open none.
_CODE = re.compile(
    r"(?P<fenced>^[ \t]*(?P<fence>`{3,}|~{3,})[^`\n]*\n[\s\S]*?(?:^[ \t]*(?P=fence)[`~]*[ \t]*$|\Z))"
    r"|\\[\s\S]"
    r"|(?P<span>(?P<ticks>`+)(?!`)(?:(?!\n[ \t]*\n)[\s\S])*?(?<!`)(?P=ticks)(?!`))"
    r"|`+",
    re.MULTILINE,
)
_MARK = re.compile(r"\\[\s\S]|\[([0-9]{1,6})\]")
_ACTS = re.compile(r"\\[\s\S]|\[([0-9]{1,6})\]|`|<(?!https?://[^\s<>]+>)(?=[A-Za-z/!?])")
_OPENS_A_BLOCK = re.compile(r"^(?:(?=#{1,6}(?:\s|$)|>|[-+*](?:\s|$)|~~~|\[[^\]]+\]:\s*$)|([0-9]{1,9})(?=[.)](?:\s|$)))")
_MARKUP = re.compile(r"[\\*`]|(?<![^\W_])_|_(?![^\W_])|<(?=[A-Za-z/!?])|&(?=#?\w+;)|\](?=[(\[])")


def code_parts(markdown: str) -> Iterator[tuple[str, bool]]:
    """The text in parts, in order, each with whether it is code (a fenced block or a code span)."""
    end = 0
    for match in _CODE.finditer(markdown):
        if match["fenced"] is not None or match["span"] is not None:
            yield markdown[end : match.start()], False
            yield match[0], True
            end = match.end()
    yield markdown[end:], False


def marks(text: str) -> list[int]:
    """The numbers of the marks of a text, in order; what stands in code or is escaped is none."""
    outside = (part for part, is_code in code_parts(text) if not is_code)
    return [int(match[1]) for part in outside for match in _MARK.finditer(part) if match[1] is not None]


def with_marks(text: str, shown: Callable[[int], str]) -> str:
    """The text with each mark replaced by what `shown(number)` gives."""

    def replaced(match: re.Match[str]) -> str:
        return match[0] if match[1] is None else shown(int(match[1]))

    return "".join(part if is_code else _MARK.sub(replaced, part) for part, is_code in code_parts(text))


def quotable(markdown: str) -> str:
    """One line of the notes' Markdown that can stand before a mark: it reads the same, and opens nothing."""

    def harmless(match: re.Match[str]) -> str:
        if match[1] is not None:
            return f"\\[{match[1]}\\]"
        return match[0] if match[0].startswith("\\") else f"\\{match[0]}"

    parts = (part if is_code else _ACTS.sub(harmless, part) for part, is_code in code_parts(markdown))
    return _OPENS_A_BLOCK.sub(r"\1\\", "".join(parts))


def as_markdown(words: str) -> str:
    """Words without markup (a heading, a cell of a table) as Markdown that shows them as they are."""
    return quotable(_MARKUP.sub(r"\\\g<0>", words))
