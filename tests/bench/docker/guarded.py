"""What the fence costs: `docker ps` through it against the bare command, whole processes and in turn.

python tests/bench/docker/guarded.py [unix:///path/to/docker.sock]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from assistant.docker.endpoint import find_engine
from assistant.docker.plan import plan_line
from assistant.docker.run import run_plan

ROUNDS = 30


def main() -> None:
    """Print the medians and their ratio."""
    engine = find_engine(sys.argv[1] if len(sys.argv) > 1 else None)
    environment = {"PATH": os.environ["PATH"], "DOCKER_HOST": f"unix://{engine}", "HOME": "/nonexistent"}
    bare, guarded = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        subprocess.run(["docker", "ps"], env=environment, check=True, capture_output=True)
        bare.append(time.perf_counter() - started)
        started = time.perf_counter()
        run_plan(plan_line("docker ps"), engine)
        guarded.append(time.perf_counter() - started)
    print(f"docker ps, bare     {statistics.median(bare) * 1000:6.1f} ms")
    print(f"docker ps, guarded  {statistics.median(guarded) * 1000:6.1f} ms")
    print(f"ratio               {statistics.median(guarded) / statistics.median(bare):6.2f}")


if __name__ == "__main__":
    main()
