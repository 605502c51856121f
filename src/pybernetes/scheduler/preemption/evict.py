"""The writes of a preemption: each victim is told why, deleted with its own grace period, and an event says for whom."""

from __future__ import annotations

from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.errors import Conflict, NotFound
from pybernetes.api.meta import Obj, is_deleting, name_of, namespace_of, resource_version_of, uid_of
from pybernetes.client.events import EventRecorder
from pybernetes.client.interface import Client, Reaction

from ..writes import disruption_patch


@dataclass(frozen=True, slots=True)
class Preemptor:
    """Who needs the room: a pod, or a PodGroup. `scheduler` is the name of the profile."""

    obj: Obj
    scheduler: str
    kind: str = "Pod"


async def evict(
    client: Client, recorder: EventRecorder, victim: Obj, preemptor: Preemptor, node: str, now: float
) -> None:
    """Sends one victim away from its node; one that is gone or leaving already is no matter. `now` is Unix time. Raises
    ApiError."""
    name, namespace, who = name_of(victim), namespace_of(victim), preemptor.obj
    reason = f"preempted by {namespace_of(who)}/{name_of(who)} on {node}"
    reaction = Reaction(preemptor.kind, namespace_of(who), name_of(who), resource_version_of(who), reason)
    try:
        await client.patch(
            kinds.POD,
            name,
            namespace,
            disruption_patch(victim, preemptor.scheduler, now, preemptor.kind.lower()),
            patch_type="strategic",
            subresource="status",
            reaction=reaction,
        )
        if not is_deleting(victim):
            await client.delete(kinds.POD, name, namespace, uid=uid_of(victim), reaction=reaction)
    except (NotFound, Conflict):
        return
    recorder.event(
        victim, "Normal", "Preempted", f"Preempted by {preemptor.kind.lower()} {uid_of(who)} on node {node}"
    )


async def clear_nomination(client: Client, pod: Obj) -> None:
    """Takes a nomination back: a pod of higher priority gets the room. Raises ApiError."""
    patch = {"metadata": {"uid": uid_of(pod)}, "status": {"nominatedNodeName": None}}
    try:
        await client.patch(
            kinds.POD, name_of(pod), namespace_of(pod), patch, patch_type="strategic", subresource="status"
        )
    except (NotFound, Conflict):
        return
