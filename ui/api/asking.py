"""POST /v1/ask: the Answer as JSON, or as server-sent events while it is made. POST /v1/search: what is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from assistant.answer import Event, Turn
from corpus.errors import AskError
from ui.api.state import Shared, opened, shared
from ui.service import Opened

MAX_QUESTION = 2_000  # characters
MAX_TURNS = 20
EVENT_STREAM = "text/event-stream"

router = APIRouter(prefix="/v1", tags=["ask"])


class TurnBody(BaseModel):
    """One message of the conversation so far."""

    model_config = ConfigDict(extra="forbid")
    role: Literal["user", "assistant"]
    content: Annotated[str, Field(max_length=8_000)]


class AskBody(BaseModel):
    """A question."""

    model_config = ConfigDict(extra="forbid")
    question: Annotated[str, Field(min_length=1, max_length=MAX_QUESTION)]
    history: Annotated[list[TurnBody], Field(max_length=MAX_TURNS)] = []

    def turns(self) -> list[Turn]:
        """The history as the assistant takes it."""
        return [Turn(each.role, each.content) for each in self.history]


@router.post("/ask", response_model=None)
def ask(
    body: AskBody,
    request: Request,
    notes: Annotated[Opened, Depends(opened)],
    here: Annotated[Shared, Depends(shared)],
) -> Response:
    """Answer a question from the notes. With `Accept: text/event-stream` its events while it is made."""
    events = notes.assistant.stream(body.question, history=body.turns())
    if EVENT_STREAM in request.headers.get("accept", ""):
        return StreamingResponse(
            _server_sent(events, here), media_type=EVENT_STREAM, headers={"Cache-Control": "no-store"}
        )
    with closing(events):
        *_, done = events
    assert done.answer is not None  # noqa: S101  # a stream ends with it
    here.journal.keep_answer(done.answer)
    return JSONResponse(done.answer.to_json())


@router.post("/search")
def search(body: AskBody, notes: Annotated[Opened, Depends(opened)]) -> dict[str, Any]:
    """What a question finds, without an answer: the ten best passages and the coverage."""
    assistant = notes.assistant
    found, likely = assistant.find(body.question, history=body.turns())
    hits = [
        {"score": round(hit.score, 3), **asdict(assistant.citation(number, hit.number))}
        for number, hit in enumerate(found.hits[:10], start=1)
    ]
    return {"question": body.question, "coverage": round(likely.probability, 3), "hits": hits}


def _server_sent(events: Iterator[Event], here: Shared) -> Iterator[bytes]:
    """Events as a browser's EventSource reads them; an error is an event too, for the status has been sent."""
    try:
        for event in events:
            if event.answer is not None:
                here.journal.keep_answer(event.answer)
            yield server_sent(event.event, event.to_json())
    except AskError as error:
        yield server_sent("error", {"event": "error", "detail": str(error)})


def server_sent(name: str, data: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode("utf-8", "replace")
