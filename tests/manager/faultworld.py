"""A world in which a controller manager suffers: watches that lose, repeat, mix up or delay events, and a crash after
every write. What is left when everything is quiet again can be compared with what an undisturbed run leaves."""

from __future__ import annotations

import asyncio
import functools
import json
import random
import re
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from world import MANAGER, START, World

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, Expired
from pybernetes.api.kind import Kind, new_object
from pybernetes.api.meta import Obj, key_of, labels_of, name_of, namespace_of, resource_version_of
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import LOOPBACK, ApiServer
from pybernetes.apiserver.user import User
from pybernetes.client.client import ApiClient
from pybernetes.client.discovery import Path
from pybernetes.client.interface import Call, Transport, WatchEvent
from pybernetes.clock import Env
from pybernetes.control.definition import Settings
from pybernetes.controllers.manager import KubeControllerManager
from pybernetes.store.memory import MemoryStore
from tests.virtualtime import run_virtual

Fault = Literal["none", "dropped", "duplicated", "reordered", "stale", "mixed", "crashed"]
OF_WATCHES: tuple[Fault, ...] = ("dropped", "duplicated", "reordered", "stale")
FAULTS: tuple[Fault, ...] = (*OF_WATCHES, "mixed", "crashed")
"""What happens to every watch; in "mixed", something of it to each; and a crash after every write."""
WRITES = ("create", "update", "patch", "delete", "deletecollection")
FINISH = "finish"
"""Label of pods whose containers end by themselves; its value is the phase that they end in."""
LONGEST = 3600.0
POISON = "poison"
"""The namespace that no kubelet looks after."""


@dataclass(frozen=True)
class Scenario:
    """One controller at work: `play` does what users do, and waits with `world.rest()`. `others` run beside it."""

    controller: str
    play: Callable[[SufferingWorld], Awaitable[None]]
    others: str = ""
    name: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    """Kinds whose end state says nothing."""

    def __str__(self) -> str:
        return self.name or self.controller


class SufferingWorld(World):
    """`rest` waits until the manager has written nothing for a while."""

    def __init__(self, server: ApiServer, env: Env, scenario: Scenario, fault: Fault) -> None:
        super().__init__(server, env)
        self.scenario = scenario
        self.fault: Fault = fault
        self.chaos = random.Random(f"{scenario}{fault}{env.rng.random()}")
        self.written_at = 0.0
        self.writes = 0
        self.crashes = 0
        self._may_write = 1
        self._crash = asyncio.Event()

    async def rest(self, quiet: float = 25.0) -> None:
        """Until no controller has written for `quiet` seconds."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self.written_at = max(self.written_at, began)
        while loop.time() < self.written_at + quiet:
            assert loop.time() - began < LONGEST, f"{self.scenario} never comes to rest under {self.fault}"
            await asyncio.sleep(max(0.5, self.written_at + quiet - loop.time()))

    async def calm(self) -> None:
        """Nothing goes wrong any more, and everything that was missed has been heard of."""
        self.fault = "none"
        await self.rest(90.0)

    async def until(self, seconds: float) -> None:
        """Until so many seconds after the start."""
        await asyncio.sleep(max(0.0, seconds - asyncio.get_running_loop().time()))

    # --- the manager

    async def keep_managing(self) -> None:
        """Runs managers one after another: each lives until it crashes."""
        selection = ",".join(filter(None, (self.scenario.controller, self.scenario.others)))
        while True:
            self._crash.clear()
            manager = KubeControllerManager(
                ApiClient(SufferingTransport(self, self.server.transport(MANAGER))),
                self.env,
                Settings(**{"root_ca": "CA", **self.scenario.settings}),
                self._client_of,
                selection,
            )
            running = asyncio.create_task(manager.run())
            crash = asyncio.create_task(self._crash.wait())
            try:
                await asyncio.wait({running, crash}, return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    running.result()
            finally:
                for task in (running, crash):
                    task.cancel()
                await asyncio.gather(running, crash, return_exceptions=True)
            self.crashes += 1
            # One that dies after each single write for ever cannot get through a batch that it begins anew each time.
            self._may_write = 1 if self.crashes < 60 else self.chaos.randrange(1, 15)
            await asyncio.sleep(0.25)

    def _client_of(self, account: str) -> ApiClient:
        user = User(
            f"system:serviceaccount:kube-system:{account}",
            groups=("system:serviceaccounts", "system:serviceaccounts:kube-system"),
        )
        return ApiClient(SufferingTransport(self, self.server.transport(user)))

    async def before_write(self) -> None:
        """A manager that is crashing writes nothing any more."""
        if self._crash.is_set():
            await asyncio.Event().wait()

    async def after_write(self) -> None:
        self.writes += 1
        self.written_at = asyncio.get_running_loop().time()
        self._may_write -= 1
        if self.fault == "crashed" and self._may_write <= 0:
            self._crash.set()
            await asyncio.Event().wait()

    # --- the nodes

    async def _ready(self, pod: Obj, after: float) -> None:
        """As in every world, but with an address that depends on nothing but the pod's name."""
        if namespace_of(pod) == POISON:
            return
        await asyncio.sleep(after)
        number = zlib.crc32(name_of(pod).encode())
        address = f"10.244.{number >> 8 & 255}.{number & 255}"
        await self.set_pod_status(pod, {"phase": "Running", "podIP": address}, ready=True)
        if phase := labels_of(pod).get(FINISH):
            await asyncio.sleep(2)
            code = 0 if phase == "Succeeded" else 1
            ended = {
                "exitCode": code,
                "finishedAt": pod["metadata"]["creationTimestamp"],
                "reason": "Completed",
            }
            status = {
                "phase": phase,
                "podIP": address,
                "containerStatuses": [
                    {"name": "c", "image": "i", "imageID": "i", "ready": False, "restartCount": 0,
                     "state": {"terminated": ended}}
                ],
            }  # fmt: skip
            await self.set_pod_status(pod, status, ready=False)

    async def dump(self) -> list[str]:
        """Everything that is stored, without what differs from run to run."""
        found: list[str] = []
        for kind in stored_kinds():
            if kind.kind not in ("Event", *self.scenario.ignore):
                found += [plain(obj) for obj in (await self.client.list(kind)).items]
        return sorted(found)


