"""Which hook is asked about what: rules, selectors, and versions of the same object. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from pybernetes.api.kind import Kind
from pybernetes.api.kinds import NAMESPACE
from pybernetes.api.meta import Obj
from pybernetes.lang.labelselector import Selector

from ...registry import Registry
from ..plugin import Admission
from .hooks import GROUP, Hook

EXEMPT = frozenset(
    (
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
    )
)
"""Kinds that no hook is asked about, so that a broken hook can be removed."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What a request writes, as rules name it."""

    group: str
    version: str
    plural: str
    subresource: str
    namespaced: bool


def resource_of(admission: Admission, kind: Kind | None = None) -> Resource:
    kind = kind or admission.kind
    return Resource(kind.group, kind.version, kind.plural, admission.subresource, kind.namespaced)


def exempt(kind: Kind) -> bool:
    return kind.group == GROUP and kind.plural in EXEMPT


def rule_matches(rule: Obj, operation: str, resource: Resource) -> bool:
    """One rule with its operations, groups, versions, resources and scope."""
    return (
        _names(rule.get("operations"), operation)
        and _names(rule.get("apiGroups"), resource.group)
        and _names(rule.get("apiVersions"), resource.version)
        and any(_resource_matches(given, resource) for given in rule.get("resources") or ())
        and _scope_matches(rule.get("scope") or "*", resource)
    )


def _names(values: Iterable[str] | None, value: str) -> bool:
    given = tuple(values or ())
    return "*" in given or value in given


def _resource_matches(given: str, resource: Resource) -> bool:
    plural, _, subresource = given.partition("/")
    return plural in ("*", resource.plural) and subresource in ("*", resource.subresource)


def _scope_matches(scope: str, resource: Resource) -> bool:
    """A Namespace counts as of the cluster."""
    return scope == "*" or (scope == "Namespaced") == resource.namespaced


def matching_kind(hook: Hook, admission: Admission) -> Kind | None:
    """The kind in whose version the hook is asked: the request's own, else (matchPolicy Equivalent) another version of
    the same stored objects. None where no rule matches."""
    own = resource_of(admission)
    if any(rule_matches(rule, admission.operation, own) for rule in hook.rules):
        return admission.kind
    if not hook.equivalent:
        return None
    for kind in equivalents(admission.ctx.services.registry, admission.kind):
        resource = resource_of(admission, kind)
        if any(rule_matches(rule, admission.operation, resource) for rule in hook.rules):
            return kind
    return None


def equivalents(registry: Registry, kind: Kind) -> list[Kind]:
    """Other kinds that serve the same stored objects: another version, or another group's."""
    mine = registry.find(kind.group, kind.version, kind.plural)
    if mine is None or mine.cache is None:
        return []
    return [served.kind for served in registry if served.kind is not kind and served.cache is mine.cache]


class Selective(Protocol):
    """What has the two selectors: a hook, or the constraints of a policy."""

    @property
    def namespaces(self) -> Selector: ...

    @property
    def objects(self) -> Selector: ...


def selects(hook: Selective, admission: Admission) -> bool:
    """Whether both of the selectors match."""
    return _namespace_matches(hook, admission) and _object_matches(hook, admission)


def _namespace_matches(hook: Selective, admission: Admission) -> bool:
    if hook.namespaces.everything:
        return True
    labels: Obj
    if admission.kind is NAMESPACE:
        tree = admission.new if admission.new is not None and not admission.subresource else admission.old
        labels = ((tree or {}).get("metadata") or {}).get("labels") or {}
    elif not admission.kind.namespaced:
        return True
    else:
        namespace = admission.find(NAMESPACE, admission.namespace) or {"metadata": {}}
        labels = namespace["metadata"].get("labels") or {}
    return hook.namespaces.matches(labels)


def _object_matches(hook: Selective, admission: Admission) -> bool:
    if hook.objects.everything:
        return True
    trees = (tree for tree in (admission.new, admission.old) if tree is not None)
    return any(hook.objects.matches((tree.get("metadata") or {}).get("labels") or {}) for tree in trees)
