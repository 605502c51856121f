"""Who owns what: adopting objects that match a selector, releasing those that no longer do. Pure.

The rules are upstream's ControllerRefManager: an object has at most one controlling owner; a controller adopts only
orphans that match and are not being deleted, and only while it is not being deleted itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, is_deleting, labels_of, name_of, namespace_of, uid_of
from pybernetes.lang.labelselector import Selector

from .plan import Patch


def those(objects: Iterable[Obj], holds: Callable[[Obj], bool]) -> list[Obj]:
    """The objects for which something holds. One in a shape that nobody expects (an older version's, say) is passed
    over: it must not keep the others from being found, and its own turn tells of it."""
    found = []
    for obj in objects:
        with suppress(ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            if holds(obj):
                found.append(obj)
    return found


@dataclass(frozen=True, slots=True)
class Claim:
    """`kept` are the owner's objects after the patches: owned and matching, adopted ones included."""

    kept: tuple[Obj, ...]
    patches: tuple[Patch, ...]


def owner_reference(owner: Obj, kind: Kind) -> dict[str, Any]:
    """The controlling reference to an owner."""
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "name": name_of(owner),
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def claim(
    owner: Obj,
    owner_kind: Kind,
    selector: Selector,
    kind: Kind,
    owned: Iterable[Obj],
    orphans: Iterable[Obj],
    *,
    finalizer: str = "",
) -> Claim:
    """What `owner` keeps, releases and adopts among `owned` (by its uid) and `orphans` (of its namespace). What is adopted
    gets the finalizer, and what is released loses it."""
    kept: list[Obj] = []
    patches: list[Patch] = []
    matches = _matcher(selector)
    for obj in owned:
        if matches(labels_of(obj)):
            kept.append(obj)
        elif not is_deleting(owner):
            patches.append(_release(owner, kind, obj, finalizer))
    if not is_deleting(owner):
        for obj in orphans:
            if matches(labels_of(obj)) and not is_deleting(obj):
                kept.append(obj)
                patches.append(_adopt(owner, owner_kind, kind, obj, finalizer))
    return Claim(tuple(kept), tuple(patches))


def _matcher(selector: Selector) -> Callable[[Mapping[str, str]], bool]:
    """`selector.matches`, as one comparison where it asks for nothing but values: an owner may have 10,000 objects."""
    exact = dict(selector.exact())
    if selector.nothing or len(exact) != len(selector.requirements):
        return selector.matches
    wanted = exact.items()
    return lambda labels: wanted <= labels.items()


def _adopt(owner: Obj, owner_kind: Kind, kind: Kind, obj: Obj, finalizer: str) -> Patch:
    references = [*(obj["metadata"].get("ownerReferences") or ()), owner_reference(owner, owner_kind)]
    there = obj["metadata"].get("finalizers") or ()
    more = {"finalizers": [*there, finalizer]} if finalizer and finalizer not in there else {}
    return _references(
        kind, obj, references, more, f"adopted by {owner_kind.kind} {name_of(owner)}: it matches the selector"
    )


def _release(owner: Obj, kind: Kind, obj: Obj, finalizer: str) -> Patch:
    references = [ref for ref in obj["metadata"]["ownerReferences"] if ref["uid"] != uid_of(owner)]
    there = obj["metadata"].get("finalizers") or ()
    left = [each for each in there if each != finalizer]
    more = {"finalizers": left or None} if len(left) != len(there) else {}
    return _references(
        kind, obj, references, more, f"released by {name_of(owner)}: it no longer matches the selector"
    )


def _references(kind: Kind, obj: Obj, references: list[Any], more: Obj, reason: str) -> Patch:
    metadata = {
        "ownerReferences": references or None,
        "uid": uid_of(obj),
        "resourceVersion": obj["metadata"]["resourceVersion"],
        **more,
    }
    return Patch(kind, namespace_of(obj), name_of(obj), {"metadata": metadata}, reason)
