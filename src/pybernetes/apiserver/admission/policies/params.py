"""The parameters with which a binding runs its policy. Pure."""

from __future__ import annotations

from pybernetes.api.meta import Obj
from pybernetes.lang import labelselector

from ...registry import Resource
from ..plugin import Admission
from .compiled import Binding, Policy


class Misconfigured(Exception):
    """The policy or the binding cannot be used as it is."""


def param_resource(policy: Policy, admission: Admission) -> Resource | None:
    """What the parameters are objects of; None for a policy without. Raises Misconfigured."""
    wanted = policy.param_kind
    if wanted is None:
        return None
    group, _, version = wanted["apiVersion"].rpartition("/")
    for resource in admission.ctx.services.registry:
        kind = resource.kind
        if (kind.group, kind.version, kind.kind) == (
            group,
            version,
            wanted["kind"],
        ) and resource.cache is not None:
            return resource
    shown = f"{wanted['apiVersion']}, Kind={wanted['kind']}"
    raise Misconfigured(f"failed to find resource referenced by paramKind: '{shown}'")


def params_of(binding: Binding, resource: Resource | None, admission: Admission) -> list[Obj | None]:
    """The parameters, for each of which the policy runs: one None where it has none. Raises Misconfigured."""
    ref = binding.param_ref
    if resource is None or ref is None:
        return [None]
    kind, cache = resource.kind, resource.stored()
    namespace = ref.get("namespace") or ""
    if kind.namespaced:
        namespace = namespace or admission.namespace
        if not namespace:
            raise Misconfigured(
                "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
            )
    elif namespace:
        raise Misconfigured("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
    if ref.get("name"):
        version = cache.get(namespace, ref["name"])
        found = [] if version is None else [version]
    else:
        selector = labelselector.from_label_selector(ref.get("selector"))
        found = [version for version in cache.in_namespace(namespace) if selector.matches(version.labels)]
    if not found and ref.get("parameterNotFoundAction", "Deny") == "Deny":
        raise Misconfigured("no params found for policy binding with `Deny` parameterNotFoundAction")
    return [kind.from_stored(version.tree()) for version in found]
