"""POST /v1/ask: the Answer as JSON, or as server-sent events while it is made. POST /v1/search: what is found."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.datastructures import State
from starlette.responses import Response
from starlette.types import Message, Send

from assistant.answer import Answer, Citation, Event, Turn
from assistant.chain import Assistant, checked_question
from corpus.errors import AskError, JournalProblem, QuestionError
from ui.addresses import note_url, with_note_urls
from ui.api.answers import UnderWay
from ui.api.callers import Caller, limited
from ui.api.problems import PROBLEMS, Problem
from ui.api.state import Shared, opened, shared
from ui.service import Opened

MAX_QUESTION = 2_000  # characters
MAX_TURNS = 20
EVENT_STREAM = "text/event-stream"
# What else the contract has, what of it means that nothing is wanted, and why there is no more.
NOT_HERE: tuple[tuple[str, tuple[object, ...], str], ...] = (
    ("notes", (None,), 'This service answers from its own notes alone. Leave out "notes".'),
    ("docker", (None, False), 'No question here looks at the Docker of the service\'s machine. Leave out "docker".'),
)
SEND_SECONDS = 30.0  # a client that takes in nothing for so long has gone

LOG = logging.getLogger("ask")
router = APIRouter(prefix="/v1", tags=["ask"], responses=PROBLEMS)


class TurnBody(BaseModel):
    """One message of the conversation so far."""

    model_config = ConfigDict(extra="forbid")
    role: Literal["user", "assistant"]
    content: Annotated[str, Field(max_length=8_000)]


class QuestionBody(BaseModel):
    """A question."""

    model_config = ConfigDict(extra="forbid")
    question: Annotated[str, Field(min_length=1, max_length=MAX_QUESTION, pattern=r"\S")]
    history: Annotated[list[TurnBody], Field(max_length=MAX_TURNS)] = []

    def turns(self) -> list[Turn]:
        """The history as the assistant takes it."""
        return [Turn(each.role, each.content) for each in self.history]


class AskBody(QuestionBody):
    """A question, and whether the model of this service may word its answer."""

    model: Annotated[
        str | None,
        Field(max_length=200, description='"none": quotes alone; or the model that this service has (the default).'),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def here_there_are_no_others(cls, given: Any) -> Any:
        """The contract has `notes` and `docker` as well: a no to them is taken, a yes is told why not."""
        if not isinstance(given, dict):
            return given
        for name, nothing, why in NOT_HERE:
            if name in given and all(given[name] is not each for each in nothing):
                raise ValueError(why)
        return {name: value for name, value in given.items() if name not in {each[0] for each in NOT_HERE}}


@dataclass(frozen=True, slots=True)
class Hit(Citation):
    """A passage that was found; a higher score is better."""

    score: float = 0.0


class Found(BaseModel):
    """What a question finds, the best first, and how likely the notes answer it."""

    question: str
    coverage: float
    hits: list[Hit]


class EventStream(StreamingResponse):
    """Server-sent events; a client that stops reading is let go."""

    def __init__(self, events: AsyncIterator[bytes]) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(events, media_type=EVENT_STREAM, headers=headers)

    async def stream_response(self, send: Send) -> None:
        """Send the events."""

        async def in_time(message: Message) -> None:
            async with asyncio.timeout(SEND_SECONDS):
                await send(message)

        await super().stream_response(in_time)


@router.post(
    "/ask",
    response_model=None,
    responses={
        200: {
            "description": "The Answer, or its events: status, citation, delta, done, error.",
            "model": Answer,
            "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
        }
    },
)
async def ask(
    body: AskBody,
    request: Request,
    notes: Annotated[Opened, Depends(opened)],
    here: Annotated[Shared, Depends(shared)],
    who: Annotated[Caller, Depends(limited("ask"))],
) -> Response:
    """Answer a question from the notes. With `Accept: text/event-stream` its events while it is made."""
    assistant = with_model(notes.assistant, body.model)
    answering = begin(here, assistant, body.question, body.turns(), who, request.state)
    if EVENT_STREAM in request.headers.get("accept", ""):
        return EventStream(_server_sent(answering))
    return JSONResponse((await whole(answering)).to_json())


@router.post("/search", response_model=None, responses={200: {"model": Found}})
def search(
    body: QuestionBody,
    notes: Annotated[Opened, Depends(opened)],
    here: Annotated[Shared, Depends(shared)],
    _: Annotated[Caller, Depends(limited("ask"))],
) -> dict[str, Any]:
    """What a question finds, without an answer: the ten best passages and the coverage."""
    assistant = notes.assistant
    found, likely = assistant.find(body.question, history=body.turns())
    cited = [(hit.score, assistant.citation(n, hit.number)) for n, hit in enumerate(found.hits[:10], start=1)]
    if here.leads_here:
        cited = [(score, replace(each, url=note_url(here.public_url, each))) for score, each in cited]
    hits = [{"score": round(score, 3), **asdict(each)} for score, each in cited]
    return {"question": body.question, "coverage": round(likely.probability, 3), "hits": hits}


def with_model(assistant: Assistant, model: str | None) -> Assistant:
    """The assistant with the model that a caller names. Raises Problem with 404 if the service has not that one."""
    if model is None or model == assistant.settings.model:
        return assistant
    if model == "none":
        return replace(assistant, model=None)
    raise Problem(404, 'There is no such model here. Leave out "model", or say "none".')


def begin(
    here: Shared,
    assistant: Assistant,
    question: str,
    history: Sequence[Turn],
    who: Caller,
    state: State,
    *,
    keep: bool = True,
) -> UnderWay:
    """Begin to answer. Raises AskError and Problem.

    Once it is whole, the answer is kept in the journal, if that takes it, unless whoever asks keeps it. `state` is that
    of the request: the log tells what is put there.
    """
    checked_question(question, assistant.settings)
    if here.settings.log_questions:
        state.question = question

    def events() -> Iterator[Event]:
        for event in here.service.stream(assistant, question, history):
            told = with_note_urls(event, here.public_url) if here.leads_here else event
            if told.answer is not None:
                if keep:
                    _keep(here, told.answer, who)
                here.figures.outcomes.labels(told.answer.outcome).inc()
                state.outcome = told.answer.outcome
            yield told

    return here.answers.begin(events)


def _keep(here: Shared, answer: Answer, who: Caller) -> None:
    """Keep an answer. One that cannot be kept, since a disk is full for instance, is given all the same."""
    try:
        here.journal.keep_answer(answer, user=who.user)
    except JournalProblem as problem:
        here.figures.not_kept.inc()
        LOG.warning("an answer is given and not kept: %s", problem)


def checked_length(text: str) -> None:
    """For what comes without a schema that says so. Raises QuestionError for a text that is too long."""
    if len(text) > MAX_QUESTION:
        raise QuestionError(
            f"That has {len(text):,} characters; at most {MAX_QUESTION:,} are taken. Ask a shorter one."
        )


async def whole(answering: UnderWay) -> Answer:
    """The answer when it is whole."""
    answer = None
    async with aclosing(answering.events()) as events:  # type: ignore[type-var]  # it is a generator
        async for event in events:
            answer = event.answer or answer
    assert answer is not None  # noqa: S101  # a stream ends with it
    return answer


async def _server_sent(answering: UnderWay) -> AsyncIterator[bytes]:
    """Events as a browser's EventSource reads them; an error is an event too, for the status has been sent."""
    try:
        async with aclosing(answering.events()) as events:  # type: ignore[type-var]  # it is a generator
            async for event in events:
                yield server_sent(event.event, event.to_json())
    except (AskError, Problem) as error:
        yield server_sent("error", {"event": "error", "detail": str(error)})


def server_sent(name: str, data: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode("utf-8", "replace")
