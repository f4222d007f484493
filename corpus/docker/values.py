"""The value of a flag of the Docker CLI -> whether it has the form that the CLI wants, before an engine sees it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_SIZE = re.compile(rf"{_NUMBER} ?(?:b|[kmgtp](?:i?b)?)?", re.IGNORECASE)
_DURATION = re.compile(r"[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)")
_RATIONAL = re.compile(rf"[+-]?{_NUMBER}(?:/\d+)?", re.IGNORECASE)
_REAL = re.compile(rf"[+-]?(?:{_NUMBER}|inf(?:inity)?|nan)", re.IGNORECASE)
_OCTAL = re.compile(r"[+-]?0[0-7_]+")
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_ULIMIT = re.compile(
    r"(?:core|cpu|data|fsize|locks|memlock|msgqueue|nice|nofile|nproc|rss|rtprio|rttime|sigpending|stack)"
    r"=-?\d+(?::-?\d+)?"
)
_GPUS = re.compile(r"all|[+-]?\d+|.*=.*", re.DOTALL)
_PATH_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DOMAIN = r"(?:\[[a-fA-F0-9:]+\]|[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*(?:\.[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*)*)(?::[0-9]+)?"
_IMAGE = re.compile(
    rf"(?:{_DOMAIN}/)?{_PATH_COMPONENT}(?:/{_PATH_COMPONENT})*"
    r"(?::\w[\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)
_BOOLS = frozenset({"true", "True", "TRUE", "false", "False", "FALSE", "1", "0", "t", "T", "f", "F"})
_PROTOCOLS = frozenset({"tcp", "udp", "sctp"})
_MOUNT_SWITCHES = frozenset({"readonly", "ro", "volume-nocopy", "bind-nonrecursive"})
_MOUNT_TARGETS = frozenset({"target", "dst", "destination"})

Form = tuple[Callable[[str], bool], str]  # whether a value has it, and what to call it


def _integer(low: int, high: int) -> Callable[[str], bool]:
    def fits(value: str) -> bool:
        if not value.isascii() or value != value.strip() or (low == 0 and value[:1] in {"+", "-"}):
            return False
        try:
            number = int(value, 8 if _OCTAL.fullmatch(value) else 0)
        except ValueError:
            return False
        return low <= number <= high

    return fits


def _address(value: str) -> bool:
    try:
        ipaddress.ip_address(value.strip())
    except ValueError:
        return False
    return True


def _extra_host(value: str) -> bool:
    name, _, address = value.partition("=" if "=" in value else ":")
    return bool(name) and (address == "host-gateway" or _address(address.removeprefix("[").removesuffix("]")))


def _ports(text: str) -> int:
    """How many ports `80` or `80-90` are; 0 if it is neither."""
    found = _PORTS.fullmatch(text)
    if not found:
        return 0
    first, last = int(found[1]), int(found[2] or found[1])
    return last - first + 1 if first <= last <= 65535 else 0


def _published(value: str) -> bool:
    """[[ADDRESS:]HOST_PORT:]CONTAINER_PORT[/PROTOCOL], or pairs such as target=80."""
    if "=" in value:
        return value != "="
    spec, slash, protocol = value.partition("/")
    rest, _, container = spec.rpartition(":")
    address, _, host = rest.rpartition(":")
    address = address.removeprefix("[").removesuffix("]")
    if (slash and protocol.lower() not in _PROTOCOLS) or (address and not _address(address)):
        return False
    inside = _ports(container)
    return bool(inside) and (not host or inside == _ports(host) or (inside == 1 and _ports(host) > 1))


def _exposed(value: str) -> bool:
    spec, slash, protocol = value.partition("/")
    return bool(_ports(spec)) and (not slash or protocol.lower() in _PROTOCOLS)


def _mount(value: str) -> bool:
    fields = [field.partition("=") for field in value.split(",")]
    are_pairs = all(equals or key.lower() in _MOUNT_SWITCHES for key, equals, _ in fields)
    return '"' in value or (are_pairs and any(key.lower() in _MOUNT_TARGETS for key, _, _ in fields))


def _named(value: str) -> bool:
    return bool(value) and not value.startswith("=")


def _one_of(*words: str) -> Form:
    return (lambda value: value in words), f"one of {', '.join(words)}"


_A_WHOLE_NUMBER = "a whole number"
_KINDS: dict[str, Form] = {
    "int": (_integer(-(2**63), 2**63 - 1), _A_WHOLE_NUMBER),
    "int64": (_integer(-(2**63), 2**63 - 1), _A_WHOLE_NUMBER),
    "uint": (_integer(0, 2**64 - 1), "a whole number from 0"),
    "uint16": (_integer(0, 2**16 - 1), "a whole number from 0 to 65535"),
    "uint32": (_integer(0, 2**32 - 1), "a whole number from 0"),
    "uint64": (_integer(0, 2**64 - 1), "a whole number from 0"),
    "bytes": (lambda value: bool(_SIZE.fullmatch(value)), "a size such as 512m"),
    "duration": (lambda value: bool(_DURATION.fullmatch(value)), "a time such as 30s"),
    "decimal": (lambda value: bool(_RATIONAL.fullmatch(value)), "a number such as 0.5"),
    "float": (lambda value: bool(_REAL.fullmatch(value)), "a number such as 0.5"),
    "filter": (lambda value: not value or "=" in value, "a filter such as name=web"),
    "ulimit": (lambda value: bool(_ULIMIT.fullmatch(value)), "a limit such as nofile=1024"),
    "gpu-request": (lambda value: bool(_GPUS.fullmatch(value)), "all, or a number"),
    "mount": (_mount, "pairs such as type=volume,source=data,target=/data"),
    "port": (_published, "ports such as 8080:80"),
}
_EXTRA_HOST = (_extra_host, "a host and its address such as db:10.0.0.5")
_RATE: Form = (lambda value: ":" in value, "a device and its rate such as /dev/sda:1mb")
_VARIABLE: Form = (_named, "a variable such as MODE=test")
_NAMES: dict[str, Form] = {
    "publish": _KINDS["port"],
    "expose": (_exposed, "a port such as 80"),
    "dns": (_address, "an address such as 10.0.0.2"),
    "dns-add": (_address, "an address such as 10.0.0.2"),
    "add-host": _EXTRA_HOST,
    "host": _EXTRA_HOST,
    "host-add": _EXTRA_HOST,
    "env": _VARIABLE,
    "env-add": _VARIABLE,
    "label": (_named, "a label such as tier=test"),
    "link": (lambda value: bool(value) and value.count(":") < 2, "a container, or CONTAINER:ALIAS"),
    "blkio-weight-device": _RATE,
    "device-read-bps": _RATE,
    "device-read-iops": _RATE,
    "device-write-bps": _RATE,
    "device-write-iops": _RATE,
    "restart": (lambda value: value.count(":") == 0 or _integer(0, 2**63 - 1)(value.partition(":")[2]), "a policy"),
}
_ATTACHED: Form = (lambda value: value.lower() in {"stdin", "stdout", "stderr"}, "one of stdin, stdout, stderr")
_COMMANDS: dict[tuple[str, str], Form] = {
    ("inspect", "type"): _one_of(
        "config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"
    ),
    **{
        (command, flag): form
        for command in ("run", "create")
        for flag, form in {
            "attach": _ATTACHED,
            "pull": _one_of("always", "missing", "never"),
            "uts": _one_of("host", ""),
            "userns": _one_of("host", ""),
            "cgroupns": _one_of("host", "private", ""),
        }.items()
    },
}
_LISTS = frozenset({"list", "strings", "string", "port"})


def wanted(command: str, flag: str, kind: str, value: str) -> str | None:
    """What `flag` of a command takes, if the value is none of that; None if it is."""
    if kind == "":
        return None if value in _BOOLS else "no value but =true or =false"
    if flag == "memory-swap" and value == "-1":
        return None
    form = _COMMANDS.get((command, flag)) or _KINDS.get(kind) or (_NAMES.get(flag) if kind in _LISTS else None)
    return None if form is None or form[0](value) else form[1]


def is_typed(command: str, flag: str, kind: str) -> bool:
    """Whether a flag takes numbers, sizes, times or ports, where any other word cannot be meant."""
    return kind in _KINDS or flag in {"publish", "expose"} or (command, flag) in _COMMANDS


def is_image(name: str) -> bool:
    """Whether the name of an image has the form that the CLI asks for."""
    return bool(_IMAGE.fullmatch(name))
