"""An API server and a whole controller manager in one process and in virtual time, with kubelets that obey at once."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.errors import Conflict, NotFound
from pybernetes.api.kind import Kind, new_object
from pybernetes.api.meta import Obj, is_deleting, name_of, namespace_of, uid_of
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import LOOPBACK, ApiServer
from pybernetes.apiserver.user import User
from pybernetes.client.client import ApiClient
from pybernetes.client.interface import Client
from pybernetes.clock import Env
from pybernetes.control.definition import Settings
from pybernetes.controllers.manager import KubeControllerManager
from pybernetes.lang.timestamps import rfc3339, rfc3339_micro
from pybernetes.store.memory import MemoryStore
from tests.virtualtime import run_virtual

START = 1_790_000_000.0
MANAGER = User("system:kube-controller-manager", groups=("system:authenticated",))


class _Denials(logging.Handler):
    """Collects what the authorizer denied to controllers: their rights must be enough for all they do."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if "is forbidden: User" in message:
            self.found.append(message)


class World:
    """What a story may use. Pods become ready `ready_after` seconds after they are made; None: they never do."""

    def __init__(self, server: ApiServer, env: Env) -> None:
        self.server = server
        self.env = env
        self.client: Client = ApiClient(server.transport(LOOPBACK))
        self.ready_after: float | None = 1.0
        self.stop_after = 0.0
        self.history: list[tuple[float, str, Obj]] = []
        """Every event of a pod as the watch gave it: (time, type, pod)."""
        self._tasks: list[asyncio.Task[Any]] = []

    def start(self, coroutine: Any) -> asyncio.Task[Any]:
        task = asyncio.create_task(coroutine)
        self._tasks.append(task)
        return task

    async def stop(self) -> None:
        failed = [task for task in self._tasks if task.done() and not task.cancelled() and task.exception()]
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for task in failed:
            task.result()

    def manager(
        self, selection: str = "*", **settings: Any
    ) -> tuple[KubeControllerManager, asyncio.Task[Any]]:
        """Starts a controller manager with the rights that upstream's has."""
        manager = KubeControllerManager(
            ApiClient(self.server.transport(MANAGER)),
            self.env,
            Settings(**{"root_ca": "CA", **settings}),
            lambda account: ApiClient(
                self.server.transport(
                    User(
                        f"system:serviceaccount:kube-system:{account}",
                        groups=("system:serviceaccounts", "system:serviceaccounts:kube-system"),
                    )
                )
            ),
            selection,
        )
        return manager, self.start(manager.run())

    async def kubelets(self) -> None:
        """Every pod runs on a node without anybody scheduling it, and stops when it is told to."""
        async with self.client.watch(kinds.POD, resource_version="0") as events:
            async for event in events:
                if event.type == "BOOKMARK":
                    continue
                self.history.append((asyncio.get_running_loop().time(), event.type, event.object))
                pod = event.object
                if event.type == "ADDED" and self.ready_after is not None:
                    self.start(self._ready(pod, self.ready_after))
                elif event.type == "MODIFIED" and is_deleting(pod):
                    self.start(self._stop(pod))

    async def _ready(self, pod: Obj, after: float) -> None:
        await asyncio.sleep(after)
        octets = self.env.rng.randrange(1, 255), self.env.rng.randrange(1, 255)
        await self.set_pod_status(
            pod, {"phase": "Running", "podIP": f"10.244.{octets[0]}.{octets[1]}"}, ready=True
        )

    async def set_pod_status(self, pod: Obj, status: Obj, *, ready: bool) -> None:
        """Reports a pod's status as a kubelet does; a pod that is gone is left alone."""
        entry = {
            "type": "Ready",
            "status": "True" if ready else "False",
            "lastTransitionTime": rfc3339(self.env.now()),
        }
        patch = {"status": {**status, "conditions": [entry]}}
        try:
            await self.client.patch(kinds.POD, name_of(pod), namespace_of(pod), patch, subresource="status")
        except NotFound:
            return

    async def _stop(self, pod: Obj) -> None:
        await asyncio.sleep(self.stop_after)
        if pod["metadata"].get("finalizers") and pod["status"].get("phase") not in ("Succeeded", "Failed"):
            await self.set_pod_status(pod, {"phase": "Failed"}, ready=False)
        try:
            await self.client.delete(
                kinds.POD, name_of(pod), namespace_of(pod), uid=uid_of(pod), grace_period_seconds=0
            )
        except (NotFound, Conflict):
            return

    async def settle(self, seconds: float = 30.0) -> None:
        """Lets virtual time pass."""
        await asyncio.sleep(seconds)

    async def get(self, kind: Kind, name: str, namespace: str = "default") -> Obj | None:
        try:
            return await self.client.get(kind, name, namespace)
        except NotFound:
            return None

    async def all(self, kind: Kind, namespace: str = "default") -> list[Obj]:
        return sorted((await self.client.list(kind, namespace)).items, key=name_of)

    async def change(self, kind: Kind, name: str, spec: Obj, namespace: str = "default") -> Obj:
        """Merges into the spec."""
        return await self.client.patch(kind, name, namespace, {"spec": spec})

    async def node(self, name: str, **spec: Any) -> Obj:
        """A node whose kubelet has just reported, and its lease."""
        node = await self.client.create(kinds.NODE, new_object(kinds.NODE, name, spec=spec))
        await self.renew(name)
        now = rfc3339(self.env.now())
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        await self.client.patch(
            kinds.NODE, name, "", {"status": {"conditions": [ready]}}, subresource="status"
        )
        return node

    async def renew(self, name: str) -> None:
        spec = {
            "holderIdentity": name,
            "leaseDurationSeconds": 40,
            "renewTime": rfc3339_micro(self.env.now()),
        }
        lease = new_object(kinds.LEASE, name, "kube-node-lease", spec=spec)
        if await self.get(kinds.LEASE, name, "kube-node-lease") is None:
            await self.client.create(kinds.LEASE, lease)
        else:
            await self.client.patch(kinds.LEASE, name, "kube-node-lease", {"spec": spec})


