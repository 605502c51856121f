"""What the scheduler tells of a pod: events under the name of its profile, and its status."""

from __future__ import annotations

import asyncio
import logging

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, NotFound
from pybernetes.api.meta import Obj, name_of, namespace_of, resource_version_of, uid_of
from pybernetes.client.events import EventRecorder
from pybernetes.client.interface import Client, Reaction
from pybernetes.clock import Env

from .writes import unscheduled_patch

log = logging.getLogger("scheduler")


class Reporter:
    """`name` is the profile's where a pod names none."""

    def __init__(self, client: Client, env: Env, name: str) -> None:
        self._client = client
        self._env = env
        self._name = name
        self._recorders: dict[str, EventRecorder] = {}
        self._group: asyncio.TaskGroup | None = None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Events are written by tasks of this group."""
        self._group = group
        for name, recorder in self._recorders.items():
            group.create_task(recorder.run(), name=f"scheduler events {name}")

    async def flush(self) -> None:
        """Until the events so far are written."""
        for recorder in [*self._recorders.values()]:
            await recorder.flush()

    def events_of(self, pod: Obj) -> EventRecorder:
        """The recorder under the name of the pod's profile."""
        return self.recorder(pod["spec"].get("schedulerName") or self._name)

    def recorder(self, name: str) -> EventRecorder:
        found = self._recorders.get(name)
        if found is None:
            found = self._recorders[name] = EventRecorder(self._client, self._env, name)
            if self._group is not None:
                self._group.create_task(found.run(), name=f"scheduler events {name}")
        return found

    def scheduled(self, pod: Obj, node: str) -> None:
        self.events_of(pod).event(pod, "Normal", "Scheduled", f"Successfully assigned {named(pod)} to {node}")

    async def refused(
        self, pod: Obj, message: str, reason: str = "Unschedulable", nominated: str | None = None
    ) -> None:
        """Tells the pod's owner why it has no node: an event each time, the condition where it says something new.
        `nominated`: the node that it is nominated for, "" for none any more, None to leave that as it is."""
        self.events_of(pod).event(pod, "Warning", "FailedScheduling", message)
        patch = unscheduled_patch(pod, reason, message, self._env.now(), nominated)
        if patch is not None:
            await self._patch(pod, patch, message)

    async def not_bound(self, pod: Obj, message: str, reason: str, *, expected: bool) -> None:
        """The same of a pod that had a node already; `expected`: it was said which, and that holds no more."""
        self.events_of(pod).event(pod, "Warning", "FailedScheduling", message)
        patch = unscheduled_patch(pod, reason, message, self._env.now())
        if expected:
            patch = patch or {"metadata": {"uid": uid_of(pod)}, "status": {}}
            patch = {**patch, "status": {**patch["status"], "nominatedNodeName": None}}
        if patch is not None:
            await self._patch(pod, patch, message)

    async def expected(self, pod: Obj, node: str) -> None:
        """Says where a pod is going to that is not bound yet (upstream's NominatedNodeNameForExpectation)."""
        if ((pod.get("status") or {}).get("nominatedNodeName") or "") != node:
            patch = {"metadata": {"uid": uid_of(pod)}, "status": {"nominatedNodeName": node}}
            await self._patch(pod, patch, f"going to {node}")

    async def _patch(self, pod: Obj, patch: Obj, message: str) -> None:
        name, namespace = name_of(pod), namespace_of(pod)
        reaction = Reaction("Pod", namespace, name, resource_version_of(pod), message)
        try:
            await self._client.patch(
                kinds.POD,
                name,
                namespace,
                patch,
                patch_type="strategic",
                subresource="status",
                reaction=reaction,
            )
        except NotFound:
            return
        except (ApiError, OSError) as error:
            log.info("status of pod %s not written: %s", named(pod), error)


def named(pod: Obj) -> str:
    return f"{namespace_of(pod)}/{name_of(pod)}"
