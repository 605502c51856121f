"""NodeResourcesFit: enough of everything the pod requests; rather the nodes that the scoring strategy prefers (by
default those with the most left)."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..columns import Columns, Ints, Mask
from ..framework import Change, Plugin, Rejection, World, on
from ..kept import by_row
from ..podfacts import PodFacts
from ..requests import amounts, pod_requests
from .resource_scoring import Strategy


def is_extended(resource: str) -> bool:
    """Whether a resource is not Kubernetes' own (upstream's `IsExtendedResourceName`)."""
    return "/" in resource and "kubernetes.io/" not in resource and not resource.startswith("requests.")


def make(
    strategy: Strategy = Strategy(),  # noqa: B008  (a value)
    *,
    ignored: frozenset[str] = frozenset(),
    ignored_groups: frozenset[str] = frozenset(),
) -> Plugin:
    """`ignored` and `ignored_groups` (what stands before the `/`) are extended resources that are not filtered by."""

    def counts(resource: str) -> bool:
        return not is_extended(resource) or (
            resource not in ignored and resource.partition("/")[0] not in ignored_groups
        )

    def fits(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
        """A request above all that a node has cannot be helped by pods leaving."""
        found = refused(pod, short_of(pod, world), world.table)
        return _without_devices(found, pod, world) if found else ()

    def short_of(pod: PodFacts, world: World) -> npt.NDArray[np.bool_]:
        return by_row(world.table, fits, pod.asks, lambda columns: _short(wanted(pod), columns))

    def fits_numbers(pod: PodFacts, columns: Columns) -> tuple[Rejection, ...]:
        return refused(pod, _short(wanted(pod), columns), columns)

    def fits_row(pod: PodFacts, world: World, row: int) -> bool:
        return not short_of(pod, world)[:, row].any()

    def wanted(pod: PodFacts) -> list[tuple[str, int]]:
        return [each for each in pod.requests.items() if each[1] and counts(each[0])]

    def refused(pod: PodFacts, lines: npt.NDArray[np.bool_], columns: Columns) -> tuple[Rejection, ...]:
        if not lines.any():
            return ()
        full, *rest = lines
        found = [Rejection("Too many pods", full, resolvable=True)] if full.any() else []
        for (resource, amount), short in zip(wanted(pod), rest, strict=True):
            if short.any():
                at_all = amount <= columns.allocatable(resource)
                found.append(Rejection(f"Insufficient {resource}", short, resolvable=at_all))
        return tuple(found)

    def score(pod: PodFacts, world: World, feasible: Mask) -> Ints:  # noqa: ARG001
        return by_row(world.table, score, pod.asks, lambda columns: strategy.score(pod, columns))

    def node_may_help(pod: PodFacts, change: Change) -> bool:
        """Not a node that the pod could not fit on if it were empty."""
        status = (change.new or {}).get("status") or {}
        has = amounts(status.get("allocatable") or status.get("capacity"))
        return all(not counts(name) or amount <= has.get(name, 0) for name, amount in pod.requests.items())

    return Plugin(
        "NodeResourcesFit",
        filter=fits,
        filter_numbers=fits_numbers,
        score=score,
        after_same=_alike,
        fits_row=fits_row,
        # Who looks at numbers alone takes all that is requested to count.
        minds_others=lambda pod, _world: any(n and not counts(name) for name, n in pod.requests.items()),
        unblocked_by=(
            on("AssignedPod", "delete"),
            on("AssignedPod", "requests", hint=_shrunk),
            on("Node", "add", "allocatable", hint=node_may_help),
            on("DeviceClass", "add", "update", hint=_wants_extended),
        ),
    )


def _without_devices(found: tuple[Rejection, ...], pod: PodFacts, world: World) -> tuple[Rejection, ...]:
    """Resources that are devices are DynamicResources' where no device plugin offers them."""
    if world.devices is None or not found or not world.devices.serves_resources:
        return found
    offered = {
        f"Insufficient {resource}": world.table.allocatable(resource) > 0
        for resource in pod.requests
        if world.devices.class_of(resource)
    }
    return tuple(
        replace(each, nodes=each.nodes & offered[each.reason]) if each.reason in offered else each
        for each in found
    )


def _short(wanted: list[tuple[str, int]], columns: Columns) -> npt.NDArray[np.bool_]:
    """Lines by row: whether there are too many pods; then for each resource whether it is short."""
    lines = np.empty((1 + len(wanted), columns.size), np.bool_)
    np.greater_equal(columns.pod_count, columns.allocatable("pods"), out=lines[0])
    for line, (resource, amount) in zip(lines[1:], wanted, strict=True):
        left = columns.allocatable(resource) - columns.requested(resource)
        np.less(left, amount, out=line)
    return lines


def _alike(pod: PodFacts, _world: World) -> Literal["its row"] | None:
    """What may be a device is not counted by row."""
    return None if any("/" in resource for resource in pod.requests) else "its row"


def _wants_extended(pod: PodFacts, _change: Change) -> bool:
    """A class may make devices of what the pod wants."""
    return any("/" in resource for resource in pod.requests)


def _shrunk(pod: PodFacts, change: Change) -> bool:
    """Whether a placed pod takes less of something this one wants than before."""
    if change.old is None or change.new is None:
        return True
    before, after = pod_requests(change.old), pod_requests(change.new)
    return any(after.get(name, 0) < before.get(name, 0) for name in pod.requests)


PLUGIN = make()
