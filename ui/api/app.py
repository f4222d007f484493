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
from ui.api import asking, health, webhooks
from ui.api.problems import add_problem_handlers
from ui.api.state import Shared
from ui.api.webhooks import intake_of
from ui.bot.starting import BotThread
from ui.service import Service


def create_app(settings: Settings) -> FastAPI:
    """The service over the notes of these settings. Opening them begins when the server starts, in the background."""

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        journal = Journal.open(journal_url(settings.journal, ask_home()))
        service = Service(settings)
        bot = None
        try:
            app.state.shared = Shared(settings, service, journal, intake_of(settings, journal))
            if settings.bot_forum is not None and settings.bot_in_serve:
                bot = BotThread(settings, service, journal)
            service.bring_up_to_date()
            yield
        finally:
            if bot is not None:
                bot.stop()
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

    for module in (asking, health, webhooks):
        app.include_router(module.router)
    return app


def _version() -> str:
    try:
        return version("ask-the-notes")
    except PackageNotFoundError:  # run out of a folder that was not installed
        return "0"
