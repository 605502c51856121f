"""Strategic merge patch: merge patch that knows by which key the items of a list are the same.

What a patch may say beyond values:

- `$patch: replace` in a map: this map replaces the original's; `$patch: delete`: the map is emptied; as an item of a
  list `{$patch: delete, <merge key>: x}` removes x, `{$patch: replace}` makes the list replace the original's;
- `$retainKeys: [a, b]`: every other field of the original goes (unions such as `Deployment.spec.strategy`);
- `$deleteFromPrimitiveList/finalizers: [x]`: removes values from a list of scalars;
- `$setElementOrder/containers: [{name: a}, …]`: the order of the items that the patch's author knows.

The order of a merged list follows upstream's `apimachinery/pkg/util/strategicpatch`: the patch's items in the patch's
order, woven into the items only the server has; an item new to the server comes before those.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .goprint import go_value
from .patch_json import same_json
from .patch_schema import PatchSchema

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_DELETE_FROM = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"


class StrategicPatchError(ValueError):
    """The patch contradicts itself or the schema; the message is upstream's."""


class BadPatchFormat(StrategicPatchError):
    """A directive has a value of a wrong type."""


class ContentMismatch(StrategicPatchError):
    """The patch sets a field that its `$retainKeys` does not retain."""


def apply(original: Any, patch: Any, schema: PatchSchema | None) -> Any:
    """The patched object. Neither input is changed; what the patch does not touch is shared with `original`.

    Without a schema lists are replaced. Raises StrategicPatchError.
    """
    if not isinstance(patch, dict):
        raise StrategicPatchError("a strategic merge patch must be an object")
    return _merge_map(original if isinstance(original, dict) else {}, patch, schema)


def _merge_map(
    original: Mapping[str, Any], patch: Mapping[str, Any], schema: PatchSchema | None
) -> dict[str, Any]:
    directive = patch.get(_DIRECTIVE)
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != _DIRECTIVE}
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise StrategicPatchError(f"unknown patch type: {directive} in map: {go_value(dict(patch))}")
    merged = _retained(original, patch) if _RETAIN in patch else dict(original)
    orders: list[tuple[str, Any]] = []
    for key, value in patch.items():
        if key.startswith("$"):
            if key.startswith(_DELETE_FROM):
                field = key[len(_DELETE_FROM) :]
                if isinstance(merged.get(field), list):
                    merged[field] = _without(merged[field], _list_of(value, "primitive list"))
            elif key.startswith(_ORDER):
                orders.append((key[len(_ORDER) :], _list_of(value, "setElementOrder list")))
            elif key not in (_DIRECTIVE, _RETAIN):
                merged[key] = value
    for key, value in patch.items():
        if not key.startswith("$"):
            _merge_field(merged, key, value, schema.field(key) if schema else None)
    for field, order in orders:
        _apply_order(merged, original, patch, field, order, schema.field(field) if schema else None)
    return merged


def _merge_field(merged: dict[str, Any], key: str, value: Any, schema: PatchSchema | None) -> None:
    if value is None:
        merged.pop(key, None)
        return
    current = merged.get(key)
    strategies = schema.strategies if schema else ()
    if isinstance(value, dict):
        if isinstance(current, dict) and "replace" not in strategies:
            merged[key] = _merge_map(current, value, schema)
        else:
            merged[key] = _fresh(value)
    elif isinstance(value, list):
        if isinstance(current, list) and schema and "merge" in strategies:
            merged[key] = _merge_list(current, value, schema)
        else:
            merged[key] = _fresh(value)
    else:
        merged[key] = value


