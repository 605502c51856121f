"""Other resources for a running pod (`pods/x/resize`): what of it changes, and what is refused (KEP-1287, KEP-5419)."""

from __future__ import annotations

from typing import Any

from ..fielderrors import FieldErrors
from ..meta import MutableObj, Obj, annotations_of
from ..podspec.resources import qos_class
from .pod_annotations import MIRROR, validate_annotations_update

MUTABLE = ("cpu", "memory")
_LISTS = ("containers", "initContainers")
_STATUSES = ("containerStatuses", "initContainerStatuses")


def take_resources(pod: MutableObj, wanted: Obj) -> None:
    """Puts the resources that are asked for into the pod that there is (a tree of its own), and nothing else: containers
    that are not there, and another order of those that are, are passed over."""
    spec, asked = pod["spec"], wanted.get("spec") or {}
    for field in _LISTS:
        by_name = {each.get("name"): each for each in asked.get(field) or ()}
        for container in spec.get(field) or ():
            if container["name"] in by_name:
                _take(container, by_name[container["name"]], "resources", "resizePolicy")
    _take(spec, asked, "resources")


def _take(into: MutableObj, wanted: Obj, *fields: str) -> None:
    for field in fields:
        into.pop(field, None)
        if wanted.get(field) is not None:
            into[field] = wanted[field]


def validate_resize(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """`new` is the pod with what `take_resources` took."""
    if MIRROR in annotations_of(old):
        errors.forbidden("static pods cannot be resized", "[]")
        return
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    if (before.get("os") or {}).get("name") == "windows":
        errors.forbidden("windows pods cannot be resized", "[]")
        return
    validate_annotations_update(new, old, errors)
    at = errors.at("spec")
    was = (old.get("status") or {}).get("qosClass") or qos_class(before)
    if qos_class(spec) != was:
        at.invalid(was, "Pod QOS Class may not change as a result of resizing")
    if not _is_supported(old):
        at.forbidden("Pod running on node without support for resize")
    _validate_pod_level(spec.get("resources"), before.get("resources"), at)
    for index, (after, then) in enumerate(_pairs(spec, before, "containers")):
        _validate_kept(after, then, at.at("containers", index))
    for index, (after, then) in enumerate(_pairs(spec, before, "initContainers")):
        here = at.at("initContainers", index)
        _validate_kept(after, then, here)
        if _others(after) != _others(then):
            here.forbidden("only cpu and memory resources for init or sidecar containers are mutable")
    if any(_others(after) != _others(then) for after, then in _pairs(spec, before, "containers")):
        at.forbidden("only cpu and memory resources are mutable")


def _pairs(spec: Obj, before: Obj, field: str) -> list[tuple[Obj, Obj]]:
    return list(zip(spec.get(field) or (), before.get(field) or (), strict=False))


def _is_supported(pod: Obj) -> bool:
    """A kubelet that can resize says what its running containers have."""
    for field in _STATUSES:
        for state in (pod.get("status") or {}).get(field) or ():
            if (state.get("state") or {}).get("running") is not None and state.get("resources") is None:
                return False
    return True


def _validate_pod_level(after: Any, before: Any, at: FieldErrors) -> None:
    if after is None and before is not None:
        at.forbidden("pod-level resources cannot be removed", "resources")
        return
    if after is None or before is None:
        return
    for part in ("requests", "limits"):
        if set(before.get(part) or ()) - set(after.get(part) or ()):
            at.at("resources").forbidden(f"pod-level resource {part} cannot be removed", part)
    if _rest(after) != _rest(before):
        at.forbidden("only cpu and memory resources are mutable at pod-level", "resources")


def _validate_kept(after: Obj, before: Obj, at: FieldErrors) -> None:
    """What was asked for or limited is so afterwards, too."""
    new, old = after.get("resources") or {}, before.get("resources") or {}
    for part in ("requests", "limits"):
        if set(MUTABLE) & set(old.get(part) or ()) - set(new.get(part) or ()):
            at.at("resources").forbidden(f"resource {part} cannot be removed", part)


def _others(container: Obj) -> Obj:
    """The container without what may change."""
    rest = {name: value for name, value in container.items() if name not in ("resources", "resizePolicy")}
    return {**rest, "resources": _rest(container.get("resources") or {})}


def _rest(resources: Obj) -> Obj:
    """Resources without cpu and memory."""
    found: dict[str, Any] = {"claims": resources.get("claims") or []}
    for part in ("requests", "limits"):
        amounts = resources.get(part) or {}
        found[part] = {name: amount for name, amount in amounts.items() if name not in MUTABLE}
    return found
