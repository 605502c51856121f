"""What a new version of a node or a placed pod changes, as far as waiting pods care."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pybernetes.api.meta import Obj, annotations_of, labels_of

from .framework import Action, Change, Resource


def _spec(field: str) -> Callable[[Obj], Any]:
    return lambda obj: (obj.get("spec") or {}).get(field)


def _status(field: str) -> Callable[[Obj], Any]:
    return lambda obj: (obj.get("status") or {}).get(field)


_NODE_ACTIONS: tuple[tuple[Action, Callable[[Obj], Any]], ...] = (
    ("labels", labels_of),
    ("taints", _spec("taints")),
    ("unschedulable", _spec("unschedulable")),
    ("allocatable", _status("allocatable")),
    ("allocatable", _status("capacity")),
    ("annotations", annotations_of),
)


def node_change(old: Obj | None, new: Obj | None) -> Change | None:
    """The change from one version of a node to the next, None where nobody waits for it (a heartbeat)."""
    if old is None:
        return Change("Node", frozenset(("add",)), None, new)
    if new is None:
        return Change("Node", frozenset(("delete",)), old)
    actions = frozenset(action for action, of in _NODE_ACTIONS if of(old) != of(new))
    return Change("Node", actions, old, new) if actions else None


def same_images(old: Obj, new: Obj) -> bool:
    """Whether a node has the images it had."""
    images = _status("images")
    return bool(images(old) == images(new))


POD: Resource = "AssignedPod"


def pod_change(old: Obj, new: Obj) -> Change | None:
    """The change from one version of a placed pod to the next."""
    actions: set[Action] = set()
    if labels_of(old) != labels_of(new):
        actions.add("labels")
    if _spec("containers")(old) != _spec("containers")(new):
        actions.add("requests")
    return Change(POD, frozenset(actions), old, new) if actions else None
