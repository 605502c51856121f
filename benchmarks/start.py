"""Cold and warm start to /readyz, then memory and CPU of the idle cluster (hollow node, every component running)."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from harness import running

IDLE_SECONDS = 20


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        state = Path(directory) / "state"
        with running(state, "--node", "hollow") as cluster:
            print(f"cold start to /readyz   {cluster.ready_seconds:.3f} s")
            time.sleep(5)
        with running(state, "--node", "hollow") as cluster:
            print(f"warm start to /readyz   {cluster.ready_seconds:.3f} s")
            time.sleep(10)
            before = cluster.cpu_seconds()
            time.sleep(IDLE_SECONDS)
            share = (cluster.cpu_seconds() - before) / IDLE_SECONDS
            print(f"idle memory             {cluster.memory_mb():.0f} MB")
            print(f"idle CPU                {share * 100:.2f} % of a core")


if __name__ == "__main__":
    main()
