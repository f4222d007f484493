"""GET /staff: what to write next, as a page for course staff; GET /v1/staff/...: the same for programs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from assistant.asked import outdated, report
from assistant.inbox import Inbox
from corpus.documents import read_notes
from ui.api.callers import Caller
from ui.api.problems import PROBLEMS, Problem
from ui.api.staff_key import BASIC, BEARER, HEADERS, NO_STORE, described, key_text, staff_key
from ui.api.staff_page import Board, refused_page, staff_page
from ui.api.staff_replies import reply_token
from ui.api.state import Shared, shared

SHOWN = 20
PERIODS = {"7": 7, "30": 30, "90": 90, "all": None}

Days = Annotated[int | None, Query(ge=1, le=36_500, description="Only the last so many days.")]
Limit = Annotated[int, Query(ge=1, le=1_000, description="How many to list.")]

router = APIRouter(tags=["staff"], responses=PROBLEMS)


async def by_bearer(request: Request, here: Annotated[Shared, Depends(shared)]) -> Caller:
    """Staff by a bearer alone (a dependency): no browser sends that by itself."""
    return await staff_key(request, here, challenge=BEARER)


@router.get("/v1/staff/gaps", dependencies=[Depends(by_bearer), described])
def gaps(
    here: Annotated[Shared, Depends(shared)], response: Response, days: Days = None, limit: Limit = SHOWN
) -> dict[str, Any]:
    """What was asked and not answered, by the section it belongs to, the biggest gap first."""
    response.headers.update(NO_STORE)
    return {"days": days, **report(here.journal, days).to_json(limit)}


@router.get("/v1/staff/changed", dependencies=[Depends(by_bearer), described])
def changed(
    here: Annotated[Shared, Depends(shared)], response: Response, days: Days = None, limit: Limit = SHOWN
) -> dict[str, Any]:
    """Answers whose cited lines read otherwise now: first those that stand in a forum, then those asked for most."""
    response.headers.update(NO_STORE)
    found, count = outdated(here.journal, read_notes(here.service.notes), limit, days)
    return {"days": days, "count": count, "changed": [each.to_json() for each in found]}


@router.get("/staff", include_in_schema=False)
async def page(
    request: Request,
    here: Annotated[Shared, Depends(shared)],
    days: Literal["7", "30", "90", "all"] = "30",
) -> HTMLResponse:
    """What was asked of late, what to write next, and what waits."""
    try:
        await staff_key(request, here, challenge=BASIC)
    except Problem as problem:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        return HTMLResponse(refused_page(str(problem)), problem.status, {**problem.headers, **HEADERS})
    key = str(key_text(request, takes_basic=True))
    board = await run_in_threadpool(_board, here, PERIODS[days], key)
    return HTMLResponse(staff_page(board, list(PERIODS), days, here.public_url), headers=HEADERS)


def _board(here: Shared, days: int | None, key: str) -> Board:
    notes, inbox = read_notes(here.service.notes), Inbox(here.journal)
    waiting = inbox.jobs("review", limit=SHOWN)
    found, count = outdated(here.journal, notes, SHOWN, days)
    return Board(
        report=report(here.journal, days),
        documents=frozenset(document.path for document in notes.documents),
        changed=found,
        changed_count=count,
        waiting=[(job, reply_token(key, job.id)) for job in waiting],
        waiting_count=inbox.counts()["review"],
    )
