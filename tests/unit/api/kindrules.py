"""Looking at a kind's rules in tests: a valid object, one thing changed, what is said about it."""

from __future__ import annotations

import copy
from typing import Any

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kind import Kind

INVALID, REQUIRED, UNSUPPORTED = "FieldValueInvalid", "FieldValueRequired", "FieldValueNotSupported"
FORBIDDEN, DUPLICATE, TOO_LONG = "FieldValueForbidden", "FieldValueDuplicate", "FieldValueTooLong"
NOW = 1_790_000_000.0
CREATED = "2026-09-21T14:12:20Z"
"""A minute before NOW."""


def changed(tree: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A copy with values set at paths: `spec__limits__0__type=…`; None takes the field away."""
    new = copy.deepcopy(tree)
    for path, value in changes.items():
        *above, last = path.split("__")
        here: Any = new
        for step in above:
            here = here[int(step)] if isinstance(here, list) else here.setdefault(step, {})
        if isinstance(here, list):
            here[int(last)] = value
        elif value is None:
            here.pop(last, None)
        else:
            here[last] = value
    return new


def said(errors: FieldErrors) -> list[tuple[str, str, str]]:
    return [(cause.reason, cause.field, cause.message) for cause in errors.causes]


def new_errors(kind: Kind, tree: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What a create would be told, defaults filled in first."""
    tree = copy.deepcopy(tree)
    kind.default(tree)
    errors = FieldErrors()
    kind.validate(tree, errors)
    kind.validate_create(tree, errors)
    return said(errors)


def update_errors(kind: Kind, new: dict[str, Any], old: dict[str, Any]) -> list[tuple[str, str, str]]:
    new, old = copy.deepcopy(new), copy.deepcopy(old)
    for tree in (new, old):
        kind.default(tree)
    errors = FieldErrors()
    kind.validate(new, errors)
    kind.validate_update(new, old, errors)
    return said(errors)


def status_errors(kind: Kind, new: dict[str, Any], old: dict[str, Any]) -> list[tuple[str, str, str]]:
    errors = FieldErrors()
    kind.validate_status(new, old, errors)
    return said(errors)


def row(kind: Kind, tree: dict[str, Any]) -> dict[str, Any]:
    return {column.name: column.cell(tree, NOW) for column in kind.columns}
