"""VolumeBinding: nodes that the pod's volumes can reach; claims that wait for their first consumer get a volume there."""

from __future__ import annotations

import numpy as np

from pybernetes.api.meta import Obj, key_of, name_of

from ..framework import Attempt, Plugin, Rejection, World, on
from ..nodetable import Mask, NodeTable
from ..podfacts import PodFacts
from ..volumes import bind
from ..volumes.claims import claims_of, key_of_claim
from ..volumes.match import allowed_nodes, match
from ..volumes.view import VolumeView

NODE_CONFLICT = "node(s) didn't match PersistentVolume's node affinity"
BIND_CONFLICT = "node(s) didn't find available persistent volumes to bind"
NO_SPACE = "node(s) did not have enough free storage"
NO_VOLUME = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
BIND_SECONDS = 600.0
STATE = "VolumeBinding"


def problem(pod: PodFacts, world: World) -> str:
    """What about the pod's claims keeps it from every node."""
    if not pod.claims or world.volumes is None:
        return ""
    return claims_of(pod, world.volumes).problem


def fits(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
    view, table = world.volumes, world.table
    if not pod.claims or view is None:
        return ()
    claims = claims_of(pod, view)
    found = _bound(claims.bound, view, table)
    if claims.delayed:
        matching = match(claims.delayed, view, table, table.alive)
        found.append(Rejection(BIND_CONFLICT, matching.unbindable))
        found.append(Rejection(NO_SPACE, matching.too_small))
    return tuple(found)


def _bound(claims: tuple[Obj, ...], view: VolumeView, table: NodeTable) -> list[Rejection]:
    """Of claims that have their volume, the first that stands in the way of a node is the reason for it."""
    conflicting = np.zeros(table.size, np.bool_)
    missing = conflicting
    for claim in claims:
        volume = view.get("PersistentVolume", claim["spec"]["volumeName"])
        if volume is None:
            missing = ~conflicting
            break
        allowed = allowed_nodes(volume, table)
        if allowed is not None:
            conflicting = conflicting | ~allowed
    found = ((NODE_CONFLICT, conflicting), (NO_VOLUME, missing))
    return [Rejection(reason, nodes) for reason, nodes in found if nodes.any()]


def reserve(attempt: Attempt) -> str:
    """Assumes the volumes and the provisioning that the node needs."""
    view, table = attempt.world.volumes, attempt.world.table
    if not attempt.facts.claims or view is None:
        return ""
    claims = claims_of(attempt.facts, view)
    if not claims.delayed:
        return ""
    row = table.rows[attempt.node]
    here: Mask = np.zeros(table.size, np.bool_)
    here[row] = True
    matching = match(claims.delayed, view, table, here)
    if matching.unbindable[row] or matching.too_small[row]:
        return BIND_CONFLICT if matching.unbindable[row] else NO_SPACE
    static, dynamic = matching.on(row)
    volumes = [bind.bound_volume(volume, claim) for claim, volume in static]
    provisioned = [bind.selected_claim(claim, attempt.node) for claim in dynamic]
    for volume in volumes:
        view.assume("PersistentVolume", volume)
    for claim in provisioned:
        view.assume("PersistentVolumeClaim", claim)
    attempt.state[STATE] = (volumes, provisioned, [claim for claim, _ in static])
    return ""


def unreserve(attempt: Attempt) -> None:
    view = attempt.world.volumes
    if view is not None and STATE in attempt.state:
        volumes, provisioned, _ = attempt.state.pop(STATE)
        for volume in volumes:
            view.forget("PersistentVolume", name_of(volume))
        for claim in provisioned:
            view.forget("PersistentVolumeClaim", key_of_claim(claim))


def make(*, seconds: float = BIND_SECONDS) -> Plugin:
    """`seconds`: the argument bindTimeoutSeconds."""

    async def pre_bind(attempt: Attempt) -> None:
        if STATE not in attempt.state:
            return
        assert attempt.client is not None
        assert attempt.world.volumes is not None
        volumes, provisioned, static = attempt.state[STATE]
        await bind.write(attempt.client, volumes, provisioned)
        await bind.wait(attempt.world.volumes, [*static, *provisioned], attempt.node, seconds)

    return Plugin(
        "VolumeBinding",
        pre_filter=problem,
        filter=fits,
        minds_others=lambda pod, _world: pod.has_volumes,
        after_same=lambda pod, _world: None if pod.has_volumes else "nothing",
        reserve=reserve,
        unreserve=unreserve,
        pre_bind=pre_bind,
        pre_bind_pre_flight=lambda attempt: STATE in attempt.state,
        unblocked_by=(
            on("StorageClass", "add", "update"),
            on("PersistentVolumeClaim", "add", "update", hint=_is_mine),
            on("PersistentVolume", "add", "update"),
            on("Node", "add", "labels"),
            on("CSINode", "add", "update"),
            on("CSIDriver", "update"),
            on("CSIStorageCapacity", "add", "update"),
        ),
    )


def _is_mine(pod: PodFacts, change: object) -> bool:
    claim = getattr(change, "new", None)
    return claim is None or key_of(claim) in {f"{pod.namespace}/{name}" for name, _ in pod.claims}


PLUGIN = make()
