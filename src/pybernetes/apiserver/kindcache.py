"""The current objects of one stored kind in memory, with their indexes, recent changes and watchers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

from pybernetes.api.kind import Kind
from pybernetes.store.sortedkeys import SortedKeys
from pybernetes.store.types import KeyValue, prefix_end

from .selection import Selection
from .version import UNREADABLE, Version
from .watchers import Watcher, Watchers
from .window import Change, Window

log = logging.getLogger(__name__)

T = TypeVar("T")

INDEXED_FIELDS = ("spec.nodeName", "involvedObject.uid", "type")
"""Selectable fields worth an index, where a kind has them; the first that it has is indexed."""


class KindCache:
    """Fed by `cacher.Cacher` in the order of revisions; read by everybody."""

    def __init__(self, kind: Kind, prefix: str, window: int, version_type: type[Version] = Version) -> None:
        """`prefix` is the directory of the kind's keys, such as `/registry/pods/`."""
        self.kind = kind
        self.prefix = prefix
        self.entries: dict[str, Version] = {}
        self.size = 0
        """Bytes that they take as they are stored."""
        self._keys = SortedKeys()
        self._by_label: dict[tuple[str, str], set[str]] = {}
        self._indexed_field = next((field for field in INDEXED_FIELDS if field in kind.selectable), "")
        self._by_field: dict[str, set[str]] = {}
        self._window_size = window
        self._window = Window(window, 0)
        self._version_type = version_type
        self.watchers = Watchers(self._indexed_field)
        self.observers: list[Callable[[Change], None]] = []
        """Called with every change before any watcher sees it."""
        self.pending: dict[str, Version] = {}
        """Versions that writers of this process have just sent to the store, with their trees."""
        self._derived: dict[Hashable, Any] = {}

    # ---- feeding

    def load(self, kvs: Iterable[KeyValue], revision: int) -> None:
        """Replaces everything by the state at `revision`; observers are told the differences, watchers nothing: whoever
        fills a cache anew ends its watches."""
        before = self.entries
        self.entries = {}
        self._by_label.clear()
        self._by_field.clear()
        self.pending.clear()
        self._derived.clear()
        self._window = Window(self._window_size, revision)
        for kv in kvs:
            version = self.read(kv.key, kv.value, kv.mod_revision)
            if version is not None:
                self.entries[kv.key] = version
                self._index(version)
        self.size = sum(len(version.value) for version in self.entries.values())
        self._keys = SortedKeys(self.entries)
        if self.observers:
            self._tell_differences(before, revision)

    def _tell_differences(self, before: dict[str, Version], revision: int) -> None:
        for key in [*before, *(key for key in self.entries if key not in before)]:
            old, new = before.get(key), self.entries.get(key)
            if old is None or new is None or old.revision != new.revision:
                change = Change(revision, old, new)
                for observer in self.observers:
                    observer(change)

    def received(self, kv: KeyValue) -> Version | None:
        """The version that the store tells of: the writer's own where a writer of this process made it, else `read`."""
        new = self.pending.pop(kv.key, None) if self.pending else None
        if new is None or new.value != kv.value:
            return self.read(kv.key, kv.value, kv.mod_revision)
        new.settle(kv.mod_revision)
        return new

    def read(self, key: str, value: bytes, revision: int) -> Version | None:
        """What lies in the store; None for what is no object: it is not served, all others are."""
        try:
            return self._version_type(self.kind, key, value, revision)
        except UNREADABLE as error:
            log.error("%s cannot be read and is not served: %r", key, error)
            return None

    def apply(self, key: str, new: Version | None, revision: int) -> None:
        """Takes one change (`new` None: deleted) and tells observers and watchers."""
        old = self.entries.get(key)
        if new is not None:
            self.entries[key] = new
            self.size += len(new.value)
            if old is None:
                self._keys.add(key)
            else:
                self.size -= len(old.value)
        elif old is None:
            return
        else:
            del self.entries[key]
            self.size -= len(old.value)
            self._keys.discard(key)
        self._reindex(old, new)
        if self._derived:
            self._derived.clear()
        change = Change(revision, old, new)
        self._window.add(change)
        for observer in self.observers:
            observer(change)
        self.watchers.dispatch(change)
        if new is not None and not self.watchers.take_trees:
            new.forget_tree()

    def version(
        self, key: str, value: bytes, revision: int, tree: dict[str, object] | None = None
    ) -> Version:
        """A version of this kind that is not (yet) in the cache."""
        return self._version_type(self.kind, key, value, revision, tree)

    # ---- reading

    def key(self, namespace: str, name: str) -> str:
        return f"{self.prefix}{namespace}/{name}" if namespace else f"{self.prefix}{name}"

    def get(self, namespace: str, name: str) -> Version | None:
        return self.entries.get(f"{self.prefix}{namespace}/{name}" if namespace else f"{self.prefix}{name}")

    def in_namespace(self, namespace: str) -> list[Version]:
        """All objects, of one namespace or ("") of all, in the order of their keys."""
        entries = self.entries
        start = f"{self.prefix}{namespace}/" if namespace else self.prefix
        return [entries[key] for key in self._keys.between(start, prefix_end(start))]

    def derived(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What `compute` makes of the objects that are here, worked out anew only after one of them has changed: for
        kinds that are asked about at every write of others. `key` says what it is."""
        try:
            found: T = self._derived[key]
        except KeyError:
            found = self._derived[key] = compute()
        return found

    def select(self, selection: Selection) -> Sequence[Version]:
        """The objects that a list shows, in the order of their keys."""
        if selection.name and (selection.namespace or not self.kind.namespaced):
            version = self.get(selection.namespace, selection.name)
            return [version] if version is not None and selection.matches(version) else []
        if selection.unfiltered:
            return self.in_namespace(selection.namespace)
        narrowest = self._narrowest(selection)
        if narrowest is None:
            candidates: Iterable[Version] = self.in_namespace(selection.namespace)
        else:
            entries = self.entries
            candidates = [entries[key] for key in sorted(narrowest)]
        matches = selection.matches
        return [version for version in candidates if matches(version)]

    def count(self) -> int:
        return len(self.entries)

    @property
    def last_change(self) -> int:
        """The revision of the newest change to this kind that is known (or when the cache was filled)."""
        return self._window.last_revision()

    def watch(self, selection: Selection, since: int, takes_trees: bool) -> Watcher:
        """Opens a watch with every change after `since`. Raises Expired. The caller closes it with `unwatch`."""
        missed = self._window.since(since)
        watcher = self.watchers.open(selection, takes_trees)
        watcher.pending = [delivery for change in missed if (delivery := watcher.see(change)) is not None]
        return watcher

    def watch_from_now(self, selection: Selection, takes_trees: bool) -> Watcher:
        return self.watchers.open(selection, takes_trees)

    def unwatch(self, watcher: Watcher) -> None:
        self.watchers.remove(watcher)

    # ---- indexes

    def _narrowest(self, selection: Selection) -> set[str] | None:
        """The smallest index entry that contains all that is selected; None where no index helps."""
        found: list[set[str]] = []
        if self._indexed_field and (value := selection.field_value(self._indexed_field)):
            found.append(self._by_field.get(value, set()))
        for label, values in selection.label_values:
            sets = [self._by_label.get((label, value), set()) for value in values]
            found.append(sets[0] if len(sets) == 1 else set().union(*sets))
        return min(found, key=len) if found else None

    def _reindex(self, old: Version | None, new: Version | None) -> None:
        if old is not None and new is not None and old.labels == new.labels:
            if self._indexed_field and old.field(self._indexed_field) != new.field(self._indexed_field):
                self._unindex_field(old)
                self._index_field(new)
            return
        if old is not None:
            self._unindex(old)
        if new is not None:
            self._index(new)

    def _index(self, version: Version) -> None:
        key = version.key
        for item in version.labels.items():
            self._by_label.setdefault(item, set()).add(key)
        self._index_field(version)

    def _unindex(self, version: Version) -> None:
        for item in version.labels.items():
            keys = self._by_label[item]
            keys.discard(version.key)
            if not keys:
                del self._by_label[item]
        self._unindex_field(version)

    def _index_field(self, version: Version) -> None:
        if self._indexed_field and (value := version.field(self._indexed_field)):
            self._by_field.setdefault(value, set()).add(version.key)

    def _unindex_field(self, version: Version) -> None:
        if self._indexed_field and (value := version.field(self._indexed_field)):
            keys = self._by_field[value]
            keys.discard(version.key)
            if not keys:
                del self._by_field[value]