def _list_of(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadPatchFormat(f"invalid patch format of {what}")
    return value


def _retained(original: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    keep = _list_of(patch[_RETAIN], "retainKeys")
    if any(not key.startswith("$") and value is not None and key not in keep for key, value in patch.items()):
        raise ContentMismatch("patch content doesn't match retainKeys list")
    return {key: value for key, value in original.items() if key in keep}


def _fresh(value: Any) -> Any:
    """A value that the original does not have: directives have nothing to act on and nulls nothing to delete."""
    if isinstance(value, dict):
        return {
            key: child if child.__class__ is str else _fresh(child)
            for key, child in value.items()
            if child is not None and not (key[:1] == "$" and _is_directive(key))
        }
    if isinstance(value, list):
        return [_fresh(item) for item in value if not (isinstance(item, dict) and _DIRECTIVE in item)]
    return value


def _is_directive(key: str) -> bool:
    return key in (_DIRECTIVE, _RETAIN) or key.startswith((_DELETE_FROM, _ORDER))


def _merge_list(original: list[Any], patch: list[Any], schema: PatchSchema) -> list[Any]:
    plain = [item for item in patch if not (isinstance(item, dict) and _DIRECTIVE in item)]
    special = [item for item in patch if isinstance(item, dict) and _DIRECTIVE in item]
    if any(item[_DIRECTIVE] == "replace" for item in special):
        return _fresh(plain)  # type: ignore[no-any-return]
    merge_key = schema.merge_key
    if not merge_key:
        if special:
            raise StrategicPatchError("delete patch type with no merge key defined")
        if any(isinstance(item, (dict, list)) for item in plain):
            return _fresh(plain)  # type: ignore[no-any-return]
        union = _unique([*original, *plain])
        return _woven(union, plain, original, _identity)
    identify = _by_key(merge_key)
    gone = [identify(item) for item in special if _deletes(item)]
    merged = [item for item in original if identify(item) not in gone] if gone else list(original)
    places = {identify(item): place for place, item in reversed(list(enumerate(merged)))}
    for item in plain:
        place = places.get(identify(item))
        if place is None:
            places[identify(item)] = len(merged)
            merged.append(_fresh(item))
        else:
            merged[place] = _merge_map(merged[place], item, schema.items())
    return _woven(merged, plain, original, identify)


def _deletes(item: Mapping[str, Any]) -> bool:
    if item[_DIRECTIVE] == "delete":
        return True
    if item[_DIRECTIVE] == "merge":
        raise StrategicPatchError("merging lists cannot yet be specified in the patch")
    raise StrategicPatchError(f"unknown patch type: {item[_DIRECTIVE]} in map: {go_value(dict(item))}")


def _identity(item: Any) -> Any:
    return (type(item) is bool, item)


def _by_key(merge_key: str) -> Callable[[Any], Any]:
    def identify(item: Any) -> Any:
        if not isinstance(item, dict) or merge_key not in item:
            raise StrategicPatchError(
                f"map: {go_value(item)} does not contain declared merge key: {merge_key}"
            )
        value = item[merge_key]
        if isinstance(value, (dict, list)):
            raise StrategicPatchError(f"the merge key {merge_key} of {item} must be a scalar")
        return _identity(value)

    return identify


def _unique(items: Iterable[Any]) -> list[Any]:
    return list({_identity(item): item for item in items}.values())


def _without(items: list[Any], gone: list[Any]) -> list[Any]:
    return [item for item in items if not any(same_json(item, value) for value in gone)]


def _apply_order(
    merged: dict[str, Any],
    original: Mapping[str, Any],
    patch: Mapping[str, Any],
    field: str,
    order: list[Any],
    schema: PatchSchema | None,
) -> None:
    """Brings `merged[field]` into the order that the patch's author knows."""
    items = merged.get(field)
    if not isinstance(items, list):
        return
    identify = _by_key(schema.merge_key) if schema and schema.merge_key else _identity
    known = [identify(item) for item in order]
    given = [
        identify(item)
        for item in patch.get(field) or ()
        if not (isinstance(item, dict) and _DIRECTIVE in item)
    ]
    positions = [known.index(item) if item in known else -1 for item in given]
    if -1 in positions or positions != sorted(positions):
        raise StrategicPatchError(
            f"The order in patch list:\n{patch.get(field)}\n doesn't match {_ORDER[:-1]} list:\n{order}\n"
        )
    server = original.get(field)
    merged[field] = _woven(items, order, server if isinstance(server, list) else [], identify)


def _woven(
    items: list[Any], wanted: list[Any], server: list[Any], identify: Callable[[Any], Any]
) -> list[Any]:
    """`items` with those of `wanted` in its order, the others in the server's order, woven by the server's order."""
    rank: dict[Any, int] = {}
    for place, item in enumerate(wanted):
        rank.setdefault(identify(item), place)
    ours = sorted((item for item in items if identify(item) in rank), key=lambda item: rank[identify(item)])
    theirs = [item for item in items if identify(item) not in rank]
    if not theirs:
        return ours
    on_server: dict[Any, int] = {}
    for position, item in enumerate(server):
        on_server.setdefault(identify(item), position)
    woven: list[Any] = []
    waiting = deque(theirs)
    for item in ours:
        place = on_server.get(identify(item), -1)
        while waiting and on_server.get(identify(waiting[0]), place) < place:
            woven.append(waiting.popleft())
        woven.append(item)
    return [*woven, *waiting]
