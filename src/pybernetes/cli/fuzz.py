"""`pyber fuzz test_file.py --seeds 200`: the same tests under many seeds, until one fails.

A seed decides names, uids, every random draw and the order in which tasks take their steps. What is printed for a
failing seed replays it exactly.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("tests", nargs="+", help="what pytest is given: files, directories, node ids")
    add("--seeds", type=int, default=100, help="how many (default: 100)")
    add("--first", type=int, default=0, help="the first one (default: 0)")
    add("-j", "--jobs", type=int, default=1, help="runs at a time (default: 1)")


def run(arguments: argparse.Namespace) -> int:
    """0 where every seed passes, 1 where one fails; 2 where pytest cannot run the tests at all."""
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        runs = [(seed, pool.submit(_run, arguments.tests, seed)) for seed in seeds]
        for seed, future in runs:
            done = future.result()
            if done.returncode == 0:
                continue
            for _, other in runs:
                other.cancel()
            print(done.stdout, end="")
            if done.returncode != 1:
                print(done.stderr, end="", file=sys.stderr)
                return 2
            print(f"seed {seed} fails, the {seed - arguments.first} before it pass. Replay it with:")
            print("  " + " ".join(command(arguments.tests, seed)))
            return 1
    print(f"{len(seeds)} seeds from {arguments.first} on: all pass")
    return 0


def command(tests: list[str], seed: int) -> list[str]:
    """The pytest command line of one seed."""
    return ["python", "-m", "pytest", "-q", f"--pybernetes-seed={seed}", "--pybernetes-shuffle",
            "-o", "pybernetes_time=virtual", *tests]  # fmt: skip


def _run(tests: list[str], seed: int) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, *command(tests, seed)[1:]]
    return subprocess.run(words, capture_output=True, text=True, check=False)
