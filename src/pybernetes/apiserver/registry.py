"""What is served where: the kinds by group, version and resource, and the cache behind each.

The built-in kinds are there from the start. Those of CustomResourceDefinitions come and go (`put`, `drop`); `generation`
tells who keeps documents made of the kinds that they are out of date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj

from .cacher import ROOT
from .grouporder import ordered
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
        self.builtin = tuple(kinds)
        self.kinds = self.builtin
        """Every kind that is served, in the order of discovery."""
        self.generation = 0
        """Goes up when `kinds` changes."""
        self._window = window
        self._version_type: type[Version] = FrozenVersion if frozen else Version
        caches: dict[str, KindCache] = {}
        for kind in sorted(self.builtin, key=lambda kind: bool(kind.storage_version)):
            if is_stored(kind):
                prefix = storage_prefix(kind)
                if prefix not in caches:
                    caches[prefix] = self.new_cache(kind)
        self.caches = caches
        self._custom: dict[str, tuple[Kind, ...]] = {}
        self._resources = {
            (kind.group, kind.version, kind.plural): Resource(kind, caches.get(storage_prefix(kind)))
            for kind in self.builtin
        }
        self._by_kind = {
            kind: self._resources[kind.group, kind.version, kind.plural] for kind in self.builtin
        }

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

    def new_cache(self, kind: Kind) -> KindCache:
        """An empty cache for the kind, not yet served."""
        return KindCache(kind, storage_prefix(kind), self._window, self._version_type)

    def put(self, kinds: Sequence[Kind], cache: KindCache) -> None:
        """Serves the versions of one custom resource from `cache`, in the place of those that were served from its
        directory before."""
        self._forget(cache.prefix)
        self.caches[cache.prefix] = cache
        self._custom[cache.prefix] = tuple(kinds)
        for kind in kinds:
            resource = Resource(kind, cache)
            self._resources[kind.group, kind.version, kind.plural] = resource
            self._by_kind[kind] = resource
        self._changed()

    def drop(self, prefix: str) -> None:
        """Serves a custom resource no more."""
        if self._forget(prefix):
            self._changed()

    def _forget(self, prefix: str) -> bool:
        kinds = self._custom.pop(prefix, None)
        if kinds is None:
            return False
        del self.caches[prefix]
        for kind in kinds:
            del self._resources[kind.group, kind.version, kind.plural]
            del self._by_kind[kind]
        return True

    def _changed(self) -> None:
        custom = [kind for kinds in self._custom.values() for kind in kinds]
        # Versions stand in the order in which their rows name them, groups and resources in that of the alphabet.
        order = {id(kind): number for kinds in self._custom.values() for number, kind in enumerate(kinds)}
        custom.sort(key=lambda kind: (kind.group, order[id(kind)], kind.plural))
        self.kinds = (*self.builtin, *custom)
        self.generation += 1

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._resources.values())

    def group_versions(self) -> list[tuple[str, str]]:
        """The (group, version) pairs in the order of discovery, core first."""
        return ordered(dict.fromkeys((kind.group, kind.version) for kind in self.kinds))


def is_stored(kind: Kind) -> bool:
    """Whether objects of the kind live in the store: those that can be read again."""
    return "get" in kind.verbs


def storage_prefix(kind: Kind) -> str:
    """The directory of the kind's keys: `/registry/pods/`."""
    return f"{ROOT}{kind.storage_prefix or kind.plural}/"
