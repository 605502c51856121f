"""Whole API servers inside the test process; their clock and randomness are those of the unit tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from pybernetes.clock import Env
from tests.unit.conftest import env

from .bothways import Scenario
from .transports import serving, transport_of

__all__ = ["env"]


@pytest.fixture(params=["inprocess", "http"])
def run(request: pytest.FixtureRequest, env: Env) -> Callable[[Scenario], None]:
    """Runs a scenario against a fresh server over one of the two ways."""

    def runner(scenario: Scenario, **config: object) -> None:
        async def main() -> None:
            async with serving(env, **config) as server:
                async with asyncio.timeout(20):
                    await scenario(transport_of(request.param, server))

        asyncio.run(main())

    return runner
