"""GET /v1/models and POST /v1/chat/completions: for clients that speak to OpenAI, unchanged.

The last message of the user is the question, the ones before are the conversation. The sources stand at the
end of the text, and in a field of their own, `citations`.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from assistant.answer import Answer, Event, Turn
from corpus.errors import AskError
from ui.api.answers import UnderWay
from ui.api.asking import MAX_QUESTION, MAX_TURNS, EventStream, begin, whole
from ui.api.callers import Caller, limited
from ui.api.problems import OPENAI_PROBLEMS, Problem, openai_error, status_of
from ui.api.state import Shared, opened, shared
from ui.rendering import heading, place, printable
from ui.service import Opened

MODEL = "ask-the-notes"
MAX_MESSAGES = 200
MAX_CONTENT = 60_000
USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}  # nobody is billed here

router = APIRouter(prefix="/v1", tags=["openai"], responses=OPENAI_PROBLEMS)


class Part(BaseModel):
    """A part of a message; only text is read."""

    model_config = ConfigDict(extra="ignore")
    type: str
    text: Annotated[str, Field(max_length=MAX_CONTENT)] | None = None


class Message(BaseModel):
    """A message; what other fields it has is not looked at."""

    model_config = ConfigDict(extra="ignore")
    role: Annotated[str, Field(max_length=40)]
    content: Annotated[str, Field(max_length=MAX_CONTENT)] | list[Part] | None = None

    @property
    def text(self) -> str:
        """What it says."""
        if isinstance(self.content, list):
            return "\n".join(part.text or "" for part in self.content if part.type == "text")
        return self.content or ""


class StreamOptions(BaseModel):
    """What is wanted of a stream."""

    model_config = ConfigDict(extra="ignore")
    include_usage: bool | None = None


class CompletionBody(BaseModel):
    """A request as OpenAI takes it; fields that mean nothing here are not looked at, and null is as good as nothing."""

    model_config = ConfigDict(extra="ignore")
    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_MESSAGES)]
    model: Annotated[str, Field(max_length=200)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None


@router.get("/models")
async def models() -> dict[str, Any]:
    """The one model there is."""
    return {"object": "list", "data": [_model()]}


@router.get("/models/{model}")
async def model(model: str) -> dict[str, Any]:
    """The same by its name."""
    if model != MODEL:
        raise Problem(404, f"There is no model of that name here, only {MODEL}.")
    return _model()


def _model() -> dict[str, Any]:
    return {"id": MODEL, "object": "model", "created": 0, "owned_by": MODEL}


@router.post("/chat/completions", response_model=None, responses={200: {"description": "A completion, or its chunks."}})
async def complete(
    body: CompletionBody,
    request: Request,
    notes: Annotated[Opened, Depends(opened)],
    here: Annotated[Shared, Depends(shared)],
    who: Annotated[Caller, Depends(limited("ask"))],
) -> Response:
    """Answer the last message of the user."""
    if body.model not in {None, MODEL}:
        raise Problem(404, f"There is no model {str(body.model)[:80]!r} here, only {MODEL}.")
    said = [each for each in body.messages if each.role in {"user", "assistant"}]
    asked = next((n for n in range(len(said) - 1, -1, -1) if said[n].role == "user"), None)
    if asked is None:
        raise Problem(400, "There is no message of a user to answer.")
    question = said[asked].text
    if len(question) > MAX_QUESTION:
        raise Problem(400, f"The question has more than {MAX_QUESTION:,} characters. Ask a shorter one.")
    history = [Turn("user" if each.role == "user" else "assistant", each.text) for each in said[:asked]]
    answering = begin(here, notes.assistant, question, history[-MAX_TURNS:], who, request.state)
    if body.stream:
        has_usage = bool(body.stream_options and body.stream_options.include_usage)
        return EventStream(_chunks(answering, request.state.request_id, has_usage=has_usage))
    return JSONResponse(_completion(await whole(answering)))


def sources(answer: Answer) -> str:
    """The numbered list at the end of a text."""
    lines = [f"[{c.number}] {heading(c)}, {place(c)}: <{c.url}>" for c in answer.citations]
    return printable("\n\nSources:\n" + "\n".join(lines)) if lines else ""


def _completion(answer: Answer) -> dict[str, Any]:
    message = {"role": "assistant", "content": printable(answer.text) + sources(answer), "refusal": None}
    return {
        "id": f"chatcmpl-{answer.id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": USAGE,
        "citations": [asdict(citation) for citation in answer.citations],
        "outcome": answer.outcome,
    }


async def _chunks(answering: UnderWay, request: str, *, has_usage: bool) -> AsyncIterator[bytes]:
    # The answer has no id yet: that of the request tells one completion from another.
    own = {"id": f"chatcmpl-{request}", "object": "chat.completion.chunk", "created": int(time.time()), "model": MODEL}
    yield _data({**own, "choices": [_choice({"role": "assistant", "content": ""})]})
    try:
        async with aclosing(answering.events()) as events:  # type: ignore[type-var]  # it is a generator
            async for event in events:
                for chunk in _of(event):
                    yield _data({**own, **chunk})
    except (AskError, Problem) as error:
        status = error.status if isinstance(error, Problem) else status_of(error)
        yield _data(openai_error(status, str(error)))
        return
    if has_usage:
        yield _data({**own, "choices": [], "usage": USAGE})
    yield b"data: [DONE]\n\n"


def _of(event: Event) -> list[dict[str, Any]]:
    """The chunks that say an event."""
    if event.text is not None:
        return [{"choices": [_choice({"content": printable(event.text)})]}]
    if event.answer is None:
        return []
    listed = sources(event.answer)
    last = {"choices": [_choice({}, "stop")], "outcome": event.answer.outcome}
    cited = [asdict(citation) for citation in event.answer.citations]
    return [*([{"choices": [_choice({"content": listed})]}] if listed else []), {**last, "citations": cited}]


def _choice(delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}


def _data(chunk: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode("utf-8", "replace")
