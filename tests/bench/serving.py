"""`ask serve` under load: 32 clients that ask as fast as they are answered, beside the encoder alone in one process.

    python tests/bench/serving.py --seconds 60 --clients 32
    python tests/bench/serving.py --seconds 60 --clients 32 --repeated

No two questions are the same, unless they are to be repeated: then there are eight, as in a course before an
exercise is due. Prints JSON: the rate, the times (p50, p99), errors, the memory of the server at the start and at
the end; and the rates of the encoder on onnxruntime and of sentence-transformers, one question at a time. The
clients have the same processor: they write and read HTTP by hand, to take little of it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
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

from index.embedding import DEFAULT_ENCODER, Encoder, ReferenceEncoder, load_encoder, packaged_model
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


def encoder_rate(encoder: Encoder, seconds: float) -> float:
    """Questions a second that an encoder alone encodes, one at a time."""
    encoder.encode_words(QUESTIONS[:1])
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        encoder.encode_words([question_of(count, is_repeated=False)])
        count += 1
    return count / (time.perf_counter() - started)


def question_of(number: int, *, is_repeated: bool) -> str:
    """The question of that number."""
    question = QUESTIONS[number % len(QUESTIONS)]
    return question if is_repeated else f"{question} ({number})"


def memory(process: int) -> float:
    """MB of a process that are in memory (Linux)."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0


async def load(port: int, clients: int, seconds: float, *, is_repeated: bool = False) -> dict[str, Any]:
    """Ask for so long; what came back."""
    times: list[float] = []
    statuses: dict[int | str, int] = {}
    numbers = itertools.count()
    until = time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < until:
            started = time.perf_counter()
            try:
                status: int | str = await post(reader, writer, question_of(next(numbers), is_repeated=is_repeated))
            except (OSError, asyncio.IncompleteReadError) as error:
                status = type(error).__name__
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            times.append(time.perf_counter() - started)
            statuses[status] = statuses.get(status, 0) + 1
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
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


async def post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: str) -> int:
    """Ask one question on an open connection; the status. Raises OSError and IncompleteReadError."""
    body = json.dumps({"question": question}).encode()
    head = f"POST /v1/ask HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    told = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", told, re.IGNORECASE)
    assert length, told
    answer = await reader.readexactly(int(length[1]))
    status = int(told.split(b" ", 2)[1])
    assert status != 200 or b'"outcome"' in answer, answer[:200]
    return status


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--repeated", action="store_true", help="eight questions again and again")
    options = parser.parse_args()
    encoders = load_encoder(DEFAULT_ENCODER, ask_home()), ReferenceEncoder(str(packaged_model()))
    alone = [encoder_rate(encoder, 5) for encoder in encoders]
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
                figures = asyncio.run(load(port, options.clients, options.seconds, is_repeated=options.repeated))
                after = memory(server.pid)
            finally:
                server.send_signal(signal.SIGTERM)
                server.wait(30)
    figures |= {"memory_start_mb": round(before), "memory_end_mb": round(after)}
    # Before and after: where another program takes the processor for a while, the higher rate is the true one.
    fast, reference = map(max, alone, [encoder_rate(encoder, 5) for encoder in encoders])
    figures |= {"encoder_rate": round(fast, 1), "sentence_transformers_rate": round(reference, 1)}
    figures |= {"of_encoder": round(figures["rate"] / fast, 2)}
    figures |= {"of_sentence_transformers": round(figures["rate"] / reference, 2)}
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
