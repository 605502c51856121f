"""Leader election: the decision as a table, and contenders over one API server in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from pybernetes.api import kinds
from pybernetes.api.meta import Obj
from pybernetes.apiserver.server import LOOPBACK, ApiServer
from pybernetes.client.client import ApiClient
from pybernetes.client.interface import Call, Transport
from pybernetes.client.leaderelection import (
    LeaderElector,
    LeadershipLost,
    lease_spec,
    may_take,
    observe,
)
from pybernetes.clock import Env
from pybernetes.store.memory import MemoryStore
from tests.virtualtime import run_virtual

START = 1_790_000_000.0


def lease(holder: str, renewed: str = "t0", seconds: int = 15, transitions: int = 0) -> Obj:
    return {
        "spec": {
            "holderIdentity": holder,
            "renewTime": renewed,
            "leaseDurationSeconds": seconds,
            "leaseTransitions": transitions,
            "acquireTime": "t0",
        }
    }


@pytest.mark.parametrize(
    ("seen", "at", "answer"),
    [
        (None, 0.0, True),
        (lease(""), 0.0, True),
        (lease("me"), 0.0, True),
        (lease("other"), 14.9, False),
        (lease("other"), 15.1, True),
        (lease("other", seconds=60), 59.0, False),
        (lease("other", seconds=1), 1.5, True),
    ],
    ids=["no lease", "given up", "mine", "fresh", "expired", "longer lease", "shorter lease"],
)
def test_who_may_take_a_lease(seen: Obj | None, at: float, answer: bool) -> None:
    assert may_take(observe(seen, None, 0.0), "me", at) is answer


def test_the_age_of_a_lease_is_measured_by_ones_own_clock_from_its_last_change() -> None:
    first = observe(lease("other", "t0"), None, 100.0)
    unchanged = observe(lease("other", "t0"), first, 110.0)
    renewed = observe(lease("other", "t1"), unchanged, 112.0)
    assert unchanged is not None
    assert renewed is not None
    assert (unchanged.since, renewed.since) == (100.0, 112.0)
    assert observe(None, renewed, 120.0) is None


def test_transitions_count_changes_of_the_holder() -> None:
    assert lease_spec(None, "a", START)["leaseTransitions"] == 0
    taken = lease_spec(lease("other", transitions=3), "a", START)
    assert (taken["holderIdentity"], taken["leaseTransitions"]) == ("a", 4)
    assert taken["acquireTime"] == taken["renewTime"]
    renewed = lease_spec(lease("a", transitions=3), "a", START)
    assert (renewed["acquireTime"], renewed["leaseTransitions"]) == ("t0", 3)


def test_what_others_write_into_a_lease_stays() -> None:
    other = {
        "spec": {"holderIdentity": "other", "strategy": "OldestEmulationVersion", "preferredHolder": "a"}
    }
    taken = lease_spec(other, "a", START)
    assert (taken["strategy"], taken["preferredHolder"]) == ("OldestEmulationVersion", "a")


class Hanging:
    """A transport that stops answering when told to, as an unreachable server does."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.hangs = False

    async def call(self, call: Call) -> Obj:
        if self.hangs:
            await asyncio.sleep(60)
            raise ConnectionError("no answer")
        return await self.inner.call(call)


def with_server(story: Callable[[ApiServer, Env], Awaitable[None]]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        env = Env(now=lambda: START + loop.time(), rng=random.Random(1))
        store = MemoryStore(env)
        async with ApiServer(store, env) as server:
            await story(server, env)
        await store.close()

    run_virtual(main())


def contender(server: ApiServer, env: Env, name: str, log: list[str]) -> tuple[Hanging, asyncio.Task[None]]:
    transport = Hanging(server.transport(LOOPBACK))
    elector = LeaderElector(ApiClient(transport), env, "kube-scheduler", name)  # type: ignore[arg-type]

    async def work() -> None:
        log.append(f"{name} works")
        try:
            await asyncio.Event().wait()
        finally:
            log.append(f"{name} stops")

    return transport, asyncio.create_task(elector.run(work))


def test_one_works_and_the_next_follows_soon_after_it_has_ended_cleanly() -> None:
    async def story(server: ApiServer, env: Env) -> None:
        log: list[str] = []
        _, first = contender(server, env, "a", log)
        await asyncio.sleep(1)
        _, second = contender(server, env, "b", log)
        await asyncio.sleep(120)
        assert log == ["a works"]
        first.cancel()
        await asyncio.wait({first})
        await asyncio.sleep(2.5)
        assert log == ["a works", "a stops", "b works"]
        held = await ApiClient(server.transport(LOOPBACK)).get(kinds.LEASE, "kube-scheduler", "kube-system")
        assert held["spec"]["holderIdentity"] == "b"
        assert held["spec"]["leaseTransitions"] == 1
        second.cancel()
        await asyncio.wait({second})

    with_server(story)


def test_a_leader_that_reaches_nobody_stops_before_another_may_start() -> None:
    async def story(server: ApiServer, env: Env) -> None:
        log: list[str] = []
        transport, first = contender(server, env, "a", log)
        await asyncio.sleep(1)
        _, second = contender(server, env, "b", log)
        await asyncio.sleep(10)
        transport.hangs = True
        await asyncio.sleep(20)
        assert log == ["a works", "a stops", "b works"]
        await asyncio.wait({first})
        assert isinstance(first.exception(), LeadershipLost)
        second.cancel()
        await asyncio.wait({second})

    with_server(story)


def test_a_failure_of_the_work_is_not_hidden() -> None:
    async def story(server: ApiServer, env: Env) -> None:
        async def broken() -> None:
            await asyncio.sleep(3)
            raise RuntimeError("a bug")

        elector = LeaderElector(ApiClient(server.transport(LOOPBACK)), env, "kube-scheduler", "a")
        with pytest.raises(RuntimeError, match="a bug"):
            await elector.run(broken)

    with_server(story)


def test_a_failure_of_the_renewal_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(server: ApiServer, env: Env) -> None:
        async def broken() -> None:
            raise RuntimeError("a bug")

        elector = LeaderElector(ApiClient(server.transport(LOOPBACK)), env, "kube-scheduler", "a")
        monkeypatch.setattr(elector, "_renew", broken)
        with pytest.raises(RuntimeError, match="a bug"):
            await elector.run(asyncio.Event().wait)  # type: ignore[arg-type]

    with_server(story)
