"""JSON Patch (RFC 6902), with the messages of the library that upstream uses (evanphx/json-patch v4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MAX_OPERATIONS = 10_000


class JsonPatchError(ValueError):
    """The patch does not apply to this document."""


class TestFailed(JsonPatchError):
    """A `test` operation of the patch finds another value."""

    __test__ = False


class BadJsonPatch(ValueError):
    """The patch is no list of operations."""


class TooManyOperations(ValueError):
    """The patch has more than `MAX_OPERATIONS`."""


_MISSING = object()


def apply(document: Any, operations: Any) -> Any:
    """The patched tree. Neither input is changed; what no operation touches is shared with `document`.

    Raises BadJsonPatch where `operations` is malformed, TooManyOperations, JsonPatchError where one does not apply.
    """
    if not isinstance(operations, list):
        raise BadJsonPatch(
            f"json: cannot unmarshal {json_kind(operations)} into Go value of type jsonpatch.Patch"
        )
    if len(operations) > MAX_OPERATIONS:
        raise TooManyOperations(
            f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}"
        )
    for operation in operations:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise BadJsonPatch("each operation of a JSON patch must be an object with op and path")
        document = _perform(document, operation)
    return document


def _perform(document: Any, operation: dict[str, Any]) -> Any:
    path = operation["path"]
    match operation.get("op"):
        case "add":
            return _add(document, path, _value(operation))
        case "remove":
            return _remove(document, path)
        case "replace":
            return _replace(document, path, _value(operation))
        case "move":
            source = _source(operation)
            value = _get(document, source)
            if value is _MISSING:
                raise JsonPatchError(
                    f"move operation does not apply: doc is missing from path: {source}: missing value"
                )
            return _add(_remove(document, source), path, value)
        case "copy":
            source = _source(operation)
            value = _get(document, source)
            if value is _MISSING:
                raise JsonPatchError(
                    f"copy operation does not apply: doc is missing from path: {source}: missing value"
                )
            return _add(document, path, value)
        case "test":
            value = _get(document, path)
            expected = operation.get("value")
            if not same_json(None if value is _MISSING else value, expected):
                raise TestFailed(f"testing value {path} failed: test failed")
            return document
        case other:
            raise JsonPatchError(f"Unexpected kind: {other}")


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise BadJsonPatch(f"{operation['op']} operation of {operation['path']} has no value")
    return operation["value"]


def _source(operation: dict[str, Any]) -> str:
    source = operation.get("from")
    if not isinstance(source, str):
        raise BadJsonPatch(f"{operation['op']} operation of {operation['path']} has no from")
    return source


def _steps(path: str) -> list[str]:
    if path == "":
        return []
    if not path.startswith("/"):
        raise JsonPatchError(f'doc is missing path: "{path}": missing value')
    return [step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")]


def _index(items: Sequence[Any], step: str, *, adding: bool = False) -> int | None:
    """The place that `step` names, None where there is none. Negative places count from the end."""
    if adding and step == "-":
        return len(items)
    try:
        index = int(step)
    except ValueError:
        return None
    length = len(items) + adding
    if index < 0:
        index += length
    return index if 0 <= index < length else None


def _child(node: Any, step: str) -> Any:
    if isinstance(node, dict):
        return node.get(step, _MISSING)
    if isinstance(node, list):
        index = _index(node, step)
        return _MISSING if index is None else node[index]
    return _MISSING


def _get(document: Any, path: str) -> Any:
    for step in _steps(path):
        document = _child(document, step)
    return document


def _rebuild(node: Any, steps: list[str], at: int, value: Any) -> Any:
    """`node` with the subtree below `steps[at:]` replaced; only the spine is copied."""
    if at == len(steps):
        return value
    step = steps[at]
    if isinstance(node, dict):
        return {**node, step: _rebuild(node[step], steps, at + 1, value)}
    index = _index(node, step)
    new = list(node)
    new[index or 0] = _rebuild(new[index or 0], steps, at + 1, value)
    return new


def _add(document: Any, path: str, value: Any) -> Any:
    steps = _steps(path)
    if not steps:
        return value
    *parents, last = steps
    parent = _get(document, path[: path.rindex("/")])
    new: Any
    if isinstance(parent, dict):
        new = {**parent, last: value}
    elif isinstance(parent, list):
        index = _index(parent, last, adding=True)
        if index is None:
            raise JsonPatchError(
                f"error in add for path: '{path}': Unable to access invalid index: {last}: invalid index referenced"
            )
        new = [*parent[:index], value, *parent[index:]]
    else:
        raise JsonPatchError(f'add operation does not apply: doc is missing path: "{path}": missing value')
    return _rebuild(document, parents, 0, new)


def _remove(document: Any, path: str) -> Any:
    steps = _steps(path)
    if not steps:
        raise JsonPatchError(f"error in remove for path: '{path}': unable to remove the whole document")
    *parents, last = steps
    parent = _get(document, path[: path.rindex("/")])
    new: Any
    if isinstance(parent, dict):
        if last not in parent:
            raise JsonPatchError(
                f"error in remove for path: '{path}': unable to remove nonexistent key: {last}: missing value"
            )
        new = {key: value for key, value in parent.items() if key != last}
    elif isinstance(parent, list):
        index = _index(parent, last)
        if index is None:
            raise JsonPatchError(
                f"error in remove for path: '{path}': Unable to access invalid index: {last}: invalid index referenced"
            )
        new = [*parent[:index], *parent[index + 1 :]]
    else:
        raise JsonPatchError(f'remove operation does not apply: doc is missing path: "{path}": missing value')
    return _rebuild(document, parents, 0, new)


def _replace(document: Any, path: str, value: Any) -> Any:
    steps = _steps(path)
    if steps and _get(document, path[: path.rindex("/")]) is _MISSING:
        raise JsonPatchError(f"replace operation does not apply: doc is missing path: {path}: missing value")
    if _get(document, path) is _MISSING:
        raise JsonPatchError(f"replace operation does not apply: doc is missing key: {path}: missing value")
    return _rebuild(document, steps, 0, value)


def json_kind(value: Any) -> str:
    """What Go's JSON decoder calls a value in its errors."""
    match value:
        case dict():
            return "object"
        case str():
            return "string"
        case bool():
            return "bool"
        case None:
            return "null"
        case list():
            return "array"
        case _:
            return "number"


def same_json(a: Any, b: Any) -> bool:
    """Equality of JSON values: numbers by value, but true is not 1."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_json(value, b[key]) for key, value in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same_json, a, b))
    return bool(a == b)
