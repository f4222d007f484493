"""Write corpus/docker/cli.json: the commands of the Docker CLI with their flags, as the real one tells them.

    python tests/bench/docker/make_reference.py     needs the docker command, and no engine

Names, arities and types only, no text of the help. Help is filtered by the engine that is connected, so none is:
DOCKER_HOST is a socket that does not exist.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[3] / "corpus" / "docker" / "cli.json"
PLUGINS = (
    "ai", "app", "buildx", "cloud", "compose", "debug", "desktop", "dev", "extension", "feedback", "init", "mcp",
    "model", "offload", "pass", "sandbox", "sbom", "scan", "scout",
)  # fmt: skip
# Their flags end at the first word that is none; help does not say so.
FLAGS_FIRST = {"run", "create", "exec", "commit", "tag", "top", "service create"}
# Flags that work and that help leaves out, with what is written today; found in the sources of docker/cli (Apache 2.0).
HIDDEN = {
    "run": {"net": ("network", "network"), "net-alias": ("list", "network-alias"), "dns-opt": ("list", "dns-option")},
    "create": {
        "net": ("network", "network"),
        "net-alias": ("list", "network-alias"),
        "dns-opt": ("list", "dns-option"),
    },
    "update": {"kernel-memory": ("bytes", "")},
    "volume create": {"name": ("string", "")},
    "stop": {"time": ("int", "timeout")},
    "restart": {"time": ("int", "timeout")},
}
HIDDEN_COMMANDS = ("bake", "completion", "help")
# Usage lines that promise fewer arguments than the command takes.
TAKES_MORE = {"top", "import", "plugin create"}
NEEDS_ONE = {"volume update"}
_OPTION = re.compile(r"^ {2,6}(?:-(\w), )?--([\w-]+)(?: ([\w.:<>|/-]+))?(?: {2,}|$)")
_COMMAND = re.compile(r"^  ([a-z][\w-]*)(\*?)\s")


def help_of(path: list[str]) -> str:
    """What `docker PATH --help` prints, with no engine and no plugins of the user."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "DOCKER_CONFIG": folder, "COLUMNS": "200"}
        environment["DOCKER_HOST"] = f"unix://{folder}/none.sock"
        done = subprocess.run(
            ["docker", *path, "--help"], env=environment, capture_output=True, text=True, check=True, timeout=30
        )
    return done.stdout


def described(path: list[str], text: str) -> dict[str, Any]:
    """One command: aliases, number of arguments, flags as name -> [shorthand, type]; a bool has no type.

    `hidden` has the flags that help leaves out, each with its name of today, if it has one.
    """
    usage = re.search(r"^Usage:\s+docker (.*)$", text, re.MULTILINE)
    aliases = re.search(r"^Aliases:\n  (.*)$", text, re.MULTILINE)
    name = " ".join(path)
    least, most = arguments(usage[1] if usage else "", path)
    flags = {match[2]: [match[1] or "", match[3] or ""] for match in map(_OPTION.match, text.splitlines()) if match}
    flags.pop("help", None)
    canonical = aliases[1].split(", ")[-1].removeprefix("docker ") if aliases else name
    hidden = HIDDEN.get(canonical, {})
    flags |= {flag: ["", kind] for flag, (kind, _) in hidden.items()}
    return {
        "aliases": [a.removeprefix("docker ") for a in aliases[1].split(", ")] if aliases else [],
        "arguments": [1 if canonical in NEEDS_ONE else least, None if canonical in TAKES_MORE else most],
        "flags_first": canonical in FLAGS_FIRST,
        "flags": flags,
        "hidden": {flag: today for flag, (_, today) in hidden.items()},
    }


def arguments(usage: str, path: list[str]) -> tuple[int, int | None]:
    """The least and the most arguments of a usage line; None if any number."""
    rest = usage.removeprefix(" ".join(path)).replace("[OPTIONS]", " ")
    rest = rest.split(" | ")[0]  # the others stand in the place of the first: PATH | URL | -
    least = most = 0
    is_open = "..." in rest
    depth = 0
    for word in rest.split():
        if depth == 0:
            least += not word.startswith("[")
            most += 1
        depth += word.count("[") - word.count("]")
    return least, None if is_open else most


def made() -> str:
    """The whole reference as JSON: walk the tree of commands."""
    version = subprocess.run(["docker", "--version"], capture_output=True, text=True, check=True).stdout
    commands: dict[str, Any] = {}
    groups: list[str] = []
    waiting: list[list[str]] = [[]]
    while waiting:
        path = waiting.pop()
        text = help_of(path)
        below = [(m[1], m[2]) for m in map(_COMMAND.match, _command_lines(text)) if m]
        if path and below:
            groups.append(" ".join(path))
        elif path:
            found = described(path, text)
            commands[(found["aliases"] or [" ".join(path)])[-1]] = found  # the same by each of its names
        waiting += [[*path, name] for name, plugin in below if not plugin and not (not path and name in PLUGINS)]
    reference = {
        "source": "docker/cli, Apache License 2.0: names, types and numbers of arguments, no text",
        "docker": re.findall(r"\d+\.\d+\.\d+", version)[0],
        "plugins": PLUGINS,
        "hidden_commands": HIDDEN_COMMANDS,
        "groups": sorted(groups),
        "commands": dict(sorted(commands.items())),
    }
    return json.dumps(reference, separators=(",", ":"), sort_keys=True) + "\n"


def main() -> None:
    """Write it."""
    text = made()
    TARGET.write_text(text, encoding="utf-8")
    commands = json.loads(text)["commands"].values()
    flags = sum(len(command["flags"]) for command in commands)
    print(f"{len(commands)} commands, {flags} flags, {len(text)} bytes")


def _command_lines(text: str) -> list[str]:
    """The lines of the lists of commands, which have a heading that ends in `Commands:`."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if not line.startswith(" "):
            inside = line.endswith("Commands:")
        elif inside:
            lines.append(line)
    return lines


if __name__ == "__main__":
    main()
