"""What a version of a CustomResourceDefinition says besides its schema: scale, columns, selectable fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pybernetes.lang import jsonpath

from ..fielderrors import FieldErrors
from ..meta import Obj

COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
COLUMN_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
MOST_SELECTABLE = 8
_SIMPLE = re.compile(r"(\.[A-Za-z_][A-Za-z0-9_\-]*|\['[^']*'\])+")


def validate_scale(scale: Obj, errors: FieldErrors) -> None:
    for field, roots, detail in (
        ("specReplicasPath", (".spec.",), "should be a json path under .spec"),
        ("statusReplicasPath", (".status.",), "should be a json path under .status"),
        ("labelSelectorPath", (".status.", ".spec."), "should be a json path under either .status or .spec"),
    ):
        path = scale.get(field, "")
        if not path:
            if field != "labelSelectorPath":
                errors.required(field)
        elif not _SIMPLE.fullmatch(path):
            errors.invalid(path, "must be a simple json path with . notation", field)
        elif not path.startswith(roots):
            errors.invalid(path, detail, field)


def validate_columns(columns: Sequence[Obj], errors: FieldErrors) -> None:
    for number, column in enumerate(columns):
        at = errors.at(number)
        if not column.get("name"):
            at.required("name")
        type_ = column.get("type", "")
        if not type_:
            at.required("type", f"must be one of {','.join(COLUMN_TYPES)}")
        elif type_ not in COLUMN_TYPES:
            at.invalid(type_, f"must be one of {','.join(COLUMN_TYPES)}", "type")
        if column.get("format") and column["format"] not in COLUMN_FORMATS:
            at.invalid(column["format"], f"must be one of {','.join(COLUMN_FORMATS)}", "format")
        path = column.get("jsonPath", "")
        if not path:
            at.required("jsonPath")
            continue
        if not path.startswith("."):
            at.invalid(path, "must be a simple json path starting with .", "jsonPath")
            continue
        try:
            jsonpath.parse(f"{{{path}}}")
        except jsonpath.JsonPathError as error:
            at.invalid(path, str(error), "jsonPath")


def validate_selectable(fields: Sequence[Obj], schema: Mapping[str, Any], errors: FieldErrors) -> None:
    if len(fields) > MOST_SELECTABLE:
        errors.too_many(len(fields), MOST_SELECTABLE)
    seen: set[str] = set()
    for number, field in enumerate(fields):
        at = errors.at(number)
        path = field.get("jsonPath", "")
        if not path:
            at.required("jsonPath")
            continue
        if path in seen:
            at.duplicate(path, "jsonPath")
        seen.add(path)
        if not _SIMPLE.fullmatch(path):
            at.invalid(path, "is an invalid path: must be a simple json path with . notation", "jsonPath")
            continue
        if path.startswith(".metadata."):
            at.invalid(path, "must not point to fields in metadata", "jsonPath")
            continue
        found: Any = schema
        for step in steps(path):
            found = (found.get("properties") or {}).get(step) if isinstance(found, Mapping) else None
        if found is None:
            at.invalid(path, "is an invalid path: does not refer to a valid field", "jsonPath")
        elif found.get("type") not in ("string", "boolean", "integer"):
            at.invalid(
                path,
                "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.",
                "jsonPath",
            )


def steps(path: str) -> list[str]:
    """The field names of a simple path: `.spec.replicas`, `.metadata['x.y']`."""
    return [
        step.strip(".") if step[0] == "." else step[2:-2]
        for step in (m.group() for m in re.finditer(r"\.[A-Za-z_][A-Za-z0-9_\-]*|\['[^']*'\]", path))
    ]