def deployment(name: str = "web", replicas: int = 3, image: str = "nginx:1", **spec: Any) -> Obj:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}}
    full = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template, **spec}
    return new_object(kinds.DEPLOYMENT, name, "default", spec=full)


def pod(name: str, labels: dict[str, str] | None = None, namespace: str = "default", **spec: Any) -> Obj:
    full = {"containers": [{"name": "c", "image": "nginx:1"}], **spec}
    made = new_object(kinds.POD, name, namespace, spec=full)
    return {**made, "metadata": {**made["metadata"], "labels": labels or {}}}


def play(
    story: Callable[[World], Awaitable[None]],
    selection: str | None = "*",
    *,
    start: float = START,
    addresses: str = "10.96.0.0/12",
    **settings: Any,
) -> None:
    """Runs a story with a manager (unless `selection` is None) and kubelets, from `start` on; Services get `addresses`.
    Trees of the server raise when changed."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        env = Env(now=lambda: start + loop.time(), rng=random.Random(1))
        store = MemoryStore(env)
        async with ApiServer(
            store, env, ApiServerConfig(freeze_trees=True, service_cidr=addresses)
        ) as server:
            world = World(server, env)
            try:
                if selection is not None:
                    world.manager(selection, **settings)
                world.start(world.kubelets())
                await world.settle(1)
                await story(world)
            finally:
                await world.stop()
        await store.close()

    denials = _Denials()
    loggers = [logging.getLogger(name) for name in ("controller", "events", "informer")]
    for logger in loggers:
        logger.addHandler(denials)
        logger.setLevel(logging.INFO)
    try:
        run_virtual(main())
    finally:
        for logger in loggers:
            logger.removeHandler(denials)
            logger.setLevel(logging.NOTSET)
    assert denials.found == []
