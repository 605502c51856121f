"""A container's requests and limits as the runtime's numbers."""

from __future__ import annotations

from pybernetes.api.meta import Obj
from pybernetes.lang import quantity

from . import cgroups, podspec
from .runtime import LinuxContainerResources

GUARANTEED_SCORE, BEST_EFFORT_SCORE = -997, 1000
CRITICAL_PRIORITY = 2_000_000_000


def linux_resources(pod: Obj, container: Obj, node_memory: int) -> LinuxContainerResources:
    """`node_memory` is the node's capacity in bytes."""
    request = cgroups.container_amount(container, "requests", "cpu") or 0
    limit = cgroups.container_amount(container, "limits", "cpu") or 0
    memory = cgroups.container_amount(container, "limits", "memory") or 0
    limits = (container.get("resources") or {}).get("limits") or {}
    pages = {
        name.removeprefix("hugepages-") + "B": quantity.units(value)
        for name, value in limits.items()
        if name.startswith("hugepages-")
    }
    return LinuxContainerResources(
        cpu_period=cgroups.CPU_PERIOD if limit else 0,
        cpu_quota=cgroups.quota(limit),
        cpu_shares=cgroups.shares(request),
        memory_limit_in_bytes=memory,
        oom_score_adj=oom_score(pod, container, node_memory),
        hugepage_limits=pages,
    )


def oom_score(pod: Obj, container: Obj, node_memory: int) -> int:
    """Who dies first when the node runs out of memory: the less of it a Burstable container asked for, the sooner."""
    if pod["spec"].get("priority", 0) >= CRITICAL_PRIORITY:
        return GUARANTEED_SCORE
    match podspec.qos_class(pod):
        case "Guaranteed":
            return GUARANTEED_SCORE
        case "BestEffort":
            return BEST_EFFORT_SCORE
    request = cgroups.container_amount(container, "requests", "memory") or 0
    score = 1000 - (1000 * request) // max(node_memory, 1)
    least = 1000 + GUARANTEED_SCORE
    if score < least:
        return least
    return score - 1 if score == BEST_EFFORT_SCORE else score
