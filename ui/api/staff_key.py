"""A request -> the key of course staff: in a browser the password of HTTP Basic, of programs a bearer."""

from __future__ import annotations

import base64
import binascii

from fastapi import Request, Security
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool

from assistant.keys import Keys
from ui.api.callers import Caller, address, spend, windows
from ui.api.limits import HOUR, MINUTE
from ui.api.pages import CONTENT_POLICY
from ui.api.problems import Problem
from ui.api.state import Shared

BEARER = "Bearer"
BASIC = 'Basic realm="Ask the Notes, for course staff", charset="UTF-8"'
TRIES = [(10, MINUTE), (60, HOUR)]  # with wrong keys, from one address
NO_STORE = {"Cache-Control": "no-store"}
# Of the page, whose buttons send to this service alone.
HEADERS = {"Content-Security-Policy": CONTENT_POLICY.replace("form-action 'none'", "form-action 'self'"), **NO_STORE}
described = Security(HTTPBearer(auto_error=False, scheme_name="staff", description="A key with the scope staff."))


async def staff_key(request: Request, here: Shared, *, challenge: str, bucket: str = "staff") -> Caller:
    """Who sends a request, if it is staff. Raises Problem: 401 with the challenge, 403, or 429."""
    text = key_text(request, takes_basic=challenge == BASIC)
    if text is None:
        raise Problem(401, "This needs a key with the scope staff.", {"WWW-Authenticate": challenge, **NO_STORE})
    stranger = Caller("anonymous", address(request, here.settings))
    spend(
        here, "staff-tries", stranger, TRIES
    )  # before the look, and given back after it: many at once are counted too
    key = await run_in_threadpool(Keys(here.journal).find, text)
    if key is None:
        detail = "This key is not known, or no longer good."
        raise Problem(401, detail, {"WWW-Authenticate": challenge, **NO_STORE})
    here.limits.take_back(f"staff-tries:{stranger.limited_as}")
    who = Caller("key", f"key:{key.id}", key.scopes)
    request.state.caller = who.kind
    spend(here, bucket, who, windows(who, here.settings))
    if "staff" not in key.scopes:
        raise Problem(403, "This key has not the scope staff.", NO_STORE)
    return who


def key_text(request: Request, *, takes_basic: bool) -> str | None:
    """The text of the key; of HTTP Basic the password, whatever the name."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return given.strip() or None
    if kind.lower() != "basic" or not takes_basic:
        return None
    try:
        _, _, password = base64.b64decode(given.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return None
    return password or None
