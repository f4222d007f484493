"""The Go templates that `--format` may have: a small part of the language, in which nothing can run long or wide.

With all of it, `{{pad .ID 900000000 900000000}}` takes gigabytes, and nested ranges burn a minute of processor time and
do not heed SIGTERM. So: fields, variables, small integers, short plain strings, pipes, comparisons and the words below.
"""

from __future__ import annotations

import re

from assistant.docker.refusal import DockerRefused

MAX_TEMPLATE = 300  # characters
MAX_RANGES = 3
_WORDS = frozenset(
    "range end if else with json index len lower upper title join split eq ne and or not".split()  # noqa: SIM905
)
_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""\s+
    | (?P<string>"[A-Za-z0-9_ ./:@,=+\-]{0,64}")
    | (?P<field>\$?(?:\.[A-Za-z_][A-Za-z0-9_]*)+ | \.(?![A-Za-z0-9_.]))
    | (?P<variable>\$[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)* | \$(?![A-Za-z_]))
    | (?P<number>[0-9]{1,2}(?![A-Za-z0-9_.]))
    | (?P<word>[a-z]+(?![A-Za-z0-9_]))
    | (?P<mark>:=|[|(),])
    """,
    re.VERBOSE,
)
_TEXT = re.compile(r"[ -z|~]*")  # what stands between actions: printable, no brace


def check_format(value: str) -> None:
    """Let a value of `--format` through, or raise DockerRefused."""
    if value in {"json", "table", "raw"}:
        return
    if not value or len(value) > MAX_TEMPLATE:
        raise DockerRefused("format", f"a format has 1 to {MAX_TEMPLATE} characters")
    between, ranges, depth, end = [], 0, 0, 0
    for action in _ACTION.finditer(value):
        between.append(value[end : action.start()])
        end = action.end()
        words = _check_action(action[1])
        ranges += words.count("range")
        if "else" not in words:
            depth += sum(word in {"range", "if", "with"} for word in words) - words.count("end")
    between.append(value[end:])
    if not all(_TEXT.fullmatch(text) for text in between):
        raise DockerRefused("format", "the format has a brace or a character that is not taken between its {{ }}")
    if len(between) == 1:
        raise DockerRefused("format", "a format is json, table, raw or a template with {{ }}")
    if ranges > MAX_RANGES:
        raise DockerRefused("format", f"a format may have {MAX_RANGES} ranges at most")
    if depth != 0:
        raise DockerRefused("format", "a range, if or with in the format has no end")


def _check_action(action: str) -> list[str]:
    """The words of one `{{ }}`, all of which are on the list."""
    inner = action.strip("- ") if action.startswith("- ") or action.endswith(" -") else action
    words: list[str] = []
    place = 0
    while place < len(inner):
        token = _TOKEN.match(inner, place)
        if token is None:
            raise DockerRefused("format", f"the format has {inner[place : place + 12]!r}, which is not taken here")
        word = token["word"]
        if word is not None and word not in _WORDS:
            raise DockerRefused("format", f"the format has {word!r}, which is not taken here")
        if word is not None:
            words.append(word)
        place = token.end()
    if not inner.strip():
        raise DockerRefused("format", "the format has an empty {{ }}")
    return words
