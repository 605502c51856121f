"""The library: how long a cluster takes to start, to run a Deployment, to live for a month, and a hundred tests."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = 100
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: nginx, readinessProbe: {httpGet: {port: 80}}}]}
"""
ONE_TEST = """
import pytest
WEB = '''%s'''

@pytest.mark.parametrize("number", range(%d))
@pytest.mark.pybernetes(nodes=3, time="virtual")
async def test_web(cluster, number):
    await cluster.apply(WEB)
    await cluster.wait("deployment/web", "Available")
"""


async def starts(count: int) -> list[float]:
    from pybernetes import Cluster

    spent = []
    for _ in range(count):
        began = time.perf_counter()
        async with Cluster(nodes=3):
            spent.append(time.perf_counter() - began)
    return spent


async def month(days: int, *, web: bool) -> tuple[float, int]:
    """Real seconds for so many days of three nodes, and the writes meanwhile."""
    from pybernetes import Cluster

    async with Cluster(nodes=3, time="virtual") as c:
        if web:
            await c.apply(WEB)
            await c.wait("deployment/web", "Available")
        revision = c.parts.server.services.cacher.revision
        began = time.perf_counter()
        await c.advance(f"{days}d")
        return time.perf_counter() - began, c.parts.server.services.cacher.revision - revision


def suite() -> float:
    """Seconds for a test file whose every test has a cluster of its own, pytest's start included."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "test_it.py").write_text(ONE_TEST % (WEB, TESTS))
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        began = time.perf_counter()
        subprocess.run(
            [*command, "-p", "pybernetes.testing.plugin", "-o", "addopts="],
            cwd=directory, check=True, capture_output=True, env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        )  # fmt: skip
        return time.perf_counter() - began


def main() -> None:
    began = time.perf_counter()
    import pybernetes  # noqa: F401

    print(f"import pybernetes: {1000 * (time.perf_counter() - began):.1f} ms")
    began = time.perf_counter()
    from pybernetes import Cluster  # noqa: F401

    print(f"import of Cluster with every component: {1000 * (time.perf_counter() - began):.0f} ms")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    spent = asyncio.run(starts(10))
    print(f"Cluster(nodes=3): first {1000 * spent[0]:.0f} ms, best {1000 * min(spent):.0f} ms")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    print(f"ten of them, one after another: {grown:.0f} MB more at most")
    for web in (False, True):
        seconds, writes = asyncio.run(month(30, web=web))
        print(f"30 days of 3 nodes{' with 3 probed pods' if web else ''}: {seconds:.3f} s, {writes} writes")
    print(f"{TESTS} tests, each with a fresh cluster of 3 nodes and a Deployment: {suite():.1f} s")


if __name__ == "__main__":
    main()
