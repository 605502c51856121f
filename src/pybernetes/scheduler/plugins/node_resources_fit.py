"""NodeResourcesFit: enough of everything the pod requests; rather the nodes with the most left (LeastAllocated)."""

from __future__ import annotations

import numpy as np

from ..framework import MAX_SCORE, Plugin, Rejection, World, on
from ..nodetable import Ints, Mask
from ..podfacts import PodFacts


def fits(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
    """A request above all that a node has cannot be helped by pods leaving."""
    table = world.table
    full = table.pod_count + 1 > table.allocatable("pods")
    found = [Rejection("Too many pods", full, resolvable=True)] if full.any() else []
    for resource, amount in pod.requests.items():
        if amount == 0:
            continue
        allocatable = table.allocatable(resource)
        short = amount > allocatable - table.requested(resource)
        if short.any():
            found.append(Rejection(f"Insufficient {resource}", short, resolvable=amount <= allocatable))
    return tuple(found)


def score(pod: PodFacts, world: World, feasible: Mask) -> Ints:  # noqa: ARG001
    """LeastAllocated over CPU and memory, each with weight 1."""
    table = world.table
    cpu, cpu_counts = least_requested(table.nonzero_cpu + pod.nonzero_cpu, table.allocatable("cpu"))
    memory, memory_counts = least_requested(
        table.nonzero_memory + pod.nonzero_memory, table.allocatable("memory")
    )
    mean: Ints = (cpu + memory) // np.maximum(cpu_counts + memory_counts, 1)
    return mean


def least_requested(requested: Ints, allocatable: Ints) -> tuple[Ints, Ints]:
    """(free share in percent, 1 where the node has the resource at all)."""
    free = np.maximum(allocatable - requested, 0)
    share = free * MAX_SCORE // np.maximum(allocatable, 1)
    return share, (allocatable > 0).astype(np.int64)


PLUGIN = Plugin(
    "NodeResourcesFit",
    filter=fits,
    score=score,
    unblocked_by=(on("AssignedPod", "delete", "requests"), on("Node", "add", "allocatable")),
)
