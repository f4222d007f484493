"""Words -> Plan: a docker command read as the CLI reads it (pflag), held against the policy, and written anew.

What runs are never the words that came in: each flag is known, each value matches its grammar, and the command is put
together from those.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.docker.policy import GRAMMARS, Command, Flag, Tier, allowed, check_value, has_help, why_refused
from assistant.docker.refusal import DockerRefused
from assistant.docker.words import MAX_LINE, MAX_WORDS, split

MAX_REPEATED = 5
_LOWEST_FALSE = frozenset({"0", "f", "false"})
_GLOBAL_FLAG = re.compile(
    r"-(?:[DHcl].*|-(?:config|context|debug|host|log-level|tls|tlscacert|tlscert|tlskey|tlsverify)(?:=.*)?)"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A command that may run: `argv` as it is run, behind `docker`; `seconds` is its time limit."""

    argv: tuple[str, ...]
    tier: Tier
    seconds: float
    names: tuple[str, ...] = ()

    @property
    def command(self) -> tuple[str, ...]:
        """The words of the command, without flags and names."""
        words = self.argv[1:]
        return words[: next((n for n, word in enumerate(words) if word.startswith("-")), len(words))]


def plan_line(line: str) -> Plan:
    """The plan of a line as a person types it. Raises DockerRefused."""
    return plan_words(split(line))


def plan_text(text: str) -> Plan:
    """The plan of a line, or of a JSON list of words if it begins with `[`. Raises DockerRefused."""
    if not text.startswith("["):
        return plan_line(text)
    try:
        words = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DockerRefused("json", "this is no JSON list of words") from error
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise DockerRefused("json", "this is no JSON list of words")
    return plan_words(words)


def plan_words(words: Sequence[str]) -> Plan:
    """The plan of a command that is in words already. Raises DockerRefused."""
    if not all(isinstance(word, str) for word in words):
        raise DockerRefused("json", "the words of a command are text")
    if len(words) > MAX_WORDS or sum(map(len, words)) > MAX_LINE:
        raise DockerRefused("length", f"at most {MAX_WORDS} words with {MAX_LINE} characters are read")
    if any(not " " <= character <= "~" for word in words for character in word):
        raise DockerRefused("characters", "only plain printable characters are read")
    if list(words[:1]) != ["docker"]:
        raise DockerRefused("program", "a command begins with the word docker")
    rest = list(words[1:])
    if not rest:
        raise DockerRefused("command", "which docker command?", "docker ps")
    if rest in (["--version"], ["-v"]):
        return Plan(("docker", "--version"), "list", 5)
    if rest[0].startswith("-"):
        raise DockerRefused("global flag", _about_global(rest[0]))
    helped = rest[1:] if rest[0] == "help" else rest[:-1] if rest[-1] == "--help" else None
    if helped is not None and len(helped) <= 3 and has_help(tuple(helped)):
        return Plan(("docker", *helped, "--help"), "list", 5)
    for length in (2, 1):
        command = allowed().get(tuple(rest[:length]))
        if command is not None:
            return _Reading(command).of(rest[length:])
    raise why_refused(tuple(rest))


def _about_global(word: str) -> str:
    if _GLOBAL_FLAG.fullmatch(word):
        return f"{word} chooses another engine or other settings: only the engine of this machine is asked, as it is"
    return f"{word} stands before the command, where no flag is taken"


