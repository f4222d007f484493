"""Output of docker -> what stands out in it, each as a sentence, and as words to look it up in the notes.

A sentence says what the output says and no more: what it means is for the notes to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.marks import as_markdown

MOST = 3
MANY_RESTARTS = 3
_SIGNALS = {137: "SIGKILL killed", 143: "SIGTERM stopped", 139: "segmentation fault", 130: "interrupted"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that stands out: Markdown for the reader, and the question that the notes are asked.

    The sections that explain it have `mention` in them.
    """

    sentence: str
    query: str
    mention: str = ""


def findings(output: str, command: Sequence[str] = (), names: Sequence[str] = ()) -> list[Finding]:
    """At most three findings, in the order of the output; `command` is what printed it, if that is known.

    Of a container named in the question all that is known is said, of the others what is wrong with them.
    """
    found: dict[str, Finding] = {}
    for finding in _all(output, tuple(command), names):
        found.setdefault(finding.query, finding)
    return list(found.values())[:MOST]


def _all(output: str, command: tuple[str, ...], names: Sequence[str]) -> Iterator[Finding]:
    objects = _objects(output)
    for each in objects:
        yield from _of_container(each)
    if objects or "inspect" in command or output.lstrip().startswith("[\n"):  # of one that was cut nothing is known
        return
    lines = output.split("\n")
    if command[:1] == ("ps",) and len([line for line in lines if line.strip()]) <= 1:
        is_all = any(word.startswith("--all") for word in command)
        what = f"{_named(names[0])} is not running" if names and not is_all else "No container matches"
        yield Finding(f"{what}: the list is empty.", "docker ps shows running containers, all with -a", "docker ps")
    if command[:1] == ("port",) and not output.strip():
        name = _named(names[0]) if names else "The container"
        yield Finding(f"{name} publishes no port.", "publish a port of a container with -p")
    if command[:1] == ("images",) and any("<none>" in line for line in lines):
        count = sum("<none>" in line for line in lines)
        what = "image has" if count == 1 else "images have"
        yield Finding(f"{count} {what} no name (`<none>`).", "dangling images without a name <none>")
    yield from _states_of(lines, names)
    for line in lines:
        for pattern, made in _PATTERNS:
            match = pattern.search(line)
            if match:
                yield from made(match, line)


def _states_of(lines: Sequence[str], names: Sequence[str]) -> Iterator[Finding]:
    """What a table of containers says of those that were asked about: "Up 5 minutes"."""
    place = lines[0].find("STATUS") if lines else -1
    if place < 0:
        return
    for line in lines[1:]:
        name, status = _last_word(line), re.split(r" {2,}", line[place:])[0]
        if name in names and not status.startswith(("Exited", "Restarting")):
            yield Finding(f"{_named(name)}: {as_markdown(status)}.", "")


def _objects(output: str) -> list[dict[str, Any]]:
    """The containers of an inspect, if that is what the output is."""
    text = output.strip()
    if not text.startswith(("[", "{")):
        return []
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return []
    rows = parsed if isinstance(parsed, list) else [parsed]
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get("State"), dict)]


def _of_container(row: dict[str, Any]) -> Iterator[Finding]:
    state = row["State"]
    name = _named(str(row.get("Name", "")).lstrip("/"))
    code = state.get("ExitCode")
    if state.get("OOMKilled") is True:
        yield Finding(
            f"{name} was killed because it was out of memory (`OOMKilled`).", "limit the memory of a container"
        )
    if state.get("Status") == "exited" and isinstance(code, int):
        yield _exit(name, code)
    elif isinstance(state.get("Status"), str):
        started = f" since {state['StartedAt'][:19]}" if state["Status"] == "running" and state.get("StartedAt") else ""
        yield Finding(f"{name} is {as_markdown(state['Status'])}{started}.", f"a container that is {state['Status']}")
    if isinstance(state.get("Error"), str) and state["Error"]:
        yield Finding(f"{name}: {as_markdown(state['Error'][:200])}", state["Error"][:200])
    restarts = row.get("RestartCount")
    if isinstance(restarts, int) and restarts >= MANY_RESTARTS:
        yield Finding(f"{name} has been restarted {restarts} times.", "restart policy of a container")


def _exit(name: str, code: int) -> Finding:
    meaning = _SIGNALS.get(code, "" if code else "main process ended")
    return Finding(f"{name} has exited with code {code}.", f"container exited with exit code {code} {meaning}".strip())


def _exited(match: re.Match[str], line: str) -> Iterator[Finding]:
    yield _exit(_named(_last_word(line)), int(match[1]))


def _restarting(match: re.Match[str], line: str) -> Iterator[Finding]:
    yield Finding(f"{_named(_last_word(line))} is restarting again and again (exit code {match[1]}).", "restart policy")


def _published(match: re.Match[str], line: str) -> Iterator[Finding]:
    name = f" of {_named(_last_word(line))}" if " " in line.strip() and "->" in line and line.count("  ") else ""
    yield Finding(
        f"Port {match['inside']} in the container{name} is port {match['port']} of this machine.",
        "which host port leads to which container port",
    )


def _says(sentence: str, query: str) -> Callable[[re.Match[str], str], Iterator[Finding]]:
    def made(match: re.Match[str], line: str) -> Iterator[Finding]:
        del line
        yield Finding(sentence.format(as_markdown(match[0][:120])), query or match[0][:120])

    return made


def _state(query: str) -> Callable[[re.Match[str], str], Iterator[Finding]]:
    def made(match: re.Match[str], line: str) -> Iterator[Finding]:
        yield Finding(f"{_named(_last_word(line))} is {match[1].lower()}.", query)

    return made


_HOST_PORT = r"[\d.:\[\]]{1,45}:(?P<port>\d{1,5})"
_INSIDE = r"(?P<inside>\d{1,5}/(?:tcp|udp|sctp))"
_PATTERNS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str], Iterator[Finding]]], ...] = (
    (re.compile(r"\bExited \(([1-9]\d{0,2})\)"), _exited),
    (re.compile(r"\bRestarting \((\d{1,3})\)"), _restarting),
    (re.compile(r"\((unhealthy)\)"), _state("health check of a container unhealthy")),
    (re.compile(r"\bUp .*\((Paused)\)"), _state("pause and unpause a container")),
    (re.compile(rf"(?<![\d.:\[\]]){_HOST_PORT}->{_INSIDE}"), _published),
    (re.compile(rf"^{_INSIDE} -> {_HOST_PORT}$"), _published),
    (re.compile(r"(?i)\b(?:port is already allocated|address already in use)\b"), _says("The log says: {}.", "")),
    (re.compile(r"(?i)\b(?:out of memory|oom[- ]?kill(?:ed|er)?|cannot allocate memory)\b(?!\"?: ?false)"),
     _says("The log says: {}.", "limit the memory of a container, out of memory")),
    (re.compile(r"(?i)\b(?:permission denied|no space left on device|read-only file system|connection refused"
                r"|no such file or directory|command not found|exec format error|segmentation fault)\b"),
     _says("The log says: {}.", "")),
    (re.compile(r"(?i)\bexit(?:ed)?(?: with)?(?: status| code)?:? ?([1-9]\d{0,2})\b"),
     lambda match, _: iter([_exit("The program", int(match[1]))])),
)  # fmt: skip


def _last_word(line: str) -> str:
    words = line.split()
    return words[-1] if words else ""


def _named(name: str) -> str:
    """A container as it is spoken of: its name is text of the machine, so it goes into code."""
    plain = re.sub(r"[^\w.,-]", "", name)
    return f"`{plain}`" if plain else "The container"
