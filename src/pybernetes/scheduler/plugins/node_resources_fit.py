"""NodeResourcesFit: enough of everything the pod requests; rather the nodes that the scoring strategy prefers (by
default those with the most left)."""

from __future__ import annotations

from ..framework import Change, Plugin, Rejection, World, on
from ..nodetable import Ints, Mask
from ..podfacts import PodFacts
from ..requests import amounts, pod_requests
from .resource_scoring import Strategy

NATIVE = ("cpu", "memory", "ephemeral-storage")


def make(
    strategy: Strategy = Strategy(),  # noqa: B008  (a value)
    *,
    ignored: frozenset[str] = frozenset(),
    ignored_groups: frozenset[str] = frozenset(),
) -> Plugin:
    """`ignored` and `ignored_groups` (what stands before the `/`) are extended resources that are not filtered by."""

    def counts(resource: str) -> bool:
        return resource not in ignored and resource.partition("/")[0] not in ignored_groups

    def fits(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
        """A request above all that a node has cannot be helped by pods leaving."""
        table = world.table
        full = table.pod_count + 1 > table.allocatable("pods")
        found = [Rejection("Too many pods", full, resolvable=True)] if full.any() else []
        for resource, amount in pod.requests.items():
            if amount == 0 or not counts(resource):
                continue
            allocatable = table.allocatable(resource)
            short = amount > allocatable - table.requested(resource)
            if short.any():
                found.append(Rejection(f"Insufficient {resource}", short, resolvable=amount <= allocatable))
        return tuple(found)

    def score(pod: PodFacts, world: World, feasible: Mask) -> Ints:  # noqa: ARG001
        return strategy.score(pod, world.table)

    def node_may_help(pod: PodFacts, change: Change) -> bool:
        """Not a node that the pod could not fit on if it were empty."""
        status = (change.new or {}).get("status") or {}
        has = amounts(status.get("allocatable") or status.get("capacity"))
        return all(not counts(name) or amount <= has.get(name, 0) for name, amount in pod.requests.items())

    return Plugin(
        "NodeResourcesFit",
        filter=fits,
        score=score,
        unblocked_by=(
            on("AssignedPod", "delete"),
            on("AssignedPod", "requests", hint=_shrunk),
            on("Node", "add", "allocatable", hint=node_may_help),
        ),
    )


def _shrunk(pod: PodFacts, change: Change) -> bool:
    """Whether a placed pod takes less of something this one wants than before."""
    if change.old is None or change.new is None:
        return True
    before, after = pod_requests(change.old), pod_requests(change.new)
    return any(after.get(name, 0) < before.get(name, 0) for name in pod.requests)


PLUGIN = make()
