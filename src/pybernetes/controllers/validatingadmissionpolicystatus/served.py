"""Kinds that a ValidatingAdmissionPolicy names, and what is known of their fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.cells import dig
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.control.caches import Caches


@dataclass(frozen=True, slots=True)
class Served:
    """A kind that a policy may see. `schema` is that of a custom one (None: built in)."""

    group: str
    version: str
    kind: str
    builtin: Kind | None = None
    schema: Obj | None = None

    def __str__(self) -> str:
        return (
            f"{self.group}/{self.version}, Kind={self.kind}"
            if self.group
            else f"{self.version}, Kind={self.kind}"
        )


def by_plural(group: str, version: str, plural: str, caches: Caches) -> Served | None:
    builtin = kinds.by_plural(group, version, plural)
    if builtin is not None:
        return Served(group, version, builtin.kind, builtin)
    definition = caches.get(kinds.CUSTOMRESOURCEDEFINITION, f"{plural}.{group}")
    return None if definition is None else _custom(definition, version)


def by_kind(wanted: Obj, caches: Caches) -> Served | None:
    group, _, version = wanted["apiVersion"].rpartition("/")
    builtin = kinds.by_kind(wanted["apiVersion"], wanted["kind"])
    if builtin is not None:
        return Served(group, version, builtin.kind, builtin)
    for definition in caches.list(kinds.CUSTOMRESOURCEDEFINITION):
        spec = definition["spec"]
        if (spec["group"], spec["names"]["kind"]) == (group, wanted["kind"]):
            return _custom(definition, version)
    return None


def _custom(definition: Obj, version: str) -> Served | None:
    spec = definition["spec"]
    for each in spec["versions"]:
        if each["name"] == version and each.get("served"):
            schema = dig(each, "schema", "openAPIV3Schema") or {}
            return Served(spec["group"], version, spec["names"]["kind"], None, _Schema(schema))
    return None


class _Schema(dict[str, Any]):
    """A schema that can be compared and hashed by what it is, not by what it holds."""

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other
