"""A bot out of the settings: its forum, its questions to the notes, its thread."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from assistant.answer import Answer, Turn
from assistant.inbox import Inbox
from assistant.journal import Journal
from assistant.settings import Settings
from corpus.errors import IndexBusy, SettingsError
from ui.bot.connector import Connector
from ui.bot.discourse import Discourse
from ui.bot.spirit import Spirit
from ui.bot.worker import Answering, Bot, run
from ui.service import Service

STOP_SECONDS = 15.0


def connector_of(settings: Settings) -> Connector:
    """The forum of the settings. Raises SettingsError, which says what is missing."""
    if settings.bot_forum is None:
        raise SettingsError("There is no forum. Name it: ASK_BOT_FORUM=discourse or spirit; docs/bot.md has the rest.")
    key = settings.bot_key.get_secret_value()
    for name, value in (("BOT_URL", settings.bot_url), ("BOT_USER", settings.bot_user), ("BOT_KEY", key)):
        if not value:
            raise SettingsError(f"The bot needs ASK_{name} as well; docs/bot.md says what each is.")
    url = settings.bot_url or ""
    return Spirit(url, key) if settings.bot_forum == "spirit" else Discourse(url, settings.bot_user, key)


def answering(service: Service) -> Answering:
    """Answers out of the notes alone: nobody in a forum looks at the Docker of the machine that the bot is on."""

    def answer(question: str, history: Sequence[Turn]) -> Answer:
        opened = service.opened
        if opened is None:
            raise IndexBusy("The notes are not open yet.")
        return replace(opened.assistant, docker=None).ask(question, history=history)

    return answer


def bot_of(settings: Settings, service: Service, journal: Journal) -> Bot:
    """The bot of the settings. Raises AskError."""
    return Bot(settings, Inbox(journal), journal, connector_of(settings), answering(service))


class BotThread:
    """The bot beside a server, until it is told to stop."""

    def __init__(self, settings: Settings, service: Service, journal: Journal) -> None:
        self._stop = threading.Event()
        bot = bot_of(settings, service, journal)
        self._thread = threading.Thread(
            target=run, args=(bot, self._stop), kwargs={"is_ready": lambda: service.opened is not None}, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Let it end what it is at."""
        self._stop.set()
        self._thread.join(STOP_SECONDS)
