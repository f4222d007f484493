"""The checker of docker commands against the real CLI: random lines, right and spoilt, judged by both.

    python tests/bench/docker/against_cli.py [COUNT] [SEED]      needs the docker command, and no engine

A false alarm is a line that the CLI takes and the checker calls invalid; there must be none. A miss is the other way
round. What the CLI says of files or of the network is not compared: such commands and flags are left out.
"""

from __future__ import annotations

import random
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))

from corpus.docker.cli import check, reference
from tests.bench.docker.dry_run import DryRun, dry_run

COUNT = 3500
SEED = 28
LEFT_OUT = {
    "builder build", "builder prune", "config create", "cp", "export", "import", "load", "login", "logout", "save",
    "secret create", "stack config", "stack up", "swarm ca",
}  # fmt: skip
GROUPS_LEFT_OUT = ("checkpoint", "context", "manifest", "plugin", "trust")
FLAGS_LEFT_OUT = {
    "cidfile", "config", "config-add", "credential-spec", "disable-content-trust", "env-file", "external-ca",
    "label-file", "output", "secret", "secret-add", "security-opt",
}  # fmt: skip
RIGHT = {
    "": [None, None, None, "true", "false", "0"],
    "int": ["5", "-1", "0x10", "1_000"],
    "uint": ["5", "0"],
    "uint16": ["100"],
    "uint32": ["24"],
    "bytes": ["512m", "1g", "1.5gib", "100"],
    "duration": ["30s", "1m30s", "0", "1.5h"],
    "decimal": ["0.5", "2", "1/2"],
    "float": ["0.5", "1e-1"],
    "filter": ["name=web", "label=x"],
    "ulimit": ["nofile=1024:2048", "nproc=10"],
    "mount": ["type=volume,source=data,target=/data"],
    "port": ["8080:80", "53:53/udp"],
    "gpu-request": ["all", "2"],
    "pref": ["spread=node.labels.zone"],
    "ipNetSlice": ["10.20.0.0/16"],
}
RIGHT_BY_NAME = {
    "publish": ["8080:80", "80", "127.0.0.1:5000:5000", "53:53/udp", "8000-8005:8000-8005", "[::1]:80:80"],
    "expose": ["80", "53/udp"],
    "dns": ["10.0.0.2"],
    "add-host": ["db:10.0.0.5", "gate:host-gateway"],
    "host": ["db:10.0.0.5"],
    "host-add": ["db:10.0.0.5"],
    "dns-add": ["10.0.0.2"],
    "attach": ["stdout"],
    "device": ["/dev/null"],
    "env": ["MODE=test", "MODE"],
    "link": ["db:store"],
    "volume": ["data:/data", "/srv:/srv:ro"],
    "restart": ["always", "on-failure:3"],
    "pull": ["always"],
    "uts": ["host"],
    "pid": ["host"],
    "userns": ["host"],
    "cgroupns": ["private"],
    "type": ["container"],
    "platform": ["linux/amd64"],
    "mac-address": ["92:d0:c6:0a:29:33"],
    "memory-swappiness": ["10"],
    "sysctl": ["net.core.somaxconn=1024"],
    "storage-opt": ["size=10g"],
    "device-cgroup-rule": ["c 1:3 r"],
    "blkio-weight-device": ["/dev/sda:100"],
    "since": ["10m"],
    "until": ["10m"],
    "mode": ["global"],
    "availability": ["drain"],
    "aux-address": ["a=10.0.0.3"],
    "stop-timeout": ["10"],
} | {f"device-{way}-{unit}": ["/dev/sda:100"] for way in ("read", "write") for unit in ("bps", "iops")}
WRONG = [
    "abc", "1x", "-5", "", "1.5", "0x1f", "99999999999999999999", "true", "maybe", "12%", "1e3", "web:80", "80/xyz",
    "70000", "5 s", "1gb", "512mb", "2,5", "a=b", "=x", "::", "1:2:3:4", "09", "1i",
]  # fmt: skip
NAMES = ["web", "db", "cache", "nginx:1.27", "ubuntu", "localhost:5000/app", "team/app:v1", "udp", "1234"]
ODD_NAMES = ["Ubuntu", "a//b", "ubuntu:", "app:v1:v2", "-", "web.db", "a_b", "a__b", "a--b", "x@y", "Team/app", "/data"]


