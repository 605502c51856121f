"""Who depends on whom, over all kinds, kept small: per object its identity, owners and deletion state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, is_deleting, name_of, namespace_of, resource_version_of, uid_of

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"

_TIES = ("uid", "ownerReferences", "deletionTimestamp", "finalizers")


@dataclass(frozen=True, slots=True)
class Owner:
    """An entry of `metadata.ownerReferences`."""

    uid: str
    name: str
    api_version: str
    kind: str
    controller: bool
    blocks: bool


@dataclass(slots=True)
class Node:
    """One object of the cluster. Of one that is known only `version` changes."""

    kind: Kind
    namespace: str
    name: str
    uid: str
    owners: tuple[Owner, ...]
    deleting: bool
    waits_for_dependents: bool
    orphans_dependents: bool
    version: str = field(default="", compare=False)
    """The resourceVersion of which all this is true: the precondition of every write. Not part of what a node is."""


def node_of(kind: Kind, obj: Obj) -> Node:
    metadata = obj["metadata"]
    owners = tuple(
        Owner(
            r["uid"],
            r["name"],
            r["apiVersion"],
            r["kind"],
            bool(r.get("controller")),
            bool(r.get("blockOwnerDeletion")),
        )
        for r in metadata.get("ownerReferences") or ()
    )
    finalizers = metadata.get("finalizers") or ()
    deleting = is_deleting(obj)
    return Node(
        kind,
        namespace_of(obj),
        name_of(obj),
        uid_of(obj),
        owners,
        deleting,
        deleting and FOREGROUND in finalizers,
        deleting and ORPHAN in finalizers,
        resource_version_of(obj),
    )


@dataclass(slots=True)
class Graph:
    """Nodes by uid, and for each owner's uid its dependents."""

    nodes: dict[str, Node] = field(default_factory=dict)
    dependents: dict[str, set[str]] = field(default_factory=dict)

    def put(self, node: Node) -> None:
        self.remove(node.uid)
        self.nodes[node.uid] = node
        for owner in node.owners:
            self.dependents.setdefault(owner.uid, set()).add(node.uid)

    def renewed(self, old: Obj, new: Obj) -> bool:
        """Whether the object is known and nothing that ownership depends on differs between the two versions: then its
        node is as new as the object now."""
        before, after = old["metadata"], new["metadata"]
        if any(before.get(field) != after.get(field) for field in _TIES):
            return False
        node = self.nodes.get(uid_of(new))
        if node is None:
            return False
        node.version = resource_version_of(new)
        return True

    def remove(self, uid: str) -> Node | None:
        old = self.nodes.pop(uid, None)
        if old is not None:
            for owner in old.owners:
                siblings = self.dependents.get(owner.uid)
                if siblings is not None:
                    siblings.discard(uid)
                    if not siblings:
                        del self.dependents[owner.uid]
        return old

    def dependents_of(self, uid: str) -> Iterator[Node]:
        return (self.nodes[dependent] for dependent in sorted(self.dependents.get(uid, ())))
