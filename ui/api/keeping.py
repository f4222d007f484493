"""What is kept of answers: one by its id, what was thought of it, and its removal for the reader whose it is."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from assistant.answer import Answer
from assistant.upkeep import forget
from ui.addresses import answer_with_note_urls
from ui.api.callers import Caller, caller, limited
from ui.api.problems import PROBLEMS, Problem
from ui.api.state import Shared, shared

AnswerId = Annotated[str, Path(pattern="^[0-9a-f]{1,40}$")]

router = APIRouter(prefix="/v1", tags=["answers"], responses=PROBLEMS)


class FeedbackBody(BaseModel):
    """What a reader thought of an answer."""

    model_config = ConfigDict(extra="forbid")
    answer: Annotated[str, Field(pattern="^[0-9a-f]{1,40}$", description="Id of the answer.")]
    rating: Literal["up", "down"]
    reason: Annotated[str, Field(max_length=100)] = ""
    text: Annotated[str, Field(max_length=2_000)] = ""
    replaces: Annotated[
        str | None,
        Field(pattern="^[0-9a-f]{32}$", description="Id of what the same reader said of this answer before."),
    ] = None


@router.post("/feedback", status_code=201)
def rate(
    body: FeedbackBody,
    here: Annotated[Shared, Depends(shared)],
    who: Annotated[Caller, Depends(limited("feedback"))],
) -> dict[str, str]:
    """Say what an answer was worth. The id that comes back is for who says more of it: `replaces`."""
    kept_answer(here, body.answer)
    said = here.journal.rate(
        body.answer, body.rating, reason=body.reason, text=body.text, user=who.user, replaces=body.replaces
    )
    return {"answer": body.answer, "rating": body.rating, "id": str(said)}


@router.get("/answers/{answer}", response_model=None, responses={200: {"model": Answer}})
def read(answer: AnswerId, here: Annotated[Shared, Depends(shared)]) -> dict[str, Any]:
    """An answer that was given before."""
    return kept_answer(here, answer).to_json()


@router.delete("/me")
def remove(here: Annotated[Shared, Depends(shared)], who: Annotated[Caller, Depends(caller)]) -> dict[str, int]:
    """Remove every answer and feedback of the reader whom the token names."""
    if who.user is None:
        raise Problem(401, "Only who is signed in by a forum's token has data here.", {"WWW-Authenticate": "Bearer"})
    return {"removed": forget(here.journal, who.user)}


def kept_answer(here: Shared, answer: str) -> Answer:
    """The answer of that id, its citations leading here. Raises Problem with 404."""
    found = here.journal.answer(answer)
    if found is None:
        raise Problem(404, "There is no answer of that id, or it is not kept any more.")
    return answer_with_note_urls(found, here.public_url) if here.leads_here else found
