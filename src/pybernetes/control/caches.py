"""What `observe` reads: the informers of a controller manager, by kind, with an index by owner."""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, controller_ref_of
from pybernetes.client.informer import Informer
from pybernetes.client.informers import Informers

OWNER = "owner"
NO_OWNER = "/"
"""Behind a namespace: where its objects without an owner are in that index. No uid has it."""


def owner_uid(obj: Obj) -> tuple[str, ...]:
    """The uid of the controlling owner; of an object without one, what those of its namespace are found under."""
    ref = controller_ref_of(obj)
    return (ref["uid"],) if ref else (obj["metadata"].get("namespace", "") + NO_OWNER,)


class Caches:
    """Read-only views. A kind is available to controllers that named it in their definition."""

    def __init__(self, informers: Informers) -> None:
        self._informers = informers
        self._by_kind: dict[Kind, Informer] = {}
        self.filled_at: float | None = None
        """Unix time since which the first controller has had its caches filled: before it, silence means nothing."""

    def follow(self, kind: Kind) -> Informer:
        """The informer of a kind, indexed by controlling owner. Before the informers run."""
        informer = self._by_kind.get(kind)
        if informer is None:
            informer = self._by_kind[kind] = self._informers.of(kind)
            informer.add_index(OWNER, owner_uid)
        return informer

    def forget(self, kind: Kind) -> None:
        """Follows a kind no more that the server does not serve any more."""
        if self._by_kind.pop(kind, None) is not None:
            self._informers.drop(kind)

    def informer(self, kind: Kind) -> Informer | None:
        """The informer of a kind if some controller follows it."""
        return self._by_kind.get(kind)

    def get(self, kind: Kind, key: str) -> Obj | None:
        """The object under `namespace/name` (or `name`)."""
        return self._by_kind[kind].get(key)

    def list(self, kind: Kind, namespace: str = "") -> Sequence[Obj]:
        return self._by_kind[kind].list(namespace)

    def owned(self, kind: Kind, owner: Obj) -> Sequence[Obj]:
        """Objects whose controlling owner is this very object (by uid)."""
        return self._by_kind[kind].by_index(OWNER, owner["metadata"]["uid"])

    def orphans(self, kind: Kind, namespace: str) -> Sequence[Obj]:
        """Objects of a namespace without a controlling owner."""
        return self._by_kind[kind].by_index(OWNER, namespace + NO_OWNER)

    def by_index(self, kind: Kind, index: str, value: str) -> Sequence[Obj]:
        return self._by_kind[kind].by_index(index, value)
