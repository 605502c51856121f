"""Scaling a Deployment that is in the middle of a rollout: every ReplicaSet gets its share (proportional scaling)."""

from __future__ import annotations

from pybernetes.api.meta import Obj, annotations_of

from .rolling import Sizes
from .rollout import DESIRED, MAX_REPLICAS, Rollout, spec_replicas, status_count, total


def is_scaling(rollout: Rollout) -> bool:
    """Whether `replicas` has changed since the ReplicaSets were last sized."""
    return any(
        desired is not None and desired != rollout.replicas
        for rs in rollout.all
        if spec_replicas(rs) > 0
        for desired in (_annotated(rs, DESIRED),)
    )


def scaled(rollout: Rollout) -> Sizes:
    """New sizes for the ReplicaSets, without advancing the rollout."""
    active = [rs for rs in rollout.all if spec_replicas(rs) > 0]
    if len(active) <= 1:
        only = active[0] if active else (rollout.new or (rollout.old[-1] if rollout.old else None))
        return [] if only is None else [(only, rollout.replicas)]
    if _saturated(rollout):
        return [(rs, 0) for rs in rollout.old if spec_replicas(rs) > 0]
    if not rollout.is_rolling:
        return []
    return _shares(rollout, active)


def _saturated(rollout: Rollout) -> bool:
    """Whether the new ReplicaSet alone does what the Deployment wants."""
    new = rollout.new
    return (
        new is not None
        and spec_replicas(new) == rollout.replicas
        and _annotated(new, DESIRED) == rollout.replicas
        and status_count(new, "availableReplicas") == rollout.replicas
    )


def _shares(rollout: Rollout, active: list[Obj]) -> Sizes:
    allowed = rollout.replicas + rollout.max_surge if rollout.replicas > 0 else 0
    to_add = allowed - total(active)
    # Growing favours newer ones, shrinking older ones, among equals in size.
    order = sorted(
        active, key=lambda rs: (rs["metadata"].get("creationTimestamp", ""), rs["metadata"]["name"])
    )
    if to_add > 0:
        order.reverse()
    order.sort(key=spec_replicas, reverse=True)
    sizes: Sizes = []
    added = 0
    for rs in order:
        share = _share(rollout, rs, to_add, added)
        added += share
        sizes.append((rs, spec_replicas(rs) + share))
    if sizes and added != to_add:
        first, size = sizes[0]
        sizes[0] = (first, max(0, size + to_add - added))
    return sizes


def _share(rollout: Rollout, rs: Obj, to_add: int, added: int) -> int:
    if to_add == 0 or to_add == added:
        return 0
    fraction = _fraction(rollout, rs)
    left = to_add - added
    return min(fraction, left) if to_add > 0 else max(fraction, left)


def _fraction(rollout: Rollout, rs: Obj) -> int:
    """How much this ReplicaSet would change if all kept their proportion of the Deployment's former size."""
    size = spec_replicas(rs)
    if rollout.replicas == 0:
        return -size
    former = _annotated(rs, MAX_REPLICAS) or status_count(rollout.deployment, "replicas") or size
    wanted = size * (rollout.replicas + rollout.max_surge) / former
    return int(wanted + 0.5) - size


def _annotated(rs: Obj, name: str) -> int | None:
    try:
        return int(annotations_of(rs)[name])
    except (KeyError, ValueError):
        return None
