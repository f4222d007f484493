"""Passage -> Command: the shell commands that notes show, in code spans and in code blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from corpus.passages import Passage

_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
# A `#` alone is no prompt of root here: in notes it begins a comment, often a command that is not to be run.
_PROMPT = re.compile(r"^(?:[$>]|\w+@[\w.-]+[^$#]*[$#])\s+")


def commands(passage: Passage, program: str) -> list[str]:
    """Each command line of `program` that a passage shows, in order, without prompt and comment."""
    lines = code_lines(passage.text) if passage.kind == "code" else code_spans(passage.quote)
    return list(dict.fromkeys(line for line in lines if line.split(" ", 1)[0] == program))


def code_spans(markdown: str) -> Iterator[str]:
    """The contents of the code spans of a Markdown text, white space folded."""
    for match in _CODE_SPAN.finditer(markdown):
        yield " ".join(match[2].split())


def code_lines(code: str) -> Iterator[str]:
    """The lines of a code block: continued ones joined, prompts, comments and indentation dropped."""
    joined = re.sub(r"\\\n\s*", " ", code)
    for line in joined.split("\n"):
        text = _PROMPT.sub("", line.strip())
        if text and not text.startswith("#"):
            yield " ".join(text.split(" #", 1)[0].split())
