"""Bringing the default policy up to date at start, without undoing what an administrator did: pure.

Upstream's rules: what is missing is created; an existing role gets the permissions it lacks, a binding the subjects;
nothing is taken away; the annotation `rbac.authorization.kubernetes.io/autoupdate: "false"` leaves an object alone;
a binding to another role is deleted and made anew, because `roleRef` cannot be changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pybernetes.api.meta import MutableObj, Obj, name_of, namespace_of

from .bootstrap_policy import AUTOUPDATE
from .rules import joined, rules_of, uncovered

Place = tuple[str, str, str]
"""(kind, namespace, name)."""


@dataclass(frozen=True, slots=True)
class Write:
    """`recreate`: delete the object, then create this one."""

    action: Literal["create", "update", "recreate"]
    obj: MutableObj


def reconcile(existing: Iterable[Obj], wanted: Sequence[MutableObj]) -> list[Write]:
    """The writes that bring `existing` (Roles, ClusterRoles and their bindings, each with its kind) to `wanted`, in
    the order of `wanted`."""
    present = {_place(obj): obj for obj in existing}
    writes = (_write(present.get(_place(obj)), obj) for obj in wanted)
    return [write for write in writes if write is not None]


def _place(obj: Obj) -> Place:
    return (obj["kind"], namespace_of(obj), name_of(obj))


def _write(old: Obj | None, wanted: MutableObj) -> Write | None:
    if old is None:
        return Write("create", wanted)
    if (old["metadata"].get("annotations") or {}).get(AUTOUPDATE, "true") == "false":
        return None
    if "roleRef" not in wanted:
        body = _merged_role(old, wanted)
    elif old["roleRef"] != wanted["roleRef"]:
        return Write("recreate", {**wanted, "subjects": _joined(old.get("subjects"), wanted.get("subjects"))})
    else:
        body = _merged_binding(old, wanted)
    metadata = _merged_metadata(old, wanted)
    if not body and metadata == old["metadata"]:
        return None
    return Write("update", {**old, **body, "metadata": metadata})


def _merged_metadata(old: Obj, wanted: Obj) -> MutableObj:
    """Labels and annotations that are set stay as they are."""
    merged = dict(old["metadata"])
    for field in ("labels", "annotations"):
        merged[field] = {**wanted["metadata"][field], **(old["metadata"].get(field) or {})}
    return merged


def _merged_role(old: Obj, wanted: Obj) -> MutableObj:
    """What changes of a role. An aggregated role's rules are its controller's."""
    if "aggregationRule" in wanted:
        mine = (old.get("aggregationRule") or {}).get("clusterRoleSelectors") or []
        theirs = wanted["aggregationRule"]["clusterRoleSelectors"]
        selectors = _joined(mine, theirs)
        return {} if selectors == mine else {"aggregationRule": {"clusterRoleSelectors": selectors}}
    missing = [rule.tree() for rule in joined(uncovered(rules_of(old), rules_of(wanted)))]
    return {"rules": [*(old.get("rules") or ()), *missing]} if missing else {}


def _merged_binding(old: Obj, wanted: Obj) -> MutableObj:
    mine = list(old.get("subjects") or ())
    subjects = _joined(mine, wanted.get("subjects"))
    return {} if subjects == mine else {"subjects": subjects}


def _joined(first: Sequence[Obj] | None, more: Sequence[Obj] | None) -> list[Obj]:
    have = list(first or ())
    return have + [item for item in more or () if item not in have]
