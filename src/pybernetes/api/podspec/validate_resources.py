"""The rules of resource requests and limits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pybernetes.lang import names, quantity

from ..fielderrors import FieldErrors
from ..meta import Obj
from .resources import container_limits, container_requests, pod_level_resource

OF_CONTAINERS = ("cpu", "memory", "ephemeral-storage")
STANDARD = frozenset(
    (
        "cpu",
        "memory",
        "ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "requests.ephemeral-storage",
        "limits.cpu",
        "limits.memory",
        "limits.ephemeral-storage",
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "storage",
        "requests.storage",
        "services.nodeports",
        "services.loadbalancers",
    )
)
"""Names without a domain that mean something anywhere."""
WHOLE = frozenset(
    (
        "pods",
        "services",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    )
)
"""Resources that are counted in whole numbers."""


def validate_requirements(
    resources: Obj, errors: FieldErrors, claims: Collection[str] = (), *, pod_level: bool = False
) -> None:
    """`limits` and `requests` of a container, or of a pod as a whole; `claims` are the names of the pod's."""
    if not resources:
        return
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for name, amount in limits.items():
        _validate_one(name, amount, errors.at("limits").at_key(name), pod_level)
    for name, amount in requests.items():
        _validate_one(name, amount, errors.at("requests").at_key(name), pod_level)
        limit = limits.get(name)
        if limit is not None:
            _compare(name, amount, limit, errors)
        elif not overcommit_allowed(name):
            errors.required("limits", "Limit must be set for non overcommitable resources")
    given = {*limits, *requests}
    if not given & {"cpu", "memory"} and any(is_huge_page(name) for name in given):
        errors.forbidden("HugePages require cpu or memory")
    _validate_claims(resources.get("claims") or (), claims, errors.at("claims"))


def validate_pod_resources(spec: Obj, claims: Collection[str], errors: FieldErrors) -> None:
    """Resources of the pod as a whole: no less than what its containers have. `errors` stands at the spec."""
    resources, at = spec.get("resources"), errors.at("resources")
    if resources is None:
        return
    if (spec.get("os") or {}).get("name") == "windows":
        at.forbidden("may not be set for a windows pod")
        return
    if resources.get("claims") is not None:
        at.forbidden("claims may not be set for Resources at pod-level", "claims")
    validate_requirements(resources, at, claims, pod_level=True)
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    for name, total in container_requests(spec).items():
        if name in requests and _nano(total) > _nano(requests[name]):
            why = f"must be greater than or equal to aggregate container requests of {total}"
            at.at("requests").at_key(name).invalid(quantity.canonical(requests[name]), why)
    for name, total in container_limits(spec).items():
        if is_huge_page(name) and name in limits and _nano(total) > _nano(limits[name]):
            why = f"must be greater than or equal to aggregate container limits of {total}"
            at.at("limits").at_key(name).invalid(quantity.canonical(limits[name]), why)
    for index, container in enumerate(spec.get("containers") or ()):
        for name, limit in ((container.get("resources") or {}).get("limits") or {}).items():
            if name in limits and _nano(limit) > _nano(limits[name]):
                why = f"must be less than or equal to pod limits of {quantity.canonical(limits[name])}"
                here = at.at("containers", index).at_key(name)
                here.invalid(quantity.canonical(limit), why, "limits")


def validate_amounts(amounts: Mapping[str, str], errors: FieldErrors) -> None:
    """A plain map of resources (overhead): upstream looks at it as at limits, and says so."""
    validate_requirements({"limits": amounts}, errors)


def validate_resource_name(name: str, at: FieldErrors) -> bool:
    """The name of any resource; `at` stands at it. Says whether it is good."""
    faults = names.qualified_name(name)
    if not faults and "/" not in name and not is_standard(name):
        faults = ["must be a standard resource type or fully qualified"]
    for message in faults:
        at.invalid(name, message)
    return not faults


def validate_container_resource_name(name: str, at: FieldErrors) -> None:
    """One that containers may ask for."""
    validate_resource_name(name, at)
    if "/" not in name:
        if name not in OF_CONTAINERS and not is_huge_page(name):
            at.invalid(name, "must be a standard resource for containers")
    elif not is_native(name) and not is_extended(name):
        at.invalid(name, "doesn't follow extended resource name standard")


def validate_amount(name: str, amount: str, errors: FieldErrors) -> None:
    nano = _nano(amount)
    if nano < 0:
        errors.invalid(quantity.canonical(amount), "must be greater than or equal to 0")
    if (name in WHOLE or is_extended(name)) and nano % quantity.NANO:
        errors.invalid(quantity.canonical(amount), "must be an integer")


def is_standard(name: str) -> bool:
    return name in STANDARD or name.startswith(("hugepages-", "requests.hugepages-"))


def is_huge_page(name: str) -> bool:
    return name.startswith("hugepages-")


def is_native(name: str) -> bool:
    """Of the system itself."""
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    """A resource of a device plugin: qualified, not of the system's domain, and with a name that a quota can have."""
    return (
        not is_native(name)
        and not name.startswith("requests.")
        and not names.qualified_name(f"requests.{name}")
    )


def overcommit_allowed(name: str) -> bool:
    """Whether limits above requests make sense: compressible and native resources, save huge pages."""
    return is_native(name) and not is_huge_page(name)


def _validate_one(name: str, amount: str, at: FieldErrors, pod_level: bool) -> None:
    if not pod_level:
        validate_container_resource_name(name, at)
    elif validate_resource_name(name, at) and not pod_level_resource(name):
        at.not_supported(name, ["cpu", "hugepages-", "memory"])
    validate_amount(name, amount, at)
    if is_huge_page(name) and not _is_multiple(amount, name.removeprefix("hugepages-")):
        text = quantity.canonical(amount)
        at.invalid(text, f"{text} is not positive integer multiple of {name}")


def _is_multiple(amount: str, page: str) -> bool:
    try:
        size = _nano(page)
    except ValueError:
        return False
    return size > 0 and _nano(amount) % size == 0


def _compare(name: str, amount: str, limit: str, errors: FieldErrors) -> None:
    requested, most = _nano(amount), _nano(limit)
    shown, bound = quantity.canonical(amount), quantity.canonical(limit)
    if requested != most and not overcommit_allowed(name):
        errors.invalid(shown, f"must be equal to {name} limit of {bound}", "requests")
    elif requested > most:
        errors.invalid(shown, f"must be less than or equal to {name} limit of {bound}", "requests")


def _validate_claims(claims: Any, known: Collection[str], errors: FieldErrors) -> None:
    """A claim of the pod, or a request in it, is used once."""
    seen: set[str] = set()
    for index, claim in enumerate(claims):
        at, name, request = errors.at(index), claim.get("name") or "", claim.get("request") or ""
        if not name:
            at.required()
            continue
        if name in seen:
            at.duplicate(name)
        else:
            key = f"{name}/{request}" if request else name
            for message in names.dns1123_label(request) if request else ():
                at.invalid(request, message, "request")
            if key in seen:
                at.duplicate(key)
            elif not request:
                for _ in (other for other in seen if other.partition("/")[0] == name):
                    at.duplicate(name)
            seen.add(key)
        if name not in known:
            rest = f": {', '.join(sorted(known))}" if known else " which is empty"
            at.not_found(name, detail=f"must be one of the names in pod.spec.resourceClaims{rest}")


def _nano(amount: str) -> int:
    return quantity.parse(amount).nano
