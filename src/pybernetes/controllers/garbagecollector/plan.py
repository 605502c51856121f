"""What to do with one object: delete it when no owner is left, let its dependents go, or wait for them. Pure.

An owner that the graph does not know may simply not have been seen yet, so before anything is deleted the shell asks the
server for it (`missing_owners`); the answer comes in as `absent`.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

from pybernetes.api.kind import Kind
from pybernetes.control.plan import Delete, Patch, Plan, Report, Steps

from .graph import FOREGROUND, ORPHAN, Graph, Node, Owner

KindsByApi = Mapping[tuple[str, str], Kind]
"""By apiVersion and kind."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An object, its dependents, which of its owners are known, and its finalizers as they are cached."""

    node: Node
    owners: tuple[tuple[Owner, Node | None], ...]
    dependents: tuple[Node, ...]
    finalizers: tuple[str, ...]
    kinds: KindsByApi
    """What the server has, as far as is known."""
    elsewhere: tuple[Owner, ...] = ()
    """Owners that are known, in another namespace than the object."""


def look(graph: Graph, uid: str, finalizers: tuple[str, ...], kinds: KindsByApi) -> Seen | None:
    node = graph.nodes.get(uid)
    if node is None:
        return None
    owners = tuple((owner, _owner_node(graph, node, owner)) for owner in node.owners)
    elsewhere = tuple(owner for owner, known in owners if known is None and owner.uid in graph.nodes)
    return Seen(node, owners, tuple(graph.dependents_of(uid)), finalizers, kinds, elsewhere)


def _owner_node(graph: Graph, node: Node, owner: Owner) -> Node | None:
    """The owner, if it is where an owner may be: in the same namespace, or cluster-scoped."""
    found = graph.nodes.get(owner.uid)
    return found if found is not None and found.namespace in ("", node.namespace) else None


def owner_kind(owner: Owner, kinds: KindsByApi) -> Kind | None:
    """The kind that an owner reference names, None where the server has no such kind."""
    return kinds.get((owner.api_version, owner.kind))


def missing_owners(seen: Seen) -> tuple[Owner, ...]:
    """Owners that only the server can say about: not in the graph, of a kind that exists, where they could be."""
    return tuple(
        owner
        for owner, node in seen.owners
        if node is None and owner_kind(owner, seen.kinds) is not None and not _unreachable(seen, owner)
    )


def _unreachable(seen: Seen, owner: Owner) -> bool:
    """Whether an owner cannot be found: a cluster-scoped object names one of a kind that lives in namespaces."""
    kind = owner_kind(owner, seen.kinds)
    return kind is not None and kind.namespaced and not seen.node.namespace


def plan(seen: Seen, absent: Set[str]) -> Plan:
    """`absent` holds the uids of missing owners that the server says do not exist."""
    node = seen.node
    if node.orphans_dependents:
        return _orphan(seen)
    if node.waits_for_dependents:
        return _wait_for_dependents(seen)
    if node.deleting or not node.owners:
        return Plan.nothing("nothing owns it, or it is going already")
    told = tuple(_elsewhere(node, owner) for owner in seen.elsewhere)
    if any(_unreachable(seen, owner) for owner, _ in seen.owners):
        return Plan(told, None, "an owner cannot be found: it is cluster-scoped, and the owner's kind is not")
    decided = _collect(seen, absent)
    return replace(decided, steps=(*told, *decided.steps)) if told else decided


def _collect(seen: Seen, absent: Set[str]) -> Plan:
    """What becomes of an object that has owners, none of which is out of reach."""
    node = seen.node
    solid = [owner for owner, known in seen.owners if _is_solid(seen, owner, known, absent)]
    dangling = [owner for owner, known in seen.owners if known is None and owner.uid in absent]
    waiting = [owner for owner, known in seen.owners if known is not None and known.waits_for_dependents]
    if solid:
        gone = {owner.uid for owner in (*dangling, *waiting)}
        return _drop_references(seen, gone) if gone else Plan.nothing("it has an owner")
    if waiting:
        return _follow(seen)
    if len(dangling) < len(node.owners):
        return Plan.nothing("an owner is of a kind that does not exist: nobody can say whether it is gone")
    return _delete(node, None, "its owners are gone")


