"""Real kubectl beside a cluster whose loop must go on meanwhile."""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import Any

from pybernetes.sim.virtualclock import VirtualClock
from tests.pyberup import Kubectl as RealKubectl


class Kubectl:
    """`await kubectl("get", "pods")`, in one namespace. Time passes only while a request of it is under way."""

    def __init__(self, real: RealKubectl, namespace: str, clock: VirtualClock) -> None:
        self.real = real
        self.clock = clock
        self.namespace = namespace

    async def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Any exit code."""
        command = ("-n", self.namespace, *arguments)
        with self.clock.hold():
            return await asyncio.to_thread(self.real.run, *command, stdin=stdin)

    async def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """Standard output of a command that must succeed."""
        done = await self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stdout}\n{done.stderr}"
        return done.stdout

    async def fails(self, *arguments: str, stdin: str | None = None) -> str:
        """Standard error of a command that must fail."""
        done = await self.run(*arguments, stdin=stdin)
        assert done.returncode != 0, done.stdout
        return done.stderr

    async def json(self, *arguments: str) -> Any:
        return json.loads(await self(*arguments, "-o", "json"))
