"""A scheduler against a real API server in the same process, and short ways to ask it things."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.errors import ServiceUnavailable
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.apiserver.user import MASTERS, User
from pybernetes.client.client import ApiClient
from pybernetes.client.interface import Call
from pybernetes.clock import Env
from pybernetes.scheduler.configuration.types import Configuration
from pybernetes.scheduler.framework import Plugin
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.store.memory import MemoryStore

Story = Callable[[ApiClient, Scheduler], Awaitable[None]]
TAINT = [{"key": "k", "value": "v", "effect": "NoSchedule"}]


class FlakyTransport:
    """A transport whose first bindings fail."""

    def __init__(self, inner: Any, failures: int) -> None:
        self._inner = inner
        self._failures = failures
        self.watch, self.close = inner.watch, inner.close

    async def call(self, call: Call) -> Obj:
        if call.subresource == "binding" and self._failures:
            self._failures -= 1
            raise ServiceUnavailable("not now")
        result: Obj = await self._inner.call(call)
        return result


def play(
    story: Story,
    *,
    binding_failures: int = 0,
    plugins: Sequence[Plugin] = (),
    configuration: Configuration | None = None,
) -> None:
    """Runs a story while the scheduler runs beside it; it must still run at the end."""

    async def main() -> None:
        env = Env(now=lambda: 1_790_000_000.0, rng=random.Random(7))
        store = MemoryStore(env)
        async with ApiServer(store, env, ApiServerConfig(freeze_trees=True)) as server, asyncio.timeout(10):
            transport = server.transport(User("admin", groups=(MASTERS,)))
            client = ApiClient(transport)
            scheduler = Scheduler(
                ApiClient(FlakyTransport(transport, binding_failures)),
                env,
                plugins=tuple(plugins),
                configuration=configuration,
            )
            running = asyncio.create_task(scheduler.run())
            account = new_object(kinds.SERVICEACCOUNT, "default", "default")
            await client.create(kinds.SERVICEACCOUNT, account)
            try:
                await story(client, scheduler)
                assert not running.done()
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
        await store.close()

    asyncio.run(main())


async def make(client: ApiClient, tree: dict[str, Any]) -> Obj:
    kind = kinds.NODE if tree["kind"] == "Node" else kinds.POD
    created = await client.create(kind, {**tree, "metadata": {**tree["metadata"], "uid": None}})
    if kind is kinds.NODE:
        name = tree["metadata"]["name"]
        # A new node is tainted as not ready; nobody here watches its conditions.
        await client.patch(kind, name, "", {"spec": {"taints": tree["spec"].get("taints")}})
        created = await client.patch(kind, name, "", {"status": tree["status"]}, subresource="status")
    return created


async def until(client: ApiClient, name: str, holds: Callable[[Obj], bool]) -> Obj:
    """Waits on a watch until the pod is as wanted."""
    async with client.watch(kinds.POD, "default", fields=f"metadata.name={name}") as events:
        async for event in events:
            if event.type != "BOOKMARK" and holds(event.object):
                return event.object
    raise AssertionError("the watch ended")


async def events_of(client: ApiClient, reason: str) -> list[Obj]:
    return [each for each in (await client.list(kinds.EVENT, "default")).items if each["reason"] == reason]


async def flushed(scheduler: Scheduler) -> None:
    """Until the events so far are written."""
    await scheduler.reporter.flush()


def bound(obj: Obj) -> bool:
    return bool(obj["spec"].get("nodeName"))


def scheduled_condition(obj: Obj) -> Obj:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == "PodScheduled"), {})


def refused(obj: Obj) -> bool:
    return scheduled_condition(obj).get("status") == "False"
