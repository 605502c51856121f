"""Telling the API each pod's status: only what differs, in order for each pod, the newest wins."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, Conflict, NotFound
from pybernetes.api.meta import MutableObj, Obj, name_of, namespace_of, resource_version_of, uid_of
from pybernetes.client.interface import Client

from .statusreason import reaction_to

log = logging.getLogger("kubelet.status")

RETRY_FIRST, RETRY_MOST = 0.2, 10.0
# How long (seconds) a status waits that is about to change: a pod that starts at once is told of once, as Running,
# and one that takes its time is soon seen to be ContainerCreating.
PASSING = 0.5
# A timer that fires so late, or a turn of the loop that takes so long (seconds), says that the process is overloaded:
# then what is passing has to wait again, but not longer than this in all.
LATE, BUSY = 0.05, 0.005
LONGEST = 5.0

# What a kubelet writes; a field of these that it no longer reports is removed.
OWNED = (
    "observedGeneration",
    "phase",
    "message",
    "reason",
    "hostIP",
    "hostIPs",
    "podIP",
    "podIPs",
    "startTime",
    "initContainerStatuses",
    "containerStatuses",
    "ephemeralContainerStatuses",
    "qosClass",
)
OCCASIONAL_CONDITIONS = ("PodResizePending", "PodResizeInProgress")
"""Those of ours that are removed where they do not hold any more."""
OWN_CONDITIONS = frozenset(
    ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", *OCCASIONAL_CONDITIONS)
)


def status_patch(old: Obj, new: Obj) -> MutableObj | None:
    """A strategic merge patch of `status` that makes the kubelet's fields of `old` be `new`'s; None if they are.

    Conditions are merged by type, so that those of others are left alone.
    """
    patch: MutableObj = {}
    for field in OWNED:
        if field in new and old.get(field) != new[field]:
            patch[field] = _replacement(old.get(field), new[field])
        elif field in old and field not in new:
            patch[field] = None
    before = {c["type"]: c for c in old.get("conditions") or ()}
    after = {c["type"]: c for c in new.get("conditions") or ()}
    changes = [
        _condition_patch(before.get(kind), c)
        for kind, c in after.items()
        if not _same_condition(before.get(kind), c)
    ]
    changes += [
        {"type": kind, "$patch": "delete"}
        for kind in OCCASIONAL_CONDITIONS
        if kind in before and kind not in after
    ]
    if changes:
        patch["conditions"] = changes
    return patch or None


def _replacement(old: Any, new: Any) -> Any:
    """podIPs and hostIPs are merged by `ip`: to replace them the list says so."""
    if isinstance(new, list) and new and isinstance(new[0], Mapping) and set(new[0]) == {"ip"} and old:
        return [*new, {"$patch": "replace"}]
    return new


def _same_condition(old: Obj | None, new: Obj) -> bool:
    return (
        old is not None
        and old.get("status") == new.get("status")
        and old.get("reason") == new.get("reason")
        and old.get("message") == new.get("message")
        and old.get("observedGeneration") == new.get("observedGeneration")
    )


def _condition_patch(old: Obj | None, new: Obj) -> MutableObj:
    gone = {field: None for field in ("reason", "message") if old and old.get(field) and field not in new}
    return {**new, **gone}


class StatusManager:
    """`set` returns at once; a task for each pod with something to tell sends it. A write that fails without an
    answer is tried again; one refused because the pod is gone or is another by now is dropped."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._wanted: dict[str, tuple[Obj, Obj]] = {}
        self._known: dict[str, Obj] = {}
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._passing: dict[str, asyncio.Handle] = {}

    def set(self, pod: Obj, status: Obj, *, passing: bool = False) -> None:
        """`pod` is the newest version from the API. A `passing` status (something is being done that will change it)
        is told only if it still stands a moment later."""
        uid = uid_of(pod)
        # The pod that the status was made from may be older than what was told of it since: had each its own idea of
        # the start, the two would be written in turns for ever.
        started = self.get(pod).get("startTime")
        if started and "startTime" in status:
            status = {**status, "startTime": started}
        told = uid in self._sending or (passing and uid in self._passing)
        if told and self._wanted.get(uid, (None, None))[1] == status:
            return
        base = self._base(pod)
        if uid not in self._sending and status_patch(base.get("status") or {}, status) is None:
            self._wanted[uid] = (pod, status)
            return
        self._wanted[uid] = (pod, status)
        if uid in self._sending:
            return
        if not passing:
            self._begin(uid)
        elif uid not in self._passing:
            self._wait_a_moment(uid, asyncio.get_running_loop().time() + LONGEST)

    def _wait_a_moment(self, uid: str, longest: float) -> None:
        loop = asyncio.get_running_loop()
        due = min(loop.time() + PASSING, longest)

        def over() -> None:
            if loop.time() >= longest:
                self._begin(uid)
            elif loop.time() - due > LATE:
                self._wait_a_moment(uid, longest)
            else:
                self._passing[uid] = loop.call_soon(look, loop.time())

        def look(began: float) -> None:
            if loop.time() - began > BUSY:
                self._wait_a_moment(uid, longest)
            else:
                self._begin(uid)

        self._passing[uid] = loop.call_at(due, over)

    def _begin(self, uid: str) -> None:
        if timer := self._passing.pop(uid, None):
            timer.cancel()
        if uid not in self._sending:
            pod, _ = self._wanted[uid]
            self._sending[uid] = asyncio.create_task(self._send(uid), name=f"status {name_of(pod)}")

    def get(self, pod: Obj) -> Obj:
        """The status as this kubelet last told or is about to tell it."""
        wanted = self._wanted.get(uid_of(pod))
        return wanted[1] if wanted is not None else pod.get("status") or {}

    def is_echo(self, old: Obj, new: Obj) -> bool:
        """Whether `new` differs from `old` by no more than what this kubelet has written itself."""
        return (
            self._is_written(new)
            and old["spec"] == new["spec"]
            and _without_bookkeeping(old) == _without_bookkeeping(new)
            and _conditions_of_others(old) == _conditions_of_others(new)
        )

    def _is_written(self, pod: Obj) -> bool:
        """Whether the version came of this kubelet's last write, of which the watch may tell before its answer."""
        uid = uid_of(pod)
        known = self._known.get(uid)
        if known is not None and resource_version_of(known) == resource_version_of(pod):
            return True
        return uid in self._sending and status_patch(pod.get("status") or {}, self._wanted[uid][1]) is None

    async def flush(self, pod_uid: str) -> None:
        """Waits until all told about the pod is written or dropped."""
        if pod_uid in self._passing:
            self._begin(pod_uid)
        while (task := self._sending.get(pod_uid)) is not None:
            await asyncio.wait([task])

    def forget(self, pod_uid: str) -> None:
        self._wanted.pop(pod_uid, None)
        self._known.pop(pod_uid, None)
        if timer := self._passing.pop(pod_uid, None):
            timer.cancel()
        if task := self._sending.pop(pod_uid, None):
            task.cancel()

    async def close(self) -> None:
        for timer in self._passing.values():
            timer.cancel()
        self._passing.clear()
        tasks = [*self._sending.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _base(self, pod: Obj) -> Obj:
        """The newest version known: from the watch, or the answer to our own last write."""
        known = self._known.get(uid_of(pod))
        if known is None or _revision(pod) >= _revision(known):
            return pod
        return known

    async def _send(self, uid: str) -> None:
        delay = RETRY_FIRST
        try:
            while True:
                pod, status = self._wanted[uid]
                patch = status_patch(self._base(pod).get("status") or {}, status)
                if patch is None:
                    return
                try:
                    self._known[uid] = await self._client.patch(
                        kinds.POD,
                        name_of(pod),
                        namespace_of(pod),
                        {"metadata": {"uid": uid}, "status": patch},
                        patch_type="strategic",
                        subresource="status",
                        reaction=reaction_to(pod, status),
                    )
                    delay = RETRY_FIRST
                except (NotFound, Conflict):
                    return  # deleted, or another pod of the same name
                except (ApiError, OSError) as error:
                    log.warning("status of %s not written: %s", name_of(pod), error)
                    await asyncio.sleep(delay)
                    delay = min(2 * delay, RETRY_MOST)
                if self._wanted.get(uid, (None, None))[1] is status:
                    return
        finally:
            self._sending.pop(uid, None)


def _without_bookkeeping(pod: Obj) -> MutableObj:
    """The metadata that is not written anew with every status."""
    return {k: v for k, v in pod["metadata"].items() if k not in ("resourceVersion", "managedFields")}


def _conditions_of_others(pod: Obj) -> list[Obj]:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return [condition for condition in conditions if condition["type"] not in OWN_CONDITIONS]


def _revision(obj: Obj) -> int:
    return int(resource_version_of(obj) or 0)
