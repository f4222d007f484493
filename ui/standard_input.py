"""What is piped into `ask`, read beside everything else."""

from __future__ import annotations

import os
import stat
import sys
import threading

MAX_READ = 50_000_000  # some pipes never end
MAX_BYTES = 200_000  # of these the last are kept: of a log the end tells more than the beginning
# A pipe that stays open and silent (some CI runners leave one) must not hold the question up.
FIRST_BYTE_SECONDS = 3.0


class StandardInput:
    """Reads standard input in a thread, so that loading goes on meanwhile and a silent pipe can be left alone."""

    def __init__(self, *, is_question: bool) -> None:
        self._is_question = is_question
        self._tail = bytearray()
        self._something = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    @classmethod
    def start(cls, *, is_question: bool) -> StandardInput:
        """Begin to read, if anything is piped; `is_question`: it is the question itself, so wait for it."""
        reader = cls(is_question=is_question)
        if is_question or _is_piped():
            reader._thread.start()
        return reader

    @property
    def is_context(self) -> bool:
        """Whether something is piped in beside a question; other things can be done until it is needed."""
        return self._thread.ident is not None and not self._is_question

    def joined_to(self, question: str, *, most: int | None = None) -> str:
        """The question with what was piped below it."""
        return "\n".join(self.beside(question, most=most)).strip()

    def beside(self, question: str, *, most: int | None = None) -> tuple[str, str]:
        """The question, and what was piped in beside it: of that the end, if both have more than `most` characters."""
        if self._thread.ident is None:
            return question, ""
        if not self._is_question and not self._something.wait(FIRST_BYTE_SECONDS):
            print("ask: nothing came on standard input, answering without it", file=sys.stderr)  # noqa: T201
            return question, ""
        self._thread.join()
        piped = self._tail.decode("utf-8", "replace").strip()
        room = most - len(question) - 1 if most is not None and question else len(piped)
        if 0 < room < len(piped):
            print(f"ask: of what is piped in, the last {room:,} characters are searched", file=sys.stderr)  # noqa: T201
            piped = piped[-room:].lstrip()
        return (question, piped) if question else (piped, "")

    def _read(self) -> None:
        size = 0
        try:
            while size <= MAX_READ and (chunk := os.read(0, 65_536)):
                size += len(chunk)
                self._tail += chunk
                del self._tail[:-MAX_BYTES]
                self._something.set()
        except OSError:  # closed, or a folder: as good as empty
            pass
        self._something.set()


def _is_piped() -> bool:
    """Whether standard input is a pipe or a file, and not a terminal, /dev/null or closed."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)
