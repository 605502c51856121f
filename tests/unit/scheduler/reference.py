"""The resource filter and scores of one pod on one node at a time, in plain integers: slow and obvious."""

from __future__ import annotations

from typing import Any

from pybernetes.scheduler.podfacts import read_facts


def sums(pods: list[dict[str, Any]]) -> tuple[int, int, int, int]:
    facts = [read_facts(pod) for pod in pods]
    return (
        sum(each.requests.get("cpu", 0) for each in facts),
        sum(each.requests.get("memory", 0) for each in facts),
        sum(each.nonzero_cpu for each in facts),
        sum(each.nonzero_memory for each in facts),
    )


def fits(pod: dict[str, Any], on_node: list[dict[str, Any]], cpu: int, memory: int, most: int) -> bool:
    used_cpu, used_memory, *_ = sums(on_node)
    wants = read_facts(pod).requests
    if len(on_node) + 1 > most:
        return False
    if wants.get("cpu", 0) and used_cpu + wants["cpu"] > cpu:
        return False
    return not (wants.get("memory", 0) and used_memory + wants["memory"] > memory)


def least_allocated(pod: dict[str, Any], on_node: list[dict[str, Any]], cpu: int, memory: int) -> int:
    *_, used_cpu, used_memory = sums([*on_node, pod])
    shares = []
    for used, capacity in ((used_cpu, cpu), (used_memory, memory)):
        if capacity:
            shares.append(0 if used > capacity else (capacity - used) * 100 // capacity)
    return sum(shares) // len(shares) if shares else 0


def balanced(pod: dict[str, Any], on_node: list[dict[str, Any]], cpu: int, memory: int) -> int:
    used_cpu, used_memory, *_ = sums([*on_node, pod])
    shares = [
        min(used / capacity, 1.0) for used, capacity in ((used_cpu, cpu), (used_memory, memory)) if capacity
    ]
    deviation = abs((shares[0] - shares[1]) / 2) if len(shares) == 2 else 0.0
    return int((1 - deviation) * 100.0)
