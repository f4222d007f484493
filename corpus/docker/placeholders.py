"""A word of a command -> whether it stands for something that the reader is to fill in: NAME, <image>, M."""

from __future__ import annotations

import re

_MARKED = re.compile(r"<[^<>]+>|\u2039[^\u2039\u203a]+\u203a|\.\.\.|\u2026|\[[A-Za-z][\w .|-]*\]|^\{[A-Za-z][\w -]*\}$")
_CAPITALS = re.compile(r"[A-Z][A-Z\d]*(?:[_-][A-Z\d]+)*")
_SEPARATOR = re.compile(r"[:/=@,+.|\[\]]+")
_COMPOUND = re.compile(r"[a-z]+(?:[-_][a-z]+)+")
_NOUNS = frozenset({
    "amount", "bytes", "container", "count", "cpus", "duration", "host", "limit", "max", "memory", "min", "number",
    "percentage", "period", "port", "quota", "seconds", "shares", "size", "time", "value", "weight",
})  # fmt: skip


def is_marked(text: str) -> bool:
    """Whether signs say so: angle or square brackets, three dots."""
    return bool(_MARKED.search(text))


def is_placeholder(text: str) -> bool:
    """Whether the word or a part of it is marked, or in capitals: `NAME:TAG`, `<image>`. Of `KEY=x` only `x` counts."""
    value = text.partition("=")[2] if "=" in text else text
    return is_marked(text) or any(_CAPITALS.fullmatch(part) for part in _SEPARATOR.split(value) if part)


def describes_a_value(text: str) -> bool:
    """Whether words say what to put where a number is wanted: `maximum-size`, `host-port:80`."""
    parts = [part.rstrip("?") for part in _SEPARATOR.split(text) if part]
    return is_placeholder(text) or any(
        _COMPOUND.fullmatch(part) or part in _NOUNS or part.endswith("port") for part in parts
    )