@dataclass(slots=True)
class Line:
    """A line that is made: the words after `docker`, and where each of them comes from."""

    path: str
    command: dict[str, Any]
    flags: list[list[str]] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)

    def words(self) -> list[str]:
        """All of them, flags first."""
        return [*self.path.split(), *(word for flag in self.flags for word in flag), *self.arguments]


def lines(count: int, seed: int) -> Iterator[tuple[str, list[str]]]:
    """What was done to each line, and its words after `docker`."""
    chance = random.Random(seed)  # noqa: S311  # the same lines each time
    commands = {
        alias: reference()["commands"][name]
        for alias, name in sorted(reference()["names"].items())
        if name not in LEFT_OUT and not alias.startswith(GROUPS_LEFT_OUT)
    }
    # A learner's commands come more often than the rest.
    paths = [*commands, *(path for path in ("run", "exec", "ps", "logs", "service create", "create") for _ in range(9))]
    for _ in range(count):
        path = chance.choice(paths)
        line = Line(path, commands[path])
        for _ in range(chance.choice([0, 1, 1, 2, 3])):
            flag = _flag(chance, line)
            line.flags += [flag] if flag else []
        least, most = commands[path]["arguments"]
        line.arguments = [
            chance.choice(NAMES) for _ in range(chance.randint(least, least + 2 if most is None else most))
        ]
        spoil = chance.choice(SPOILS)
        words = spoil(chance, line) or line.words()
        yield spoil.__name__.strip("_"), words


def _usable(line: Line) -> list[str]:
    return sorted(set(line.command["flags"]) - FLAGS_LEFT_OUT)


def _right(chance: random.Random, flag: str, kind: str) -> str | None:
    known = RIGHT_BY_NAME.get(flag) if kind else None
    return chance.choice(known or RIGHT.get(kind, ["one", "two"]))


def _flag(chance: random.Random, line: Line) -> list[str]:
    if not _usable(line):
        return []
    flag = chance.choice(_usable(line))
    short, kind = line.command["flags"][flag]
    return _spelt(chance, flag, short, _right(chance, flag, kind), is_bool=not kind)


def _spelt(chance: random.Random, flag: str, short: str, value: str | None, *, is_bool: bool) -> list[str]:
    """One of the ways to write a flag: --f v, --f=v, -f v, -fv, -f=v."""
    name = f"-{short}" if short and chance.random() < 0.5 else f"--{flag}"
    if value is None:
        return [name]
    if is_bool:
        return [f"{name}={value}"]
    ways = [[name, value], [f"{name}={value}"]] + ([[f"{name}{value}"]] if not name.startswith("--") else [])
    return chance.choice(ways)


def _nothing(_: random.Random, __: Line) -> None:
    """The line stays right."""


def _foreign_flag(chance: random.Random, line: Line) -> None:
    other = reference()["commands"][chance.choice(sorted(reference()["commands"]))]
    if other["flags"]:
        line.flags.append([f"--{chance.choice(sorted(set(other['flags']) - FLAGS_LEFT_OUT) or ['size'])}"])


def _misspelt_flag(chance: random.Random, line: Line) -> None:
    if _usable(line):
        flag = chance.choice(_usable(line))
        place = chance.randrange(len(flag))
        line.flags.insert(0, [f"--{flag[:place]}{chance.choice(['', 'x', '-'])}{flag[place + 1 :]}"])


def _wrong_value(chance: random.Random, line: Line) -> None:
    typed = [flag for flag in _usable(line) if line.command["flags"][flag][1] != "string"] or _usable(line)
    if typed:
        flag = chance.choice(typed)
        short, kind = line.command["flags"][flag]
        line.flags.append(_spelt(chance, flag, short, chance.choice(WRONG), is_bool=not kind))


def _too_few(chance: random.Random, line: Line) -> None:
    del line.arguments[: chance.randint(1, 2)]


def _too_many(chance: random.Random, line: Line) -> None:
    line.arguments += [chance.choice(NAMES) for _ in range(chance.randint(1, 3))]


def _cluster(chance: random.Random, line: Line) -> None:
    letters = [short for short, _ in line.command["flags"].values() if short] + ["z"]
    line.flags.append(["-" + "".join(chance.choice(letters) for _ in range(chance.randint(2, 4)))])


def _value_of_a_switch(chance: random.Random, line: Line) -> None:
    switches = [flag for flag in _usable(line) if not line.command["flags"][flag][1]]
    if switches:
        flag, value = chance.choice(switches), chance.choice(["true", "maybe", "0", "t", "no", ""])
        line.flags.append(chance.choice([[f"--{flag}={value}"], [f"--{flag}", value or "false"]]))


