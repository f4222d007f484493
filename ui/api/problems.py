"""Errors as RFC 9457 problems: one table from our errors to HTTP statuses, and no trace in any answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from corpus.errors import AskError, IndexProblem, JournalProblem, ModelFailed, NotesError, UsageProblem

MEDIA_TYPE = "application/problem+json"
NO_JOURNAL = "What was asked cannot be kept or read now. Try again later; the log of the service says why."
# The first that an error is an instance of.
STATUSES: tuple[tuple[type[AskError], int], ...] = (
    (UsageProblem, 422),
    (ModelFailed, 502),
    (JournalProblem, 503),
    (IndexProblem, 503),
    (NotesError, 503),
    (AskError, 500),
)

OPENAI_PATHS = ("/v1/chat/completions", "/v1/models")  # their clients read errors in another shape
# What a route may answer besides, for its description.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem (RFC 9457).",
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["type", "title", "status", "detail"],
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                        "instance": {"type": "string"},
                        "request_id": {"type": "string"},
                    },
                }
            }
        },
    }
}

# The framework's own words, which say no more than the status does.
PLAINER = {
    "Not Found": "There is nothing at this address; /docs lists what there is.",
    "There was an error parsing the body": "The body is no JSON that can be read. Send one JSON object.",
    "Method Not Allowed": "This address takes other methods; /docs lists them.",
}

OPENAI_PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "An error in the shape of OpenAI.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {"error": {"type": "object", "required": ["message", "type"]}},
                }
            }
        },
    }
}


class Problem(Exception):
    """An answer that is a refusal: its status, and one sentence on what to do."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = extra


def status_of(error: AskError) -> int:
    """The HTTP status of one of our errors."""
    return next(status for kind, status in STATUSES if isinstance(error, kind))


def is_refusal(error: Problem | AskError | RequestValidationError) -> bool:
    """Whether nothing was done for a request: it cannot be done as it is, or not now."""
    if isinstance(error, RequestValidationError):
        return True
    status = error.status if isinstance(error, Problem) else status_of(error)
    return status < 500 or status == 503


def problem_response(
    request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None, **extra: Any
) -> JSONResponse:
    """One problem as JSON: type, title, status, detail, instance, and the id of the request."""
    if request.url.path.startswith(OPENAI_PATHS):
        return JSONResponse(openai_error(status, detail), status_code=status, headers=dict(headers or {}))
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "request_id": getattr(request.state, "request_id", None),
        **extra,
    }
    return JSONResponse(body, status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def openai_error(status: int, detail: str) -> dict[str, Any]:
    """An error in the shape that OpenAI's clients read."""
    kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    kind = kinds.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": detail, "type": kind, "param": None, "code": None}}


def add_problem_handlers(app: FastAPI) -> None:
    """Let every error of the app end as a problem."""

    @app.exception_handler(Problem)
    async def refused(request: Request, error: Problem) -> JSONResponse:
        return problem_response(request, error.status, error.detail, error.headers, **error.extra)

    @app.exception_handler(AskError)
    async def ours(request: Request, error: AskError) -> JSONResponse:
        detail = str(error)
        if isinstance(error, JournalProblem):  # it says where the journal is: that is for whoever runs the service
            logging.getLogger("ask").warning("%s", error)
            detail = NO_JOURNAL
        return problem_response(request, status_of(error), detail)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [
            {"at": ".".join(map(str, each["loc"])), "problem": str(each["msg"]).removeprefix("Value error, ")}
            for each in error.errors()
        ]
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if [each["at"] for each in errors] == ["body"] and not kind.endswith("json"):
            return problem_response(request, 415, "Send JSON, and say so: Content-Type: application/json.")
        first = f"{errors[0]['at']}: {errors[0]['problem']}" if errors else "The request cannot be read."
        return problem_response(request, 422, first, errors=errors)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        detail = PLAINER.get(str(error.detail), str(error.detail))
        return problem_response(request, error.status_code, detail, error.headers)
