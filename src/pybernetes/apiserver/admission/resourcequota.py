"""ResourceQuota: a new object must fit into what its namespace's quotas leave.

What is used is counted from the caches at the moment of the request; the status that a quota shows is the quota
controller's. Scopes are not judged here: a scoped quota does not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from pybernetes.api.kind import Kind
from pybernetes.api.kinds import CONFIGMAP, POD, RESOURCEQUOTA, SECRET, SERVICE
from pybernetes.api.meta import Obj
from pybernetes.lang.quantity import parse_quantity

from .plugin import Admission, Plugin

COUNTED: dict[Kind, str] = {POD: "pods", SERVICE: "services", CONFIGMAP: "configmaps", SECRET: "secrets"}
ENDED = ("Succeeded", "Failed")


def _usage(kind: Kind, tree: Obj, resource: str) -> Decimal:
    """How much of a quota's resource one object takes."""
    if resource in (COUNTED.get(kind), f"count/{kind.group_resource}"):
        return Decimal(1)
    if kind is not POD:
        return Decimal(0)
    field, _, name = resource.partition(".")
    if field not in ("requests", "limits"):
        field, name = "requests", resource
    if name == "pods" or (tree.get("status") or {}).get("phase") in ENDED:
        return Decimal(0)
    containers = tree["spec"].get("containers") or ()
    values = (((c.get("resources") or {}).get(field) or {}).get(name) for c in containers)
    return Decimal(sum((Decimal(parse_quantity(v)) for v in values if v is not None), Decimal(0)))


def _sum(trees: Iterable[Obj], usage: Callable[[Obj], Decimal]) -> Decimal:
    return sum((usage(tree) for tree in trees), Decimal(0))


def _validate(admission: Admission) -> None:
    if admission.operation != "CREATE" or admission.subresource or not admission.kind.namespaced:
        return
    quotas = admission.cache(RESOURCEQUOTA).in_namespace(admission.namespace)
    if not quotas:
        return
    kind, new = admission.kind, admission.object
    for version in quotas:
        spec = version.tree().get("spec") or {}
        if spec.get("scopes") or spec.get("scopeSelector"):
            continue
        for resource, hard in (spec.get("hard") or {}).items():
            wanted = _usage(kind, new, resource)
            if not wanted:
                continue
            existing = (v.tree() for v in admission.cache(kind).in_namespace(admission.namespace))
            used = _sum(existing, lambda tree, r=resource: _usage(kind, tree, r))  # type: ignore[misc]
            if used + wanted > parse_quantity(hard):
                raise admission.forbidden(
                    f"exceeded quota: {version.name}, requested: {resource}={wanted.normalize():f}, "
                    f"used: {resource}={used.normalize():f}, limited: {resource}={hard}"
                )


RESOURCE_QUOTA = Plugin("ResourceQuota", validate=_validate)
