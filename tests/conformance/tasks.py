"""Tasks of Jobs, as `py://tests.conformance.tasks:…`."""

from __future__ import annotations

from pybernetes.sim.program import Container

IMAGE = "py://tests.conformance.tasks:"
_marked: set[str] = set()
"""What the tasks of all pods share, as a directory of their host would be."""


async def fails_once(c: Container) -> int:
    """Fails in its pod's first attempt, and not again."""
    return int(c.launch.attempt == 0)


async def waits_once(c: Container) -> int:
    """Runs until it is stopped, which it takes for a failure; the next pod of its index succeeds at once."""
    mark = f"{c.namespace}/{c.env['JOB_COMPLETION_INDEX']}"
    if mark in _marked:
        return 0
    _marked.add(mark)
    await c.stopping.wait()
    return 1
