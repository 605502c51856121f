"""How much a pod asks for: the rule of upstream's `component-helpers/resource.PodRequests`.

CPU is counted in thousandths (rounded up), everything else in whole units (rounded up).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pybernetes.api.meta import Obj
from pybernetes.lang import quantity

Amounts = dict[str, int]

# What scoring takes a container to need that does not say so.
ASSUMED_CPU = 100
ASSUMED_MEMORY = 200 * 1024 * 1024


def amounts(resources: Mapping[str, Any] | None) -> Amounts:
    """A resource list as integers."""
    return {
        name: quantity.milli(value) if name == "cpu" else quantity.units(value)
        for name, value in (resources or {}).items()
    }


def pod_requests(pod: Obj) -> Amounts:
    """What the pod reserves on its node, without the pod itself (`pods: 1`)."""
    return _sum(pod, lambda container: amounts((container.get("resources") or {}).get("requests")))


def nonzero_requests(pod: Obj) -> tuple[int, int]:
    """(CPU, memory) as scoring counts them: each container that names none is assumed to need a little."""
    total = _sum(pod, _with_assumed)
    return total.get("cpu", 0), total.get("memory", 0)


def _with_assumed(container: Obj) -> Amounts:
    asked = amounts((container.get("resources") or {}).get("requests"))
    return {"cpu": ASSUMED_CPU, "memory": ASSUMED_MEMORY, **asked}


def _sum(pod: Obj, of: Callable[[Obj], Amounts]) -> Amounts:
    """Containers run together, init containers one after another beside the sidecars started before them."""
    spec = pod["spec"]
    total: Amounts = {}
    for container in spec.get("containers") or ():
        _add(total, of(container))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or ():
        asked = of(container)
        if container.get("restartPolicy") == "Always":
            _add(total, asked)
            _add(sidecars, asked)
            _raise(peak, sidecars)
        else:
            _add(asked, sidecars)
            _raise(peak, asked)
    _raise(total, peak)
    pod_level = (spec.get("resources") or {}).get("requests")
    if pod_level:
        total.update(amounts(pod_level))
    _add(total, amounts(spec.get("overhead")))
    return total


def _add(total: Amounts, more: Mapping[str, int]) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + value


def _raise(total: Amounts, least: Mapping[str, int]) -> None:
    for name, value in least.items():
        if value > total.get(name, 0):
            total[name] = value
