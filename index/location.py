"""Where an index lives, and how one generation of it takes the place of the one before.

    <home>/indexes/<name>-<hash of the notes' path>/
        current             the number of the generation in use; replaced in one step
        lock                held by the process that builds
        generations/<n>/    one whole index; never changed once `current` names it

A generation is written aside and named only when every byte of it is on disk, so a build that is
killed leaves the one before in use. That one is kept until the next build: who has it open goes on.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from corpus.errors import IndexBusy, IndexUnwritable

_CURRENT = "current"


def ask_home() -> Path:
    """The folder of all that this program keeps for its user: ASK_HOME, or the platform's data folder."""
    chosen = os.environ.get("ASK_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_data_dir

    return Path(user_data_dir("ask-the-notes", appauthor=False))


def index_folder(notes_path: Path, home: Path) -> Path:
    """The folder of the index of these notes: the same notes by another path have the same one."""
    resolved = notes_path.resolve()
    slug = re.sub(r"[^a-z0-9]+", "-", resolved.stem.lower()).strip("-")[:40] or "notes"
    digest = hashlib.sha256(os.fsencode(resolved)).hexdigest()[:16]
    return home / "indexes" / f"{slug}-{digest}"


def generation_folder(folder: Path, number: int) -> Path:
    """The folder of one generation."""
    return folder / "generations" / str(number)


def current_generation(folder: Path) -> int | None:
    """The number of the generation in use; None if there is no index yet, or its mark is not readable."""
    try:
        return int((folder / _CURRENT).read_text(encoding="ascii"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def new_generation(folder: Path) -> int:
    """Make the folder of a new generation, under the lock; returns its number."""
    taken = [*_generations(folder), current_generation(folder) or 0]
    number = max(taken) + 1
    generation_folder(folder, number).mkdir(parents=True)
    return number


def switch_to(folder: Path, number: int) -> None:
    """Put a complete generation in use, after everything in it has reached the disk."""
    for directory, _, files in os.walk(generation_folder(folder, number)):
        for name in files:
            _sync(Path(directory, name))
        _sync(Path(directory))
    _sync(folder / "generations")
    mark = folder / f"{_CURRENT}.new"
    mark.write_text(f"{number}\n", encoding="ascii")
    _sync(mark)
    os.replace(mark, folder / _CURRENT)
    _sync(folder)


def remove_all_but(folder: Path, kept: int | None) -> list[int]:
    """Remove every generation but one, complete or not, under the lock; returns their numbers.

    What cannot be removed now is tried again by the next build.
    """
    others = [number for number in _generations(folder) if number != kept]
    for number in others:
        shutil.rmtree(generation_folder(folder, number), ignore_errors=True)
    return others


@contextmanager
def build_lock(folder: Path, *, wait_seconds: float, waiting: Callable[[float], None]) -> Iterator[None]:
    """Hold the folder for one build; calls `waiting(seconds)` about every second until the other lets go.

    Raises IndexBusy after `wait_seconds`. The system takes the lock from a process that dies.
    """
    lock = FileLock(folder / "lock")
    started = time.monotonic()
    while True:
        waited = time.monotonic() - started
        try:
            lock.acquire(timeout=min(1.0, max(0.0, wait_seconds - waited)))
            break
        except Timeout as error:
            waited = time.monotonic() - started
            if waited >= wait_seconds:
                raise IndexBusy(
                    f"Another process has been building this index for over {waited:.0f} s. "
                    "Wait until it is done, or end it, and ask again."
                ) from error
            waiting(waited)
    try:
        yield
    finally:
        lock.release()


def unwritable(folder: Path, reason: str) -> IndexUnwritable:
    """The error for a folder that takes no more: full, read-only, not ours."""
    return IndexUnwritable(
        f"The index in {folder} cannot be written ({reason}). "
        "Free some space or allow writing there, or put it elsewhere: ASK_HOME=FOLDER"
    )


def _generations(folder: Path) -> list[int]:
    try:
        return sorted(int(name) for name in os.listdir(folder / "generations") if name.isdigit())
    except FileNotFoundError:
        return []


def _sync(path: Path) -> None:
    """Bring a file or folder to the disk; Windows cannot do so with a folder."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
