"""A line with a docker command -> whether the real CLI takes it, and what is wrong if not.

docker_cli.json has the commands with their flags and arities, written from the real CLI by
tests/bench/docker/make_reference.py. Only the shape of a line is judged: not whether a container is there.
"""

from __future__ import annotations

import difflib
import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Status = Literal["valid", "invalid", "unknown"]

_OPERATORS = frozenset({"|", "||", "&", "&&", ";", ">", ">>", "<", "<<", "2>", "2>&1"})
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_TYPOGRAPHIC = re.compile(f"[{_DASHES}\u2018\u2019\u201c\u201d]")
_SUBSTITUTION = re.compile(r"\$\([^()]*\)|`[^`]*`")
# What stands for something that the reader fills in, or that the shell does: nothing can be said of it.
_PLACEHOLDER = re.compile(r"[$`<>{}*?\u2039\u203a\u2026]|\.\.\.|^[A-Z][A-Z\d_/:.=-]*$|[A-Z]{2,}")
_GLOBAL_FLAGS = {"H": True, "host": True, "c": True, "context": True, "config": True, "l": True, "log-level": True,
                 "D": False, "debug": False, "tls": False, "tlsverify": False}  # fmt: skip
_WHOLE_NUMBER = re.compile(r"[+-]?\d+")
_SIZE = re.compile(r"\d+(?:\.\d+)?\s?[bkmgtp]?i?b?", re.IGNORECASE)
_DURATION = re.compile(r"0|(?:\d+(?:\.\d+)?(?:ns|us|\u00b5s|ms|s|m|h))+")
_FORMS = {
    "int": (_WHOLE_NUMBER, "a whole number"),
    "int64": (_WHOLE_NUMBER, "a whole number"),
    "uint": (_WHOLE_NUMBER, "a whole number"),
    "uint16": (_WHOLE_NUMBER, "a whole number"),
    "uint64": (_WHOLE_NUMBER, "a whole number"),
    "bytes": (_SIZE, "a size such as 512m"),
    "duration": (_DURATION, "a time such as 30s"),
    "decimal": (re.compile(r"\d+(?:\.\d+)?"), "a number"),
}
_PROTOCOLS = frozenset({"tcp", "udp", "sctp"})
_TAKE_AN_IMAGE = frozenset({"run", "create"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the CLI says of a line. A valid one may have a problem too: it is taken otherwise than it was meant.

    `suggestion` is the right spelling, where one is known; `is_incomplete` if all that is wrong is that the line ends.
    """

    status: Status
    problem: str | None = None
    suggestion: str | None = None
    is_incomplete: bool = False


@cache
def reference() -> dict[str, Any]:
    """The table, and under `names` each command by every name that it has."""
    table: dict[str, Any] = json.loads(files("corpus").joinpath("docker_cli.json").read_text(encoding="utf-8"))
    table["names"] = {
        alias: name for name, command in table["commands"].items() for alias in (name, *command["aliases"])
    }
    return table


def check(line: str, *, is_whole: bool = True) -> Verdict:
    """Judge one line that begins with `docker`; what follows a pipe, `&&` or `;` is not looked at.

    A line that is not whole, as in a sentence about `docker run -p`, may lack what would come next.
    """
    if match := _TYPOGRAPHIC.search(line):
        plain = _TYPOGRAPHIC.sub(lambda mark: "-" if mark[0] in _DASHES else "'", line)
        return Verdict("invalid", f"{match[0]!r} is a typographic mark that no shell knows", plain)
    words = _words(_SUBSTITUTION.sub("$X", line))
    if words is None or not words or words[0] != "docker":
        return Verdict("unknown")
    verdict = _check(words[1:])
    if verdict.is_incomplete and (not is_whole or any(map(_PLACEHOLDER.search, words))):
        return Verdict("valid")
    return verdict


def _words(line: str) -> list[str] | None:
    """The words of the first command of a line; None if a quote is not closed."""
    scanner = shlex.shlex(line, posix=True, punctuation_chars="|&;")
    scanner.whitespace_split = True
    scanner.commenters = ""
    try:
        words = list(scanner)
    except ValueError:
        return None
    end = next((n for n, word in enumerate(words) if word in _OPERATORS or set(word) <= set("|&;<>")), len(words))
    return words[:end]


def _check(words: Sequence[str]) -> Verdict:
    rest = list(words)
    while rest and rest[0].startswith("-"):
        name, is_joined = rest[0].lstrip("-").partition("=")[::2]
        if name in {"version", "v", "help", "h"}:
            return Verdict("valid")
        if name not in _GLOBAL_FLAGS:
            return _wrong(f"docker has no flag {rest[0]} before its command")
        del rest[: 2 if _GLOBAL_FLAGS[name] and not is_joined else 1]
    table = reference()
    if not rest:
        return Verdict("valid")
    if rest[0] in table["plugins"] or _PLACEHOLDER.search(rest[0]):
        return Verdict("unknown")
    for length in (3, 2, 1):
        name = table["names"].get(" ".join(rest[:length]))
        if name is not None and len(rest) >= length:
            return _check_command(" ".join(rest[:length]), table["commands"][name], name, rest[length:])
    if rest[0] in table["groups"]:
        return _check_group(rest)
    return _wrong(f"docker has no command {rest[0]}", _nearest(rest[0], table["names"]), "docker {}")


def _check_group(rest: Sequence[str]) -> Verdict:
    if len(rest) == 1 or rest[1] in {"--help", "-h"} or _PLACEHOLDER.search(rest[1]):
        return Verdict("valid")
    known = [name.split(" ", 1)[1] for name in reference()["names"] if name.startswith(f"{rest[0]} ")]
    return _wrong(f"docker {rest[0]} has no command {rest[1]}", _nearest(rest[1], known), f"docker {rest[0]} {{}}")


def _check_command(path: str, command: dict[str, Any], name: str, words: Sequence[str]) -> Verdict:
    """Read flags and arguments as the CLI does (pflag)."""
    arguments: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            arguments += rest
            break
        if not word.startswith("-") or word == "-":
            arguments.append(word)
            if command["flags_first"]:
                arguments += rest
                break
            continue
        if word in {"--help", "-h"}:
            return Verdict("valid")
        judge = _check_long if word.startswith("--") else _check_short
        problem = judge(path, command, word, rest)
        if problem is not None:
            return problem
    return _check_arguments(path, command, name, arguments, is_mention=not words)


def _check_long(path: str, command: dict[str, Any], word: str, rest: list[str]) -> Verdict | None:
    flag, equals, value = word[2:].partition("=")
    if _PLACEHOLDER.search(flag):
        return None
    if flag not in command["flags"]:
        letters = {short for short, _ in command["flags"].values()}
        if 1 < len(flag) <= 4 and set(flag) <= letters:
            return _wrong(f"docker {path} has no flag --{flag}", flag, "-{}")
        return _wrong(f"docker {path} has no flag --{flag}", _nearest(flag, command["flags"]), "--{}")
    return _check_value(path, f"--{flag}", command["flags"][flag][1], value if equals else None, rest)


def _check_short(path: str, command: dict[str, Any], word: str, rest: list[str]) -> Verdict | None:
    """A cluster of one-letter flags; the first that takes a value takes what is left of it."""
    if _PLACEHOLDER.search(word) and "$" in word:
        return None
    kinds = {short: kind for short, kind in command["flags"].values() if short}
    letters = word[1:]
    long = letters.partition("=")[0]
    if len(long) > 2 and long in command["flags"] and letters[0] in kinds:
        takes = f"-{letters[0]} {letters[1:]}" if kinds[letters[0]] else " ".join(f"-{each}" for each in letters)
        return Verdict("valid", f"{word} means {takes} to docker {path}", f"--{long}")
    for place, letter in enumerate(letters):
        if letter not in kinds:
            if long in command["flags"]:
                return _wrong(f"docker {path} has no flag -{letter}", long, "--{}")
            return _wrong(f"docker {path} has no flag -{letter}")
        if kinds[letter]:
            after = letters[place + 1 :].removeprefix("=")
            return _check_value(path, f"-{letter}", kinds[letter], after or None, rest)
    return None


def _check_value(path: str, flag: str, kind: str, value: str | None, rest: list[str]) -> Verdict | None:
    if not kind:  # a bool takes its value with = only
        is_bool = value is None or value.lower() in {"true", "false", "1", "0", "t", "f"}
        return None if is_bool else _wrong(f"{flag} of docker {path} takes no value")
    if value is None:
        if not rest:
            return _incomplete(f"{flag} of docker {path} needs a value")
        value = rest.pop(0)
    form = _FORMS.get(kind)
    if form is not None and not form[0].fullmatch(value) and not _PLACEHOLDER.search(value):
        return _wrong(f"{flag} of docker {path} takes {form[1]}, not {value}")
    return None


def _check_arguments(
    path: str, command: dict[str, Any], name: str, arguments: Sequence[str], *, is_mention: bool
) -> Verdict:
    if is_mention or any("$" in word or "`" in word for word in arguments):
        return Verdict("valid")  # a name in a sentence; or the shell makes any number of words of it
    least, most = command["arguments"]
    if name in _TAKE_AN_IMAGE and arguments and arguments[0].lower() in _PROTOCOLS:
        protocol = arguments[0].lower()
        return _wrong(
            f"{arguments[0]} would be the image; a protocol is part of the port", f"-p PORT:PORT/{protocol} IMAGE"
        )
    if len(arguments) < least:
        wanted = "an argument" if least == 1 else f"{least} arguments"
        return _incomplete(f"docker {path} needs {'at least ' if most != least else ''}{wanted}")
    if most is not None and len(arguments) > most:
        takes = "no arguments" if most == 0 else "one argument" if most == 1 else f"{most} arguments"
        return _wrong(f"docker {path} takes {takes} at most: {arguments[most]} is too many")
    return Verdict("valid")


def _incomplete(problem: str) -> Verdict:
    return replace(_wrong(problem), is_incomplete=True)


def _nearest(word: str, known: Sequence[str] | dict[str, Any]) -> str | None:
    close = difflib.get_close_matches(word, list(known), 1, 0.6)
    return close[0] if close else None


def _wrong(problem: str, suggestion: str | None = None, form: str = "{}") -> Verdict:
    version = ".".join(reference()["docker"].split(".")[:2])
    return Verdict("invalid", f"{problem} (Docker {version})", form.format(suggestion) if suggestion else None)
