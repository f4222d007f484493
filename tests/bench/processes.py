"""What a process costs: wall clock, processor time and peak memory, of it and the threads it has."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes


@dataclass(frozen=True)
class Cost:
    """Of one process: seconds of wall clock, seconds of user and system time, peak resident memory in MB."""

    wall: float
    cpu: float
    peak: float
    output: str


def run(command: Sequence[str], environment: Mapping[str, str], *, codes: Sequence[int] = (0,)) -> Cost:
    """Run a process to its end. Raises RuntimeError with what it said if it ends with another code.

    Whoever calls this must itself be small: a process starts with the peak memory of its parent.
    """
    started = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        output = process.stdout.read().decode("utf-8", "replace")
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{output}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _RSS_UNIT / 1e6, output)


def alternating(runs: Mapping[str, Callable[[], Cost]], times: int) -> dict[str, Cost]:
    """Run them in turn, A B A B, after one round that warms the caches; the median of each figure."""
    found: dict[str, list[Cost]] = {name: [] for name in runs}
    for round_ in range(times + 1):
        for name, start in runs.items():
            cost = start()
            if round_:
                found[name].append(cost)
    return {name: _median(costs) for name, costs in found.items()}


def _median(costs: Sequence[Cost]) -> Cost:
    def middle(of: Callable[[Cost], float]) -> float:
        return statistics.median(map(of, costs))

    return Cost(middle(lambda c: c.wall), middle(lambda c: c.cpu), middle(lambda c: c.peak), costs[-1].output)
