"""What an engine says -> the same without secrets, and without anything that acts on a screen.

JSON is redacted before the CLI sees it, so no template gets round it: of environment variables the names stay, labels
and options go by their key. All text is searched once more for what looks like a secret. That is best effort: a
secret in a plain sentence of a log, with nothing beside it that says so, is not caught.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

REDACTED = "<redacted>"
# Values that say nothing about who runs the container; all others go.
_PLAIN_VARIABLES = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TERM", "SHELL", "PWD", "HOSTNAME", "USER"})
# Names and places of objects: `oauth-token:2.1` is an image.
_NAMES = frozenset(
    {"Image", "RepoTags", "RepoDigests", "Name", "Names", "Tags", "Binds", "Source", "Destination", "Mountpoint"}
)
_KEY = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|credential|authorization|auth|api[_.-]?key|access[_.-]?key"
    r"|private[_.-]?key|account[_.-]?key|signing[_.-]?key|encryption[_.-]?key|requirepass|masterauth"
    r"|connection[_.-]?string|cookie|session[_.-]?id)s?"
)
_NAMED = rf"(?i:{_KEY})(?:[_.-][A-Za-z0-9_.-]{{0,30}}|[A-Z][A-Za-z0-9]{{0,20}})?"  # CLIENT_SECRET_VALUE, secretKey
_VALUE = r"(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s,;&\"'\])}]+)"
_SECRET_KEY = re.compile(rf"(?i:{_KEY})(?![a-z])")
_SECRET_FLAG = re.compile(rf"--?[a-z0-9_-]*{_KEY}", re.IGNORECASE)
# Each begins where its secret does, or with a bounded run before it: output may be long, and hostile.
_TOKENS = [
    re.compile(pattern)
    for pattern in (
        r"(?P<keep>\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s/:@\"'<>]*:)[^\s/\"'<>]+(?P<after>@)",  # user:password@host
        r"(?P<keep>://)(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{16,200}(?P<after>@)",  # token@host
        r"(?i)(?P<keep>\b(?:bearer|basic) )(?=[A-Za-z._~+/-]*[0-9=])[A-Za-z0-9._~+/-]{8,}=*",
        # JSON web token; behind a dash its first part is bounded, or `eyJ-eyJ-...` would be read anew from each dash.
        r"(?:(?<![\w-])eyJ[A-Za-z0-9_-]{8,}|\beyJ[A-Za-z0-9_-]{8,120})\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",
        r"\b(?:AKIA|ASIA|AGPA|AROA|AIDA)[A-Z0-9]{16}\b",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,})",
        r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
        r"(?<![A-Za-z0-9_-])(?:sk|pk|rk)[-_](?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,}",
        r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{16,}",
        r"\bhf_[A-Za-z0-9]{20,}|\bnpm_[A-Za-z0-9]{30,}|\bpypi-[A-Za-z0-9_-]{30,}|\bAIza[A-Za-z0-9_-]{30,}",
        r"\bSWMTKN-1-[a-z0-9-]{20,}|\bSWMKEY-1-[A-Za-z0-9+/=-]{20,}",
        r"(?m)(?:^[A-Za-z0-9+/=]{16,80}\n){1,80}-----END [A-Z ]{0,40}PRIVATE KEY-----",  # the end of one, by --tail
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)",
    )
]
_NOT_YET = r"(?!<redacted>|(?:true|false|null)\b)"
_ASSIGNED = [  # PASSWORD=x, --password x, and "password: x"
    re.compile(rf"(?P<keep>{_NAMED}[\"']?[ \t]{{0,8}}=>?[ \t]{{0,8}}){_NOT_YET}{_VALUE}"),
    re.compile(rf"(?i)(?P<keep>(?<![\w-])--?[a-z0-9_-]{{0,40}}?{_KEY}[ \t]{{1,8}})(?!-|<redacted>){_VALUE}"),
    re.compile(rf"(?P<keep>{_NAMED}[\"']?:[ \t]{{1,8}}(?:(?i:bearer|basic|token|digest) )?){_NOT_YET}{_VALUE}"),
]
# In a log, and there alone: elsewhere `auth:latest` is an image.
_IN_LOGS = [re.compile(rf"(?P<keep>{_NAMED}[\"']?:){_NOT_YET}(?![ \t/]){_VALUE}")]
_BUILD_VALUE = re.compile(r"(?P<name>\b[A-Za-z_]\w{0,80})=(?:\"[^\"]*\"|'[^']*'|\S+)")
_ESCAPES = re.compile(
    r"(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # OSC: titles, links; to the end of the line at most
    r"|(?:\x1b[P^_X]|[\x90\x98\x9e\x9f])[^\x1b\x9c\n]*(?:\x1b\\|\x9c)?"  # DCS, PM, APC, SOS
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x80-\x9f]"
)


class Redacted(NamedTuple):
    """Something without its secrets, and how many were taken out."""

    value: Any
    secrets: int


def redact_json(value: Any) -> Redacted:
    """An answer of the engine, parsed, of any shape; keys and types stay as they are."""
    counted = [0]
    return Redacted(_redacted(value, "", counted), counted[0])


def redact_text(text: str, *, is_log: bool = True) -> Redacted:
    """Text without what looks like a secret. What is no log was redacted as JSON before: of it the tokens alone."""
    return _without(text, [*_TOKENS, *_ASSIGNED, *_IN_LOGS] if is_log else _TOKENS)


def _without(text: str, patterns: Sequence[re.Pattern[str]]) -> Redacted:
    count = 0
    for pattern in patterns:
        named = pattern.groupindex

        def without(match: re.Match[str], named: Any = named) -> str:
            keep = match["keep"] if "keep" in named else ""
            return f"{keep}{REDACTED}{match['after'] if 'after' in named else ''}"

        text, found = pattern.subn(without, text)
        count += found
    return Redacted(text, count)


def clean(data: bytes) -> str:
    """Output as text that a screen shows and does not obey: no escapes, controls visible, marks of direction named."""
    text = _ESCAPES.sub("", data.decode("utf-8", "replace")).replace("\r\n", "\n").replace("\r", "\n")
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character in "\n\t" or " " <= character <= "~":
        return character
    if ord(character) < 0x20:
        return chr(0x2400 + ord(character))
    if character == "\x7f":
        return "\u2421"
    category = unicodedata.category(character)
    is_invisible = category in {"Cf", "Co", "Cs", "Cc", "Cn", "Zl", "Zp"} or 0xFE00 <= ord(character) <= 0xFE0F
    return f"<U+{ord(character):04X}>" if is_invisible else character


def _redacted(value: Any, key: str, counted: list[int]) -> Any:
    if isinstance(value, dict):
        return {name: _redacted(each, name, counted) for name, each in value.items()}
    if isinstance(value, list):
        if key in {"Env", "ContainerEnv"}:
            return [_variable(each, counted) for each in value]
        return _words(value, key, counted)
    if not isinstance(value, str) or not value:
        return value
    if _SECRET_KEY.search(key):
        counted[0] += 1
        return REDACTED
    text, count = _without(value, _TOKENS if key in _NAMES else [*_TOKENS, *_ASSIGNED])
    if key == "CreatedBy":
        text, more = _without_build_values(text)
        count += more
    counted[0] += count
    return text


def _without_build_values(text: str) -> tuple[str, int]:
    """A step of an image's history: what ENV sets and what build arguments were, as in an environment."""
    if not re.search(r"\bENV |^\|\d+ ", text):
        return text, 0
    count = 0

    def without(match: re.Match[str]) -> str:
        nonlocal count
        if match["name"] in _PLAIN_VARIABLES:
            return match[0]
        count += 1
        return f"{match['name']}={REDACTED}"

    return _BUILD_VALUE.sub(without, text), count


def _variable(value: Any, counted: list[int]) -> Any:
    name, equals, content = value.partition("=") if isinstance(value, str) else ("", "", "")
    if not isinstance(value, str) or not equals or not content or name in _PLAIN_VARIABLES:
        return value
    counted[0] += 1
    return f"{name}={REDACTED}"


def _words(values: Sequence[Any], key: str, counted: list[int]) -> list[Any]:
    """A list, perhaps the words of a command: the word behind `--password` is the password."""
    done: list[Any] = []
    for place, value in enumerate(values):
        before = values[place - 1] if place else None
        if isinstance(value, str) and isinstance(before, str) and _SECRET_FLAG.fullmatch(before) and value[:1] != "-":
            counted[0] += 1
            done.append(REDACTED)
        else:
            done.append(
                _redacted(value, "" if _SECRET_KEY.search(key) and not isinstance(value, str) else key, counted)
            )
    return done
