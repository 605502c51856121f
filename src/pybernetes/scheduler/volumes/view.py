"""The storage objects as plugins see them: what informers tell, under what this scheduler has decided and not yet seen
written (assumed).

`version` grows with every change, so that answers may be kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pybernetes.api.meta import Obj, key_of, resource_version_of

KINDS = (
    "PersistentVolume",
    "PersistentVolumeClaim",
    "StorageClass",
    "CSINode",
    "CSIDriver",
    "CSIStorageCapacity",
    "VolumeAttachment",
)


class VolumeView:
    def __init__(self) -> None:
        self.version = 0
        self.versions: dict[str, int] = dict.fromkeys(KINDS, 0)
        """The same for each kind, of what informers tell."""
        self._objects: dict[str, dict[str, Obj]] = {kind: {} for kind in KINDS}
        self._assumed: dict[tuple[str, str], Obj] = {}
        self._by_class: dict[str, dict[str, None]] = {}

    def event(self, kind: str, old: Obj | None, new: Obj | None) -> None:
        """An object appeared, changed or went, as its informer tells."""
        self.version += 1
        self.versions[kind] += 1
        known = self._objects[kind]
        if new is None:
            if old is not None:
                known.pop(key_of(old), None)
                self._assumed.pop((kind, key_of(old)), None)
                self._unindex(kind, old)
            return
        if old is not None:
            self._unindex(kind, old)
        key = key_of(new)
        known[key] = new
        if kind == "PersistentVolume":
            self._by_class.setdefault(class_of(new), {})[key] = None
        assumed = self._assumed.get((kind, key))
        if assumed is not None and _newer(new, assumed):
            del self._assumed[kind, key]

    def assume(self, kind: str, obj: Obj) -> None:
        """Takes a change for made that is about to be written."""
        self.version += 1
        self._assumed[kind, key_of(obj)] = obj

    def forget(self, kind: str, key: str) -> None:
        """The change is not going to be made."""
        self.version += 1
        self._assumed.pop((kind, key), None)

    def get(self, kind: str, key: str) -> Obj | None:
        """The object under `namespace/name` (or `name`), as assumed."""
        return self._assumed.get((kind, key)) or self._objects[kind].get(key)

    def written(self, kind: str, key: str) -> Obj | None:
        """The object as the server has it."""
        return self._objects[kind].get(key)

    def all(self, kind: str) -> Iterator[Obj]:
        for key, obj in self._objects[kind].items():
            yield self._assumed.get((kind, key), obj)

    def of_class(self, name: str) -> Iterator[Obj]:
        """The PersistentVolumes of a storage class."""
        for key in self._by_class.get(name, ()):
            found = self.get("PersistentVolume", key)
            if found is not None:
                yield found

    def _unindex(self, kind: str, obj: Obj) -> None:
        if kind == "PersistentVolume":
            self._by_class.get(class_of(obj), {}).pop(key_of(obj), None)


def class_of(obj: Obj) -> str:
    """The storage class of a claim or a volume; the old annotation counts before the field."""
    annotations = obj["metadata"].get("annotations") or {}
    old: Any = annotations.get("volume.beta.kubernetes.io/storage-class")
    return str(old if old is not None else (obj.get("spec") or {}).get("storageClassName") or "")


def _newer(new: Obj, assumed: Obj) -> bool:
    """Whether the server's version came after the one that the assumption was made on."""
    return resource_version_of(new) != resource_version_of(assumed)
