"""Notes and a model, opened once for all sessions of the page, and kept up to date. Knows no Streamlit.

Opening and updating happen in a thread, so that a page can show how far they are, and so that a
reader who leaves does not stop a build.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property

from assistant.answer import Answer, Event, Turn
from assistant.chain import Assistant, at_once, checked_question, open_assistant, packaged_course, update_index
from assistant.conversation import standalone_question
from assistant.settings import Settings
from assistant.suggestions import Suggestions
from corpus.errors import AskError
from index.build import is_up_to_date
from index.generation import Index, open_index
from index.location import ask_home, index_folder
from ui.notes_text import NotesText, read_text

MAX_ANSWERS = 500
POLL_SECONDS = 0.05
NOTES_SECONDS = 10.0  # between looks at whether the notes have changed

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """How far a build is; a total of 0 is not known yet."""

    name: str = "reading"
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class Opened:
    """One generation of the index of the notes, and everything that is worked out of it once."""

    assistant: Assistant

    @cached_property
    def text(self) -> NotesText:
        """The notes as they are read. Raises NotesError."""
        return read_text(self.assistant.settings.notes or packaged_course())

    @cached_property
    def suggestions(self) -> Suggestions:
        """The questions to suggest."""
        return Suggestions(self.assistant)

    @cached_property
    def unfinished(self) -> int:
        """How many sections have nothing written."""
        return len(self.assistant.index.unfinished_sections)


class Service:
    """The notes and the model of some settings. It may be used from several threads at once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notes = settings.notes or packaged_course()
        self.stage = Stage()
        self.problem: str | None = None  # why the last opening or update failed
        self._opened: Opened | None = None
        self._before: Index | None = None  # of the generation before: others may be in the middle of it
        self._work: threading.Thread | None = None
        self._lock = threading.Lock()
        self._answers: OrderedDict[Key, Answer] = OrderedDict()

    @property
    def opened(self) -> Opened | None:
        """What questions are asked of now; None before it has been opened for the first time."""
        return self._opened

    @property
    def is_busy(self) -> bool:
        """Whether the index is being built or updated."""
        return self._work is not None and self._work.is_alive()

    def bring_up_to_date(self) -> None:
        """Begin to open or to update, if there is anything to do: see `is_busy`, `stage` and `problem`."""
        with self._lock:
            if not self.is_busy and not self._is_up_to_date():
                self.problem = None
                self.stage = Stage()
                self._work = threading.Thread(target=self._update, daemon=True)
                self._work.start()

    def watch(self, stop: threading.Event) -> None:
        """Keep it up to date until told to stop; each new problem is logged, for there is no page that shows it."""
        told = None
        while not stop.is_set():
            self.bring_up_to_date()
            if self._work is not None:
                self._work.join()
            if self.problem != told:
                told = self.problem
                if told is not None:
                    logging.getLogger("ask").warning("%s", told)
            stop.wait(NOTES_SECONDS)

    def _is_up_to_date(self) -> bool:
        if self._opened is None:
            return False
        index = self._opened.assistant.index
        try:
            fresh = is_up_to_date(index.manifest, self.notes, store=self.settings.store)
        except AskError as error:
            self.problem = str(error)
            return True  # there is nothing to update from: what is open still answers
        if fresh:
            self.problem = None
        return fresh and index.is_current()

    def _update(self) -> None:
        try:
            if self._opened is None:
                opened = open_assistant(settings=self.settings, progress=self._report, is_shared=True)
                self._opened = Opened(opened)
            else:
                self._reopen(self._opened.assistant)
        except AskError as error:
            self.problem = str(error)
        except Exception as error:  # noqa: BLE001  # nobody else would see what ends a thread
            self.problem = f"{type(error).__name__}: {error}. This is a mistake in the program: please report it."

    def _reopen(self, assistant: Assistant) -> None:
        update_index(self.notes, settings=self.settings, progress=self._report)
        if assistant.index.is_current():
            return
        newer = open_index(index_folder(self.notes, ask_home()), encoder_name=self.settings.encoder)
        newer.check_encoder(assistant.encoder)
        self._opened = Opened(replace(assistant, index=newer))
        if self._before is not None:
            self._before.close()
        self._before = assistant.index

    def _report(self, stage: str, done: int, total: int) -> None:
        self.stage = Stage(stage, done, total)

    def answer(self, question: str, history: Sequence[Turn], *, waiting: Callable[[], None]) -> Iterator[Event]:
        """The events of one answer, made in a thread. Raises AskError.

        `waiting` is called while there is nothing to say, and may raise to give up.
        """
        opened = self._opened
        assert opened is not None  # noqa: S101  # a page asks when it is open
        checked_question(question, self.settings)
        yield from _in_thread(lambda: self.stream(opened.assistant, question, history), waiting)

    def stream(self, assistant: Assistant, question: str, history: Sequence[Turn]) -> Generator[Event, None, None]:
        """The events of one answer; one that is known already comes at once. Raises AskError."""
        key = _key(assistant, question, history)
        known = self._answers.get(key)
        if known is not None:
            yield Event("status", status="searching")  # whoever reads events is told the same each time
            yield from at_once(known)
            yield Event("done", answer=known)
            return
        with closing(assistant.stream(question, history=history)) as events:
            for event in events:
                is_lasting = event.answer is not None and event.answer.notice is None  # a model may do better next time
                if event.answer is not None and is_lasting and event.answer.outcome not in {"tool", "refused"}:
                    self._keep(key, event.answer)
                yield event

    def _keep(self, key: Key, answer: Answer) -> None:
        with self._lock:
            self._answers[key] = answer
            while len(self._answers) > MAX_ANSWERS:
                self._answers.popitem(last=False)


def _key(assistant: Assistant, question: str, history: Sequence[Turn]) -> Key:
    """What an answer depends on; without a model, of the turns before only what the question leans on."""
    model = assistant.model.name if assistant.model is not None else None
    place = (assistant.index.folder, assistant.index.generation, model, question.strip())
    if model is not None:
        return (*place, tuple(history))
    return (*place, standalone_question(question.strip(), history))


def _in_thread(stream: Callable[[], Iterator[Event]], waiting: Callable[[], None]) -> Iterator[Event]:
    """The events of a stream that runs in a thread: a model that is slow can be left, and is then closed."""
    events: queue.Queue[Event | BaseException | None] = queue.Queue()
    left = threading.Event()

    def work() -> None:
        try:
            with closing(stream()) as running:  # type: ignore[type-var]  # it is a generator
                for event in running:
                    events.put(event)
                    if left.is_set():
                        return
            events.put(None)
        except BaseException as error:  # noqa: BLE001  # it belongs to the thread that asked
            events.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        yield from read_events(events, waiting)
    finally:
        left.set()


def read_events(events: queue.Queue[Event | BaseException | None], waiting: Callable[[], None]) -> Iterator[Event]:
    """What another thread puts into a queue, until it puts None or an error; `waiting` is called meanwhile."""
    while True:
        try:
            event = events.get(timeout=POLL_SECONDS)
        except queue.Empty:
            waiting()
            continue
        if event is None:
            return
        if isinstance(event, BaseException):
            raise event
        yield event
