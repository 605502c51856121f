"""Definitions of the schema table as OpenAPI schemas, in the dialect of version 2 or 3."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pybernetes.api.kind import Kind
from pybernetes.api.schema import Definition, Schema, definition
from pybernetes.api.schema.descriptions import Descriptions

META = "io.k8s.apimachinery.pkg.apis.meta.v1"
TIME, MICRO_TIME = f"{META}.Time", f"{META}.MicroTime"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
NAMED_SCALARS = {"time": TIME, "microtime": MICRO_TIME, "quantity": QUANTITY, "intorstr": INT_OR_STRING}
SCALARS: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "double": {"type": "number", "format": "double"},
    "byte": {"type": "string", "format": "byte"},
    "object": {"type": "object"},
    "any": {},
}
EXTENSIONS = {
    "mergeKey": "x-kubernetes-patch-merge-key",
    "strategy": "x-kubernetes-patch-strategy",
    "listType": "x-kubernetes-list-type",
    "mapKeys": "x-kubernetes-list-map-keys",
    "mapType": "x-kubernetes-map-type",
}


class Schemas:
    """Schemas of one document. `version` is 2 or 3; they differ in where references point and how they are described."""

    def __init__(self, version: int, descriptions: Descriptions) -> None:
        self._version = version
        self._prefix = "#/definitions/" if version == 2 else "#/components/schemas/"
        self._descriptions = descriptions

    def all(self, roots: Iterable[str], kinds: Iterable[Kind] = ()) -> dict[str, Any]:
        """The schemas of these definitions and of all that they refer to, by name; those of `kinds` that have a schema
        of their own, too."""
        made: dict[str, Any] = {}
        waiting = [*roots]
        for kind in kinds:
            if kind.own_schema is not None:
                made[kind.schema] = kind.own_schema.openapi(self._version)
                made[f"{kind.schema}List"] = self._list(kind)
                waiting += [f"{META}.ObjectMeta", f"{META}.ListMeta"]
        while waiting:
            name = waiting.pop()
            if name in made:
                continue
            found = definition(name)
            if found is None or name in NAMED_SCALARS.values():
                made[name] = self._named_scalar(name)
            else:
                made[name] = self._definition(found)
            if found is not None:
                waiting += [ref for schema in found.fields.values() for ref in references(schema)]
        return dict(sorted(made.items()))

    def _list(self, kind: Kind) -> dict[str, Any]:
        """A list of a kind that has a schema of its own."""
        metadata = self.reference(f"{META}.ListMeta")
        return {
            "description": f"{kind.kind}List is a list of {kind.kind}",
            "type": "object",
            "required": ["items"],
            "properties": {
                "apiVersion": {"type": "string"},
                "items": {"type": "array", "items": self.reference(kind.schema)},
                "kind": {"type": "string"},
                "metadata": {"allOf": [metadata]} if self._version == 3 else metadata,
            },
            "x-kubernetes-group-version-kind": [
                {"group": kind.group, "version": kind.version, "kind": f"{kind.kind}List"}
            ],
        }

    def reference(self, name: str) -> dict[str, Any]:
        return {"$ref": self._prefix + name}

    def _definition(self, found: Definition) -> dict[str, Any]:
        text = self._descriptions.of(found.name)
        tree: dict[str, Any] = {"description": text.own} if text.own else {}
        tree["type"] = "object"
        if found.required:
            tree["required"] = [*found.required]
        if found.fields:
            tree["properties"] = {
                name: self._field(schema, text.fields.get(name, "")) for name, schema in found.fields.items()
            }
        if found.gvks:
            tree["x-kubernetes-group-version-kind"] = [
                {"group": group, "version": version, "kind": kind} for group, version, kind in found.gvks
            ]
        if found.map_type:
            tree["x-kubernetes-map-type"] = found.map_type
        if found.unions:
            tree["x-kubernetes-unions"] = found.unions
        return tree

    def _field(self, schema: Schema, description: str) -> dict[str, Any]:
        tree = self._type(schema)
        if "$ref" in tree and self._version == 3 and (description or schema.extensions):
            tree = {"allOf": [tree]}
        if description:
            tree["description"] = description
        for key, name in EXTENSIONS.items():
            if key in schema.extensions:
                tree[name] = schema.extensions[key]
        return tree

    def _type(self, schema: Schema) -> dict[str, Any]:
        if schema.reference:
            return self.reference(schema.reference)
        if schema.tag in NAMED_SCALARS:
            return self.reference(NAMED_SCALARS[schema.tag])
        if schema.item is not None:
            inner = self._type(schema.item)
            if schema.tag == "[]":
                return {"type": "array", "items": inner}
            return {"type": "object", "additionalProperties": inner}
        return dict(SCALARS[schema.tag])

    def _named_scalar(self, name: str) -> dict[str, Any]:
        text = self._descriptions.of(name)
        tree: dict[str, Any] = {"description": text.own} if text.own else {}
        if name in (TIME, MICRO_TIME):
            return {**tree, "type": "string", "format": "date-time"}
        if name == INT_OR_STRING and self._version == 3:
            return {**tree, "format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]}
        if name == INT_OR_STRING:
            return {**tree, "type": "string", "format": "int-or-string"}
        if self._version == 3:
            return {**tree, "oneOf": [{"type": "string"}, {"type": "number"}]}
        return {**tree, "type": "string"}


def references(schema: Schema) -> Iterator[str]:
    """The names that a schema refers to directly, through lists and maps."""
    if schema.reference:
        yield schema.reference
    elif schema.tag in NAMED_SCALARS:
        yield NAMED_SCALARS[schema.tag]
    elif schema.item is not None:
        yield from references(schema.item)
