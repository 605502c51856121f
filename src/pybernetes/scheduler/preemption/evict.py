"""The writes of a preemption: each victim is told why, deleted with its own grace period, and an event says for whom."""

from __future__ import annotations

from pybernetes.api import kinds
from pybernetes.api.errors import Conflict, NotFound
from pybernetes.api.meta import Obj, is_deleting, name_of, namespace_of, resource_version_of, uid_of
from pybernetes.client.events import EventRecorder
from pybernetes.client.interface import Client, Reaction

from ..writes import disruption_patch


async def evict(
    client: Client, recorder: EventRecorder, victim: Obj, preemptor: Obj, node: str, now: float
) -> None:
    """Sends one victim away; one that is gone or leaving already is no matter. `now` is Unix time. Raises ApiError."""
    name, namespace = name_of(victim), namespace_of(victim)
    reason = f"preempted by {namespace_of(preemptor)}/{name_of(preemptor)} on {node}"
    reaction = Reaction(
        "Pod", namespace_of(preemptor), name_of(preemptor), resource_version_of(preemptor), reason
    )
    scheduler_name = preemptor["spec"].get("schedulerName") or ""
    try:
        await client.patch(
            kinds.POD,
            name,
            namespace,
            disruption_patch(victim, scheduler_name, now),
            patch_type="strategic",
            subresource="status",
            reaction=reaction,
        )
        if not is_deleting(victim):
            await client.delete(kinds.POD, name, namespace, uid=uid_of(victim), reaction=reaction)
    except (NotFound, Conflict):
        return
    recorder.event(victim, "Normal", "Preempted", f"Preempted by pod {uid_of(preemptor)} on node {node}")


async def clear_nomination(client: Client, pod: Obj) -> None:
    """Takes a nomination back: a pod of higher priority gets the room. Raises ApiError."""
    patch = {"metadata": {"uid": uid_of(pod)}, "status": {"nominatedNodeName": None}}
    try:
        await client.patch(
            kinds.POD, name_of(pod), namespace_of(pod), patch, patch_type="strategic", subresource="status"
        )
    except (NotFound, Conflict):
        return
