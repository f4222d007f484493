"""A request of the CLI -> the one that goes to the engine, if it can only read and will end.

"GET alone" is not read-only: `GET /containers/X/attach/ws?stdin=1` writes to a container, `export` hands out its files,
and `logs?follow=1` never ends. So each route is matched whole, and each key of its query is known and checked.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urlencode

from assistant.docker.policy import GRAMMARS, allowed

MAX_TARGET = 4_096  # characters of path and query
MAX_FILTERS = 8
_PATH = re.compile(r"/[A-Za-z0-9_.:/@-]*")
_VERSION = re.compile(r"^/v1\.[0-9]{2}(?=/)")
_FILTER_KEYS = frozenset(key for command in allowed().values() for flag in command.flags for key in flag.keys)
_PS_OPTIONS = frozenset({"-ef", "aux"})
_AHEAD = 2  # seconds that --until may lie in the future: clocks differ a little
_NANOSECONDS = re.compile(r"[0-9]{1,11}(?:\.[0-9]{1,9})?")

Body = Literal["json", "stream", "empty"]


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent to the engine: always without a body, and with these headers of ours alone."""

    method: Literal["GET", "HEAD"]
    target: str
    body: Body


@dataclass(frozen=True, slots=True)
class Reply:
    """What the CLI is told without asking the engine."""

    status: int
    message: str


def _one_of(*values: str) -> Callable[[str], bool]:
    return lambda value: value in values


def _matches(grammar: str) -> Callable[[str], bool]:
    return lambda value: GRAMMARS[grammar].fullmatch(value) is not None


def _is_filters(value: str) -> bool:
    """`{"name": {"web": true}}`, with keys and values that a command line may have too."""
    try:
        filters = json.loads(value)
    except (ValueError, RecursionError):
        return False
    if not isinstance(filters, dict) or len(filters) > MAX_FILTERS or not set(filters) <= _FILTER_KEYS:
        return False
    for wanted in filters.values():
        if not isinstance(wanted, dict | list) or len(wanted) > MAX_FILTERS:
            return False
        if not all(isinstance(each, str) and GRAMMARS["filter_value"].fullmatch(each) for each in wanted):
            return False
    return True


def _has_passed(value: str) -> bool:
    return _NANOSECONDS.fullmatch(value) is not None and float(value) <= time.time() + _AHEAD


def _is_ps_options(value: str) -> bool:
    option, _, columns = value.partition(" ")
    return value in _PS_OPTIONS or (option in {"-o", "-eo"} and GRAMMARS["ps_columns"].fullmatch(columns) is not None)


def _is_platform(value: str) -> bool:
    try:
        platform = json.loads(value)
    except (ValueError, RecursionError):
        return False
    return isinstance(platform, dict) and all(
        key in {"os", "architecture", "variant"} and isinstance(part, str) and re.fullmatch(r"[a-z0-9_]{0,20}", part)
        for key, part in platform.items()
    )


_BOOL = _one_of("0", "1", "true", "false")
_ON = _one_of("1", "true")
_OFF = _one_of("0", "false")


@dataclass(frozen=True, slots=True)
class Route:
    """A path of the Engine API, the keys that its query may have, and those that it must have."""

    path: re.Pattern[str]
    query: Mapping[str, Callable[[str], bool]]
    needs: frozenset[str] = frozenset()
    body: Body = "json"


def _route(
    path: str, query: Mapping[str, Callable[[str], bool]] | None = None, needs: str = "", body: Body = "json"
) -> Route:
    for kind in ("container", "network", "volume", "image"):
        path = path.replace(f"<{kind}>", f"(?:{GRAMMARS[kind].pattern})")
    return Route(re.compile(path), query or {}, frozenset(needs.split()), body)