Entry = tuple[float, WatchEvent | Exception]
"""When it is delivered, and what."""


class SufferingTransport:
    """Implements `client.interface.Transport` for a manager of `world`."""

    def __init__(self, world: SufferingWorld, inner: Transport) -> None:
        self._world = world
        self._inner = inner

    async def call(self, call: Call) -> Obj:
        counts = call.verb in WRITES and call.kind.kind != "Event" and "list" in call.kind.verbs
        if counts:
            await self._world.before_write()
        answer = await self._inner.call(call)
        same = call.verb == "update" and call.body["metadata"].get("resourceVersion") == resource_version_of(
            answer
        )
        if counts and not same:
            await self._world.after_write()
        return answer

    async def discover(self, path: Path) -> Obj:
        return await self._inner.discover(path)

    async def close(self) -> None:
        await self._inner.close()

    @asynccontextmanager
    async def watch(self, call: Call) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        world, loop = self._world, asyncio.get_running_loop()
        queue: asyncio.Queue[Entry] = asyncio.Queue()
        # Without an end of its own, so that days pass quickly.
        call = replace(call, query={k: v for k, v in call.query.items() if k != "timeoutSeconds"})
        fault = world.chaos.choice(OF_WATCHES) if world.fault == "mixed" else world.fault
        lag = world.chaos.choice((0.0, 1.0, 4.0, 12.0)) if fault == "stale" else 0.0

        async def pump() -> None:
            try:
                async with self._inner.watch(call) as events:
                    async for event in events:
                        queue.put_nowait((loop.time() + lag, event))
            except (ApiError, OSError) as error:
                queue.put_nowait((0.0, error))
            else:
                queue.put_nowait((0.0, ConnectionResetError("the watch ended")))

        task = asyncio.create_task(pump())
        try:
            yield self._suffering(queue, fault)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _suffering(self, queue: asyncio.Queue[Entry], fault: Fault) -> AsyncIterator[WatchEvent]:
        world, loop = self._world, asyncio.get_running_loop()
        doomed: float | None = None
        while True:
            try:
                async with asyncio.timeout_at(doomed):
                    due, entry = await queue.get()
            except TimeoutError:
                raise Expired("too old resource version (an injected fault)") from None
            fault = "none" if world.fault == "none" else fault
            if fault == "stale" and due > loop.time():
                await asyncio.sleep(due - loop.time())
            batch = [entry]
            if fault == "reordered":
                await asyncio.sleep(world.chaos.choice((0.0, 0.3, 1.5)))
                while not queue.empty():
                    batch.append(queue.get_nowait()[1])
                batch = mixed(batch, world.chaos)
            for event in batch:
                if isinstance(event, Exception):
                    raise event
                if fault == "dropped" and event.type != "BOOKMARK" and (doomed or world.chaos.random() < 0.4):
                    # Nothing comes any more until the client notices and lists again.
                    doomed = doomed or loop.time() + world.chaos.choice((0.1, 2.0, 7.0))
                    continue
                yield event
                if fault == "duplicated":
                    yield event
                    if world.chaos.random() < 0.3:
                        await asyncio.sleep(1)
                        yield event


