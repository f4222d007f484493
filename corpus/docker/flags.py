"""The words after a docker command -> its flags and arguments, read as the CLI does (pflag), and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from corpus.docker.findings import Finding, nearest, typographic, wrong
from corpus.docker.placeholders import describes_a_value, is_marked, is_placeholder
from corpus.docker.values import is_typed, wanted
from corpus.docker.words import Word

_BUILD = "builder build"  # buildx, which most installations have, has more flags than the built-in builder
_HELP = {"help": ["", ""]}
# Flags whose values are often in capitals.
_CAPITALS = frozenset({
    "build-arg", "cap-add", "cap-drop", "change", "device-cgroup-rule", "env", "env-add", "format", "label", "log-opt",
    "message", "opt", "signal", "stop-signal", "sysctl",
})  # fmt: skip


@dataclass(slots=True)
class Reading:
    """A command whose words are read: by `path` it was called, `name` it has in the reference."""

    path: str
    name: str
    command: dict[str, Any]
    rest: list[Word]
    arguments: list[Word] = field(default_factory=list)
    blanks: list[Word] = field(default_factory=list)  # placeholders
    ports: list[Word] = field(default_factory=list)  # values of -p
    warning: Finding | None = None
    asks_for_help: bool = False


def read_flags(reading: Reading) -> Finding | None:
    """Take the words one by one, until something is wrong."""
    while reading.rest:
        word = reading.rest.pop(0)
        if (mark := typographic(word)) is not None:
            return mark
        if word.text == "--":
            reading.arguments += reading.rest
            break
        if not word.text.startswith("-") or word.text == "-":
            reading.arguments.append(word)
            if reading.command["flags_first"]:
                reading.arguments += reading.rest
                break
            continue
        finding = (_long if word.text.startswith("--") else _short)(reading, word)
        if finding is not None:
            return finding
    return None


def _long(reading: Reading, word: Word) -> Finding | None:
    flag, equals, value = word.text[2:].partition("=")
    flags = reading.command["flags"] | _HELP
    if word.is_open and "$" in flag:
        return None
    if is_marked(flag) or (is_placeholder(flag) and flag.isupper()):
        reading.blanks.append(word)
        return None
    if flag not in flags:
        letters = {short for short, _ in flags.values()}
        problem = f"docker {reading.path} has no flag --{flag}"
        if 1 < len(flag) <= 4 and set(flag) <= letters:
            finding = wrong(problem, word, flag, "-{}" + equals + value)
            return _or_unknown(reading, replace(finding, hint=f"-{flag}"))
        right = nearest(flag, set(flags) - set(reading.command["hidden"]))
        finding = wrong(problem, word, right, "--{}" + equals + value)
        return _or_unknown(reading, replace(finding, hint=f"--{right}" if right else None))
    if flag in reading.command["hidden"]:
        today = reading.command["hidden"][flag]
        said = f"--{flag} is an old spelling that docker {reading.path} still takes"
        finding = Finding(said, "warn", (word,), f"--{today}{equals}{value}") if today else Finding(said, "warn")
        reading.warning = reading.warning or replace(finding, hint=f"--{today}" if today else None)
    return _value(reading, word, f"--{flag}", flag, value if equals else None)


def _short(reading: Reading, word: Word) -> Finding | None:
    """A cluster of one-letter flags; the first that takes a value takes what is left of it."""
    flags = reading.command["flags"] | _HELP
    letters = word.text[1:]
    if word.is_open and letters.startswith("$"):
        return None
    by_letter = {short: (flag, kind) for flag, (short, kind) in flags.items() if short}
    by_letter.setdefault("h", ("help", ""))
    long = letters.partition("=")[0]
    meant = Finding(f"docker {reading.path} has no flag {word.text}", words=(word,))
    if len(long) > 2 and long in flags:
        right = f"--{letters}"
        problem = f"a long flag has two dashes: --{long}, not -{long}"
        meant = replace(meant, problem=problem, new=right, hint=f"--{long}")
        if letters[0] in by_letter:
            takes = f"-{letters[0]} {letters[1:]}" if by_letter[letters[0]][1] else " ".join(f"-{c}" for c in letters)
            said = f"-{long} means {takes} to docker {reading.path}"
            reading.warning = reading.warning or replace(meant, severity="warn", problem=said)
    for place, letter in enumerate(letters):
        if letter not in by_letter:
            return _or_unknown(reading, meant)
        flag, kind = by_letter[letter]
        after = letters[place + 1 :]
        if after.startswith("=") and len(after) > 1:
            return _value(reading, word, f"-{letter}", flag, after[1:])
        if not kind:
            _value(reading, word, f"-{letter}", flag, None)
        elif after and long in flags and (form := wanted(reading.name, flag, kind, after)) is not None:
            return replace(meant, problem=f"{meant.problem}: -{letter} takes {form}, not {after}")
        else:
            return _value(reading, word, f"-{letter}", flag, after or None)
    return None


def _or_unknown(reading: Reading, finding: Finding) -> Finding:
    return replace(finding, is_unknown=True) if reading.name == _BUILD else finding


def _value(reading: Reading, word: Word, shown: str, flag: str, value: str | None) -> Finding | None:
    """Judge the value of a flag: what is joined to it, or else the next word. A bool takes one with `=` only."""
    kind = (reading.command["flags"] | _HELP)[flag][1]
    if value is None and not kind:
        reading.asks_for_help = reading.asks_for_help or flag == "help"
        return None
    if value is None:
        if not reading.rest:
            return Finding(f"{shown} of docker {reading.path} needs a value", is_incomplete=True)
        word = reading.rest.pop(0)
        value = word.text
        if (mark := typographic(word)) is not None:
            return mark
    if flag == "publish":
        reading.ports.append(word)
    if word.is_open:
        return None
    typed = is_typed(reading.name, flag, kind)
    if (describes_a_value(value) if typed else is_placeholder(value)) and flag not in _CAPITALS:
        form = wanted(reading.name, flag, kind, value)
        if form is not None or is_placeholder(value):
            reading.blanks.append(word)
        return None
    form = wanted(reading.name, flag, kind, value)
    return None if form is None else wrong(f"{shown} of docker {reading.path} takes {form}, not {value or repr('')}")
