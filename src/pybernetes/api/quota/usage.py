"""How much of which quota resources one object takes: `usage_of`. Facts of upstream's quota evaluators."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.api.podspec.resized import effective_spec
from pybernetes.api.podspec.resources import pod_limits, pod_requests
from pybernetes.lang import timestamps
from pybernetes.lang.quantity import Quantity, parse

from .amounts import ONE, count

Usage = dict[str, Quantity]

CLASS_SUFFIX = ".storageclass.storage.k8s.io/"
CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
NATIVE = ("cpu", "memory", "ephemeral-storage")
CONSTRAINED = ("cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu", "requests.memory")
"""What every container of a pod must state where a quota limits it."""
COUNTED_BY_NAME = ("configmaps", "replicationcontrollers", "resourcequotas", "secrets")
"""Core resources that a quota may count by their plain names too; pods, services and claims have their own rules."""


def usage_of(kind: Kind, tree: Obj, now: float) -> Usage:
    """What the object takes, by the names that `spec.hard` uses."""
    special = _SPECIAL.get(kind.group_resource)
    if special is not None:
        return special(tree, now)
    usage = {f"count/{kind.group_resource}": ONE}
    if kind.group_resource in COUNTED_BY_NAME:
        usage[kind.plural] = ONE
    return usage


def _pod(pod: Obj, now: float) -> Usage:
    """A pod that has ended, or whose time to end is over, takes nothing but a place in the store."""
    usage = {"count/pods": ONE}
    if _ended(pod, now):
        return usage
    usage["pods"] = ONE
    spec = effective_spec(pod)
    return usage | pod_compute(pod_requests(spec), pod_limits(spec))


def _ended(pod: Obj, now: float) -> bool:
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return True
    metadata = pod["metadata"]
    if not metadata.get("deletionTimestamp") or metadata.get("deletionGracePeriodSeconds") is None:
        return False
    return now > timestamps.parse(metadata["deletionTimestamp"]) + float(
        metadata["deletionGracePeriodSeconds"]
    )


def pod_compute(requests: dict[str, str], limits: dict[str, str]) -> Usage:
    """The names under which compute resources are limited: `cpu` is `requests.cpu` too."""
    usage: Usage = {}
    for name, amount in requests.items():
        value = parse(amount)
        if name in NATIVE or name.startswith("hugepages-"):
            usage[name] = usage[f"requests.{name}"] = value
        elif "/" in name:
            usage[f"requests.{name}"] = value
    usage |= {f"limits.{name}": parse(limits[name]) for name in NATIVE if name in limits}
    return usage


def missing_constraints(pod: Obj, hard: set[str]) -> dict[str, list[str]]:
    """Resource -> the containers that do not state it although a quota with these resources limits it."""
    wanted = [name for name in CONSTRAINED if name in hard]
    missing: dict[str, set[str]] = {}
    spec = pod["spec"]
    if not wanted:
        return {}
    whole = spec.get("resources") or {}
    stated_for_all = pod_compute(whole.get("requests") or {}, whole.get("limits") or {})
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        given = container.get("resources") or {}
        stated = pod_compute(given.get("requests") or {}, given.get("limits") or {})
        for name in wanted:
            if name not in stated and name not in stated_for_all:
                missing.setdefault(name, set()).add(container.get("name", ""))
    return {name: sorted(missing[name]) for name in sorted(missing)}


def _service(service: Obj, _now: float) -> Usage:
    usage = {"services": ONE, "count/services": ONE}
    spec = service.get("spec") or {}
    ports = spec.get("ports") or ()
    type_ = spec.get("type", "ClusterIP")
    node_ports = 0
    if type_ == "NodePort" or (type_ == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts", True)):
        node_ports = len(ports)
    elif type_ == "LoadBalancer":
        node_ports = sum(1 for port in ports if port.get("nodePort"))
    usage["services.nodeports"] = count(node_ports)
    usage["services.loadbalancers"] = count(1 if type_ == "LoadBalancer" else 0)
    return usage


def _claim(claim: Obj, _now: float) -> Usage:
    usage = {"persistentvolumeclaims": ONE, "count/persistentvolumeclaims": ONE}
    spec, status = claim.get("spec") or {}, claim.get("status") or {}
    annotations = claim["metadata"].get("annotations") or {}
    storage_class = annotations.get(CLASS_ANNOTATION) or spec.get("storageClassName") or ""
    if storage_class:
        usage[f"{storage_class}{CLASS_SUFFIX}persistentvolumeclaims"] = ONE
    requested = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if requested is not None:
        amount = parse(requested)
        allocated = (status.get("allocatedResources") or {}).get("storage")
        if allocated is not None:
            amount = max(amount, parse(allocated), key=lambda quantity: quantity.nano)
        usage["requests.storage"] = amount
        if storage_class:
            usage[f"{storage_class}{CLASS_SUFFIX}requests.storage"] = amount
    return usage


def _device_claim(claim: Obj, _now: float) -> Usage:
    """A ResourceClaim takes the most devices of each class that its requests may be given."""
    usage = {"count/resourceclaims.resource.k8s.io": ONE}
    devices: dict[str, int] = {}
    for request in (((claim.get("spec") or {}).get("devices") or {}).get("requests")) or ():
        choices = request.get("firstAvailable") or [request.get("exactly") or request]
        most: dict[str, int] = {}
        for choice in choices:
            name = choice.get("deviceClassName", "")
            number = 32 if choice.get("allocationMode") == "All" else int(choice.get("count") or 1)
            most[name] = max(most.get(name, 0), number)
        for name, number in most.items():
            devices[name] = devices.get(name, 0) + number
    suffix = ".deviceclass.resource.k8s.io/devices"
    return usage | {f"{name}{suffix}": count(number) for name, number in devices.items() if name}


_SPECIAL: dict[str, Callable[[Obj, float], Usage]] = {
    "pods": _pod,
    "services": _service,
    "persistentvolumeclaims": _claim,
    "resourceclaims.resource.k8s.io": _device_claim,
}


def counter(kind: Kind, now: float) -> Callable[[Obj], Usage]:
    """`usage_of` for many objects of one kind."""
    return partial(usage_of, kind, now=now)


def concerns(kind: Kind, resource: str) -> bool:
    """Whether objects of the kind may take of a resource of `spec.hard`."""
    name = kind.group_resource
    if resource == f"count/{name}":
        return True
    if name == "pods":
        return resource == "pods" or _is_compute(resource)
    if name == "services":
        return resource in ("services", "services.nodeports", "services.loadbalancers")
    if name == "persistentvolumeclaims":
        return resource in (name, "requests.storage") or CLASS_SUFFIX in resource
    if name == "resourceclaims.resource.k8s.io":
        return resource.endswith(".deviceclass.resource.k8s.io/devices")
    return not kind.group and name in COUNTED_BY_NAME and resource == name


def _is_compute(resource: str) -> bool:
    if CLASS_SUFFIX in resource or resource.endswith(".deviceclass.resource.k8s.io/devices"):
        return False
    prefix, dot, rest = resource.partition(".")
    if dot and prefix in ("requests", "limits"):
        extended = "/" in rest and prefix == "requests"
        return rest in NATIVE or extended or (prefix == "requests" and rest.startswith("hugepages-"))
    return resource in NATIVE or resource.startswith("hugepages-")
