from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from assistant.docker.leftovers import OLD, remove_leftovers, temporary_folder

ROOT = Path(__file__).parents[3]
KILLED = """
import os, signal
from assistant.docker.leftovers import temporary_folder
folder = temporary_folder()
open(os.path.join(folder.name, "file"), "w").close()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, one of the test's own."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def _aged(path: Path) -> Path:
    then = time.time() - OLD - 60
    os.utime(path, (then, then), follow_symlinks=False)
    return path


def test_what_a_killed_run_has_left_is_removed_when_it_is_old(temporary: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = temporary.iterdir()
    remove_leftovers()
    assert left.exists()
    _aged(left)
    remove_leftovers()
    assert not left.exists()


def test_what_is_in_use_or_of_others_stays(temporary: Path) -> None:
    other = _aged(Path(tempfile.mkdtemp(prefix="other-")))
    file = temporary / "ask-docker-file"
    file.touch()
    _aged(file)
    with temporary_folder() as used:
        remove_leftovers()
        assert Path(used).is_dir()
    assert sorted(temporary.iterdir()) == sorted([other, file])


def test_no_link_is_followed(temporary: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    _aged(kept)
    link = temporary / "ask-docker-link"
    link.symlink_to(kept, target_is_directory=True)
    _aged(link)
    left = temporary / "ask-docker-left"
    left.mkdir()
    (left / "inner").symlink_to(kept, target_is_directory=True)
    _aged(left)
    remove_leftovers()
    assert not left.exists()
    assert link.is_symlink()
    assert (kept / "file").is_file()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_the_folder_of_another_user_stays(temporary: Path) -> None:
    theirs = temporary / "ask-docker-theirs"
    theirs.mkdir()
    os.chown(theirs, 65_534, 65_534)
    _aged(theirs)
    remove_leftovers()
    assert theirs.is_dir()
