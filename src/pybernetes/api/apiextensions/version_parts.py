"""What a version of a CustomResourceDefinition says besides its schema: scale, columns, selectable fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..fielderrors import FieldErrors
from ..meta import Obj
from .fieldpaths import BadPath, found

COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
COLUMN_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
MOST_SELECTABLE = 8
NO_PATH = "must be a simple json path starting with ."


def validate_scale(scale: Obj, errors: FieldErrors) -> None:
    for field, roots, detail in (
        ("specReplicasPath", (".spec.",), "should be a json path under .spec"),
        ("statusReplicasPath", (".status.",), "should be a json path under .status"),
        ("labelSelectorPath", (".spec.", ".status."), "should be a json path under either .spec or .status"),
    ):
        path = scale.get(field) or ""
        if not path:
            if field != "labelSelectorPath":
                errors.required(field)
        elif not path.startswith("."):
            errors.invalid(path, NO_PATH, field)
        elif not path.startswith(roots):
            errors.invalid(path, detail, field)


def validate_columns(columns: Sequence[Obj], errors: FieldErrors) -> None:
    """A path that cannot be read is no error: such a resource is then shown without columns of its own."""
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
        path = column.get("jsonPath") or ""
        if not path:
            at.required("JSONPath")
        elif not path.startswith("."):
            at.invalid(path, NO_PATH, "JSONPath")


def validate_selectable(fields: Sequence[Obj], schema: Mapping[str, Any], errors: FieldErrors) -> None:
    """`errors` stands at the list; `schema` is that of whole objects."""
    seen: set[tuple[str, ...]] = set()
    for number, field in enumerate(fields):
        at, path = errors.at(number), field.get("jsonPath") or ""
        if not path:
            at.required("jsonPath")
            continue
        try:
            steps, leaf = found(path, schema, brackets=False)
        except BadPath as error:
            at.invalid(path, f"is an invalid path: {error}", "jsonPath")
            continue
        if steps[0] == "metadata":
            at.invalid(path, "must not point to fields in metadata", "jsonPath")
        if not isinstance(leaf, Mapping) or leaf.get("type") not in ("string", "boolean", "integer"):
            at.invalid(
                path,
                "must point to a field of type string, boolean or integer. Enum string fields and strings with formats "
                "are allowed.",
                "jsonPath",
            )
        if steps in seen:
            at.duplicate(path, "jsonPath")
        seen.add(steps)
    if len(seen) > MOST_SELECTABLE:
        errors.too_many(len(seen), MOST_SELECTABLE)
