"""A cache of objects by key, with indexes. Pure: an informer feeds it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pybernetes.api.meta import Obj, key_of, namespace_of

IndexFunction = Callable[[Obj], Iterable[str]]
"""The values under which an object is found; none leaves it out of the index."""


log = logging.getLogger("informer")


def _values(function: IndexFunction, obj: Obj) -> Sequence[str]:
    """An object in a shape that an index does not expect is not found by it; it must not end the informer."""
    try:
        return [*function(obj)]
    except Exception:
        log.exception("%s: an index failed", key_of(obj))
        return ()


def _drop(buckets: dict[str, dict[str, Obj]], values: Iterable[str], key: str) -> None:
    for value in values:
        bucket = buckets.get(value)
        if bucket is not None:
            bucket.pop(key, None)
            if not bucket:
                del buckets[value]


class Indexer:
    """Objects by `namespace/name`, and by any index. Objects are shared: readers never change them."""

    def __init__(self) -> None:
        self._objects: dict[str, Obj] = {}
        self._namespaces: dict[str, dict[str, Obj]] = {}
        self._indexes: dict[str, tuple[IndexFunction, dict[str, dict[str, Obj]]]] = {}

    def add_index(self, name: str, function: IndexFunction) -> None:
        """Adds an index over what is there and what comes; adding the same name again replaces it."""
        buckets: dict[str, dict[str, Obj]] = {}
        self._indexes[name] = (function, buckets)
        for key, obj in self._objects.items():
            for value in _values(function, obj):
                buckets.setdefault(value, {})[key] = obj

    def put(self, obj: Obj) -> Obj | None:
        """Stores a version; the one it replaces."""
        key = key_of(obj)
        old = self._objects.get(key)
        self._objects[key] = obj
        if namespace := namespace_of(obj):
            self._namespaces.setdefault(namespace, {})[key] = obj
        for function, buckets in self._indexes.values():
            values = _values(function, obj)
            if old is not None:
                before = _values(function, old)
                if before != values:
                    _drop(buckets, before, key)
            for value in values:
                buckets.setdefault(value, {})[key] = obj
        return old

    def remove(self, key: str) -> Obj | None:
        old = self._objects.pop(key, None)
        if old is not None:
            if namespace := namespace_of(old):
                _drop(self._namespaces, (namespace,), key)
            for function, buckets in self._indexes.values():
                _drop(buckets, _values(function, old), key)
        return old

    def get(self, key: str) -> Obj | None:
        return self._objects.get(key)

    def list(self, namespace: str = "") -> Sequence[Obj]:
        """All objects, or those of one namespace; a list of its own, safe against changes while it is read."""
        return [*(self._namespaces.get(namespace, {}) if namespace else self._objects).values()]

    def by_index(self, name: str, value: str) -> Sequence[Obj]:
        """The objects under a value of an index. Raises KeyError for an index that was not added."""
        return [*self._indexes[name][1].get(value, {}).values()]

    def index_values(self, name: str) -> Iterator[str]:
        """Values that have objects."""
        return iter([*self._indexes[name][1]])

    @property
    def objects(self) -> Mapping[str, Obj]:
        """Every object by key; a live view."""
        return self._objects

    def __len__(self) -> int:
        return len(self._objects)
