"""Who asks: a key, a reader whom a forum has named in a token, or just an address; and how often they may."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import jwt
from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from assistant.journal import storable
from assistant.keys import PREFIX, Keys
from assistant.settings import Settings
from corpus.errors import AskError, SettingsError
from ui.api.limits import HOUR, MINUTE, Window, client_address, network_of
from ui.api.problems import Problem, is_refusal
from ui.api.state import Shared, shared

CLAIMS = ["iss", "sub", "aud", "exp", "iat", "jti"]
MAX_TOKEN_SECONDS = 15 * 60
LEEWAY_SECONDS = 30  # clocks differ
MIN_SECRET = 32  # bytes
MAX_USER = 200
NO_KEY = "none"  # what clients send that must send a key, and have none


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `user` is what a forum calls its reader; `limited_as` is whom the limits count."""

    kind: Literal["anonymous", "key", "user"]
    limited_as: str
    scopes: tuple[str, ...] = ("ask",)
    user: str | None = None


class Identity:
    """Checks tokens by the keys and rules of the settings. Raises SettingsError if those do not do."""

    def __init__(self, settings: Settings) -> None:
        if settings.identity_keys is not None and not settings.identity_issuer:
            raise SettingsError("Whose tokens are they? Name the issuer (iss) of them: ASK_IDENTITY_ISSUER=forum")
        self._settings = settings
        self._keys = read_keys(settings.identity_keys) if settings.identity_keys is not None else []
        if not all(_fits(key, settings.identity_algorithms) for key in self._keys):
            raise SettingsError(
                f"A key in {settings.identity_keys} is none for {', '.join(settings.identity_algorithms)}, so no token "
                "of it would be good. Secrets are for HS256, PEM public keys for RS256, ES256 or EdDSA: "
                "ASK_IDENTITY_ALGORITHMS=RS256"
            )

    def user(self, token: str) -> str | None:
        """The reader a token names; None if it is not to be believed."""
        for key in self._keys:
            try:
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=list(self._settings.identity_algorithms),
                    audience=self._settings.identity_audience,
                    issuer=self._settings.identity_issuer,
                    leeway=LEEWAY_SECONDS,
                    options={"require": CLAIMS},
                )
            except (jwt.PyJWTError, ValueError, TypeError):
                continue
            return self._named(claims)
        return None

    def _named(self, claims: dict[str, Any]) -> str | None:
        course = self._settings.identity_course
        if course and claims.get("course") != course:
            return None
        begins, ends, user = claims["iat"], claims["exp"], claims["sub"]
        if not isinstance(begins, int | float) or not isinstance(ends, int | float):  # a number as text is taken before
            return None
        if ends - begins > MAX_TOKEN_SECONDS or not isinstance(user, str):
            return None
        return user if 0 < len(user) <= MAX_USER and storable(user) == user else None


def _fits(key: str, algorithms: Sequence[str]) -> bool:
    """Whether a key is of the kind that one of these algorithms takes."""
    for name in algorithms:
        try:
            jwt.get_algorithm_by_name(name).prepare_key(key)
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        return True
    return False


def read_keys(file: Path) -> list[str]:
    """The keys of a file: PEM blocks, or one secret a line. Raises SettingsError."""
    try:
        text = file.expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SettingsError(f"The keys in ASK_IDENTITY_KEYS cannot be read ({error}). Name a file of keys.") from error
    blocks = re.findall(r"-----BEGIN [A-Z0-9 ]+-----.*?-----END [A-Z0-9 ]+-----", text, re.DOTALL)
    keys = blocks or [line.strip() for line in text.splitlines() if line.strip()]
    if not keys or any(len(key.encode()) < MIN_SECRET for key in keys):
        raise SettingsError(
            f"A secret in {file} is too short, or there is none. Use at least {MIN_SECRET} random bytes: "
            "openssl rand -hex 32"
        )
    return keys


async def caller(request: Request, here: Annotated[Shared, Depends(shared)]) -> Caller:
    """Who sends a request (a dependency). A key or token that is no good is refused, not overlooked."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    given = given.strip()
    if not kind or (kind.lower() == "bearer" and given == NO_KEY):
        found = Caller("anonymous", address(request, here.settings))
    elif kind.lower() == "bearer" and given.startswith(PREFIX):
        key = await run_in_threadpool(Keys(here.journal).find, given)
        if key is None:
            raise _unknown()
        found = Caller("key", f"key:{key.id}", key.scopes)
    else:
        user = here.identity.user(given) if kind.lower() == "bearer" else None
        if user is None:
            raise _unknown()
        found = Caller("user", f"user:{user}", user=user)
    request.state.caller = found.kind
    return found


def address(request: HTTPConnection, settings: Settings) -> str:
    """Whom the limits count where nobody has a name."""
    peer = request.client.host if request.client is not None else ""
    forwarded = ", ".join(request.headers.getlist("x-forwarded-for"))  # some proxies add a line of their own
    return network_of(client_address(peer, forwarded, settings.proxies))


def _unknown() -> Problem:
    return Problem(401, "This key or token is not known, or no longer good.", {"WWW-Authenticate": "Bearer"})


def needs(scope: str) -> Callable[[Caller], Caller]:
    """A dependency: who sends a request, if they may do this."""

    async def allowed(who: Annotated[Caller, Depends(caller)]) -> Caller:
        if scope in who.scopes and not (scope == "staff" and who.kind != "key"):
            return who
        if who.kind == "anonymous":
            raise Problem(401, f"This needs a key with the scope {scope}.", {"WWW-Authenticate": "Bearer"})
        raise Problem(403, f"This key or token has not the scope {scope}.")

    return allowed  # type: ignore[return-value]  # FastAPI awaits it


def limited(bucket: str) -> Callable[[Caller, Shared], Caller]:
    """A dependency: who sends a request, one of their turns spent; a problem with 429 if there is none.

    What is refused before any work is done, for a field that is too long or since too many are asking, costs no turn.
    """

    async def spent(
        who: Annotated[Caller, Depends(needs("ask"))], here: Annotated[Shared, Depends(shared)]
    ) -> AsyncIterator[Caller]:
        spend(here, bucket, who, windows(who, here.settings))
        try:
            yield who
        except (Problem, AskError, RequestValidationError) as error:
            if is_refusal(error):
                here.limits.take_back(f"{bucket}:{who.limited_as}")
            raise

    return spent  # type: ignore[return-value]  # FastAPI goes on with what it yields


def spend(here: Shared, bucket: str, who: Caller, most: Sequence[Window]) -> None:
    """Count one turn of someone, in the thread of the event loop. Raises Problem with 429 if there is none left."""
    wait = here.limits.spend(f"{bucket}:{who.limited_as}", most)
    if wait:
        raise Problem(429, f"That was often. Ask again in {wait} seconds.", {"Retry-After": str(wait)})


def windows(who: Caller, settings: Settings) -> list[Window]:
    """How often someone may ask."""
    if who.kind == "anonymous":
        return [(settings.anonymous_per_minute, MINUTE), (settings.anonymous_per_hour, HOUR)]
    return [(settings.identified_per_minute, MINUTE)]
