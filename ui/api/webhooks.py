"""POST /webhooks/{source}: what the forum tells the bot. Checked, stored, accepted; the bot works from the store."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool

from assistant.inbox import Inbox, Incoming
from assistant.journal import Journal
from assistant.settings import Settings
from corpus.errors import SettingsError
from ui.api.problems import PROBLEMS, Problem
from ui.api.state import Shared, shared
from ui.bot import discourse, spirit
from ui.bot.signatures import BadSignature, check_discourse, check_standard, standard_keys

MAX_BODY = 256 * 1024
MIN_SECRET = 12

router = APIRouter(tags=["bot"], responses=PROBLEMS)


@dataclass(frozen=True)
class Intake:
    """What deliveries of one forum are checked and read with, and where they go."""

    source: str
    inbox: Inbox
    check: Callable[[Mapping[str, str], bytes], None]
    read: Callable[[Mapping[str, str], Mapping[str, Any]], Incoming | None]


def intake_of(settings: Settings, journal: Journal) -> Intake | None:
    """The intake for the forum of the settings; None without one. Raises SettingsError."""
    if settings.bot_forum is None:
        return None
    secrets = settings.bot_secrets.get_secret_value()
    if not secrets.split():
        raise SettingsError("Deliveries of the forum must be signed: ASK_BOT_SECRETS; docs/bot.md says how.")
    if settings.bot_forum == discourse.SOURCE:
        plain = [secret.encode() for secret in secrets.split()]
        if any(len(secret) < MIN_SECRET for secret in plain):
            raise SettingsError(
                f"A secret of ASK_BOT_SECRETS is too short: as in Discourse itself, at least {MIN_SECRET} characters."
            )
        return Intake(
            discourse.SOURCE,
            Inbox(journal),
            lambda head, body: check_discourse(head, body, plain),
            discourse.read_event,
        )
    keys = standard_keys(secrets)
    return Intake(
        spirit.SOURCE,
        Inbox(journal),
        lambda head, body: check_standard(head, body, keys, time.time()),
        spirit.read_event,
    )


@router.post("/webhooks/{source}", status_code=202)
async def delivered(source: str, request: Request, here: Annotated[Shared, Depends(shared)]) -> dict[str, bool]:
    """Take one signed delivery of the forum. One that was stored before, or tells of nothing new, is accepted too."""
    intake = here.intake
    if intake is None or source != intake.source:
        raise Problem(404, "No forum of that name is set up here.")
    body = await _body(request)
    try:
        intake.check(request.headers, body)
    except BadSignature as error:
        raise Problem(401, str(error)) from error
    try:
        data = json.loads(body)
        if not isinstance(data, dict):
            raise ValueError("it is no JSON object")  # noqa: TRY004  # of the text, not of a variable
        post = intake.read(request.headers, data)
    except (ValueError, RecursionError) as error:
        raise Problem(400, f"The delivery cannot be read: {str(error)[:200]}") from error
    stored = await run_in_threadpool(intake.inbox.add, post) if post is not None else False
    return {"stored": stored}


async def _body(request: Request) -> bytes:
    """The body as it was sent. A large one is refused while it comes, or before, if it says how large it is."""
    too_large = Problem(413, f"A delivery may have {MAX_BODY:,} bytes.", {"Connection": "close"})
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said) > MAX_BODY:
        raise too_large
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > MAX_BODY:
            raise too_large
    return bytes(parts)
