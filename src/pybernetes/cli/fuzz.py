"""`pyber fuzz test_file.py --seeds 200`: the same tests under many seeds, until one fails.

A seed decides names, uids, every random draw and the order in which tasks take their steps. Seeds run in batches, each a
pytest of its own; the smallest one that fails is run once more alone, twice: its trace (every write, in order) is kept,
and it is told whether it replays to the byte.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

BATCH = 20
SHOWN = 30
"""Lines of the trace that are printed; all of them are in the file."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One pytest. `seed` is the first that failed, where that is known."""

    code: int
    output: str
    errors: str
    trace: str

    @property
    def seed(self) -> int | None:
        found = re.search(r"^# .* seed (\d+)$", self.trace, re.MULTILINE) or re.search(
            r"\[(?:[^\]\s]*-)?seed(\d+)", self.output
        )
        return int(found[1]) if found else None


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("tests", nargs="+", help="what pytest is given: files, directories, node ids")
    add("--seeds", type=int, default=100, help="how many (default: 100)")
    add("--first", type=int, default=0, help="the first one (default: 0)")
    add("-j", "--jobs", type=int, default=1, help="runs at a time (default: 1)")
    add("--trace", type=Path, help="where the trace goes (default: fuzz-seed-N.trace)")


def run(arguments: argparse.Namespace) -> int:
    """0 where every seed passes, 1 where one fails; 2 where pytest cannot run the tests at all."""
    if arguments.seeds < 1 or arguments.first < 0 or arguments.jobs < 1:
        raise SystemExit("pyber fuzz: --seeds and --jobs are at least 1, --first at least 0")
    end = arguments.first + arguments.seeds
    batches = [(first, min(first + BATCH, end) - 1) for first in range(arguments.first, end, BATCH)]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        running = [pool.submit(_run, arguments.tests, *batch) for batch in batches]
        for future in running:
            done = future.result()
            if done.code == 0:
                continue
            for other in running:
                other.cancel()
            if done.code != 1 or done.seed is None:
                print(done.output, end="")
                print(done.errors, end="", file=sys.stderr)
                return 2
            return _report(arguments, done.seed, done)
    print(f"{arguments.seeds} seeds from {arguments.first} on: all pass")
    return 0


def _report(arguments: argparse.Namespace, seed: int, found: Ran) -> int:
    """Tells of the smallest seed that fails, run alone."""
    first, second = (_run(arguments.tests, seed, seed) for _ in range(2))
    print((first if first.code else found).output, end="")
    before = seed - arguments.first
    print(f"seed {seed} fails" + (f", the {before} before it pass." if before else "."))
    trace = first.trace or found.trace
    if trace:
        path = arguments.trace or Path(f"fuzz-seed-{seed}.trace")
        path.write_text(trace)
        lines = trace.rstrip("\n").split("\n")
        print(f"What happened (the last {min(SHOWN, len(lines))} of {len(lines)} lines of {path}):")
        print("\n".join(f"  {line}" for line in lines[-SHOWN:]))
    if first.code == 0:
        print(
            "Alone it passes: the tests keep something from one seed to the next. Replay the batch, not the seed."
        )
    elif first.trace != second.trace:
        print(
            "Two runs of it differ: the tests depend on something besides the seed (real time, threads, files)."
        )
    elif trace:
        print("It replays to the byte.")
    print("Replay it with:\n  " + " ".join(command(arguments.tests, seed, seed)))
    return 1


def command(tests: list[str], first: int, last: int) -> list[str]:
    """The pytest command line of some seeds."""
    seeds = f"{first}-{last}" if first != last else str(first)
    return ["python", "-m", "pytest", "-q", "-x", f"--pybernetes-seeds={seeds}", "--pybernetes-shuffle",
            "-o", "pybernetes_time=virtual", *tests]  # fmt: skip


def _run(tests: list[str], first: int, last: int) -> Ran:
    with tempfile.TemporaryDirectory(prefix="pybernetes-fuzz-") as directory:
        trace = Path(directory) / "trace"
        words = [sys.executable, *command(tests, first, last)[1:], f"--pybernetes-trace={trace}"]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
        told = trace.read_text() if trace.exists() else ""
    return Ran(done.returncode, done.stdout, done.stderr, told)
