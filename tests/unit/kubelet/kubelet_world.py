"""A real API server and a real kubelet on a hollow node, in virtual time."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pybernetes.api import kinds
from pybernetes.api.errors import NotFound
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, name_of, with_metadata
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import LOOPBACK, ApiServer
from pybernetes.apiserver.user import User
from pybernetes.client.client import ApiClient
from pybernetes.client.interface import Client
from pybernetes.clock import Env
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.kubelet import Kubelet
from pybernetes.kubelet.runtime import ExecSyncResult
from pybernetes.sim.hollow_host import HollowHost, HollowMachine
from pybernetes.sim.hollow_images import HollowImages
from pybernetes.sim.hollow_runtime import HollowRuntime
from pybernetes.sim.loop import run_virtual
from pybernetes.store.memory import MemoryStore

NODE = "n1"


class World:
    """What a story may use. `commands` answers exec probes and hooks: (container, command) -> exit code."""

    def __init__(self, server: ApiServer, env: Env) -> None:
        self.server = server
        self.env = env
        self.client: Client = ApiClient(server.transport(LOOPBACK))
        self.commands: Callable[[str, tuple[str, ...]], int] = lambda _name, _command: 0
        self.asked: list[tuple[str, tuple[str, ...], float]] = []
        self.runtime = HollowRuntime(env, "10.244.0.0/24", "10.0.0.1", commands=self._command)
        self.images = HollowImages(env)
        self.host = HollowHost(HollowMachine(NODE))
        self.kubelet: Kubelet
        self.history: list[tuple[float, str, Obj]] = []
        self._task: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None

    def _command(self, container: str, command: Sequence[str]) -> ExecSyncResult:
        self.asked.append((container, tuple(command), self.now()))
        return ExecSyncResult(b"", b"no", self.commands(container, tuple(command)))

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def start_kubelet(self, **settings: Any) -> None:
        user = User(f"system:node:{NODE}", groups=("system:nodes", "system:authenticated"))
        client = ApiClient(self.server.transport(user))
        config = KubeletConfig(NODE, ("10.0.0.1",), cluster_dns=("10.96.0.10",), **settings)
        self.kubelet = Kubelet(client, self.runtime, self.images, self.host, self.env, config)
        self._task = asyncio.create_task(self.kubelet.run(), name="kubelet")
        await self.kubelet.ready.wait()

    async def stop_kubelet(self) -> None:
        """As a kill would: containers stay as they are."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def record(self) -> None:
        self._watch = asyncio.create_task(self._record(), name="record")

    async def _record(self) -> None:
        async with self.client.watch(kinds.POD, resource_version="0") as events:
            async for event in events:
                if event.type != "BOOKMARK":
                    self.history.append((self.now(), event.type, event.object))

    async def stop(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if self._task is not None and self._task.done():
            self._task.result()
        await self.stop_kubelet()
        await self.runtime.close()

    # --- the API

    async def run_pod(self, obj: Obj, settle: float = 1.0) -> Obj:
        """Creates a pod (bound to the node already) and gives it time; its newest version."""
        await self.client.create(kinds.POD, obj)
        await asyncio.sleep(settle)
        return await self.pod(name_of(obj))

    async def pod(self, name: str = "web") -> Obj:
        return await self.client.get(kinds.POD, name, "default")

    async def exists(self, name: str = "web") -> bool:
        try:
            await self.pod(name)
        except NotFound:
            return False
        return True

    async def events(self, reason: str = "") -> list[tuple[str, str]]:
        """(reason, message) in the order they were first written."""
        items = (await self.client.list(kinds.EVENT, "default")).items
        ordered = sorted(items, key=lambda e: int(e["metadata"]["resourceVersion"]))
        return [(e["reason"], e["message"]) for e in ordered if reason in ("", e["reason"])]

    async def container_id(self, name: str = "c", pod: str = "web") -> str:
        status = state_of(await self.pod(pod), name)
        return str(status["containerID"].partition("://")[2])


def pod(name: str = "web", annotations: dict[str, str] | None = None, **spec: Any) -> Obj:
    full = {
        "nodeName": NODE,
        "automountServiceAccountToken": False,
        "containers": [container()],
        **spec,
    }
    return with_metadata(new_object(kinds.POD, name, "default", spec=full), annotations=annotations or {})


def container(name: str = "c", image: str = "nginx:1", **rest: Any) -> Obj:
    return {"name": name, "image": image, **rest}


def state_of(pod: Obj, name: str = "c") -> Obj:
    """A container's status."""
    for field in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        for status in pod["status"].get(field) or ():
            if status["name"] == name:
                found: Obj = status
                return found
    raise AssertionError(f"no status of {name}: {pod['status']}")


def condition(pod: Obj, kind: str) -> tuple[str, str, str]:
    """(status, reason, message)."""
    for c in pod["status"]["conditions"]:
        if c["type"] == kind:
            return c["status"], c.get("reason", ""), c.get("message", "")
    raise AssertionError(f"no condition {kind}")


@functools.cache
def _signing_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(serialization.Encoding.PEM, *form)


def play(story: Callable[[World], Awaitable[None]], *, start: bool = True, **settings: Any) -> None:
    """Runs a story; trees of the server raise when changed."""

    async def main(env: Env) -> None:
        store = MemoryStore(env)
        config = ApiServerConfig(freeze_trees=True, service_account_signing_key=_signing_key())
        async with ApiServer(store, env, config) as server:
            world = World(server, env)
            for made in (
                new_object(kinds.SERVICEACCOUNT, "default", "default"),
                new_object(kinds.CONFIGMAP, "kube-root-ca.crt", "default", data={"ca.crt": "CA"}),
            ):
                await world.client.create(kinds.CONFIGMAP if "data" in made else kinds.SERVICEACCOUNT, made)
            try:
                if start:
                    await world.start_kubelet(**settings)
                await story(world)
            finally:
                await world.stop()
        await store.close()

    run_virtual(main, seed=1)
