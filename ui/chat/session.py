"""What one session of the page stands on: its settings, and the service and the journal that all sessions share."""

from __future__ import annotations

import ipaddress
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import streamlit as st

from assistant.answer import Event
from assistant.answer import Turn as Said
from assistant.database import MEMORY, journal_url
from assistant.journal import Journal
from assistant.settings import Settings, load_settings
from corpus.errors import AskError, JournalProblem
from index.location import ask_home
from ui.building import STAGES
from ui.service import Opened, Service

MAX_SERVICES = 4
POLL_SECONDS = 0.1
NOT_KEPT = "Conversations cannot be kept or read now: what you ask lasts as long as this page is open."
LOOPBACK = "127.0.0.1"  # Streamlit has no address for it

Result = TypeVar("Result")


class Host(Protocol):
    """A server for others that has the page besides: its notes, its journal, and its rules for who asks."""

    settings: Settings
    service: Service
    journal: Journal

    def answer(
        self, question: str, history: Sequence[Said], *, peer: str, forwarded: str, waiting: Callable[[], None]
    ) -> Iterator[Event]:
        """The events of one answer to whoever is at an address. Raises AskError: Refused if it is one too many."""
        ...


hosted: Host | None = None  # set by the server before the first session; then nobody is at this machine


class Shared:
    """The services by their settings, and the journal; one for the whole process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._services: OrderedDict[Settings, Service] = OrderedDict()
        self._journals: dict[str, Journal] = {}
        self.notices: dict[str, str] = {}  # address of a journal -> what has to be said about it

    def service(self, settings: Settings) -> Service:
        """The service of these settings; the ones used last are kept."""
        key = settings.model_copy(update={"journal": None})
        with self._lock:
            if key not in self._services:
                self._services[key] = Service(key)
            self._services.move_to_end(key)
            while len(self._services) > MAX_SERVICES:
                self._services.popitem(last=False)
            return self._services[key]

    def journal(self, url: str) -> Journal:
        """The journal at an address; where it cannot be opened, one in memory, and a notice."""
        with self._lock:
            if url not in self._journals:
                try:
                    self._journals[url] = Journal.open(url)
                    if self._journals[url].notice is not None:
                        self.notices[url] = str(self._journals[url].notice)
                except JournalProblem as problem:
                    self._journals[url] = Journal.open(MEMORY)
                    self.notices[url] = f"{problem} Until then, conversations last as long as this server."
            return self._journals[url]

    def forget_journal(self, url: str) -> None:
        """Open it anew at the next use: it has failed."""
        with self._lock:
            failed = self._journals.pop(url, None)
            if failed is not None:
                failed.close()


@st.cache_resource(show_spinner=False)
def shared() -> Shared:
    """What all sessions share."""
    return Shared()


@dataclass(frozen=True, slots=True)
class PageSession:
    """One session of the page, its settings read."""

    settings: Settings
    service: Service
    url: str
    host: Host | None = None

    @property
    def notes(self) -> str:
        """The notes as the journal names them."""
        return str(self.service.notes.resolve())

    @property
    def notes_shown(self) -> str:
        """The notes as a reader is told of them: where they are on a server is nobody's business."""
        return self.notes if self.host is None else self.service.notes.name

    def answer(self, question: str, history: Sequence[Said], *, waiting: Callable[[], None]) -> Iterator[Event]:
        """The events of one answer, see Service.answer. Raises AskError."""
        if self.host is None:
            return self.service.answer(question, history, waiting=waiting)
        peer = st.context.ip_address or LOOPBACK
        forwarded = ", ".join(st.context.headers.get_all("X-Forwarded-For"))
        return self.host.answer(question, history, peer=peer, forwarded=forwarded, waiting=waiting)

    def journal(self, use: Callable[[Journal], Result]) -> Result:
        """Use the journal; one that fails in the middle is opened anew, and if it must be, in memory."""
        if self.host is not None:
            if "journal_failed" not in st.session_state:
                try:
                    return use(self.host.journal)
                except JournalProblem as problem:  # where it is, is for whoever runs the server
                    logging.getLogger("ask").warning("a conversation is kept in memory: %s", problem)
                    st.session_state["journal_failed"] = True
            return use(shared().journal(MEMORY))
        try:
            return use(shared().journal(self.url))
        except JournalProblem as problem:
            shared().forget_journal(self.url)
            journal = shared().journal(self.url)
            shared().notices.setdefault(self.url, str(problem))
            return use(journal)

    def notice(self) -> str | None:
        """What has to be said about the journal."""
        if self.host is not None:
            return NOT_KEPT if "journal_failed" in st.session_state else None
        shared().journal(self.url)  # opened, if it has not been yet
        return shared().notices.get(self.url)


def page_session() -> PageSession:
    """The session with the settings that its reader has chosen, where there is a choice. Raises SettingsError."""
    if hosted is not None:
        return PageSession(hosted.settings, hosted.service, "", hosted)
    state = st.session_state
    notes, model = state.get("notes_chosen"), state.get("model_chosen")
    looks = "off" if not state.get("docker_on") else "logs" if state.get("docker_logs") else "on"
    looks = looks if allowed_docker() == "logs" or looks == "off" else allowed_docker()
    settings = load_settings(notes=Path(notes).expanduser() if notes else None, model=model or None, docker=looks)
    return PageSession(settings, shared().service(settings), journal_url(settings.journal, ask_home()))


def allowed_docker() -> str:
    """What of Docker the reader may turn on: all where only this machine is served, else what its operator has set."""
    if hosted is not None:
        return "off"
    return "logs" if is_local() else load_settings().docker


def is_local() -> bool:
    """Whether only this machine can reach the page: then its reader may choose what is read."""
    if hosted is not None:  # behind a proxy everybody comes from this machine
        return False
    address = str(st.get_option("server.address") or "")
    try:
        return address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def wait_until_open(session: PageSession) -> Opened | None:
    """Open or update the index while the page shows how far that is; None, with the reason shown, if it failed."""
    service = session.service
    if session.host is None:  # else the server sees to it
        service.bring_up_to_date()
    if service.is_busy:
        _show_progress(service)
    if service.opened is None:
        st.error(service.problem or "The index could not be opened.", icon=":material/error:")
    elif service.problem is not None:
        st.warning(f"{service.problem} Until then, the notes are asked as they were.", icon=":material/warning:")
    return service.opened


def _show_progress(service: Service) -> None:
    place = st.empty()
    with place.container():
        if service.opened is None:
            st.title("Ask the Notes")
            st.write("The notes are made ready to be asked. The first time this takes up to a minute.")
        else:
            st.write("The notes have changed: the index is brought up to date.")
        bar = st.progress(0.0, text="Starting")
        while service.is_busy:
            stage = service.stage
            text = STAGES.get(stage.name, stage.name)
            if stage.total:
                text += f": {stage.done} of {stage.total}"
            bar.progress(min(1.0, stage.done / stage.total) if stage.total else 0.0, text=text)
            time.sleep(POLL_SECONDS)
    place.empty()


def show_problem(problem: AskError) -> None:
    """An error on purpose, in its own words."""
    st.error(str(problem), icon=":material/error:")