def _double_dash(chance: random.Random, line: Line) -> list[str]:
    words = line.words()
    words.insert(chance.randint(len(line.path.split()), len(words)), "--")
    return words


def _one_dash(chance: random.Random, line: Line) -> None:
    if _usable(line):
        flag = chance.choice(_usable(line))
        value = _right(chance, flag, line.command["flags"][flag][1])
        line.flags.append([f"-{flag}", *([value] if value else [])])


def _flag_last(chance: random.Random, line: Line) -> list[str]:
    return [*line.words(), *_flag(chance, line)]


def _cut(chance: random.Random, line: Line) -> list[str]:
    words = line.words()
    return words[: chance.randint(len(line.path.split()), len(words))]


def _odd_name(chance: random.Random, line: Line) -> None:
    if line.arguments:
        line.arguments[chance.randrange(len(line.arguments))] = chance.choice(ODD_NAMES)


def _other_command(chance: random.Random, line: Line) -> list[str]:
    words = line.words()
    depth = len(line.path.split()) - 1
    place = chance.randrange(len(words[depth]) + 1)
    words[depth] = words[depth][:place] + chance.choice("xyz") + words[depth][place:]
    return words


def _help(chance: random.Random, line: Line) -> list[str]:
    words = line.words()
    words.insert(chance.randint(len(line.path.split()), len(words)), chance.choice(["--help", "-h", "--help=false"]))
    return words


def _before_command(chance: random.Random, line: Line) -> list[str]:
    return [
        *chance.choice([["-D"], ["--debug"], ["-l", "info"], ["--log-level=warn"], ["-it"], ["--rm"]]),
        *line.words(),
    ]


Spoil = Callable[[random.Random, Line], list[str] | None]
SPOILS: list[Spoil] = [
    _nothing, _nothing, _foreign_flag, _misspelt_flag, _wrong_value, _wrong_value, _wrong_value, _too_few, _too_many,
    _cluster, _value_of_a_switch, _double_dash, _one_dash, _flag_last, _cut, _odd_name, _other_command, _help,
    _before_command,
]  # fmt: skip


@dataclass(slots=True)
class Comparison:
    """The figures, and the lines about which the two are not of one mind, each with what the CLI said."""

    figures: Counter[tuple[str, str]] = field(default_factory=Counter)
    false_alarms: list[str] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)

    def of(self, result: str) -> int:
        """How many lines had a result."""
        return sum(number for (_, each), number in self.figures.items() if each == result)


def compared(cli: DryRun, count: int, seed: int) -> Comparison:
    """Put lines to both."""
    comparison = Comparison()
    for kind, words in lines(count, seed):
        line = shlex.join(["docker", *words])
        verdict, said = check(line), cli.judge(words)
        if said.said == "undecided" or verdict.status == "unknown":
            result = "not compared"
        elif (verdict.status == "valid") == (said.said == "accepted"):
            result = "agreed, right" if verdict.status == "valid" else "agreed, wrong"
        elif verdict.status == "invalid":
            result = "false alarm"
            comparison.false_alarms.append(f"{line}\n    checker: {verdict.problem}\n    docker: {said.message}")
        else:
            result = "miss"
            comparison.misses.append(f"[{kind}] {line}\n    docker: {said.message}")
        comparison.figures[kind, result] += 1
    return comparison


def main() -> None:
    """Compare and print."""
    count, seed = (int(word) for word in [*sys.argv[1:], *map(str, (COUNT, SEED)[len(sys.argv) - 1 :])])
    with dry_run() as cli:
        comparison = compared(cli, count, seed)
    for title, found in (("false alarms", comparison.false_alarms), ("misses", comparison.misses)):
        print(f"{title}: {len(found)}")
        print("".join(f"  {line}\n" for line in found), end="")
    results = ("agreed, right", "agreed, wrong", "miss", "false alarm", "not compared")
    print(f"{'':20}" + "".join(f"{result:>15}" for result in results))
    for kind in [*sorted({kind for kind, _ in comparison.figures}), ""]:
        numbers = [comparison.figures[kind, each] if kind else comparison.of(each) for each in results]
        print(f"{(kind or 'all').replace('_', ' '):20}" + "".join(f"{number:15}" for number in numbers))
    sys.exit(bool(comparison.false_alarms))


if __name__ == "__main__":
    main()