class _Reading:
    """One command while its words are read."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.long = {flag.long: flag for flag in command.flags}
        self.short = {flag.short: flag for flag in command.flags if flag.short}
        self.given: dict[str, list[str]] = {}
        self.arguments: list[str] = []
        self.last: Sequence[str] = ()  # the last word, if there is one: most often a name

    def of(self, words: Sequence[str]) -> Plan:
        rest = list(words)
        self.last = words[-1:]
        while rest:
            word = rest.pop(0)
            if word == "--":
                self.arguments += rest
                break
            if word.startswith("--"):
                self._read_long(word, rest)
            elif word.startswith("-") and word != "-":
                self._read_short(word, rest)
            else:
                self.arguments.append(word)
                if self.command.takes_ps_options:  # the words after the name are those of ps
                    self.arguments += rest
                    break
        return self._plan()

    def _read_long(self, word: str, rest: list[str]) -> None:
        name, equals, value = word[2:].partition("=")
        if _GLOBAL_FLAG.fullmatch(word):
            raise DockerRefused("global flag", _about_global(word))
        flag = self.long.get(name)
        if flag is None:
            raise self._unknown(f"--{name}")
        if flag.value is None:
            self._add(flag, value if equals else "true")
        else:
            self._add(flag, value if equals else self._next(f"--{name}", rest))

    def _read_short(self, word: str, rest: list[str]) -> None:
        letters = word[1:]
        bare = letters.partition("=")[0]
        if len(bare) > 1 and bare in self.long:
            spelt = " ".join(f"-{letter}" for letter in bare)
            raise DockerRefused("flag", f"{word} means {spelt}", f"{self.command.name} --{letters}")
        while letters:
            flag = self.short.get(letters[0])
            if flag is None:
                raise self._unknown(f"-{letters[0]}")
            name, letters = letters[0], letters[1:]
            if flag.value is None:
                value, letters = (letters[1:], "") if letters.startswith("=") else ("true", letters)
                self._add(flag, value)
            else:
                self._add(flag, letters.removeprefix("=") if letters else self._next(f"-{name}", rest))
                return

    def _next(self, name: str, rest: list[str]) -> str:
        if not rest:
            raise DockerRefused("value", f"{name} needs a value")
        return rest.pop(0)

    def _add(self, flag: Flag, value: str) -> None:
        flag.check(value)
        before = self.given.setdefault(flag.long, [])
        before.append(value)
        # The CLI takes the last of several, so one that is checked could be undone by one after it.
        if len(before) > (MAX_REPEATED if flag.repeatable else 1):
            most = f"{MAX_REPEATED} times" if flag.repeatable else "once"
            raise DockerRefused("repeated", f"--{flag.long} may be given {most}")
        if flag.value is None and (flag.long, None) in self.command.forced and value.lower() in _LOWEST_FALSE:
            raise DockerRefused("endless", f"without --{flag.long} this would never end")

    def _unknown(self, name: str) -> DockerRefused:
        what = self.command.name
        if self.command.path == ("logs",) and name in {"-f", "--follow"}:
            named = (word for word in (*self.arguments, *self.last) if GRAMMARS["container"].fullmatch(word))
            container = next(named, "NAME")
            return DockerRefused("endless", "--follow never ends", f"docker logs -n 50 {container}")
        return DockerRefused("flag", f"{what} is not run with {name} here")

    def _plan(self) -> Plan:
        command = self.command
        names = list(self.arguments)
        extra: list[str] = []
        if command.takes_ps_options:
            names, extra = names[:1], _ps_options(names[1:])
        self._check_names(names)
        argv = ["docker", *command.path]
        for flag in command.flags:
            argv += [f"--{flag.long}={value}" for value in self.given.get(flag.long, [])]
        for name, forced in command.forced:
            if name not in self.given:
                argv.append(f"--{name}={forced or 'true'}")
        if names:
            argv += ["--", *names, *extra]
        return Plan(tuple(argv), command.tier, command.seconds, tuple(names))

    def _check_names(self, names: list[str]) -> None:
        rest = list(names)
        for argument in self.command.arguments:
            here, rest = rest[: argument.most], rest[argument.most :]
            if len(here) < argument.least:
                raise DockerRefused("arguments", f"{self.command.name} needs {_article(argument.grammar)}")
            for name in here:
                check_value(argument.grammar, name, self.command.name)
        if rest:
            extra = f"{self.command.name} takes no more words than these: {rest[0]!r} is too many"
            is_bool = rest[0].lower() in {"true", "false"}
            raise DockerRefused("arguments", extra + (" (a value of such a flag comes with =)" if is_bool else ""))


def _ps_options(words: list[str]) -> list[str]:
    """What may stand behind `docker top NAME`: these options go to a ps on the host, and `e` prints environments."""
    if words in ([], ["-ef"], ["aux"]):
        return words
    if len(words) == 2 and words[0] in {"-o", "-eo"}:
        check_value("ps_columns", words[1], f"docker top with {words[0]}")
        return words
    raise DockerRefused(
        "ps", "behind the name docker top takes -ef, aux or -o with columns", "docker top NAME -o pid,cmd"
    )


def _article(grammar: str) -> str:
    return {"object": "the name of a container or an image", "image": "the name of an image"}.get(
        grammar, f"the name of a {grammar}"
    )