def mixed(batch: list[WatchEvent | Exception], chaos: random.Random) -> list[WatchEvent | Exception]:
    """The events of different objects in any order, those of one object in theirs; what is no event stays last."""
    by_object: dict[str, list[WatchEvent | Exception]] = {}
    rest: list[WatchEvent | Exception] = []
    for event in batch:
        if isinstance(event, Exception) or event.type == "BOOKMARK":
            rest.append(event)
        else:
            by_object.setdefault(key_of(event.object), []).append(event)
    order = [key for key, events in by_object.items() for _ in events]
    chaos.shuffle(order)
    return [*(by_object[key].pop(0) for key in order), *rest]


# --- comparing

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")
_SUFFIX = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{5}(?=\W|$)")
_ADDRESS = re.compile(r"10\.(244|9[6-9]|10\d|11[01])\.\d+\.\d+(?!/)")
_LEFT_OUT = (
    "resourceVersion",
    "generation",
    "observedGeneration",
    "managedFields",
    "uid",
    "token",
    "podIP",
    "podIPs",
    "lastScaleTime",
)


@functools.cache
def stored_kinds() -> tuple[Kind, ...]:
    found: dict[str, Kind] = {}
    for kind in kinds.KINDS:
        if "list" in kind.verbs and kind.kind not in _CONSTANT:
            found.setdefault(kind.storage_prefix or kind.group_resource, kind)
    return tuple(found.values())


_CONSTANT = ("Lease", "FlowSchema", "PriorityLevelConfiguration", "APIService", "RoleBinding", "ClusterRoleBinding",
             "Role", "ComponentStatus", "PriorityClass", "Event")  # fmt: skip


def plain(obj: Obj) -> str:
    """An object as text without times, uids, versions and made-up names."""
    text = json.dumps(_stripped(obj), sort_keys=True)
    for pattern, word in ((_TIME, "TIME"), (_UID, "UID"), (_JWT, "JWT"), (_ADDRESS, "IP")):
        text = pattern.sub(word, text)
    return _SUFFIX.sub("-*", text)


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        found = {k: _stripped(v) for k, v in value.items() if k not in _LEFT_OUT}
        if "endpoints" in found:  # in the order of uids
            found["endpoints"] = sorted(found["endpoints"], key=json.dumps)
        return found
    if isinstance(value, list | tuple):
        return [_stripped(each) for each in value if not _is_of_the_past(each)]
    return value


def _is_of_the_past(entry: Any) -> bool:
    """Conditions that tell what a controller has done since it began, or done last."""
    if not isinstance(entry, dict):
        return False
    awake = entry.get("type") == "ScaledToZero" and entry.get("status") == "False"
    return awake or (entry.get("type") == "EvictionInProgress" and entry.get("status") == "False")


# --- running

_prepared: list[MemoryStore] = []


async def _store(env: Env) -> MemoryStore:
    """A store with the objects of a new cluster, made once."""
    if not _prepared:
        # Other draws than those of any run: uids must not come twice.
        env = Env(now=env.now, rng=random.Random("prepared"))
        first = MemoryStore(env)
        async with ApiServer(first, env, ApiServerConfig(freeze_trees=True)) as server:
            account = new_object(kinds.SERVICEACCOUNT, "default", "default")
            await ApiClient(server.transport(LOOPBACK)).create(kinds.SERVICEACCOUNT, account)
        _prepared.append(first)
    return _prepared[0].fork(env)


Prepare = Callable[[SufferingWorld, MemoryStore], Awaitable[None]]


def run_scenario(
    scenario: Scenario,
    fault: Fault,
    seed: int = 0,
    before: Prepare | None = None,
    after: Prepare | None = None,
) -> tuple[list[str], SufferingWorld]:
    """What is stored in the end. `before` runs before the manager starts, `after` when everything is quiet again."""

    async def main() -> tuple[list[str], SufferingWorld]:
        loop = asyncio.get_running_loop()
        env = Env(now=lambda: START + loop.time(), rng=random.Random(seed))
        store = await _store(env)
        config = ApiServerConfig(freeze_trees=True, bootstrap=False)
        async with ApiServer(store, env, config) as server:
            world = SufferingWorld(server, env, scenario, fault)
            try:
                if before is not None:
                    await before(world, store)
                world.start(world.keep_managing())
                world.start(world.kubelets())
                await world.settle(1)
                await scenario.play(world)
                await world.calm()
                if after is not None:
                    await after(world, store)
                left = await world.dump()
            finally:
                with suppress(asyncio.CancelledError):
                    await world.stop()
        await store.close()
        return left, world

    return run_virtual(main())
