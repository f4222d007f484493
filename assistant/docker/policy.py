"""policy.json -> the commands that may run, each with its flags, and the reason why any other may not."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from assistant.docker.refusal import DockerRefused
from assistant.docker.templates import check_format

Tier = Literal["list", "detail", "content"]
TIERS: tuple[Tier, ...] = ("list", "detail", "content")  # names and states; settings and processes; what programs write

_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+(?=:[0-9]+/))(?::[0-9]{1,5})?/"
_DIGEST = r"sha256:[0-9a-f]{64}"
_IMAGE = (
    rf"(?:{_DIGEST}|(?:{_HOST})?{_PART}(?:/{_PART}){{0,6}}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@{_DIGEST})?)"
)
_AGE = r"(?:[0-9]{1,5}(?:\.[0-9]{1,3})?[smh]){1,3}"
_DATE = (
    r"20[0-9]{2}-[01][0-9]-[0-3][0-9]"
    r"(?:T[0-2][0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?(?:Z|[+-][0-2][0-9]:[0-5][0-9])?)?"
)
_COLUMN = "(?:pid|ppid|user|uid|comm|pcpu|pmem|%cpu|%mem|etime|time|stat|tty|start|stime|vsz|rss|nlwp|pri|ni)"
# The engine takes `--tail abc` and `--tail -1` for the whole log, and a name with `../` reaches other objects: each
# value is matched whole.
GRAMMARS = {
    "int0_1000": re.compile(r"0|[1-9][0-9]{0,2}|1000"),
    "int1_100": re.compile(r"[1-9][0-9]?|100"),
    "container": re.compile(_NAME),
    "network": re.compile(_NAME),
    "volume": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}"),
    "image": re.compile(_IMAGE),
    "object": re.compile(f"{_NAME}|{_IMAGE}"),
    "image_pattern": re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9_./:@*-]{0,254}"),
    "port": re.compile(r"[0-9]{1,5}(?:/(?:tcp|udp|sctp))?"),
    "platform": re.compile(r"[a-z0-9]{1,20}/[a-z0-9_]{1,20}(?:/[a-z0-9]{1,10})?"),
    "inspect_type": re.compile(r"container|image|network|volume"),
    "past_duration": re.compile(_AGE),
    "log_time": re.compile(rf"{_AGE}|[0-9]{{1,11}}(?:\.[0-9]{{1,9}})?|{_DATE}"),
    "filter_value": re.compile(r"(?!.*\.\.)[A-Za-z0-9_.:/@=*+-]{1,128}"),
    "ps_columns": re.compile(rf"(?:{_COLUMN},){{0,11}}(?:{_COLUMN}|cmd|args)"),
    "bool": re.compile(r"1|t|T|true|TRUE|True|0|f|F|false|FALSE|False"),
}
_IS = {
    "int0_1000": "a number from 0 to 1000",
    "int1_100": "a number from 1 to 100",
    "container": "the name or id of a container",
    "network": "the name or id of a network",
    "volume": "the name of a volume",
    "image": "the name or id of an image",
    "object": "the name or id of a container or an image",
    "image_pattern": "the name of an image",
    "port": "a port such as 80 or 80/udp",
    "platform": "a platform such as linux/amd64",
    "inspect_type": "container, image, network or volume",
    "past_duration": "a time that has passed, such as 10m or 1h30m",
    "log_time": "a time such as 10m or 2026-01-31T12:00:00Z",
    "ps_columns": "columns such as pid,cmd (cmd or args once, and last)",
    "bool": "true or false",
}
_WHY = {
    "changes": "changes something, and here things are only looked at",
    "plugin": "is a plugin, another program, and only Docker itself is asked here",
    "interactive": "waits for somebody to type, and nobody can here",
    "network": "reaches out to other machines, and only this one is asked here",
    "bulk": "hands out whole file systems, which is more than a look",
    "files": "reads or writes files of this machine, and only the engine is asked here",
    "secrets": "can show secrets",
    "internal": "is an inner part of the CLI",
    "context": "speaks of other engines, and only the one of this machine is asked",
    "swarm": "is about swarms, which are not looked at here",
    "waits": "may wait for ever",
    "unneeded": "is not needed here",
}


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag that may be given. `value` names the grammar of its value; None for a bool."""

    long: str
    short: str | None = None
    value: str | None = None
    repeatable: bool = False
    keys: tuple[str, ...] = ()  # of a filter

    def check(self, value: str) -> None:
        """Let a value through, or raise DockerRefused."""
        if self.value == "format":
            check_format(value)
        elif self.value == "filter":
            key, equals, wanted = value.partition("=")
            if not equals or key not in self.keys:
                raise DockerRefused("filter", f"--{self.long} takes {', '.join(self.keys)} with =, not {value!r}")
            check_value("filter_value", wanted, f"the value of {key}")
        else:
            check_value(self.value or "bool", value, f"--{self.long}")


