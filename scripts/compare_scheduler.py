"""Compares the scheduler's vector engine with the slow node-by-node reference of the tests on random clusters.

    python scripts/compare_scheduler.py [--cases 300000] [--seed 1]

Every case is a cluster, a pod and plugin arguments from a seed of its own: the nodes refused with their plugin and
reasons, every plugin's score for every node integer for integer, and the chosen node being one of the best. One case in
twenty is a longer story: nodes and pods come, change and go, pods are decided on and placed, and after each step the
engine that lived through it must decide as the reference over the state alone. Two are about storage, two about
preemption: pods that wait for room, budgets, and who has to leave; one decides on many pods of a template in a row, and
one on ResourceClaims. Prints the first differences and ends with status 1 where there are any.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "unit"))

from scheduler.comparing import compare
from scheduler.random_clusters import Maker
from scheduler.random_devices import device_differences
from scheduler.random_preemption import preemption_differences
from scheduler.random_storage import storage_differences
from scheduler.repeating import repeated_differences
from scheduler.stories import story_differences

SHOWN = 10


def decision_differences(seed: int) -> list[str]:
    return compare(Maker(seed).case(), seed)


CASES: tuple[Callable[[int], list[str]], ...] = (
    story_differences,
    *(storage_differences, preemption_differences) * 2,
    repeated_differences,
    device_differences,
    *(decision_differences,) * 13,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    started, wrong = time.perf_counter(), 0
    for number in range(arguments.cases):
        seed = arguments.seed * 1_000_000_007 + number
        found = CASES[number % len(CASES)](seed)
        if found:
            wrong += 1
            print(f"case {seed}:", *found[:5], sep="\n  ")
            if wrong == SHOWN:
                break
        if (number + 1) % 10_000 == 0:
            print(f"{number + 1} cases so far, {wrong} with differences", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - started
    print(f"{number + 1} cases in {seconds:.0f} s, {wrong} with differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
