"""Registering the node, renewing its lease, reporting its status."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from pybernetes.aio import upkeep
from pybernetes.api import kinds
from pybernetes.api.errors import AlreadyExists, ApiError, Conflict, NotFound
from pybernetes.api.kind import new_object
from pybernetes.api.meta import MutableObj, Obj, evolve, uid_of
from pybernetes.client.interface import Client
from pybernetes.clock import Env
from pybernetes.lang.timestamps import rfc3339_micro

from .host import Host
from .node import NodeView, differs, node_labels, node_object, node_status, problem_of
from .recorder import Recorder
from .runtime import CRIError, ImageService, RuntimeService

log = logging.getLogger("kubelet.node")

LEASE_NAMESPACE = "kube-node-lease"
RETRY_FIRST, RETRY_MOST = 0.2, 7.0
# How often a node that is not ready looks again (seconds).
UNREADY_PERIOD = 0.5


class NodeReporter:
    def __init__(
        self,
        client: Client,
        env: Env,
        host: Host,
        runtime: RuntimeService,
        images: ImageService,
        view: NodeView,
        recorder: Recorder,
        extra_problem: Callable[[], str] = lambda: "",
        volumes_in_use: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """`view` holds what does not change; `extra_problem` adds a reason not to be ready; `volumes_in_use` are
        attached volumes that pods of the node need."""
        self._client = client
        self._env = env
        self._host = host
        self._runtime = runtime
        self._images = images
        self._view = view
        self._recorder = recorder
        self._extra_problem = extra_problem
        self._volumes_in_use = volumes_in_use
        self._node: Obj | None = None
        self._sent_at = 0.0
        self._lease: Obj | None = None
        self.registered = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        await self._look()
        if self._view.config.register_node:
            await self._register()
        self.registered.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._report_forever(), name="node status")
            group.create_task(self._renew_forever(), name="node lease")

    # --- the object ---

    async def _register(self) -> None:
        delay = RETRY_FIRST
        while True:
            try:
                try:
                    wanted = node_object(self._view, self._env.now())
                    self._node = await self._client.create(kinds.NODE, wanted)
                except AlreadyExists:
                    self._node = await self._adopt()
                self._recorder.event(self._node, "Normal", "Starting", "Starting kubelet.")
                return
            except (ApiError, OSError) as error:
                log.warning("registering the node: %s", error)
                await asyncio.sleep(delay)
                delay = min(2 * delay, RETRY_MOST)

    async def _adopt(self) -> Obj:
        """The node of an earlier run, with this run's labels."""
        name = self._view.config.node_name
        node = await self._client.get(kinds.NODE, name)
        wanted = node_labels(self._view)
        have = node["metadata"].get("labels") or {}
        missing = {key: value for key, value in wanted.items() if have.get(key) != value}
        if not missing:
            return node
        return await self._client.patch(kinds.NODE, name, "", {"metadata": {"labels": missing}})

    async def _look(self) -> None:
        """The present state of the machine and the runtime."""
        try:
            problem = problem_of(await self._runtime.status()) or self._extra_problem()
            images = tuple(await self._images.list_images())
        except CRIError as error:
            problem, images = f"container runtime is down: {error}", tuple(self._view.images)
        self._view = replace(
            self._view,
            pressure=self._host.pressure(),
            problem=problem,
            images=images,
            volumes_in_use=tuple(self._volumes_in_use()),
        )

    async def _report_forever(self) -> None:
        config = self._view.config
        while True:
            try:
                await self._look()
                await self._report()
            except (ApiError, OSError) as error:
                log.warning("node status not written: %s", error)
            ready = not self._view.problem
            if ready:
                await upkeep.pause(config.node_status_update_frequency, upkeep.PULSE)
            else:
                await asyncio.sleep(UNREADY_PERIOD)

    async def _report(self) -> None:
        now = self._env.now()
        if self._node is None:
            self._node = await self._client.get(kinds.NODE, self._view.config.node_name)
        old = self._node.get("status") or {}
        status = node_status(self._view, old, now)
        overdue = now - self._sent_at >= self._view.config.node_status_report_frequency
        if not differs(old, status) and not overdue:
            return
        try:
            self._node = await self._client.patch(
                kinds.NODE,
                self._view.config.node_name,
                "",
                {"status": _patch(old, status)},
                patch_type="strategic",
                subresource="status",
            )
        except NotFound:
            await self._register()
        self._sent_at = now

    # --- the lease ---

    async def _renew_forever(self) -> None:
        period = self._view.config.node_lease_duration / 4
        delay = RETRY_FIRST
        while True:
            try:
                await self._renew()
                delay = RETRY_FIRST
                await upkeep.pause(period, upkeep.PULSE)
            except (Conflict, NotFound, AlreadyExists) as error:
                log.info("node lease: %s", error)
                self._lease = None
                await asyncio.sleep(delay)
                delay = min(2 * delay, RETRY_MOST)
            except (ApiError, OSError) as error:
                log.warning("node lease not renewed: %s", error)
                await asyncio.sleep(delay)
                delay = min(2 * delay, RETRY_MOST)

    async def _renew(self) -> None:
        name = self._view.config.node_name
        if self._lease is None:
            try:
                self._lease = await self._client.get(kinds.LEASE, name, LEASE_NAMESPACE)
            except NotFound:
                self._lease = await self._client.create(kinds.LEASE, self._new_lease())
                return
        renewed = evolve(self._lease, "spec", "renewTime", rfc3339_micro(self._env.now()))
        self._lease = await self._client.update(kinds.LEASE, renewed)

    def _new_lease(self) -> MutableObj:
        config = self._view.config
        lease = new_object(kinds.LEASE, config.node_name, LEASE_NAMESPACE)
        if self._node is not None:
            owner = {"apiVersion": "v1", "kind": "Node", "name": config.node_name, "uid": uid_of(self._node)}
            lease["metadata"]["ownerReferences"] = [owner]
        lease["spec"] = {
            "holderIdentity": config.node_name,
            "leaseDurationSeconds": config.node_lease_duration,
            "renewTime": rfc3339_micro(self._env.now()),
        }
        return lease


def _patch(old: Obj, new: Obj) -> MutableObj:
    """What differs; addresses are replaced as a whole, conditions merged by type."""
    patch = {key: value for key, value in new.items() if old.get(key) != value}
    if "addresses" in patch and old.get("addresses"):
        patch["addresses"] = [*new["addresses"], {"$patch": "replace"}]
    return patch