@dataclass(frozen=True, slots=True)
class Argument:
    """A run of positional arguments of one grammar."""

    grammar: str
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Command:
    """A command that may run. `forced` are flags that it always gets, with their value where they have one."""

    path: tuple[str, ...]
    tier: Tier
    flags: tuple[Flag, ...]
    arguments: tuple[Argument, ...]
    forced: tuple[tuple[str, str | None], ...]
    takes_ps_options: bool
    seconds: float

    @property
    def name(self) -> str:
        """The command as it is spoken of: `docker network ls`."""
        return " ".join(("docker", *self.path))


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(files("assistant.docker").joinpath("policy.json").read_text(encoding="utf-8"))
    return table


@cache
def allowed() -> dict[tuple[str, ...], Command]:
    """The commands that may run, by each of their paths."""
    commands = {}
    for path, row in _table()["allowed"].items():
        command = Command(
            path=tuple(path.split()),
            tier=row["tier"],
            flags=tuple(
                Flag(name, f.get("short"), f.get("value"), f.get("repeatable", False), tuple(f.get("keys", ())))
                for name, f in row["flags"].items()
            ),
            arguments=tuple(Argument(*argument) for argument in row["arguments"]),
            forced=tuple(row.get("forced", {}).items()),
            takes_ps_options="extra" in row,
            seconds=row["seconds"],
        )
        for each in (path, *row["aliases"]):
            commands[tuple(each.split())] = command
    return commands


@cache
def refused() -> dict[tuple[str, ...], str]:
    """The class of each command that may not run: a word of `_WHY`, or `group`."""
    return {tuple(path.split()): kind for kind, paths in _table()["refused"].items() for path in paths}


def has_help(path: tuple[str, ...]) -> bool:
    """Whether `docker PATH --help` prints help and does nothing else: the help of a plugin runs it."""
    return path in allowed() or refused().get(path) not in {None, "plugin", "internal"}


def why_refused(path: tuple[str, ...]) -> DockerRefused:
    """Why the command that begins with these words is not run."""
    for length in range(min(3, len(path)), 0, -1):
        kind = refused().get(path[:length])
        name = " ".join(("docker", *path[:length]))
        if kind == "group":
            known = sorted({p[-1] for p in allowed() if p[:length] == path[:length] and len(p) == length + 1})
            offered = f"; of its commands these are run: {', '.join(known)}" if known else ""
            return DockerRefused("command", f"{name} alone is no command that is run here{offered}")
        if kind is not None:
            return DockerRefused(kind, f"{name} {_WHY[kind]}")
    name = " ".join(("docker", *path[:1]))
    return DockerRefused("command", f"{name} is none of the commands that are run here")


def check_value(grammar: str, value: str, what: str) -> None:
    """Let a value through that the grammar matches whole, or raise DockerRefused."""
    if not GRAMMARS[grammar].fullmatch(value) or ".." in value:
        wanted = _IS.get(grammar, "plain letters, digits and _.:/@=*+-")
        raise DockerRefused("value", f"{what} takes {wanted}, not {value[:80]!r}")
