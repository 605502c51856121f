"""The objects that every cluster has, written through the server's own pipeline."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pybernetes.api.errors import AlreadyExists, Conflict, NotFound
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import (
    CLUSTERROLE,
    CLUSTERROLEBINDING,
    NAMESPACE,
    PRIORITYCLASS,
    ROLE,
    ROLEBINDING,
)
from pybernetes.api.meta import Obj, name_of, namespace_of
from pybernetes.client.interface import Call

from ..admission.priority import SYSTEM_CLASSES
from ..authz import bootstrap_policy, reconcile

if TYPE_CHECKING:
    from ..inprocess import InProcessTransport
    from ..registry import Registry

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
RBAC_KINDS = {kind.kind: kind for kind in (CLUSTERROLE, ROLE, CLUSTERROLEBINDING, ROLEBINDING)}
DESCRIPTIONS = {
    "system-cluster-critical": "Used for system critical pods that must run in the cluster, but can be moved to "
    "another node if necessary.",
    "system-node-critical": "Used for system critical pods that must not be moved from their current node.",
}


async def bootstrap(
    transport: InProcessTransport, registry: Registry, features: frozenset[str] = frozenset()
) -> None:
    """Creates what is missing; several API servers may do it at once. Writes go together, so that a store on disk
    makes many of them durable at a time."""
    async with asyncio.TaskGroup() as group:
        for name in NAMESPACES:
            group.create_task(ensure(transport, registry, NAMESPACE, _object(NAMESPACE, name)))
    async with asyncio.TaskGroup() as group:
        for name, value in SYSTEM_CLASSES.items():
            tree = {**_object(PRIORITYCLASS, name), "value": value, "description": DESCRIPTIONS[name]}
            group.create_task(ensure(transport, registry, PRIORITYCLASS, tree))
        existing = (v.tree() for kind in RBAC_KINDS.values() for v in registry.cache(kind).in_namespace(""))
        for write in reconcile.reconcile(existing, bootstrap_policy.objects(features=features)):
            group.create_task(_perform(transport, write))


async def ensure(transport: InProcessTransport, registry: Registry, kind: Kind, tree: Obj) -> None:
    """Creates an object unless it is there."""
    if registry.cache(kind).get(namespace_of(tree), name_of(tree)) is not None:
        return
    try:
        await transport.call(Call("create", kind, namespace=namespace_of(tree), body=tree))
    except AlreadyExists:
        return


async def _perform(transport: InProcessTransport, write: reconcile.Write) -> None:
    """One write of the default policy."""
    kind = RBAC_KINDS[write.obj["kind"]]
    namespace, name = namespace_of(write.obj), name_of(write.obj)
    try:
        if write.action == "recreate":
            await transport.call(Call("delete", kind, namespace=namespace, name=name))
        if write.action == "update":
            await transport.call(Call("update", kind, namespace=namespace, name=name, body=write.obj))
        else:
            await transport.call(Call("create", kind, namespace=namespace, body=write.obj))
    except (AlreadyExists, Conflict, NotFound):
        return  # another API server was faster: it does the same


def _object(kind: Kind, name: str) -> dict[str, object]:
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name}}
