"""How much a pod asks for: the rule of upstream's `component-helpers/resource.PodRequests`.

CPU is counted in thousandths, everything else in whole units. Sums are exact and rounded up once, at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from pybernetes.api.meta import Obj
from pybernetes.lang import quantity

Amounts = dict[str, int]

# What scoring takes a container to need that does not say so.
ASSUMED_CPU = 100
ASSUMED_MEMORY = 200 * 1024 * 1024

_NANO_PER_MILLI = 10**6
_NANO = 10**9
_ASSUMED = {"cpu": ASSUMED_CPU * _NANO_PER_MILLI, "memory": ASSUMED_MEMORY * _NANO}

_STATUSES = ("containerStatuses", "initContainerStatuses")


def amounts(resources: Mapping[str, Any] | None) -> Amounts:
    """A resource list as integers."""
    return _rounded(exact_amounts(resources))


def pod_requests(pod: Obj) -> Amounts:
    """What the pod reserves on its node, without the pod itself (`pods: 1`)."""
    return _rounded(_sum(pod, lambda asked: asked))


def nonzero_requests(pod: Obj) -> tuple[int, int]:
    """(CPU, memory) as scoring counts them: each container that names none is assumed to need a little."""
    total = _rounded(_sum(pod, lambda asked: {**_ASSUMED, **asked}))
    return total.get("cpu", 0), total.get("memory", 0)


def actual_resources(pod: Obj) -> Mapping[str, Amounts]:
    """What the containers of a running pod really have while it is being resized, by name; empty for other pods."""
    status = pod.get("status") or {}
    found = {}
    for field in _STATUSES:
        for state in status.get(field) or ():
            if state.get("resources") is not None:
                actual = exact_amounts(state["resources"].get("requests"))
                _raise(actual, exact_amounts(state.get("allocatedResources")))
                found[state["name"]] = actual
    return found


def resize_is_infeasible(pod: Obj) -> bool:
    """Whether the kubelet refused the resize for good: what is asked for then does not count."""
    return any(
        condition["type"] == "PodResizePending" and condition.get("reason") == "Infeasible"
        for condition in (pod.get("status") or {}).get("conditions") or ()
    )


def exact_amounts(resources: Mapping[str, Any] | None) -> Amounts:
    """In thousand-millionths."""
    return {name: _nano(value) for name, value in (resources or {}).items()}


@lru_cache(4096)
def _nano(value: str | int | float) -> int:
    return quantity.parse(value).nano


def _rounded(exact: Amounts) -> Amounts:
    return {
        name: -(-amount // (_NANO_PER_MILLI if name == "cpu" else _NANO)) for name, amount in exact.items()
    }


def _sum(pod: Obj, completed: Callable[[Amounts], Amounts]) -> Amounts:
    """Containers run together, init containers one after another beside the sidecars started before them."""
    spec = pod["spec"]
    running = actual_resources(pod)
    infeasible = bool(running) and resize_is_infeasible(pod)

    def of(container: Obj) -> Amounts:
        asked = exact_amounts((container.get("resources") or {}).get("requests"))
        actual = running.get(container.get("name", ""))
        if actual is not None:
            asked = dict(actual) if infeasible else asked
            _raise(asked, actual)
        return completed(asked)

    total: Amounts = {}
    for container in spec.get("containers") or ():
        _add(total, of(container))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always":
            asked = of(container)
            _add(total, asked)
            _add(sidecars, asked)
            _raise(peak, sidecars)
        else:
            asked = completed(exact_amounts((container.get("resources") or {}).get("requests")))
            _add(asked, sidecars)
            _raise(peak, asked)
    _raise(total, peak)
    pod_level = (spec.get("resources") or {}).get("requests")
    if pod_level:
        total.update(exact_amounts(pod_level))
    _add(total, exact_amounts(spec.get("overhead")))
    return total


def _add(total: Amounts, more: Mapping[str, int]) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + value


def _raise(total: Amounts, least: Mapping[str, int]) -> None:
    for name, value in least.items():
        if name not in total or value > total[name]:
            total[name] = value
