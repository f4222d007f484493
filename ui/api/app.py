"""The ASGI application: its routes, what they share, and how every request is treated."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI, Request
from starlette.responses import Response

from assistant.journal import Journal, journal_url
from assistant.settings import Settings
from index.location import ask_home
from ui.api import asking, embed, health
from ui.api.problems import add_problem_handlers
from ui.api.state import Shared
from ui.service import Service


def create_app(settings: Settings) -> FastAPI:
    """The service over the notes of these settings. Opening them begins when the server starts, in the background."""

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        journal = Journal.open(journal_url(settings.journal, ask_home()))
        app.state.shared = Shared(settings, Service(settings), journal)
        app.state.shared.service.bring_up_to_date()
        try:
            yield
        finally:
            journal.close()

    app = FastAPI(
        title="Ask the Notes",
        version=_version(),
        description="Answers from a course's own notes, with citations.",
        lifespan=running,
        docs_url=None,  # its page would come from another host
        redoc_url=None,
    )
    add_problem_handlers(app)

    @app.middleware("http")
    async def with_id(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        request.state.request_id = secrets.token_hex(8)
        response = await call_next(request)
        response.headers["X-Request-Id"] = request.state.request_id
        return response

    app.add_middleware(embed.Frames)
    for module in (asking, embed, health):
        app.include_router(module.router)
    return app


def _version() -> str:
    try:
        return version("ask-the-notes")
    except PackageNotFoundError:  # run out of a folder that was not installed
        return "0"
