"""Reading a cluster as it was: objects at a revision, straight from the store's history."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from pybernetes.api.errors import Expired, NotFound
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj, labels_of
from pybernetes.apiserver.ledger import Ledger
from pybernetes.apiserver.registry import Registry
from pybernetes.lang import labelselector
from pybernetes.store.types import Compacted, KeyValue, Store, prefix_end

from .naming import find_target


class Past:
    """A cluster at one revision. Read only."""

    def __init__(self, store: Store, registry: Registry, revision: int, namespace: str) -> None:
        self.revision = revision
        self._store = store
        self._registry = registry
        self._namespace = namespace

    async def get(self, what: str | Obj, *, namespace: str = "") -> Obj:
        """An object as it was. Raises NotFound where there was none, Expired where that is forgotten."""
        target = find_target(self._kinds(), what, namespace or self._namespace)
        cache = self._registry.of(target.kind).stored()
        found = await self._range(cache.key(target.namespace, target.name), None)
        if not found:
            raise NotFound(
                f'{target.kind.group_resource} "{target.name}" not found at revision {self.revision}'
            )
        return _tree(target.kind, found[0])

    async def list(self, what: str, *, namespace: str | None = None, labels: str = "") -> Sequence[Obj]:
        """The objects of a kind as they were; `namespace=""` is all of them."""
        space = self._namespace if namespace is None else namespace
        kind = find_target(self._kinds(), what, space).kind
        prefix = self._registry.of(kind).stored().prefix
        if kind.namespaced and space:
            prefix += f"{space}/"
        selector = labelselector.parse(labels)
        trees = [_tree(kind, kv) for kv in await self._range(prefix, prefix_end(prefix))]
        return [tree for tree in trees if selector.matches(labels_of(tree))]

    def _kinds(self) -> tuple[Kind, ...]:
        return tuple(resource.kind for resource in self._registry)

    async def _range(self, key: str, end: str | None) -> Sequence[KeyValue]:
        try:
            return (await self._store.range(key, end, revision=self.revision)).kvs
        except Compacted as error:
            raise Expired(f"revision {self.revision} is forgotten: {error}") from error


def revision_at(ledger: Ledger, time: float) -> int:
    """The revision of the last write up to a moment. Raises Expired where the ledger does not reach back so far."""
    found = 0
    for entry in ledger:
        if entry.time > time:
            break
        found = max(found, entry.revision)
    if not found:
        raise Expired("the ledger does not reach back so far: give a revision")
    return found


def _tree(kind: Kind, kv: KeyValue) -> Obj:
    tree: MutableObj = orjson.loads(kv.value)
    tree["metadata"]["resourceVersion"] = str(kv.mod_revision)
    return kind.from_stored(tree) if kind.storage_version else tree
