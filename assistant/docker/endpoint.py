"""Where the engine of this machine listens: a local socket, never another machine.

In this order: the setting, DOCKER_HOST, the context that the CLI would use (read here, not by the CLI, which would run
ssh for one), and the places where engines usually listen.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from corpus.errors import AskError

_UNIX = "unix://"
DEFAULT_CONTEXT = "default"


class EngineUnavailable(AskError):
    """There is no local engine, no docker command, or the engine does not answer."""


def find_engine(setting: str | None = None, environment: Mapping[str, str] | None = None) -> Path:
    """The socket of the local engine. Raises EngineUnavailable with what to do, for a remote engine too."""
    env = os.environ if environment is None else environment
    home = Path(env.get("HOME") or Path.home())
    if setting:
        return _socket(setting, "the setting docker_host")
    if env.get("DOCKER_HOST"):
        return _socket(env["DOCKER_HOST"], "DOCKER_HOST")
    context = env.get("DOCKER_CONTEXT") or _current_context(_config_folder(env, home))
    if context and context != DEFAULT_CONTEXT:
        return _socket(_context_host(context, _config_folder(env, home)), f"the docker context {context!r}")
    usual = [Path("/var/run/docker.sock")]
    if env.get("XDG_RUNTIME_DIR"):
        usual.append(Path(env["XDG_RUNTIME_DIR"]) / "docker.sock")
    usual += [home / ".docker/run/docker.sock", home / ".docker/desktop/docker.sock"]
    for place in usual:
        if _is_socket(place):
            return place
    raise EngineUnavailable(
        f"There is no Docker engine on this machine (no {usual[0]}). "
        "Start Docker, or set ASK_DOCKER_HOST to its socket."
    )


def _socket(address: str, source: str) -> Path:
    if not address.startswith(_UNIX):
        kind = address.partition("://")[0] if "://" in address else address
        raise EngineUnavailable(
            f"Only an engine of this machine is asked, by its socket (unix://...); {source} names one by {kind}."
        )
    place = Path(address.removeprefix(_UNIX))
    if not place.is_absolute() or not _is_socket(place):
        raise EngineUnavailable(
            f"{source[0].upper()}{source[1:]} names {place}, where no engine listens. Start Docker."
        )
    return place


def _is_socket(place: Path) -> bool:
    try:
        return stat.S_ISSOCK(place.stat().st_mode)
    except OSError:
        return False


def _config_folder(env: Mapping[str, str], home: Path) -> Path:
    return Path(env["DOCKER_CONFIG"]) if env.get("DOCKER_CONFIG") else home / ".docker"


def _current_context(folder: Path) -> str | None:
    name = _json(folder / "config.json").get("currentContext")
    return name if isinstance(name, str) else None


def _context_host(name: str, folder: Path) -> str:
    """The address in a context, which the CLI keeps under the sha256 of its name."""
    hashed = hashlib.sha256(name.encode()).hexdigest()
    endpoints = _json(folder / "contexts" / "meta" / hashed / "meta.json").get("Endpoints")
    docker = endpoints.get("docker") if isinstance(endpoints, dict) else None
    host = docker.get("Host") if isinstance(docker, dict) else None
    return host if isinstance(host, str) else "an address that cannot be read"


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
