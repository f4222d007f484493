"""The ASGI application: its routes, what they share, and how every request is treated."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from assistant.database import journal_url
from assistant.journal import Journal
from assistant.settings import Settings
from assistant.upkeep import purge, trim
from corpus.errors import JournalProblem
from index.location import ask_home
from ui.api import (
    asking,
    docs_page,
    embed,
    health,
    keeping,
    mcp_http,
    openai_chat,
    permalinks,
    staff,
    staff_replies,
    webhooks,
)
from ui.api.answers import Answers
from ui.api.bodies import BodyLimit
from ui.api.callers import Identity
from ui.api.chat_page import ChatPage, front_page, to_chat
from ui.api.cors import Cors
from ui.api.heads import Heads
from ui.api.limits import Limits
from ui.api.mcp_http import McpHttp
from ui.api.problems import add_problem_handlers
from ui.api.state import Shared
from ui.api.telemetry import Figures, Telemetry
from ui.api.webhooks import intake_of
from ui.bot.starting import BotThread
from ui.service import Service

MCP_HEADERS = ("Mcp-Protocol-Version", "Mcp-Session-Id", "Mcp-Method", "Mcp-Name")
UPKEEP_SECONDS = 3_600.0
TRIM_SECONDS = 60.0
MOST_IN_MEMORY = 1_000  # answers that links still lead to, where nothing is kept

LOG = logging.getLogger("ask")


def create_app(settings: Settings, *, address: str = "http://127.0.0.1:8000/") -> FastAPI:
    """The service over the notes of these settings, reached at an address unless they name another.

    Opening the notes begins when the server starts, in the background. Raises SettingsError.
    """
    public_url = settings.public_url or address
    base_url = settings.base_url or f"{public_url}notes/"
    # Whoever asks over HTTP has no business with the Docker of this machine.
    own = settings.model_copy(update={"docker": "off", "base_url": base_url})
    figures, identity, chat = Figures(), Identity(settings), ChatPage()

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        journal = Journal.open(journal_url(settings.journal, ask_home()))
        at_once, waiting = settings.answers_at_once, settings.answers_waiting
        if settings.model is None:  # nothing to wait for but the processor: more threads would only take turns
            at_once = min(at_once, os.cpu_count() or at_once)
            waiting += settings.answers_at_once - at_once
        answers = Answers(at_once=at_once, waiting=waiting, seconds=settings.answer_seconds)
        app.state.shared = here = Shared(
            settings=own,
            service=Service(own),
            journal=journal,
            answers=answers,
            limits=Limits(),
            figures=figures,
            identity=identity,
            public_url=public_url,
            leads_here=settings.base_url is None,
            intake=intake_of(own, journal),
        )
        app.state.mcp = protocol = McpHttp()
        is_over = threading.Event()
        threading.Thread(target=here.service.watch, args=(is_over,), daemon=True).start()
        upkeep = asyncio.create_task(_upkeep(journal, settings.keep_days))
        bot = None
        try:
            if settings.bot_forum is not None and settings.bot_in_serve:
                bot = BotThread(own, here.service, journal)
            yield
        finally:
            is_over.set()
            upkeep.cancel()
            if bot is not None:
                bot.stop()
            await protocol.close()
            await chat.close()
            answers.close()
            journal.close()

    app = FastAPI(
        title="Ask the Notes",
        version=_version(),
        description="Answers from a course's own notes, with citations.",
        lifespan=running,
        docs_url=None,  # its page would come from another host
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,  # clients are generated with these names
        redirect_slashes=False,  # it would lead to http, for what the proxy in front speaks is not known here
    )
    app.state.embed_origins = settings.embed_origins
    add_problem_handlers(app)
    for module in (
        asking,
        keeping,
        openai_chat,
        permalinks,
        staff,
        staff_replies,
        embed,
        webhooks,
        mcp_http,
        docs_page,
        health,
    ):
        app.include_router(module.router)
    app.add_api_route("/", front_page(has_chat=settings.chat_in_serve), include_in_schema=False)
    if settings.chat_in_serve:
        app.add_api_route("/chat", to_chat, include_in_schema=False)
        app.mount("/chat", chat)
    # The last is the outermost.
    app.add_middleware(BodyLimit)
    app.add_middleware(Heads)
    if settings.cors_origins:
        app.add_middleware(
            Cors,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-Request-Id", *MCP_HEADERS],
            expose_headers=["X-Request-Id", "Retry-After"],
        )
    app.add_middleware(Telemetry, figures=figures)
    return app


async def _upkeep(journal: Journal, days: int | None) -> None:
    """Remove what is too old, at once and every hour; where nothing is to be kept, all but the latest every minute."""
    if days is None and not journal.is_in_memory:
        LOG.warning("what is asked is kept for ever; ASK_KEEP_DAYS=365, for instance, removes what is older")
        return
    while True:
        with suppress(JournalProblem):  # said by the next request
            if journal.is_in_memory:
                await asyncio.to_thread(trim, journal, MOST_IN_MEMORY)
            if days is not None:
                gone = await asyncio.to_thread(purge, journal, days)
                LOG.info("purged", extra={"about": {"rows": gone}})
        await asyncio.sleep(TRIM_SECONDS if journal.is_in_memory else UPKEEP_SECONDS)


def _version() -> str:
    try:
        return version("ask-the-notes")
    except PackageNotFoundError:  # run out of a folder that was not installed
        return "0"
