"""What is served where: the kinds by group, version and resource, and the cache behind each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj

from .cacher import ROOT
from .kindcache import KindCache
from .version import FrozenVersion, Version


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as it is served. `cache` is None where nothing is stored (reviews, bindings)."""

    kind: Kind
    cache: KindCache | None

    def stored(self) -> KindCache:
        """The cache of a kind that is known to be stored."""
        assert self.cache is not None, f"{self.kind} is not stored"
        return self.cache


class Registry:
    """All resources of one API server."""

    def __init__(self, kinds: Iterable[Kind], *, window: int, frozen: bool = False) -> None:
        self.kinds = tuple(kinds)
        version_type: type[Version] = FrozenVersion if frozen else Version
        caches: dict[str, KindCache] = {}
        for kind in sorted(self.kinds, key=lambda kind: bool(kind.storage_version)):
            if is_stored(kind):
                prefix = storage_prefix(kind)
                if prefix not in caches:
                    caches[prefix] = KindCache(kind, prefix, window, version_type)
        self.caches = caches
        self._resources = {
            (kind.group, kind.version, kind.plural): Resource(kind, caches.get(storage_prefix(kind)))
            for kind in self.kinds
        }
        self._by_kind = {kind: self._resources[kind.group, kind.version, kind.plural] for kind in self.kinds}

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        return self._resources.get((group, version, plural))

    def of(self, kind: Kind) -> Resource:
        """The resource of a built-in kind. Raises KeyError where it is not served."""
        return self._by_kind[kind]

    def cache(self, kind: Kind) -> KindCache:
        """The cache of a stored kind."""
        return self._by_kind[kind].stored()

    def core(self, plural: str, namespace: str, name: str) -> Obj | None:
        """An object of a core v1 resource as the cache has it."""
        version = self._resources["", "v1", plural].stored().get(namespace, name)
        return None if version is None else version.tree()

    def anything(self, plural: str, namespace: str, name: str) -> Obj | None:
        """An object of a resource that is known by its plural alone; None also where that is not served."""
        for resource in self._resources.values():
            if resource.kind.plural == plural and resource.cache is not None:
                version = resource.cache.get(namespace, name)
                return None if version is None else version.tree()
        return None

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._resources.values())

    def group_versions(self) -> list[tuple[str, str]]:
        """The (group, version) pairs in the order of the table, core first."""
        return list(dict.fromkeys((kind.group, kind.version) for kind in self.kinds))


def is_stored(kind: Kind) -> bool:
    """Whether objects of the kind live in the store: those that can be read again."""
    return "get" in kind.verbs


def storage_prefix(kind: Kind) -> str:
    """The directory of the kind's keys: `/registry/pods/`."""
    return f"{ROOT}{kind.storage_prefix or kind.plural}/"
