"""The table of definitions, read once and unpacked one definition at a time.

`v1_37.defs` has a line per definition: its name, a tab, a JSON object with

    f  the fields: name -> "TYPE PRESENCE" or ["TYPE PRESENCE", {extensions}]
    r  the required fields     k  [[group, version, kind], …]     m  x-kubernetes-map-type     u  x-kubernetes-unions

TYPE is `string`, `boolean`, `int32`, `int64`, `double`, `byte`, `time`, `microtime`, `quantity`, `intorstr`, `object`
and `any` (both free-form), `[]T` for a list, `{}T` for a map, `#name` for another definition. PRESENCE is how Go writes
the field: nothing for a pointer, list or map that is left out when nil (lists and maps also when empty); `v` for a
value left out when zero (a struct never is); `r` for a value that is always there; `n` for a pointer, list or map that
is there as null; `z` for a value with `omitzero`.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final

import orjson

from pybernetes.lang.patch_schema import Shape

LIST: Final = "[]"
MAP: Final = "{}"
OBJECT: Final = "#"

# The two fields that are keys of list items and have a default (x-kubernetes-list-map-keys with protocol).
_KEY_DEFAULTS = {
    "io.k8s.api.core.v1.ContainerPort": {"protocol": "TCP"},
    "io.k8s.api.core.v1.ServicePort": {"protocol": "TCP"},
}

_SHAPES: dict[str, Shape] = {
    LIST: "list",
    MAP: "map",
    "string": "string",
    "byte": "string",
    "time": "string",
    "microtime": "string",
    "boolean": "boolean",
    "int32": "number",
    "int64": "number",
    "double": "number",
    "quantity": "scalar",
    "intorstr": "scalar",
    "object": "any",
    "any": "any",
}


class Schema:
    """The schema of one value: of a field, of a list's items, or of a whole object. A `lang.patch_schema.PatchSchema`."""

    __slots__ = ("extensions", "go_name", "item", "presence", "reference", "tag")

    def __init__(self, kind: str, presence: str = "", extensions: dict[str, Any] | None = None) -> None:
        head = kind[:2]
        self.tag: str = head if head in (LIST, MAP) else (OBJECT if kind[0] == OBJECT else kind)
        self.item: Schema | None = Schema(kind[2:]) if head in (LIST, MAP) else None
        self.reference: str = kind[1:] if self.tag == OBJECT else ""
        self.presence = presence
        self.extensions: dict[str, Any] = extensions or {}
        self.go_name: str = self.extensions.get("go", "")

    @property
    def target(self) -> Definition:
        """The definition of an object. Precondition: `tag` is OBJECT."""
        return _definition(self.reference)

    @property
    def merge_key(self) -> str:
        return str(self.extensions.get("mergeKey", ""))

    @property
    def strategies(self) -> tuple[str, ...]:
        strategy = self.extensions.get("strategy")
        return tuple(strategy.split(",")) if strategy else ()

    @property
    def list_type(self) -> str:
        return str(self.extensions.get("listType", ""))

    @property
    def list_map_keys(self) -> tuple[str, ...]:
        return tuple(self.extensions.get("mapKeys", ()))

    @property
    def map_type(self) -> str:
        own = self.extensions.get("mapType")
        if own or self.tag != OBJECT:
            return str(own or "")
        return self.target.map_type

    preserve = False

    @property
    def shape(self) -> Shape:
        if self.tag == OBJECT:
            return "struct" if self.target.fields else "any"
        return _SHAPES[self.tag]

    def field(self, name: str) -> Schema | None:
        if self.tag == OBJECT:
            return self.target.fields.get(name)
        return self.item if self.tag == MAP else None

    def items(self) -> Schema | None:
        return self.item if self.tag == LIST else None

    def default_of(self, name: str) -> object:
        return _KEY_DEFAULTS.get(self.reference, {}).get(name)

    def __repr__(self) -> str:
        return f"<Schema {self.tag}{self.reference}{self.item or ''} {self.presence}>"


class Definition:
    """One named object type."""

    __slots__ = ("always", "fields", "gvks", "map_type", "name", "required", "unions")

    def __init__(self, name: str, entry: dict[str, Any]) -> None:
        self.name = name
        self.fields: dict[str, Schema] = {field: _field(value) for field, value in entry.get("f", {}).items()}
        self.required: tuple[str, ...] = tuple(entry.get("r", ()))
        self.gvks: tuple[tuple[str, str, str], ...] = tuple((g, v, k) for g, v, k in entry.get("k", ()))
        self.map_type: str = entry.get("m", "")
        self.unions: list[Any] = entry.get("u", [])
        self.always: tuple[tuple[str, Schema], ...] = tuple(
            (field, schema) for field, schema in self.fields.items() if _always(schema)
        )
        """The fields that Go writes even when they were not given."""

    @property
    def go_name(self) -> str:
        """The struct's name in error messages: `DeploymentSpec`."""
        return self.name.rpartition(".")[2]

    def __repr__(self) -> str:
        return f"<Definition {self.name}>"


def definition(name: str) -> Definition | None:
    """The definition of that OpenAPI name (`io.k8s.api.core.v1.Pod`), None where there is none."""
    return _definition(name) if name in _lines() else None


def definition_names() -> tuple[str, ...]:
    """Every definition, sorted."""
    return tuple(_lines())


def patch_schema(name: str) -> Schema | None:
    """The root schema for strategic merge and server-side apply of a kind, by its definition's name."""
    return Schema(OBJECT + name) if name in _lines() else None


def _field(value: Any) -> Schema:
    text, extensions = (value, None) if isinstance(value, str) else value
    kind, _, presence = text.partition(" ")
    return Schema(kind, presence, extensions)


def _always(schema: Schema) -> bool:
    if schema.presence == "v":
        return schema.tag in (OBJECT, "time", "microtime", "quantity")
    return schema.presence in ("r", "n")


@cache
def _definition(name: str) -> Definition:
    return Definition(name, orjson.loads(_lines()[name]))


@cache
def _lines() -> dict[str, bytes]:
    data = files(__package__).joinpath("v1_37.defs").read_bytes()
    split = (line.partition(b"\t") for line in data.splitlines())
    return {name.decode(): entry for name, _, entry in split}
