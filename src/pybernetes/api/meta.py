"""Reading and rebuilding the metadata that every object has.

Objects are JSON trees (design rule 4). Whoever reads one takes an `Obj`; it may be shared with the store and with
every cache of the process, so it is never changed: `evolve` and `with_metadata` build a new spine around what stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Obj: TypeAlias = Mapping[str, Any]
"""An API object exactly as on the wire: camelCase keys, JSON values. Read-only."""

MutableObj: TypeAlias = dict[str, Any]
"""An object that its holder alone knows yet (a decoded body, a plan's new object)."""


def name_of(obj: Obj) -> str:
    return str(obj["metadata"].get("name", ""))


def namespace_of(obj: Obj) -> str:
    """The namespace, or "" for an object of a cluster-scoped kind."""
    return str(obj["metadata"].get("namespace", ""))


def key_of(obj: Obj) -> str:
    """`namespace/name`, or `name` for a cluster-scoped object: the key of work queues and indexers."""
    namespace = namespace_of(obj)
    return f"{namespace}/{name_of(obj)}" if namespace else name_of(obj)


def split_key(key: str) -> tuple[str, str]:
    """The (namespace, name) of a key made by `key_of`."""
    namespace, _, name = key.rpartition("/")
    return namespace, name


def uid_of(obj: Obj) -> str:
    return str(obj["metadata"].get("uid", ""))


def resource_version_of(obj: Obj) -> str:
    return str(obj["metadata"].get("resourceVersion", ""))


def labels_of(obj: Obj) -> Mapping[str, str]:
    return obj["metadata"].get("labels") or {}


def annotations_of(obj: Obj) -> Mapping[str, str]:
    return obj["metadata"].get("annotations") or {}


def is_deleting(obj: Obj) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp"))


def controller_ref_of(obj: Obj) -> Obj | None:
    """The owner reference with `controller: true`, if there is one (at most one is valid)."""
    for ref in obj["metadata"].get("ownerReferences") or ():
        if ref.get("controller"):
            return ref  # type: ignore[no-any-return]
    return None


def evolve(tree: Obj, *path_and_value: Any) -> MutableObj:
    """A tree that differs from `tree` in one place: `evolve(pod, "status", "phase", "Running")`.

    Only the dicts along the path are copied; everything else is shared with `tree`. Missing parents are made.
    """
    *path, value = path_and_value
    head = path[0]
    new = dict(tree)
    new[head] = value if len(path) == 1 else evolve(tree.get(head) or {}, *path[1:], value)
    return new


def with_metadata(obj: Obj, **changes: Any) -> MutableObj:
    """A tree with some metadata fields replaced (`None` removes a field)."""
    metadata = {k: v for k, v in {**obj["metadata"], **changes}.items() if v is not None}
    return {**obj, "metadata": metadata}
