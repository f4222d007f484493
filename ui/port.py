"""The port that a server of ours listens on."""

from __future__ import annotations

import errno
import os
import socket

from corpus.errors import AskError, UsageProblem


def free_port(host: str, port: int) -> int:
    """The port, if it can be had (0: any that is free). Raises AskError that says what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            if os.name != "nt":
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
            return int(trial.getsockname()[1])
    except (OSError, OverflowError) as error:
        code = error.errno if isinstance(error, OSError) else None
        if code == errno.EADDRINUSE:
            raise AskError(
                f"Port {port} of {host} is taken, perhaps by another `ask`. Stop that, or choose another port: "
                f"--port {port + 1}"
            ) from error
        if code == errno.EACCES:
            raise AskError(
                f"Port {port} needs rights that you do not have. Choose one from 1024 on: --port 8501"
            ) from error
        raise UsageProblem(
            f"There is no address {host!r} on this machine ({error}). Name one: --host 127.0.0.1"
        ) from error
