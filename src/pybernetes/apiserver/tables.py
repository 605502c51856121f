"""Server-side tables (what `kubectl get` prints) and partial metadata, from a kind's columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pybernetes.api.errors import BadRequest
from pybernetes.api.kind import Column, Kind
from pybernetes.api.meta import Obj

from .negotiation import META_GROUP

INCLUDE = ("None", "Metadata", "Object")

NAME_DESCRIPTION = (
    "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a "
    "client to request the generation of an appropriate name automatically."
)
CREATED_DESCRIPTION = (
    "CreationTimestamp is a timestamp representing the server time when this object was created."
)


def _name(obj: Obj, _now: float) -> str:
    return str(obj["metadata"].get("name", ""))


def _created(obj: Obj, _now: float) -> str:
    return str(obj["metadata"].get("creationTimestamp", ""))


DEFAULT_COLUMNS = (
    Column("Name", _name, "string", "name", NAME_DESCRIPTION),
    Column("Created At", _created, "date", "", CREATED_DESCRIPTION),
)


def include_of(text: str) -> str:
    """The `includeObject` parameter. Raises BadRequest."""
    if text and text not in INCLUDE:
        raise BadRequest(f'unrecognized includeObject value: "{text}"')
    return text or "Metadata"


def column_definitions(kind: Kind) -> list[dict[str, Any]]:
    return [
        {
            "name": column.name,
            "type": column.type,
            "format": column.format,
            "description": column.description,
            "priority": column.priority,
        }
        for column in kind.columns or DEFAULT_COLUMNS
    ]


def row(kind: Kind, obj: Obj, now: float, include: str, version: str) -> dict[str, Any]:
    """One row. `include` says how much of the object goes with it."""
    cells = [column.cell(obj, now) for column in kind.columns or DEFAULT_COLUMNS]
    tree: dict[str, Any] = {"cells": cells}
    if include == "Metadata":
        tree["object"] = partial(obj, version)
    elif include == "Object":
        tree["object"] = obj
    else:
        tree["object"] = None
    return tree


def table(
    kind: Kind,
    objects: Iterable[Obj],
    metadata: Obj,
    now: float,
    *,
    include: str = "Metadata",
    version: str = "v1",
    headers: bool = True,
) -> dict[str, Any]:
    """`headers` False leaves the column definitions out (all but the first event of a watch)."""
    return {
        "kind": "Table",
        "apiVersion": f"{META_GROUP}/{version}",
        "metadata": metadata,
        "columnDefinitions": column_definitions(kind) if headers else [],
        "rows": [row(kind, obj, now, include, version) for obj in objects],
    }


def table_metadata(obj: Obj) -> dict[str, Any]:
    """The metadata of the table of one object."""
    version = obj["metadata"].get("resourceVersion")
    return {"resourceVersion": version} if version else {}


def partial(obj: Obj, version: str = "v1") -> dict[str, Any]:
    """The object's metadata alone."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": f"{META_GROUP}/{version}",
        "metadata": obj["metadata"],
    }


def partial_list(objects: Iterable[Obj], metadata: Obj, version: str = "v1") -> dict[str, Any]:
    return {
        "kind": "PartialObjectMetadataList",
        "apiVersion": f"{META_GROUP}/{version}",
        "metadata": metadata,
        "items": [partial(obj, version) for obj in objects],
    }
