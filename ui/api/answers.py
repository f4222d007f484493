"""The answers under way: made in threads, so many at once and no more, and none for longer than the time there is.

What a thread makes is put into a bounded queue at once. A client that reads slowly, or not at all, holds a
connection and a queue, and never a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from threading import Event as Flag
from threading import Lock

from assistant.answer import Event
from ui.api.problems import Problem

MAX_EVENTS = 5_000  # of one answer; a model that writes on and on is left
RETRY_SECONDS = 2
TOO_LATE = "The answer took too long. Ask again, or a shorter question."

Make = Callable[[], Iterator[Event]]


class Answers:
    """The threads that answer, and how many questions they have."""

    def __init__(self, *, at_once: int, waiting: int, seconds: float) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="answer")
        self._most = at_once + waiting
        self._seconds = seconds
        self.under_way = 0

    def begin(self, make: Make) -> UnderWay:
        """Begin to answer. Raises Problem with 503 when there is too much to do."""
        if self.under_way >= self._most:
            raise Problem(503, "Too many are asking. Ask again in a moment.", {"Retry-After": str(RETRY_SECONDS)})
        self.under_way += 1
        loop = asyncio.get_running_loop()
        answer = UnderWay(loop, self._seconds)

        def ended(_: Future[None]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._ended)

        self._threads.submit(answer.work, make).add_done_callback(ended)
        return answer

    def _ended(self) -> None:
        self.under_way -= 1

    def close(self) -> None:
        """Begin nothing more; what is under way is left to end by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class UnderWay:
    """One answer while it is made: `events` are read in the loop, `work` runs in a thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._until = loop.time() + seconds
        self._queue: asyncio.Queue[Event | BaseException | None] = asyncio.Queue(MAX_EVENTS)
        self._fresh: list[Event | BaseException | None] = []  # said, and not yet taken over by the loop
        self._lock = Lock()
        self._left = Flag()

    def work(self, make: Make) -> None:
        """Make the answer; stops at the next event once nobody reads on."""
        if self._left.is_set():  # while it waited for its turn
            return
        try:
            with closing(make()) as running:  # type: ignore[type-var]  # it is a generator
                for event in running:
                    self._say(event)
                    if self._left.is_set():
                        return
            self._say(None)
        except BaseException as error:  # noqa: BLE001  # it belongs to whoever reads the events
            self._say(error)

    def _say(self, event: Event | BaseException | None) -> None:
        with self._lock:
            self._fresh.append(event)
            is_told = len(self._fresh) > 1  # waking the loop costs more than an event: once for all that is fresh
        if not is_told and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._take)

    def _take(self) -> None:
        with self._lock:
            fresh, self._fresh = self._fresh, []
        for event in fresh:
            if self._queue.full():
                self._left.set()
            else:
                self._queue.put_nowait(event)

    async def events(self) -> AsyncIterator[Event]:
        """The events in order, the whole answer last. Raises AskError, or Problem with 504 when time is up."""
        try:
            while True:
                try:
                    async with asyncio.timeout_at(self._until):
                        event = await self._queue.get()
                except TimeoutError as error:
                    raise Problem(504, TOO_LATE) from error
                if event is None:
                    return
                if isinstance(event, BaseException):
                    raise event
                yield event
        finally:
            self._left.set()
