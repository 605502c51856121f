"""Requests, NodeResourcesFit, NodeResourcesBalancedAllocation and NodePorts of one pod on one node: slow and obvious.

Written from upstream's documentation, over plain objects; nothing of the engine is used. Quantities are exact
fractions and rounded up once, at the end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from .reference_nodes import Refusals, Tree

SUFFIXES = {
    "m": Fraction(1, 1000),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
}
Amounts = dict[str, Fraction]


def quantity(text: str) -> Fraction:
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if text.endswith(suffix):
            return Fraction(text.removesuffix(suffix)) * SUFFIXES[suffix]
    return Fraction(text)


def amounts(resources: dict[str, str] | None) -> Amounts:
    return {name: quantity(value) for name, value in (resources or {}).items()}


def added(*parts: Amounts) -> Amounts:
    total: Amounts = {}
    for part in parts:
        for name, value in part.items():
            total[name] = total.get(name, Fraction(0)) + value
    return total


def highest(*parts: Amounts) -> Amounts:
    total: Amounts = {}
    for part in parts:
        for name, value in part.items():
            total[name] = max(total.get(name, value), value)
    return total


def requests(pod: Tree, assumed: Amounts | None = None, *, placed: bool = False) -> Amounts:
    """Containers and sidecars together, or the highest moment of initialization; pod-level requests instead where they
    are; the overhead on top. `assumed`: what a container asks that does not say. `placed`: what runs already counts
    while the container is being resized."""
    spec = pod["spec"]
    states = {}
    if placed:
        status = pod.get("status") or {}
        for each in [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]:
            states[each["name"]] = each
    infeasible = any(
        each["type"] == "PodResizePending" and each.get("reason") == "Infeasible"
        for each in (pod.get("status") or {}).get("conditions") or []
    )

    def of(container: Tree) -> Amounts:
        own = amounts((container.get("resources") or {}).get("requests"))
        state = states.get(container.get("name"))
        if state is not None:
            actual = amounts((state.get("resources") or {}).get("requests"))
            granted = amounts(state.get("allocatedResources"))
            if actual or granted:
                own = highest(actual, granted) if infeasible else highest(own, actual, granted)
        return {**(assumed or {}), **own}

    running = added(*(of(each) for each in spec["containers"]))
    sidecars: Amounts = {}
    moments = []
    for each in spec.get("initContainers") or []:
        if each.get("restartPolicy") == "Always":
            sidecars = added(sidecars, of(each))
            moments.append(sidecars)
        else:
            moments.append(added(sidecars, of(each)))
    total = highest(added(running, sidecars), *moments)
    total.update(amounts((spec.get("resources") or {}).get("requests")))
    return added(total, amounts(spec.get("overhead")))


def whole(name: str, amount: Fraction) -> int:
    """Thousandths of CPU, units of everything else, rounded up."""
    return math.ceil(amount * 1000) if name == "cpu" else math.ceil(amount)


ASSUMED = {"cpu": Fraction(1, 10), "memory": Fraction(200 * 2**20)}


def asked(pod: Tree, name: str, *, placed: bool = False) -> int:
    return whole(name, requests(pod, placed=placed).get(name, Fraction(0)))


def asked_for_scoring(pod: Tree, name: str, *, placed: bool = False) -> int:
    """As `asked`, a container that names no CPU or memory being taken to need a little. For a placed pod with requests
    of its own as a whole, only where nothing at all is said."""
    assumed = dict(ASSUMED)
    if placed and (pod["spec"].get("resources") or {}).get("requests"):
        said = requests(pod, placed=True)
        assumed = {each: amount for each, amount in ASSUMED.items() if each not in said}
    return whole(name, requests(pod, assumed, placed=placed).get(name, Fraction(0)))


def allocatable(node: Tree, name: str) -> int:
    return whole(name, amounts(node["status"].get("allocatable")).get(name, Fraction(0)))


def extended(name: str) -> bool:
    return "/" in name and not name.partition("/")[0].endswith("kubernetes.io")


def fit(pod: Tree, node: Tree, on_node: Sequence[Tree], ignored: set[str], groups: set[str]) -> Refusals:
    found: Refusals = []
    if len(on_node) + 1 > allocatable(node, "pods"):
        found.append(("Too many pods", True))
    for name in requests(pod):
        if extended(name) and (name in ignored or name.partition("/")[0] in groups):
            continue
        wants, has = asked(pod, name), allocatable(node, name)
        used = sum(asked(each, name, placed=True) for each in on_node)
        if wants > 0 and wants > has - used:
            found.append((f"Insufficient {name}", wants <= has))
    return found


def resource_score(pod: Tree, node: Tree, on_node: Sequence[Tree], arguments: dict[str, Any]) -> int:
    """NodeResourcesFit's score by the strategy of the arguments."""
    kind = arguments["type"]
    total = weights = 0
    for name, weight in arguments["resources"]:
        has = allocatable(node, name)
        if name in ("cpu", "memory"):
            used = sum(asked_for_scoring(each, name, placed=True) for each in on_node)
            used += asked_for_scoring(pod, name)
        else:
            if asked(pod, name) == 0 and name != "ephemeral-storage":
                continue
            used = sum(asked(each, name, placed=True) for each in on_node) + asked(pod, name)
        if has == 0:
            continue
        if kind == "LeastAllocated":
            score = 0 if used > has else (has - used) * 100 // has
        elif kind == "MostAllocated":
            score = min(used, has) * 100 // has
        else:
            score = on_shape(arguments["shape"], 100 if used > has else used * 100 // has)
            if score <= 0:
                continue
        total += score * weight
        weights += weight
    if weights == 0:
        return 0
    if kind == "RequestedToCapacityRatio":
        return math.floor(total / weights + 0.5)
    return total // weights


def on_shape(shape: Sequence[tuple[int, int]], at: int) -> int:
    """The score between two points of the shape; the division is cut towards zero."""
    for place, (utilization, score) in enumerate(shape):
        if at <= utilization:
            if place == 0:
                return score * 10
            left, low = shape[place - 1]
            return low * 10 + int(Fraction((score - low) * 10 * (at - left), utilization - left))
    return shape[-1][1] * 10


def balanced(pod: Tree, node: Tree, on_node: Sequence[Tree], resources: Sequence[str]) -> int | None:
    """NodeResourcesBalancedAllocation's score; None for a pod that asks for none of the resources."""
    if all(asked(pod, name) == 0 for name in resources):
        return None
    shares = []
    for name in resources:
        if name not in ("cpu", "memory", "ephemeral-storage") and asked(pod, name) == 0:
            continue
        has = allocatable(node, name)
        if has:
            used = sum(asked(each, name, placed=True) for each in on_node) + asked(pod, name)
            shares.append(min(used / has, 1.0))
    deviation = 0.0
    if len(shares) == 2:
        deviation = abs((shares[0] - shares[1]) / 2)
    elif len(shares) > 2:
        mean = sum(shares) / len(shares)
        deviation = math.sqrt(sum((share - mean) * (share - mean) for share in shares) / len(shares))
    return int((1 - deviation) * 100.0)


def ports(pod: Tree) -> list[tuple[str, str, int]]:
    spec = pod["spec"]
    containers = [
        *(each for each in spec.get("initContainers") or [] if each.get("restartPolicy") == "Always"),
        *spec["containers"],
    ]
    found = []
    for container in containers:
        found += [
            (port.get("hostIP") or "0.0.0.0", port.get("protocol") or "TCP", port["hostPort"])
            for port in container.get("ports") or []
            if port.get("hostPort")
        ]
    return found


def node_ports(pod: Tree, on_node: Sequence[Tree]) -> Refusals:
    for address, protocol, number in ports(pod):
        for each in on_node:
            for other_address, other_protocol, other_number in ports(each):
                same_place = "0.0.0.0" in (address, other_address) or address == other_address
                if same_place and protocol == other_protocol and number == other_number:
                    return [("node(s) didn't have free ports for the requested pod ports", True)]
    return []
