"""One apply: a configuration merged into the live object, and what its manager no longer wants taken out.

A field goes when the manager owned it, does not apply it any more, and nobody else owns it. Rules follow upstream's
`structured-merge-diff/merge`, in one version of the kind: sets of managers that wrote in another one are read by the
same names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .conflicts import Conflicts, conflicts
from .fieldset import EMPTY, FieldSet, difference, intersection, union, without
from .managers import (
    BEFORE_FIRST_APPLY,
    UNTRACKED,
    UPDATE,
    Author,
    Elsewhere,
    Entry,
    after_update,
    disown,
    fields_of,
    in_order,
    tracked,
)
from .typed import (
    DEDUCED,
    LEAF,
    MAP,
    STRUCT,
    Type,
    applied,
    compare,
    items_by_step,
    remove,
    with_fields,
)


@dataclass(frozen=True, slots=True)
class Applied:
    """The object as it would be, and the entries of its managers. The tree shares branches with both inputs."""

    tree: dict[str, Any]
    entries: list[Entry]


def apply(
    live: Any,
    config: Any,
    entries: Sequence[Entry],
    author: Author,
    of: Type,
    *,
    force: bool = False,
    ignored: FieldSet = EMPTY,
    nothing: Any = None,
    elsewhere: Callable[[Any], Elsewhere] | None = None,
) -> Applied:
    """`config` applied by `author`. Raises Conflicts where others own what it changes and `force` is False.

    `ignored` are the fields that the strategy resets; `nothing` is the empty object of the kind, from which an object
    without entries gets its first (all that is there belongs to "before-first-apply"); `elsewhere` tells of a changed
    object how other versions show the change. Precondition: `config` passes
    `check.problems`.
    """
    if not entries:
        before = replace(author, name=BEFORE_FIRST_APPLY, operation=UPDATE)
        entries = after_update((), tracked(compare(nothing or {}, live, of), ignored), before)
    own = next((entry for entry in entries if author.wrote(entry)), None)
    last = without(fields_of(own), ignored) if own is not None else EMPTY
    wanted = without(applied(config, of), ignored)
    others = [entry for entry in entries if entry is not own]
    tree = merge(live, config, of)
    if last:
        tree = _prune(tree, last, [wanted, *map(fields_of, others)], of)
    changes = tracked(compare(live, tree, of), ignored)
    there = elsewhere(tree) if elsewhere is not None else None
    taken = _taken(others, changes[0], author, there)
    if taken and not force:
        raise conflicts(taken)
    kept = disown(others, changes, author.api_version, there)
    mine = without(difference(wanted, changes[1]), UNTRACKED)
    if mine:
        unchanged = own is not None and tree == live and not taken and fields_of(own) == mine
        same_version = own is not None and own.get("apiVersion") == author.api_version
        kept.append(own if own is not None and unchanged and same_version else author.entry(mine))
    return Applied(tree, in_order(kept))


def allowed_by_last_applied(live: Any, last_applied: Any, of: Type) -> FieldSet:
    """The fields that a client-side apply set and that are still as it set them: `kubectl apply --server-side` may
    take them from whoever owns them."""
    touched, removed = compare(last_applied, live, of)
    return difference(difference(applied(last_applied, of), touched), removed)


def merge(live: Any, config: Any, of: Type) -> Any:
    """The configuration laid over the live value. Items of lists that merge come in the configuration's order, woven
    into those only the live list has."""
    shape = of.shape
    if shape == LEAF or (not live and not config):
        return config
    if shape == DEDUCED and not (isinstance(config, dict) and isinstance(live, (dict, type(None)))):
        return config
    if shape in (STRUCT, MAP, DEDUCED):
        out = dict(live or {})
        for name, value in (config or {}).items():
            below = of.child(name)[1] if shape == STRUCT else of.item
            out[name] = value if below.shape == LEAF else merge(out.get(name), value, below)
        return out
    return _weave(items_by_step(live or (), of), items_by_step(config or (), of), of.item)


def _weave(left: dict[str, Any], right: dict[str, Any], item: Type) -> list[Any]:
    order = list(left)
    shared = [step for step in right if step in left]
    out: list[Any] = []
    at = passed = 0
    for step in right:
        target = shared[passed] if passed < len(shared) else None
        while at < len(order) and order[at] != target:
            out += _only_live(left, right, order[at])
            at += 1
        if step == target:
            passed += 1
            at += 1
        out.append(merge(left.get(step), right[step], item))
    for step in order[at:]:
        out += _only_live(left, right, step)
    return out


def _only_live(left: dict[str, Any], right: dict[str, Any], step: str) -> list[Any]:
    if step in right:
        return []
    value = left[step]
    return list(value) if value.__class__.__name__ == "Repeated" else [value]


def _prune(tree: Any, last: FieldSet, managed: Sequence[FieldSet], of: Type) -> Any:
    """Takes out what `last` held and nobody in `managed` holds, and what such an item or map had below it."""
    owned: FieldSet = EMPTY
    for fields in managed:
        owned = union(owned, fields)
    mine = with_fields(last, of)
    present = with_fields(applied(tree, of), of)
    left = with_fields(applied(remove(tree, mine, of) or {}, of), of)
    unowned = difference(difference(present, left), with_fields(owned, of))
    remaining = remove(tree, unowned, of) or {}
    gone = intersection(difference(present, with_fields(applied(remaining, of), of)), mine)
    return remove(tree, gone, of) or {}


def _taken(
    others: Sequence[Entry], touched: FieldSet, author: Author, elsewhere: Elsewhere | None
) -> list[tuple[Entry, FieldSet]]:
    """What each other manager owns of the fields that change."""
    found = []
    for entry in others:
        here = touched
        if entry.get("apiVersion", "") != author.api_version and elsewhere is not None:
            there = elsewhere(entry.get("apiVersion", ""))
            if there is None:
                continue
            here = there[0]
        if lost := intersection(fields_of(entry), here):
            found.append((entry, lost))
    return found


__all__ = ["Applied", "Conflicts", "allowed_by_last_applied", "apply", "merge"]
