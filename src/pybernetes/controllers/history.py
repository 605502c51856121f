"""ControllerRevisions: the templates that a StatefulSet or a DaemonSet has had, numbered, so that it can tell its pods
apart and kubectl can roll it back. Pure.

A revision holds a strategic merge patch that brings the template back. Its name ends in a hash of that patch, so the same
template finds its old revision again, which then gets the newest number.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj, annotations_of, labels_of, name_of, namespace_of, uid_of
from pybernetes.control.ownership import owner_reference
from pybernetes.control.plan import Create, Delete, Step, Update
from pybernetes.lang.hashing import fnv32, safe_encode

POD_LABEL = "controller-revision-hash"
"""On pods: which revision they were made from."""
NAME_LIMIT = 223


@dataclass(frozen=True, slots=True)
class Style:
    """How one of the two kinds marks its revisions: the label on the revision that holds the hash."""

    kind: Kind
    hash_label: str


STATEFULSET = Style(kinds.STATEFULSET, "controller.kubernetes.io/hash")
DAEMONSET = Style(kinds.DAEMONSET, POD_LABEL)


@dataclass(frozen=True, slots=True)
class Current:
    """The revision of the template as it is now, and the steps that write it down. `revision` None: another template
    has its name; the hash must be made anew (`collided`)."""

    revision: Obj | None
    steps: tuple[Step, ...] = ()


def data_of(owner: Obj) -> MutableObj:
    """The patch that puts the owner's template in place of whatever is there."""
    return {"spec": {"template": {**owner["spec"]["template"], "$patch": "replace"}}}


def hash_of(owner: Obj) -> str:
    """The hash of the owner's template, made different by every collision that was met."""
    text = json.dumps(data_of(owner), sort_keys=True, separators=(",", ":"))
    collisions = (owner.get("status") or {}).get("collisionCount")
    return safe_encode(str(fnv32(f"{text}{collisions or ''}".encode())))


def revision_name(owner: Obj) -> str:
    """The name of the revision for the template as it is now."""
    return f"{name_of(owner)[:NAME_LIMIT]}-{hash_of(owner)}"


def number_of(revision: Obj) -> int:
    return int(revision.get("revision") or 0)


def in_order(revisions: Iterable[Obj]) -> list[Obj]:
    """The oldest first."""
    return sorted(
        revisions, key=lambda r: (number_of(r), r["metadata"].get("creationTimestamp", ""), name_of(r))
    )


def current(owner: Obj, style: Style, revisions: Sequence[Obj], taken: Obj | None) -> Current:
    """Finds or makes the revision of the owner's template. `revisions` are the owner's; `taken` is the object that has
    the name a new one would get, whoever owns it."""
    data = data_of(owner)
    ordered = in_order(revisions)
    same = [revision for revision in ordered if revision.get("data") == data]
    newest = number_of(ordered[-1]) if ordered else 0
    if same:
        found = same[-1]
        if found is ordered[-1]:
            return Current(found)
        raised = {**found, "revision": newest + 1}
        return Current(
            raised, (Update(kinds.CONTROLLERREVISION, raised, "its template is the current one again"),)
        )
    if taken is not None:
        return Current(taken if taken.get("data") == data else None)
    made = _snapshot(owner, style, data, newest + 1)
    return Current(made, (Create(kinds.CONTROLLERREVISION, made, "the template is new"),))


def _snapshot(owner: Obj, style: Style, data: MutableObj, number: int) -> MutableObj:
    metadata: dict[str, Any] = {
        "name": revision_name(owner),
        "namespace": namespace_of(owner),
        "labels": {
            **((owner["spec"]["template"].get("metadata") or {}).get("labels") or {}),
            style.hash_label: hash_of(owner),
        },
        "annotations": dict(annotations_of(owner)),
        "ownerReferences": [owner_reference(owner, style.kind)],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata,
        "data": data,
        "revision": number,
    }


def hash_label_of(revision: Obj, style: Style) -> str:
    """The hash by which the revision is known."""
    return labels_of(revision).get(style.hash_label, "")


def collided(owner: Obj, style: Style) -> Update:
    """Counts a collision in the owner's status, which changes the next hash."""
    status = owner.get("status") or {}
    changed = {**status, "collisionCount": int(status.get("collisionCount") or 0) + 1}
    return Update(style.kind, {**owner, "status": changed}, "hash collision", "status")


def beyond_limit(owner: Obj, revisions: Sequence[Obj], live: Collection[str]) -> list[Delete]:
    """Deletions of the oldest revisions beyond `revisionHistoryLimit`. `live` are the names of those that are in use;
    they do not count. A negative limit keeps all."""
    limit = int(owner["spec"].get("revisionHistoryLimit", 10))
    if limit < 0:
        return []
    unused = [revision for revision in in_order(revisions) if name_of(revision) not in live]
    return [
        Delete(
            kinds.CONTROLLERREVISION,
            namespace_of(each),
            name_of(each),
            uid_of(each),
            "beyond the history limit",
        )
        for each in unused[: max(0, len(unused) - limit)]
    ]
