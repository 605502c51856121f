"""What the authorizers know of the cluster: the RBAC index kept in step with the cache, the node authorizer's view of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pybernetes.api.kind import Kind
from pybernetes.api.kinds import CLUSTERROLE, CLUSTERROLEBINDING, POD, ROLE, ROLEBINDING
from pybernetes.api.meta import Obj
from pybernetes.lang.fieldselector import parse

from .authz.rbac import Rbac
from .registry import Registry
from .selection import Selection
from .window import Change

KINDS = (CLUSTERROLE, ROLE, CLUSTERROLEBINDING, ROLEBINDING)


def follow(registry: Registry, rbac: Rbac) -> None:
    """Feeds the four kinds into the index, as they are and as they change."""
    for kind in KINDS:
        registry.cache(kind).observers.append(_observer(kind, rbac))


def _observer(kind: Kind, rbac: Rbac) -> Callable[[Change], None]:
    def observe(change: Change) -> None:
        if change.new is not None:
            rbac.put(kind.kind, change.new.tree())
        elif change.old is not None:
            rbac.remove(kind.kind, change.old.namespace, change.old.name)

    return observe


class CacheView:
    """What the node authorizer sees (`authz.node.NodeView`)."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def pods_on(self, node: str) -> Iterable[Obj]:
        selection = Selection(fields=parse(f"spec.nodeName={node}"))
        return [version.tree() for version in self._registry.cache(POD).select(selection)]

    def get(self, plural: str, namespace: str, name: str) -> Obj | None:
        return self._registry.anything(plural, namespace, name)
