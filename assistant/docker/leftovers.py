"""The folders of runs that were killed: made in the folder for temporary files, and left there."""

from __future__ import annotations

import os
import shutil
import tempfile
import time

PREFIX = "ask-docker-"
OLD = 86_400.0  # seconds: far longer than the longest run, so that none is under way in an older folder


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for one run, which nobody else may enter."""
    return tempfile.TemporaryDirectory(prefix=PREFIX)


def remove_leftovers() -> None:
    """Remove what killed runs of this user have left a day ago or longer. What cannot be removed stays."""
    try:
        with os.scandir(tempfile.gettempdir()) as entries:
            old = [entry.path for entry in entries if entry.name.startswith(PREFIX) and _is_left(entry)]
    except OSError:
        return
    for path in old:
        shutil.rmtree(path, ignore_errors=True)  # it follows no link


def _is_left(entry: os.DirEntry[str]) -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
        is_folder = entry.is_dir(follow_symlinks=False)
    except OSError:  # it has just been removed
        return False
    return is_folder and status.st_uid == os.getuid() and time.time() - status.st_mtime > OLD
