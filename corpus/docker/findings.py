"""What can be wrong with a line for the Docker CLI, as the reader is told it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from corpus.docker.words import Word

Severity = Literal["error", "warn", "placeholder", "variable", "mention"]

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_SINGLE_QUOTES = "\u2018\u2019\u201a"
_DOUBLE_QUOTES = "\u201c\u201d\u201e"
_TYPOGRAPHIC = re.compile(f"^[{_DASHES}]|[{_SINGLE_QUOTES}{_DOUBLE_QUOTES}]")
_OPENING_DASH = re.compile(rf"^[{_DASHES}]+(?=(\w*))")
_HYPHEN = re.compile(r"(\$[A-Za-z_]\w*)(-[A-Za-z][\w-]*)")


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a line: mended by `new` in the place of `words`, if that is known."""

    problem: str
    severity: Severity = "error"
    words: tuple[Word, ...] = ()
    new: str | None = None
    hint: str | None = None
    is_incomplete: bool = False
    is_unknown: bool = False


def wrong(problem: str, word: Word | None = None, new: str | None = None, form: str = "{}") -> Finding:
    """An error, with the word that mends it."""
    return Finding(problem, words=(word,) if word and new else (), new=form.format(new) if new else None)


def typographic(word: Word) -> Finding | None:
    """A dash or quotation mark of a text processor, which is a letter like any other to a shell."""
    found = _TYPOGRAPHIC.search(word.text) if word.is_bare else None
    if found is None:
        return None

    def dashes(opening: re.Match[str]) -> str:
        return "-" if len(opening[1]) < 2 else "--"  # `-f`, `--force`

    plain = re.sub(f"[{_SINGLE_QUOTES}]", "'", re.sub(f"[{_DOUBLE_QUOTES}]", '"', word.text))
    return wrong(f"{found[0]} is a typographic mark, which no shell knows", word, _OPENING_DASH.sub(dashes, plain))


def placeholder(words: Sequence[Word]) -> Finding:
    """Words that stand for others."""
    names = list(dict.fromkeys(word.text for word in words))
    shown = ", ".join(names[:3])
    return Finding(f"{shown} {'stands' if len(names) == 1 else 'stand'} for what you put there", "placeholder")


def variable(words: Sequence[Word]) -> Finding:
    """Words of which the shell makes others."""
    names = ", ".join(dict.fromkeys(word.text for word in words))
    hyphen = next((m for word in words if (m := _HYPHEN.search(word.text))), None)
    also = f"; a shell reads {hyphen[1]} and then {hyphen[2]}" if hyphen else ""
    return Finding(f"the shell fills in {names}{also}", "variable")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is spelt most like this one; None if none is."""
    close = difflib.get_close_matches(word, sorted(known), 1, 0.65)
    return close[0] if close else None
