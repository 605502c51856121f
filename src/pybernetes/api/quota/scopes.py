"""Which quotas an object falls under: `applies`. A quota without scopes counts every object of its kinds."""

from __future__ import annotations

from typing import Any

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.api.podspec.resources import qos_class

from .usage import concerns

POD_SCOPES = (
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
)
CLAIM_SCOPES = ("VolumeAttributesClass",)


def selectors(spec: Obj) -> list[Obj]:
    """`scopes` and `scopeSelector` together, each as one requirement."""
    plain = [{"scopeName": scope, "operator": "Exists"} for scope in spec.get("scopes") or ()]
    return [*plain, *((spec.get("scopeSelector") or {}).get("matchExpressions") or ())]


def applies(quota: Obj, kind: Kind, tree: Obj) -> bool:
    """Whether the object counts against the quota: it has a resource of the kind, and all its scopes match."""
    spec = quota.get("spec") or {}
    if not any(concerns(kind, resource) for resource in spec.get("hard") or {}):
        return False
    return all(matches(kind, selector, tree) for selector in selectors(spec))


def matches(kind: Kind, selector: Obj, tree: Obj) -> bool:
    """Whether one scope requirement holds. A scope that a kind does not know matches none of its objects."""
    scope = selector.get("scopeName", "")
    if kind.group_resource == "pods" and scope in POD_SCOPES:
        return _pod_matches(scope, selector, tree)
    if kind.group_resource == "persistentvolumeclaims" and scope in CLAIM_SCOPES:
        return any(_holds(selector, name) for name in _attribute_classes(tree))
    return False


def _pod_matches(scope: str, selector: Obj, pod: Obj) -> bool:
    spec = pod["spec"]
    match scope:
        case "Terminating":
            return _terminating(spec)
        case "NotTerminating":
            return not _terminating(spec)
        case "BestEffort":
            return qos_class(spec) == "BestEffort"
        case "NotBestEffort":
            return qos_class(spec) != "BestEffort"
        case "PriorityClass":
            return _holds(selector, spec.get("priorityClassName") or "")
        case _:
            return crosses_namespaces(spec)


def _terminating(spec: Obj) -> bool:
    seconds = spec.get("activeDeadlineSeconds")
    return seconds is not None and seconds >= 0


def _attribute_classes(claim: Obj) -> set[str]:
    """The classes that a claim has, wants or is being given; {""} for none."""
    spec, status = claim.get("spec") or {}, claim.get("status") or {}
    names = {
        spec.get("volumeAttributesClassName"),
        status.get("currentVolumeAttributesClassName"),
        (status.get("modifyVolumeStatus") or {}).get("targetVolumeAttributesClassName"),
    }
    return {name for name in names if name} or {""}


def _holds(selector: Obj, value: str) -> bool:
    values: list[Any] = selector.get("values") or []
    match selector.get("operator"):
        case "In":
            return bool(value) and value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return bool(value)
        case "DoesNotExist":
            return not value
    return False


def crosses_namespaces(spec: Obj) -> bool:
    """Whether the pod's affinity looks at pods of other namespaces."""
    affinity = spec.get("affinity") or {}
    for part in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(part) or {}
        for term in terms.get("requiredDuringSchedulingIgnoredDuringExecution") or ():
            if _names_namespaces(term):
                return True
        for weighted in terms.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
            if _names_namespaces(weighted.get("podAffinityTerm") or {}):
                return True
    return False


def _names_namespaces(term: Obj) -> bool:
    return bool(term.get("namespaces")) or term.get("namespaceSelector") is not None
