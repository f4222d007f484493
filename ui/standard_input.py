"""What is piped into `ask`, read beside everything else."""

from __future__ import annotations

import os
import stat
import sys
import threading

MAX_BYTES = 200_000
# A pipe that stays open and silent (some CI runners leave one) must not hold the question up.
FIRST_BYTE_SECONDS = 3.0


class StandardInput:
    """Reads standard input in a thread, so that loading goes on meanwhile and a silent pipe can be left alone."""

    def __init__(self, *, is_question: bool) -> None:
        self._is_question = is_question
        self._chunks: list[bytes] = []
        self._something = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    @classmethod
    def start(cls, *, is_question: bool) -> StandardInput:
        """Begin to read, if anything is piped; `is_question`: it is the question itself, so wait for it."""
        reader = cls(is_question=is_question)
        if is_question or _is_piped():
            reader._thread.start()
        return reader

    def joined_to(self, question: str) -> str:
        """The question with what was piped below it."""
        if self._thread.ident is None:
            return question
        if not self._is_question and not self._something.wait(FIRST_BYTE_SECONDS):
            print("ask: nothing came on standard input, answering without it", file=sys.stderr)  # noqa: T201
            return question
        self._thread.join()
        piped = b"".join(self._chunks)[:MAX_BYTES].decode("utf-8", "replace").strip()
        return f"{question}\n{piped}".strip()

    def _read(self) -> None:
        size = 0
        try:
            while size <= MAX_BYTES and (chunk := os.read(0, 65_536)):
                self._chunks.append(chunk)
                size += len(chunk)
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
