"""A real PostgreSQL of the tests' own: in a folder that goes with it, on loopback, as a user who is not root."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path


def programs() -> Path | None:
    """The folder of the server's programs; None if there is none here."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


def missing() -> str | None:
    """What is missing for a server; None if it can be started."""
    if programs() is None:
        return "there is no PostgreSQL here (apt-get install postgresql)"
    if os.geteuid() == 0 and shutil.which("runuser") is None:
        return "PostgreSQL does not run as root, and there is no runuser"
    return None


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Start a server; gives the URL of an empty database, as the journal takes it."""
    folder = Path(tempfile.mkdtemp(prefix="ask-postgres-"))
    where = programs()
    assert where is not None
    command = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if command:
        shutil.chown(folder, "postgres")
    data = str(folder / "data")
    initdb = [*command, str(where / "initdb"), "-D", data, "-U", "ask", "-A", "trust", "-N"]
    subprocess.run(initdb, cwd=folder, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-c", "fsync=off"]
    server = subprocess.Popen(
        [*command, str(where / "postgres"), *options], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait(port, server)
        yield f"postgresql+psycopg://ask@127.0.0.1:{port}/postgres"
    finally:
        stop = [*command, str(where / "pg_ctl"), "-D", data, "-m", "immediate", "stop"]
        subprocess.run(stop, cwd=folder, check=False, capture_output=True)
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 30
    while time.monotonic() < ends and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError("PostgreSQL did not start")
