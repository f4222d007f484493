"""Passage -> Command: the shell commands that notes show, in code spans and in code blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from corpus.docker.words import PROMPT
from corpus.passages import Passage

_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)


def commands(passage: Passage, program: str) -> list[str]:
    """Each command line of `program` that a passage shows, in order, without prompt and comment."""
    spans = (PROMPT.sub("", span) for span in code_spans(passage.quote))
    lines = code_lines(passage.text) if passage.kind == "code" else spans
    return list(dict.fromkeys(line for line in lines if line.split(" ", 1)[0] == program))


def code_spans(markdown: str) -> Iterator[str]:
    """The contents of the code spans of a Markdown text, white space folded."""
    for match in _CODE_SPAN.finditer(markdown):
        yield " ".join(match[2].split())


def code_lines(code: str) -> Iterator[str]:
    """The lines of a code block: continued ones joined, prompts, comments and indentation dropped."""
    joined = re.sub(r"\\\n\s*", " ", code)
    for line in joined.split("\n"):
        text = PROMPT.sub("", line.strip())
        if text and not text.startswith("#"):
            yield " ".join(text.split(" #", 1)[0].split())
