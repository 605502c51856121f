"""A structural schema: the OpenAPI v3 schema of a version of a CustomResourceDefinition, compiled for walking.

Every value of an object has one node here, which says how it is pruned, defaulted and merged. What a value must be
besides (`validations`) is read from `raw`, the schema as it was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pybernetes.lang.patch_schema import Shape

_SHAPES: dict[str, Shape] = {
    "array": "list",
    "boolean": "boolean",
    "integer": "number",
    "number": "number",
    "string": "string",
}

_OBJECT: dict[str, dict[str, Any]] = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
}
"""Fields that every object has, whether its schema names them or not."""

Raw = Mapping[str, Any]
"""A JSONSchemaProps as it is written in the CustomResourceDefinition."""


class Structural:
    """One node. Also the `lang.patch_schema.PatchSchema` of its value."""

    __slots__ = (
        "additional",
        "default",
        "embedded",
        "has_default",
        "int_or_string",
        "item",
        "list_map_keys",
        "list_type",
        "map_type",
        "nullable",
        "preserve",
        "properties",
        "raw",
        "type",
        "worth_defaulting",
        "worth_pruning",
    )

    merge_key = ""
    strategies: tuple[str, ...] = ()

    def __init__(self, raw: Raw, *, root: bool = False) -> None:
        """`root`: the schema of whole objects, like that of an embedded resource."""
        self.raw = raw
        self.type: str = raw.get("type", "")
        self.nullable = bool(raw.get("nullable"))
        self.preserve = bool(raw.get("x-kubernetes-preserve-unknown-fields"))
        self.embedded = bool(raw.get("x-kubernetes-embedded-resource"))
        self.int_or_string = bool(raw.get("x-kubernetes-int-or-string"))
        self.list_type: str = raw.get("x-kubernetes-list-type", "")
        self.list_map_keys: tuple[str, ...] = tuple(raw.get("x-kubernetes-list-map-keys") or ())
        self.map_type: str = raw.get("x-kubernetes-map-type", "")
        self.has_default = "default" in raw
        self.default = raw.get("default")
        self.properties = {name: Structural(below) for name, below in (raw.get("properties") or {}).items()}
        if self.embedded or root:
            for name, known in _OBJECT.items():
                self.properties.setdefault(name, Structural(known))
        items, additional = raw.get("items"), raw.get("additionalProperties")
        self.item = Structural(items) if isinstance(items, Mapping) else None
        self.additional: Structural | bool = (
            Structural(additional) if isinstance(additional, Mapping) else bool(additional)
        )
        below = [
            *self.properties.values(),
            *(n for n in (self.item, self.additional) if isinstance(n, Structural)),
        ]
        self.worth_defaulting: bool = any(n.has_default or n.worth_defaulting for n in below)
        """Whether anything below has a default."""
        self.worth_pruning: bool = not self.preserve or any(n.worth_pruning for n in below)
        """Whether anything can be pruned here or below."""

    # ---- PatchSchema

    @property
    def shape(self) -> Shape:
        if self.int_or_string:
            return "scalar"
        if self.type == "object":
            if self.properties:
                return "struct"
            return "deduced" if self.preserve else "map"
        return _SHAPES.get(self.type, "deduced")

    def field(self, name: str) -> Structural | None:
        found = self.properties.get(name)
        if found is not None:
            return found
        return self.additional if isinstance(self.additional, Structural) else None

    def items(self) -> Structural | None:
        return self.item

    def default_of(self, name: str) -> object:
        found = self.properties.get(name)
        return None if found is None else found.default

    def __repr__(self) -> str:
        return f"<Structural {self.type or 'any'}>"
