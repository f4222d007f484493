"""A line with a docker command -> whether the real CLI takes it, and what is wrong if not.

cli.json has the commands with their flags and arities, written from the real CLI by
tests/bench/docker/make_reference.py. Only the shape of a line is judged: not whether a container is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from corpus.docker.arguments import wrong_arguments
from corpus.docker.findings import Finding, Severity, nearest, placeholder, typographic, variable, wrong
from corpus.docker.flags import Reading, read_flags
from corpus.docker.placeholders import is_placeholder
from corpus.docker.words import PROMPT, Word, first_command

Status = Literal["valid", "invalid", "unknown"]

_GLOBAL_FLAGS = {"host": "H", "context": "c", "config": "", "log-level": "l"}
_GLOBAL_SWITCHES = {"debug": "D", "tls": "", "tlsverify": "", "version": "v", "help": "h"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the CLI says of a line, and what a reader should know of it.

    A valid line may have a problem too: it is taken otherwise than it was meant (`warn`), or it has something to fill
    in (`placeholder`, `variable`), or is part of a sentence (`mention`). `suggestion` is the whole line as it should
    be, where that is certain, and else the right flag.
    """

    status: Status
    severity: Severity | None = None
    problem: str | None = None
    suggestion: str | None = None


@cache
def reference() -> dict[str, Any]:
    """The table, and under `names` each command by every name that it has."""
    table: dict[str, Any] = json.loads(files("corpus.docker").joinpath("cli.json").read_text(encoding="utf-8"))
    table["names"] = {
        alias: name for name, command in table["commands"].items() for alias in (name, *command["aliases"])
    }
    return table


def version() -> str:
    """Of the CLI that the reference was made from: 28.2."""
    return ".".join(reference()["docker"].split(".")[:2])


def check(line: str, *, is_whole: bool = True) -> Verdict:
    """Judge one line that begins with `docker`; what follows a pipe, `&&`, `;` or `#` is not looked at.

    A line that is not whole, as in a sentence about `docker run -p`, may lack what would come next.
    """
    line = PROMPT.sub("", line.strip())
    words = first_command(line)
    if not words or words[0].text != "docker":
        return Verdict("unknown")
    finding = _finding(words[1:])
    if finding is None:
        return Verdict("valid")
    if finding.is_unknown:
        return Verdict("unknown")
    if finding.is_incomplete and finding.severity in {"error", "warn"}:
        part: Severity = "mention" if finding.severity == "error" else "warn"
        finding = replace(finding, severity="error" if is_whole else part)
    status: Status = "invalid" if finding.severity == "error" else "valid"
    of_version = "" if finding.severity in {"placeholder", "variable"} else f" (Docker {version()})"
    return Verdict(status, finding.severity, finding.problem + of_version, _suggestion(line, finding))


def _suggestion(line: str, finding: Finding) -> str | None:
    """The whole line with the mended words, if nothing else is wrong with it; else the mended words alone."""
    if finding.new is None or not finding.words:
        return finding.hint
    mended = line[: finding.words[0].start] + finding.new + line[finding.words[-1].end :]
    words = first_command(mended) or []
    still = _finding(words[1:]) if words else finding
    is_right = still is None or (still.severity in {"placeholder", "variable"} and not still.is_incomplete)
    return " ".join(mended.split()) if is_right else finding.hint or finding.new


def _finding(words: Sequence[Word]) -> Finding | None:
    """The gravest that is wrong with the words after `docker`; None if nothing is."""
    rest = list(words)
    while rest and rest[0].text.startswith("-") and not rest[0].is_open:
        asks_for_help, finding = _global_flag(rest)
        if finding is not None or asks_for_help:
            return finding
    if not rest:
        return None
    first = rest[0]
    table = reference()
    if first.is_open or first.is_many or first.text in (*table["plugins"], *table["hidden_commands"]):
        return Finding("", is_unknown=True)
    if is_placeholder(first.text):
        return placeholder([first])
    for length in (3, 2, 1):
        path = " ".join(word.text for word in rest[:length])
        name = table["names"].get(path)
        if name is not None and len(rest) >= length:
            return _command(Reading(path, name, table["commands"][name], rest[length:]))
    if (mark := typographic(first)) is not None:
        return mark
    groups = [path for length in (2, 1) if (path := " ".join(w.text for w in rest[:length])) in table["groups"]]
    if groups:
        return _group(groups[0], rest[groups[0].count(" ") + 1 :])
    return _no_command("docker", first, table["names"])


def _global_flag(rest: list[Word]) -> tuple[bool, Finding | None]:
    """Read one flag before the command: whether it ends the line (--version), and what is wrong with it."""
    word = rest.pop(0)
    name, equals, _ = word.text.lstrip("-").partition("=")
    known = _GLOBAL_FLAGS | _GLOBAL_SWITCHES
    if not word.text.startswith("--"):
        by_letter = {letter: flag for flag, letter in known.items() if letter}
        letter, after = name[:1], word.text[2:]
        if letter not in by_letter or (after and by_letter[letter] in _GLOBAL_SWITCHES):
            return False, wrong(f"docker has no flag {word.text} before its command", word)
        name, equals = by_letter[letter], after
    if not name:
        return False, None if word.text == "--" else Finding("", is_unknown=True)
    if name not in known:
        return False, wrong(f"docker has no flag --{name} before its command", word, nearest(name, known), "--{}")
    if name in _GLOBAL_FLAGS and not equals and rest:
        rest.pop(0)
    return name in {"version", "help"}, None


def _group(group: str, rest: Sequence[Word]) -> Finding | None:
    if not rest or any(word.text in {"--help", "-h"} or word.is_open for word in rest):
        return None
    if is_placeholder(rest[0].text):
        return placeholder([rest[0]])
    if rest[0].text.startswith("-"):
        return wrong(f"docker {group} has no flag {rest[0].text}", rest[0])
    known = [name[len(group) + 1 :] for name in reference()["names"] if name.startswith(f"{group} ")]
    return _no_command(f"docker {group}", rest[0], known)


def _no_command(above: str, word: Word, known: Iterable[str]) -> Finding:
    right = nearest(word.text, known)
    finding = wrong(f"{above} has no command {word.text}", word, right)
    return replace(finding, hint=f"{above} {right}" if right else None)


def _command(reading: Reading) -> Finding | None:
    """The gravest that is wrong with flags and arguments."""
    words = list(reading.rest)
    found = read_flags(reading) or wrong_arguments(reading)
    is_error = found is not None and not found.is_incomplete
    if is_error and (reading.warning is None or found is None or found.is_unknown):
        return found
    if reading.warning is not None:
        if is_error:  # because what the warning is about has led the reading astray
            return replace(reading.warning, severity="error")
        return replace(reading.warning, is_incomplete=found is not None)
    # Of run, exec and their like only the first argument was read.
    end = words.index(reading.arguments[0]) + 1 if reading.command["flags_first"] and reading.arguments else len(words)
    is_open = [word for word in words[:end] if word.is_open]
    blanks = sorted(reading.blanks, key=lambda word: word.start)
    told = placeholder(blanks) if blanks else variable(is_open) if is_open else None
    if told is None or found is None:
        return told or found
    return replace(told, problem=f"{told.problem}; {found.problem}", is_incomplete=True)
