"""Amounts of resources over a whole pod, and its quality of service.

Init containers run one after another before the others, so the pod needs the greater of their largest and the sum of
the rest; an init container with `restartPolicy: Always` (a sidecar) keeps running and counts with both.
"""

from __future__ import annotations

from collections.abc import Mapping

from pybernetes.lang import quantity

from ..meta import Obj

Amounts = dict[str, int]
"""Resource name -> amount in 10^-9."""
QOS_RESOURCES = ("cpu", "memory")


def pod_level_resource(name: str) -> bool:
    """Whether `spec.resources` may name it."""
    return name in QOS_RESOURCES or name.startswith("hugepages-")


def container_requests(spec: Obj) -> dict[str, str]:
    """What all containers together ask for, as canonical quantities."""
    return _written(_aggregate(spec, "requests"), spec, "requests")


def container_limits(spec: Obj) -> dict[str, str]:
    """What all containers together may use at most."""
    return _written(_aggregate(spec, "limits"), spec, "limits")


def pod_limits(spec: Obj) -> dict[str, str]:
    """Pod-level limits where given, else the containers', plus overhead for what is limited."""
    amounts = _aggregate(spec, "limits")
    amounts.update(_amounts((spec.get("resources") or {}).get("limits")))
    for name, amount in _amounts(spec.get("overhead")).items():
        if name in amounts:
            amounts[name] += amount
    return _written(amounts, spec, "limits")


def pod_requests(spec: Obj) -> dict[str, str]:
    """What the scheduler must find on a node: pod-level requests where given, else the containers', plus overhead."""
    amounts = _aggregate(spec, "requests")
    amounts.update(_amounts((spec.get("resources") or {}).get("requests")))
    for name, amount in _amounts(spec.get("overhead")).items():
        amounts[name] = amounts.get(name, 0) + amount
    return _written(amounts, spec, "requests")


def qos_class(spec: Obj) -> str:
    """`Guaranteed`, `Burstable` or `BestEffort`: who is killed first when a node runs short."""
    if (spec.get("resources") or {}).get("requests") or (spec.get("resources") or {}).get("limits"):
        holders = [spec]
    else:
        holders = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    asked = [_qos_amounts(holder) for holder in holders]
    if not any(requests or limits for requests, limits in asked):
        return "BestEffort"
    guaranteed = all(
        set(limits) == set(QOS_RESOURCES) and (not requests or requests == limits)
        for requests, limits in asked
    )
    return "Guaranteed" if guaranteed else "Burstable"


def _qos_amounts(holder: Obj) -> tuple[Amounts, Amounts]:
    resources = holder.get("resources") or {}
    requests, limits = _amounts(resources.get("requests")), _amounts(resources.get("limits"))
    return _only_qos(requests), _only_qos(limits)


def _only_qos(amounts: Amounts) -> Amounts:
    return {name: amount for name, amount in amounts.items() if name in QOS_RESOURCES and amount > 0}


def _aggregate(spec: Obj, field: str) -> Amounts:
    total: Amounts = {}
    for container in spec.get("containers") or ():
        _add(total, _amounts((container.get("resources") or {}).get(field)))
    sidecars: Amounts = {}
    most: Amounts = {}
    for container in spec.get("initContainers") or ():
        own = _amounts((container.get("resources") or {}).get(field))
        if container.get("restartPolicy") == "Always":
            _add(total, own)
            _add(sidecars, own)
            _raise(most, sidecars)
        else:
            both = dict(sidecars)
            _add(both, own)
            _raise(most, both)
    _raise(total, most)
    return total


def _add(into: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        into[name] = into.get(name, 0) + amount


def _raise(into: Amounts, least: Amounts) -> None:
    for name, amount in least.items():
        into[name] = max(into.get(name, 0), amount)


def _amounts(tree: Mapping[str, str] | None) -> Amounts:
    return {name: quantity.parse(amount).nano for name, amount in (tree or {}).items()}


def _written(amounts: Amounts, spec: Obj, field: str) -> dict[str, str]:
    """In the format (decimal or binary) in which the resource is first given."""
    formats: dict[str, quantity.Format] = {}
    for part in ("containers", "initContainers"):
        for container in spec.get(part) or ():
            for name, amount in ((container.get("resources") or {}).get(field) or {}).items():
                formats.setdefault(name, quantity.parse(amount).format)
    return {
        name: quantity.format_quantity(amount, formats.get(name, "DecimalSI"))
        for name, amount in amounts.items()
    }
