"""What a mutation's expression has evaluated to, applied to the object. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from pybernetes.api.meta import MutableObj, Obj
from pybernetes.lang import patch_json
from pybernetes.lang.apply.merge import merge
from pybernetes.lang.apply.typed import DEDUCED, LEAF, STRUCT, Type
from pybernetes.lang.cel.compiler import ObjectValue
from pybernetes.lang.cel.library.times import duration_text, timestamp_text
from pybernetes.lang.cel.values import Duration, Optional, Timestamp, TypeValue, Uint

from .compiled import Failure


def merged(live: Obj, config: Any, of: Type) -> MutableObj:
    """The object with an ApplyConfiguration laid over it, as server-side apply would. Raises Failure."""
    if not isinstance(config, Mapping):
        raise Failure("unexpected evaluation type: must be Object")
    _check_names(config, "Object")
    tree = {**as_json(config), "apiVersion": live.get("apiVersion"), "kind": live.get("kind")}
    _check_atomic(tree, of, "")
    return dict(merge(live, tree, of))


def patched(live: Obj, operations: Any) -> MutableObj:
    """The object after a list of JSONPatch values, or as it was where a `test` among them fails. Raises Failure."""
    if not isinstance(operations, Sequence):
        raise Failure("type mismatch: JSONPatchType.expression should evaluate to array")
    patch = []
    for operation in operations:
        tree = {key: as_json(value) for key, value in operation.items()}
        if tree.get("op") in ("add", "replace", "test"):
            tree.setdefault("value", None)
        patch.append(tree)
    try:
        made = patch_json.apply(live, patch)
    except patch_json.TestFailed:
        return dict(live)
    except (patch_json.JsonPatchError, patch_json.BadJsonPatch, patch_json.TooManyOperations) as error:
        raise Failure(f"JSON Patch: {error}") from error
    if not isinstance(made, dict) or not isinstance(made.get("metadata"), dict):
        raise Failure("JSON Patch: the patch left no object")
    return made


def as_json(value: Any) -> Any:
    """A value of CEL as JSON. Raises Failure for one that is none."""
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, Optional):
        return as_json(value.value) if value.has else None
    if isinstance(value, Uint):
        return int(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Timestamp):
        return timestamp_text(value)
    if isinstance(value, Duration):
        return duration_text(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, TypeValue) or not hasattr(value, "__str__"):
        raise Failure(f"unsupported value of type {type(value).__name__}")
    return str(value)


def _check_names(value: Any, expected: str) -> None:
    """`Object.spec{}` may only stand in the field `spec` of an `Object{}`."""
    if isinstance(value, ObjectValue):
        if value.name != expected:
            raise Failure(
                f'type mismatch: unexpected type name "{value.name}", expected "{expected}", which matches field name '
                "path from root Object type"
            )
        for field, below in value.items():
            _check_names(below, f"{expected}.{field}")
    elif isinstance(value, Mapping):
        for below in value.values():
            _check_names(below, expected)
    elif isinstance(value, list | tuple):
        for below in value:
            _check_names(below, expected)


def _check_atomic(value: Any, of: Type, path: str) -> None:
    """An ApplyConfiguration would replace what is atomic: that is for JSONPatch."""
    if isinstance(value, list):
        if of.shape in (LEAF, DEDUCED):
            raise Failure(
                f"invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {path or '.'}"
            )
        for index, item in enumerate(value):
            _check_atomic(item, of.item, f"{path}[{index}]")
    elif isinstance(value, dict):
        if of.shape == LEAF:
            raise Failure(
                f"invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {path or '.'}"
            )
        for name, item in value.items():
            below = of.child(name)[1] if of.shape == STRUCT else of.item
            _check_atomic(item, below, f"{path}.{name}")