def _follow(seen: Seen) -> Plan:
    """Its owner waits for it; if it has dependents, it goes the same way. Where one of these waits too, they may be
    waiting in a circle: so it first stops to be waited for."""
    node, why = seen.node, "its owner is being deleted and waits for it"
    if not seen.dependents:
        return _delete(node, None, why)
    if any(dependent.waits_for_dependents for dependent in seen.dependents) and any(
        o.blocks for o in node.owners
    ):
        unblocked = [_tree(replace(owner, blocks=False)) for owner in node.owners]
        step = _patch(
            node, {"ownerReferences": unblocked}, "its owner and its dependent may wait for each other"
        )
        return Plan((step,), None, "breaking a circle")
    return _delete(node, "Foreground", why)


def _is_solid(seen: Seen, owner: Owner, known: Node | None, absent: Set[str]) -> bool:
    if known is None:
        return owner.uid not in absent and owner_kind(owner, seen.kinds) is not None
    return not known.waits_for_dependents


def _elsewhere(node: Node, owner: Owner) -> Report:
    """An owner that is known, but lives in a namespace where it cannot own the object."""
    reference = {
        "kind": node.kind.kind,
        "apiVersion": node.kind.api_version,
        "name": node.name,
        "namespace": node.namespace,
        "uid": node.uid,
    }
    shown = f"[{owner.api_version}/{owner.kind}, namespace: {node.namespace}, name: {owner.name}, uid: {owner.uid}]"
    message = f'ownerRef {shown} does not exist in namespace "{node.namespace}"'
    return Report(reference, "Warning", "OwnerRefInvalidNamespace", message)


def _delete(node: Node, propagation: Any, reason: str) -> Plan:
    step = Delete(
        node.kind,
        node.namespace,
        node.name,
        node.uid,
        reason,
        propagation=propagation,
        resource_version=node.version,
    )
    return Plan((step,), None, reason)


def _drop_references(seen: Seen, uids: Set[str]) -> Plan:
    """Takes owners that are gone (or going) from an object that has others."""
    left = [_tree(owner) for owner, _ in seen.owners if owner.uid not in uids]
    return Plan(
        (_patch(seen.node, {"ownerReferences": left or None}, "some of its owners are gone"),),
        None,
        "trimming",
    )


def _tree(owner: Owner) -> dict[str, Any]:
    tree = {"apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid}
    flags = {"controller": owner.controller, "blockOwnerDeletion": owner.blocks}
    return {**tree, **{name: True for name, is_set in flags.items() if is_set}}


def _orphan(seen: Seen) -> Plan:
    """Dependents stay without this owner; then the finalizer goes, and with it the object."""
    steps = Steps()
    for dependent in seen.dependents:
        left = [_tree(owner) for owner in dependent.owners if owner.uid != seen.node.uid]
        steps.add(_patch(dependent, {"ownerReferences": left or None}, "orphaned by its owner's deletion"))
    finalizers = [name for name in seen.finalizers if name != ORPHAN]
    steps.add(_patch(seen.node, {"finalizers": finalizers or None}, "its dependents are orphaned"))
    return steps.plan("orphaning dependents")


def _wait_for_dependents(seen: Seen) -> Plan:
    """Dependents that block it are deleted first; when none is left, the finalizer goes."""
    blocking = [dependent for dependent in seen.dependents if _blocks(dependent, seen.node)]
    if not blocking:
        finalizers = [name for name in seen.finalizers if name != FOREGROUND]
        step = _patch(seen.node, {"finalizers": finalizers or None}, "no dependent is left that blocks it")
        return Plan((step,), None, "its dependents are gone")
    return Plan.nothing(f"waiting for {len(blocking)} dependents")


def _blocks(dependent: Node, owner: Node) -> bool:
    return dependent.uid != owner.uid and any(o.uid == owner.uid and o.blocks for o in dependent.owners)


def _patch(node: Node, metadata: dict[str, Any], reason: str) -> Patch:
    # Lists are replaced as a whole: the precondition keeps what somebody else has changed meanwhile.
    identity = {"uid": node.uid, "resourceVersion": node.version}
    return Patch(node.kind, node.namespace, node.name, {"metadata": {**metadata, **identity}}, reason)
