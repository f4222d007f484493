"""Text -> Clauses: the pieces of a sentence that say one thing, each with its words and which of them are negated.

A sentence that keeps the words of the notes can still turn them round: by a word of negation, or by giving to one
thing what the notes say of another. Both show only clause by clause.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from index.lexical import STOP_WORDS
from index.lexical import words as stems_of

_BREAK = re.compile(
    r"[.;:!?]\s+|[,()\n]|\s(?:[\u2013\u2014-]|->|=>?|/|\+)\s|\s(?=(?:and|but|while|whereas|which|who|so|because|then|or|when"
    r"|whenever|if|unless|until|not|never|without|except|even|after|before)\s)",
    re.IGNORECASE,
)
_INSTEAD_OF = re.compile(r"\b(?:instead of|rather than|as opposed to)\b", re.IGNORECASE)
_TOKEN = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*|\w[\w./:@'\u2019-]*\w|\w")
_NEGATIONS = """
not no never none nothing nobody nowhere neither nor without cannot except lacks lack refuses refuse
fails fail unable avoid avoids prevents prevent stops untouched unaffected ignored ignores cant dont doesnt isnt wont
"""
NEGATIONS = frozenset(_NEGATIONS.split())  # and whatever ends in n't
# Words that a sentence needs to be one, and that say nothing by themselves.
_LIGHT_WORDS = """
lets let simply means mean refers refer called call calls term word words note summary short case result order way ways
kind type want wants wish need needs use uses used using run runs running command commands option options flag flags
example instance following known available possible able happens happen happening gives given gets done does doing
makes making made end ends ending up take takes taken turn turns treat treats result results provide provides provided
offer offers purpose help helps useful allows allow enables enable thing things something anything everything actual
actually currently itself themselves simple certain particular specific like such via per within into onto upon
order respectively basically essentially say says said tell tells describe describes written write notes according
step steps meant mind remember recommended whole entire complete completely please here there
"""
LIGHT = frozenset(_LIGHT_WORDS.split())


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause: its plain words in order, its content (stems and names), and whether it is negated."""

    words: tuple[str, ...]
    content: frozenset[str]
    is_negated: bool


@lru_cache(maxsize=4096)
def clauses(text: str) -> tuple[Clause, ...]:
    """The clauses of a text, in order; one without content is joined to the one before it."""
    found: list[list[str]] = []
    text = _INSTEAD_OF.sub(" not ", text.replace("`", " "))
    for piece in _BREAK.split(text):
        words = plain_words(piece or "")
        if not words:
            continue
        if found and not any(map(content_of, words)):
            found[-1] += words
        else:
            found.append(words)
    return tuple(_clause(words) for words in found)


def _clause(words: list[str]) -> Clause:
    cues = sum(word in NEGATIONS or word.endswith("n't") for word in words)
    return Clause(tuple(words), frozenset(stem for word in words for stem in content_of(word)), cues % 2 == 1)


def code_clauses(code: str) -> tuple[Clause, ...]:
    """The lines of a snippet as clauses, each with the comment before it: that says what the line is for."""
    found: list[Clause] = []
    comment = ""
    for line in code.split("\n"):
        if line.lstrip().startswith("#"):
            comment = f"{comment} {line}"
        elif line.strip():
            found.append(_clause(plain_words(f"{comment} {line}")))
            comment = ""
    return tuple(found) or clauses(code)


def plain_words(text: str) -> list[str]:
    """The words, flags and numbers of a text, in small letters."""
    return [word.lower().replace("\u2019", "'") for word in _TOKEN.findall(text.replace("`", " "))]


@lru_cache(maxsize=8192)
def content_of(word: str) -> frozenset[str]:
    """The stems of one word, or the word itself where it is a flag, a letter or a number; nothing of light words."""
    if (word in STOP_WORDS and len(word) > 1) or word in LIGHT or word in {"a", "i"}:
        return frozenset()
    return frozenset(stems_of(word, compounds=False)) or frozenset({word})
