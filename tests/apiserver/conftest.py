"""Whole API servers inside the test process; their clock and randomness are those of the unit tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from pybernetes.api.kinds import CUSTOMRESOURCEDEFINITION as CRD
from pybernetes.client.interface import Call
from pybernetes.clock import Env
from tests.unit.conftest import env

from .bothways import Scenario
from .crontabs import Case, Run, crontabs, established
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


@pytest.fixture(params=["inprocess", "http"])
def api(request: pytest.FixtureRequest, env: Env) -> Run:
    """Runs a case with the definition of crontabs established."""

    def run(case: Case, definition: dict[str, Any] | None = None) -> None:
        async def main() -> None:
            async with serving(env) as server:
                transport = transport_of(request.param, server)
                await transport.call(Call("create", CRD, body=definition or crontabs()))
                await established(transport)
                async with asyncio.timeout(10):
                    await case(server, transport)

        asyncio.run(main())

    return run
