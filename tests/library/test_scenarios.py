"""The scenarios of `tests/scenarios` against the library in virtual time, and over HTTPS in real time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pybernetes import Cluster
from pybernetes.client import kubeconfig
from tests.scenarios.remote import RemoteWorld
from tests.scenarios.scenarios import (
    SCENARIOS,
    Scenario,
    a_custom_kind_is_served_and_validated,
    jobs_complete_and_fail,
)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_scenario(scenario: Scenario) -> None:
    async def main() -> None:
        async with Cluster(nodes=2, time="virtual", namespace="scenario") as c:
            await c.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "scenario"}})
            await scenario(c)  # type: ignore[arg-type]  # a Cluster takes more than a World has to

    asyncio.run(main())


@pytest.mark.parametrize(
    "scenario", [jobs_complete_and_fail, a_custom_kind_is_served_and_validated], ids=lambda s: s.__name__
)
def test_scenario_over_https(scenario: Scenario) -> None:
    async def main() -> None:
        async with Cluster(nodes=1) as c:
            await c.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "scenario"}})
            served = await c.serve()
            world = RemoteWorld(kubeconfig.load(Path(served.kubeconfig)), "scenario")
            try:
                await scenario(world)
            finally:
                await world.close()

    asyncio.run(main())
