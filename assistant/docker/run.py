"""Plan -> ToolRun: the docker command in a process of its own, with nothing of the user's environment, within limits.

It speaks to the read-only proxy alone, finds no plugins, no configuration and no terminal, and can write no file. What
it prints is cleaned, redacted and cut before anybody sees it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from assistant.answer import ToolRun
from assistant.docker.endpoint import EngineUnavailable
from assistant.docker.leftovers import remove_leftovers, temporary_folder
from assistant.docker.plan import Plan
from assistant.docker.proxy import ReadOnlyProxy
from assistant.docker.redaction import clean, redact_text

MAX_BYTES = 262_144  # read of the command's output
MAX_LINES = 400  # of it that are shown
MAX_LINE = 2_000  # characters of each
MAX_SHOWN = 65_536  # characters in all
CPU_SECONDS = 10
MEMORY = 2 << 30  # bytes of address space: the runtime of the CLI reserves much of it and does not start with half
AT_ONCE = 2
_slots = threading.BoundedSemaphore(AT_ONCE)


def find_program() -> Path:
    """The docker command of this machine, as its real path. Raises EngineUnavailable."""
    found = shutil.which("docker", path=os.pathsep.join(p for p in os.get_exec_path() if os.path.isabs(p)))
    if found is None:
        raise EngineUnavailable("There is no docker command on this machine. Install Docker, or ask without --docker.")
    program = Path(found).resolve()
    status = program.stat()
    others = stat.S_IWOTH | stat.S_IWGRP
    is_ours = status.st_uid in {0, os.getuid()} and not status.st_mode & others
    is_ours = is_ours and not program.parent.stat().st_mode & stat.S_IWOTH
    in_current = status.st_uid != 0 and program.is_relative_to(Path.cwd())
    if not stat.S_ISREG(status.st_mode) or not is_ours or in_current:
        raise EngineUnavailable(f"{program} is not trusted: others can change it. Install Docker from its packages.")
    if program.name != "docker" or _is_script(program):
        raise EngineUnavailable(
            f"{found} is no docker command of its own, but leads to {program}. Install Docker from its own packages."
        )
    return program


def _is_script(program: Path) -> bool:
    """Whether a program stands before the real one (podman-docker does): it would not ask the proxy."""
    with program.open("rb") as file:
        return file.read(2) == b"#!"


def run_plan(plan: Plan, engine: Path, program: Path | None = None) -> ToolRun:
    """Run one planned command against a local engine. Raises EngineUnavailable if it cannot be started."""
    program = program or find_program()
    remove_leftovers()
    with _slots, ReadOnlyProxy(engine) as proxy, temporary_folder() as folder:
        started = time.perf_counter()
        finished = _Process(program, plan, proxy.address, Path(folder)).finish()
        duration = round((time.perf_counter() - started) * 1000, 1)
    if finished.exit_code == 0 and proxy.requests == 0 and plan.argv[-1] not in {"--help", "--version"}:
        raise EngineUnavailable(
            f"{program} did not ask the engine through the door that it was shown. Nothing is shown."
        )
    is_log = plan.command == ("logs",)
    out, out_cut, out_secrets = _shown(finished.stdout, is_log=is_log)
    err, err_cut, err_secrets = _shown(finished.stderr, is_log=is_log)
    if finished.problem is not None:
        err = f"{err.rstrip()}\n{finished.problem}".lstrip("\n")
    return ToolRun(
        argv=plan.argv,
        allowed=True,
        reason=None,
        exit_code=finished.exit_code,
        stdout=out,
        stderr=err,
        truncated=finished.is_cut or proxy.is_cut or out_cut or err_cut,
        redactions=proxy.redactions + out_secrets + err_secrets,
        duration_ms=duration,
        engine=f"{engine} (Docker {proxy.version})" if proxy.version else str(engine),
    )


@dataclass(slots=True)
class _Finished:
    exit_code: int | None
    stdout: bytes
    stderr: bytes
    is_cut: bool
    problem: str | None


class _Process:
    """The command while it runs, in a process group of its own."""

    def __init__(self, program: Path, plan: Plan, address: str, folder: Path) -> None:
        config = folder / "config"
        config.mkdir()
        (config / "config.json").write_text("{}", encoding="utf-8")
        self.seconds = plan.seconds
        try:
            self.process = subprocess.Popen(
                [str(program), *plan.argv[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=folder,
                env=_environment(folder, config, address),
                start_new_session=True,
            )
        except OSError as error:
            raise EngineUnavailable(f"{program} cannot be started: {error.strerror}.") from error
        _limit(self.process.pid)

    def finish(self) -> _Finished:
        """Read both outputs to their end, or to a limit, and leave no process behind."""
        assert self.process.stdout is not None  # noqa: S101  # they are pipes
        assert self.process.stderr is not None  # noqa: S101
        read = {self.process.stdout: bytearray(), self.process.stderr: bytearray()}
        ends = time.monotonic() + self.seconds
        problem, is_cut = None, False
        try:
            with selectors.DefaultSelector() as selector:
                for stream in read:
                    selector.register(stream, selectors.EVENT_READ)
                while selector.get_map() and problem is None and not is_cut:
                    left = ends - time.monotonic()
                    if left <= 0:
                        problem = f"Stopped after {self.seconds:g} seconds."
                        break
                    for key, _ in selector.select(left):
                        piece = os.read(key.fd, 65_536)
                        if not piece:
                            selector.unregister(key.fileobj)
                        read[key.fileobj] += piece  # type: ignore[index]  # the streams registered above
                    is_cut = sum(map(len, read.values())) > MAX_BYTES
            if problem is None and not is_cut:
                self.process.wait(max(0.0, ends - time.monotonic()))
        except subprocess.TimeoutExpired:
            problem = f"Stopped after {self.seconds:g} seconds."
        finally:
            self._kill()
        exit_code = None if problem or is_cut else self.process.returncode
        out, err = (bytes(data[:MAX_BYTES]) for data in read.values())
        return _Finished(exit_code, out, err, is_cut or problem is not None, problem)

    def _kill(self) -> None:
        """SIGKILL to the whole group: a busy template does not heed SIGTERM."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def _environment(folder: Path, config: Path, address: str) -> dict[str, str]:
    """All that the command is told. Nothing of the user's: contexts, proxies, credentials, plugins, tracing."""
    zone = os.environ.get("TZ")
    return {
        "PATH": "/nonexistent",
        "HOME": str(folder),
        "DOCKER_CONFIG": str(config),
        "DOCKER_HOST": address,
        "DOCKER_CLI_HINTS": "false",
        "DOCKER_CLI_HOOKS": "false",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        **({"TZ": zone} if zone else {}),
    }


def _limit(process: int) -> None:
    """Limits of the operating system, where it has them for another process (Linux)."""
    if sys.platform != "linux":
        return
    import resource

    limits = {
        resource.RLIMIT_FSIZE: 0,  # no file can get a byte
        resource.RLIMIT_CPU: CPU_SECONDS,
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_CORE: 0,
    }
    try:
        for limit, value in limits.items():
            resource.prlimit(process, limit, (value, value))
    except (ProcessLookupError, PermissionError):  # it has ended already
        pass


def _shown(data: bytes, *, is_log: bool) -> tuple[str, bool, int]:
    """Output as it may be shown, whether it was cut, and how many secrets were taken out of it."""
    text, count = redact_text(clean(data), is_log=is_log)
    lines = text.split("\n")
    is_cut = len(lines) > MAX_LINES + 1 or any(len(line) > MAX_LINE for line in lines)
    lines = [line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}\u2026" for line in lines[:MAX_LINES]]
    shown = "\n".join(lines)
    if len(shown) > MAX_SHOWN:
        shown, is_cut = f"{shown[:MAX_SHOWN]}\u2026", True
    return shown, is_cut, count
