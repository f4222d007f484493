"""What staff say of the bot's replies that wait for them: by a button on /staff, or POST /v1/staff/replies/{id}.

A browser sends the password of /staff with whatever another page makes it send. So each button has a token that only a
page made for this key and this reply can have; the API takes a bearer alone, which no browser sends by itself.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool

from assistant.inbox import Inbox, Job
from ui.api.callers import Caller
from ui.api.problems import PROBLEMS, Problem
from ui.api.staff_key import BASIC, BEARER, HEADERS, NO_STORE, described, key_text, staff_key
from ui.api.staff_page import refused_page
from ui.api.state import Shared, shared

BUCKET = "staff-replies"  # whoever looks through many of them does not use up the page's own turns
GONE = "This reply does not wait any more: somebody has decided, or there is none of this id."

JobId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="Id of the reply.")]
Decision = Literal["post", "reject"]

router = APIRouter(tags=["staff"], responses=PROBLEMS)


class DecisionBody(BaseModel):
    """Whether a reply is posted."""

    model_config = ConfigDict(extra="forbid")
    decision: Decision


async def deciding(request: Request, here: Annotated[Shared, Depends(shared)]) -> Caller:
    """Staff by a bearer alone (a dependency)."""
    return await staff_key(request, here, challenge=BEARER, bucket=BUCKET)


@router.get("/v1/staff/replies", dependencies=[Depends(deciding), described])
def replies(
    here: Annotated[Shared, Depends(shared)],
    response: Response,
    limit: Annotated[int, Query(ge=1, le=1_000, description="How many to list.")] = 20,
) -> dict[str, Any]:
    """The bot's replies that wait for staff."""
    response.headers.update(NO_STORE)
    inbox = Inbox(here.journal)
    return {"count": inbox.counts()["review"], "waiting": [_shown(job) for job in inbox.jobs("review", limit=limit)]}


@router.post("/v1/staff/replies/{reply}", dependencies=[described])
def decide(
    reply: JobId,
    body: DecisionBody,
    here: Annotated[Shared, Depends(shared)],
    who: Annotated[Caller, Depends(deciding)],
    response: Response,
) -> dict[str, str]:
    """Let one of them go out, or not."""
    response.headers.update(NO_STORE)
    _decide(here, reply, body.decision, who)
    return {"reply": reply, "decision": body.decision}


@router.post("/staff/replies/{reply}", include_in_schema=False)
async def pressed(reply: JobId, request: Request, here: Annotated[Shared, Depends(shared)]) -> Response:
    """The same by a button of the page, which is shown again."""
    try:
        who = await staff_key(request, here, challenge=BASIC, bucket=BUCKET)
        said = parse_qs((await request.body()).decode("ascii", "replace"))
        expected = reply_token(str(key_text(request, takes_basic=True)), reply)
        if not hmac.compare_digest(said.get("token", [""])[0].encode(), expected.encode()):
            raise Problem(
                403, "This was not sent by a button of this page. Load /staff anew, and press there.", NO_STORE
            )
        decision = said.get("decision", [""])[0]
        if decision not in {"post", "reject"}:
            raise Problem(422, "Press one of the two buttons.", NO_STORE)
        await run_in_threadpool(_decide, here, reply, decision, who)
    except Problem as problem:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        words = refused_page(str(problem), needs_key=problem.status == 401)
        return HTMLResponse(words, problem.status, {**problem.headers, **HEADERS})
    return RedirectResponse("/staff#waiting", 303, headers=NO_STORE)


def reply_token(key: str, reply: str) -> str:
    """What a button for this reply has, on a page that was made for this key."""
    return hmac.digest(key.encode(), f"staff reply {reply}".encode(), hashlib.sha256).hex()


def _decide(here: Shared, reply: str, decision: str, who: Caller) -> None:
    if not Inbox(here.journal).decide(reply, post=decision == "post"):
        raise Problem(409, GONE, NO_STORE)
    about = {"reply": reply, "decision": decision, "by": who.limited_as}
    logging.getLogger("ask").info("staff have decided", extra={"about": about})


def _shown(job: Job) -> dict[str, str]:
    names = ("id", "source", "topic", "post", "question", "answer", "reply")
    return {name: str(getattr(job, name)) for name in names} | {"changed": job.changed.isoformat(timespec="seconds")}