ROUTES = (
    _route("/_ping", body="empty"),
    _route("/version"),
    _route("/info"),
    _route(
        "/containers/json",
        {"all": _BOOL, "limit": _matches("int1_100"), "size": _BOOL, "filters": _is_filters},
    ),
    _route("/containers/<container>/json", {"size": _BOOL}),
    _route("/containers/<container>/changes"),
    _route("/containers/<container>/top", {"ps_args": _is_ps_options}),
    _route("/containers/<container>/stats", {"stream": _OFF, "one-shot": _BOOL}, "stream"),
    _route(
        "/containers/<container>/logs",
        {
            "tail": _matches("int0_1000"),
            "stdout": _BOOL,
            "stderr": _BOOL,
            "timestamps": _BOOL,
            "details": _BOOL,
            "follow": _OFF,
            "since": _matches("log_time"),
            "until": _matches("log_time"),
        },
        "tail",
        "stream",
    ),
    _route(
        "/images/json",
        {"all": _BOOL, "digests": _BOOL, "shared-size": _BOOL, "manifests": _BOOL, "filters": _is_filters},
    ),
    _route("/images/<image>/json", {"manifests": _BOOL, "platform": _is_platform}),
    _route("/images/<image>/history", {"platform": _is_platform}),
    _route("/networks", {"filters": _is_filters}),
    _route("/networks/<network>", {"verbose": _BOOL, "scope": _one_of("local", "global", "swarm")}),
    _route("/volumes", {"filters": _is_filters}),
    _route("/volumes/<volume>"),
    _route("/system/df", {"type": _one_of("container", "image", "volume", "build-cache"), "verbose": _BOOL}),
    _route("/events", {"since": _has_passed, "until": _has_passed, "filters": _is_filters}, "until", "stream"),
)
# `docker inspect NAME` asks for one kind after another, and goes on at "not found" only.
_NAMED = re.compile(
    r"/(?:containers|images|plugins)/.+/json|/(?:networks|volumes|services|nodes|tasks|secrets|configs)/.+"
)


def route(method: str, target: str) -> Request | Reply:
    """What becomes of a request of the CLI."""
    if method not in {"GET", "HEAD"}:
        return Reply(403, f"{method[:20]} is not let through: only what reads is")
    if len(target) > MAX_TARGET:
        return Reply(414, "the request is too long")
    path, question, query = target.partition("?")
    path = _VERSION.sub("", path)
    if not _PATH.fullmatch(path) or "//" in path or ".." in path:
        return Reply(403, "this path is not let through")
    if method == "HEAD" and path != "/_ping":
        return Reply(403, "this path is not let through")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=16)
    except ValueError:
        return Reply(403, "the query cannot be read")
    keys = dict(pairs)
    if len(keys) != len(pairs) or "#" in target or (question and not query):
        return Reply(403, "a key stands twice in the query, or the query is empty")
    for each in ROUTES:
        if each.path.fullmatch(path):
            return _checked(method, target.partition("?")[0], keys, each)
    if method == "GET" and _NAMED.fullmatch(path):
        return Reply(404, "no such object")
    return Reply(403, "this path is not let through")


def _checked(method: str, path: str, keys: Mapping[str, str], found: Route) -> Request | Reply:
    # `docker stats` without a name listens for new containers for ever; it works as well without.
    if path.endswith("/events") and set(keys) == {"filters"} and _is_container_events(keys["filters"]):
        return Reply(200, "")
    strange = next((key for key, value in keys.items() if key not in found.query or not found.query[key](value)), None)
    if strange is not None:
        return Reply(403, f"{strange[:40]!r} of the query is not let through as it is")
    missing = found.needs - set(keys)
    if missing:
        return Reply(403, f"the query needs {', '.join(sorted(missing))}: it would not end")
    query = urlencode(keys)
    verb: Literal["GET", "HEAD"] = "HEAD" if method == "HEAD" else "GET"
    return Request(verb, f"{path}?{query}" if query else path, found.body)


def _is_container_events(filters: str) -> bool:
    try:
        parsed = json.loads(filters)
    except (ValueError, RecursionError):
        return False
    return parsed in ({"type": {"container": True}}, {"type": ["container"]})
