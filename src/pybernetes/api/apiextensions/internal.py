"""A CustomResourceDefinition's spec as upstream holds it inside: what all versions share stands once, above them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..fielderrors import escaped
from ..meta import Obj


@dataclass(frozen=True, slots=True)
class Part:
    """What a version says of its own, or all say."""

    schema: Mapping[str, Any] | None = None
    subresources: Obj | None = None
    columns: Sequence[Obj] = ()
    selectable: Sequence[Obj] = ()


@dataclass(frozen=True, slots=True)
class Internal:
    """`versions` have only what they do not share."""

    shared: Part
    versions: tuple[Part, ...]
    has_defaults: bool
    shown: str
    """The versions as messages show them."""

    @staticmethod
    def of(spec: Obj) -> Internal:
        versions = spec.get("versions") or ()
        parts = [
            Part(
                (version.get("schema") or {}).get("openAPIV3Schema"),
                version.get("subresources"),
                version.get("additionalPrinterColumns") or (),
                version.get("selectableFields") or (),
            )
            for version in versions
        ]
        shared: dict[str, Any] = {}
        for field in ("schema", "subresources", "columns", "selectable"):
            values = [getattr(part, field) for part in parts]
            if values and all(value == values[0] for value in values):
                shared[field] = values[0]
        own = tuple(
            Part(**{f: getattr(part, f) for f in Part.__slots__ if f not in shared}) for part in parts
        )
        shown = [_shown(version, part) for version, part in zip(versions, own, strict=True)]
        text = escaped(json.dumps(shown, ensure_ascii=False, separators=(",", ":"))) if shown else "null"
        return Internal(Part(**shared), own, any(_has_default(part.schema) for part in parts), text)

    @property
    def schema(self) -> Mapping[str, Any] | None:
        return self.shared.schema

    @property
    def subresources(self) -> Obj | None:
        return self.shared.subresources

    @property
    def columns(self) -> Sequence[Obj]:
        return self.shared.columns

    @property
    def selectable(self) -> Sequence[Obj]:
        return self.shared.selectable

    def has_status(self, number: int) -> bool:
        """Whether objects of a version have a status of their own."""
        if any(part.subresources is not None for part in self.versions):
            return _has_status(self.versions[number].subresources)
        return _has_status(self.subresources)

    @property
    def has_any_status(self) -> bool:
        return any(_has_status(part.subresources) for part in (self.shared, *self.versions))


def _has_status(subresources: Obj | None) -> bool:
    return (subresources or {}).get("status") is not None


def _has_default(schema: Any) -> bool:
    if isinstance(schema, list):
        return any(map(_has_default, schema))
    if not isinstance(schema, Mapping):
        return False
    if schema.get("default") is not None:
        return True
    below = [schema.get(field) for field in ("items", "not", "additionalProperties")]
    for junctor in ("allOf", "anyOf", "oneOf"):
        below += schema.get(junctor) or ()
    return any(map(_has_default, (*below, *(schema.get("properties") or {}).values())))


def _shown(version: Obj, own: Part) -> Obj:
    return {
        "Name": version.get("name", ""),
        "Served": bool(version.get("served")),
        "Storage": bool(version.get("storage")),
        "Deprecated": bool(version.get("deprecated")),
        "DeprecationWarning": version.get("deprecationWarning"),
        "Schema": None if own.schema is None else {"OpenAPIV3Schema": own.schema},
        "Subresources": own.subresources,
        "AdditionalPrinterColumns": list(own.columns) or None,
        "SelectableFields": list(own.selectable) or None,
    }
