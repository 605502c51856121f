"""How many pods each ReplicaSet should have next in a rolling update. Arithmetic only; upstream's rules.

The number of pods never goes above `replicas + maxSurge`, and the number of available ones is never brought below
`replicas - maxUnavailable`.
"""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.api.meta import Obj

from .rollout import Rollout, spec_replicas, status_count, total

Sizes = list[tuple[Obj, int]]
"""ReplicaSets with the size that each should be given; those not named stay."""


def new_replicas(rollout: Rollout) -> int:
    """The size that the new ReplicaSet may have now."""
    current = spec_replicas(rollout.new) if rollout.new is not None else 0
    if not rollout.is_rolling or current > rollout.replicas:
        return rollout.replicas
    room = rollout.replicas + rollout.max_surge - total(rollout.all)
    if room <= 0:
        return current
    return current + min(room, rollout.replicas - current)


def shrink_old(rollout: Rollout) -> Sizes:
    """The old ReplicaSets to make smaller: first pods that do not work anyway, then as many as availability allows."""
    if total(rollout.old) == 0:
        return []
    least_available = rollout.replicas - rollout.max_unavailable
    new = rollout.new
    new_unavailable = spec_replicas(new) - status_count(new, "availableReplicas") if new is not None else 0
    removable = total(rollout.all) - least_available - new_unavailable
    if removable <= 0:
        return []
    sizes = {id(rs): spec_replicas(rs) for rs in rollout.old}
    _remove_unhealthy(rollout.old, sizes, removable)
    _remove_spare(rollout, sizes, least_available)
    return [(rs, sizes[id(rs)]) for rs in rollout.old if sizes[id(rs)] != spec_replicas(rs)]


def _remove_unhealthy(old: Sequence[Obj], sizes: dict[int, int], removable: int) -> None:
    for rs in old:
        unhealthy = sizes[id(rs)] - status_count(rs, "availableReplicas")
        count = min(removable, max(unhealthy, 0))
        sizes[id(rs)] -= count
        removable -= count


def _remove_spare(rollout: Rollout, sizes: dict[int, int], least_available: int) -> None:
    spare = total(rollout.all, "availableReplicas") - least_available
    for rs in rollout.old:
        if spare <= 0:
            return
        count = min(spare, sizes[id(rs)])
        sizes[id(rs)] -= count
        spare -= count
