"""`ask serve` under load: 32 clients that ask as fast as they are answered, beside the encoder alone in one process.

    python tests/bench/serving.py --seconds 60 --clients 32

Prints JSON: the rate, the times (p50, p99), errors, the memory of the server at the start and at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from index.embedding import DEFAULT_ENCODER, load_encoder
from index.location import ask_home

ROOT = Path(__file__).parents[2]
QUESTIONS = [
    "How do I expose a port?",
    "How do I list images?",
    "What is a volume?",
    "How do I remove a container?",
    "What is a namespace?",
    "How do I push an image?",
    "How do I build an image from a Dockerfile?",
    "How do I link containers?",
]


def encoder_rate(seconds: float) -> float:
    """Questions a second that the encoder alone encodes, one at a time."""
    encoder = load_encoder(DEFAULT_ENCODER, ask_home())
    encoder.encode_words(QUESTIONS[:1])
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        encoder.encode_words([QUESTIONS[count % len(QUESTIONS)]])
        count += 1
    return count / (time.perf_counter() - started)


def memory(process: int) -> float:
    """MB of a process that are in memory (Linux)."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0


async def load(url: str, clients: int, seconds: float) -> dict[str, Any]:
    """Ask for so long; what came back."""
    times: list[float] = []
    statuses: dict[int | str, int] = {}
    until = time.perf_counter() + seconds

    async def client(number: int) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=60) as own:
            count = number
            while time.perf_counter() < until:
                count += 1
                started = time.perf_counter()
                try:
                    answer = await own.post("v1/ask", json={"question": QUESTIONS[count % len(QUESTIONS)]})
                    status: int | str = answer.status_code
                except httpx.HTTPError as error:
                    status = type(error).__name__
                times.append(time.perf_counter() - started)
                statuses[status] = statuses.get(status, 0) + 1

    started = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(clients)))
    took = time.perf_counter() - started
    good = statuses.get(200, 0)
    cuts = statistics.quantiles(times, n=100)
    return {
        "rate": round(good / took, 1),
        "p50_ms": round(cuts[49] * 1000, 1),
        "p99_ms": round(cuts[98] * 1000, 1),
        "answers": good,
        "errors": sum(statuses.values()) - good,
        "statuses": {str(status): count for status, count in statuses.items()},
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=32)
    options = parser.parse_args()
    alone = encoder_rate(min(options.seconds, 10))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    limits = {"ASK_ANONYMOUS_PER_MINUTE": "1000000", "ASK_ANONYMOUS_PER_HOUR": "1000000"}
    with tempfile.TemporaryDirectory() as folder:
        kept = {"ASK_JOURNAL": f"sqlite:///{folder}/journal.sqlite3", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", "from ui.cli import main; main()", "serve", "--port", str(port)]
        with subprocess.Popen(command, env={**os.environ, **limits, **kept}, stderr=subprocess.DEVNULL) as server:
            try:
                url = f"http://127.0.0.1:{port}/"
                _wait(url)
                for question in QUESTIONS:
                    httpx.post(f"{url}v1/ask", json={"question": question}, timeout=60)
                before = memory(server.pid)
                figures = asyncio.run(load(url, options.clients, options.seconds))
                after = memory(server.pid)
            finally:
                server.send_signal(signal.SIGTERM)
                server.wait(30)
    figures |= {"memory_start_mb": round(before), "memory_end_mb": round(after), "encoder_rate": round(alone, 1)}
    print(json.dumps({"clients": options.clients, "seconds": options.seconds, **figures}))


def _wait(url: str) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            if httpx.get(f"{url}readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise SystemExit("The server did not become ready.")


if __name__ == "__main__":
    main()
