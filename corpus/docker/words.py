"""A line of shell -> the words of its first command, as far as they can be known without running it."""

from __future__ import annotations

import re
from dataclasses import dataclass

# A `#` alone is no prompt of root here: in notes it begins a comment, often a command that is not to be run.
PROMPT = re.compile(r"^(?:[$>]|\w+@[\w.-]+[^$#]*[$#])\s+")
_SUBSTITUTION = re.compile(r"\$\((?:[^()]|\([^()]*\))*\)|`[^`]*`|\$\{[^}]*\}|\$\w+|\$[@*#?$!-]")
BLANK = re.compile(r"<[A-Za-z][\w .:/|-]*>")  # `<name>`, which a shell would read as a redirection
_REDIRECTION = re.compile(r"[<>]{1,3}[&|]?")
_IN_DOUBLE_QUOTES = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Word:
    """One word without its quotes, and where it stands in the line.

    `is_open`: a variable or a command puts in a part of it. `is_many`: it may be no word or several, as `$files` or
    `*.txt` may. `is_bare`: nothing of it stands in quotes.
    """

    text: str
    start: int
    end: int
    is_open: bool = False
    is_many: bool = False
    is_bare: bool = True


def first_command(line: str) -> list[Word] | None:
    """The words up to a pipe, `&&`, `;` or a comment, without redirections; None if a quote is not closed."""
    words: list[Word] = []
    place = 0
    skips = False  # the next word is the file of a redirection
    while place < len(line):
        if line[place].isspace():
            place += 1
        elif line[place] in "|&;()#":
            break
        elif line[place] in "<>" and not BLANK.match(line, place):
            place = _end(_REDIRECTION, line, place)
            skips = True
        else:
            word = _word(line, place)
            if word is None:
                return None
            place = word.end
            is_number_of_stream = word.text.isdigit() and line[place : place + 1] in {"<", ">"}
            if not skips and not is_number_of_stream:
                words.append(word)
            skips = False
    return words


def _word(line: str, start: int) -> Word | None:
    text = ""
    place = start
    is_open = is_many = False
    is_bare = True
    while place < len(line) and not line[place].isspace() and line[place] not in "|&;()":
        character = line[place]
        substitution = _SUBSTITUTION.match(line, place)
        blank = BLANK.match(line, place)
        if substitution:
            text, place = text + substitution[0], substitution.end()
            is_open = is_many = True
        elif blank:
            text, place = text + blank[0], blank.end()
        elif character in "<>":
            break
        elif character == "'":
            end = line.find("'", place + 1)
            if end < 0:
                return None
            text, place, is_bare = text + line[place + 1 : end], end + 1, False
        elif character == '"':
            quoted = _IN_DOUBLE_QUOTES.match(line, place)
            if not quoted:
                return None
            is_open = is_open or bool(_SUBSTITUTION.search(quoted[1]))
            text, place, is_bare = text + re.sub(r'\\([\\"$`])', r"\1", quoted[1]), quoted.end(), False
        elif character == "\\":
            text, place, is_bare = text + line[place + 1 : place + 2], place + 2, False
        else:
            is_many = is_many or character in "*?"
            text, place = text + character, place + 1
    return Word(text, start, min(place, len(line)), is_open, is_many, is_bare)


def _end(pattern: re.Pattern[str], line: str, place: int) -> int:
    found = pattern.match(line, place)
    return found.end() if found else place + 1
