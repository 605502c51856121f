"""What a patch needs to know of an object's schema: how lists and maps merge.

Strategic merge patch reads `strategies` and `merge_key` (OpenAPI's `x-kubernetes-patch-strategy`, a comma-separated
list, and `x-kubernetes-patch-merge-key`); server-side apply reads `list_type`, `list_map_keys` and `map_type`. The
API's schema implements this Protocol; the languages below it know nothing else of schemas.
"""

from __future__ import annotations

from typing import Literal, Protocol

Shape = Literal["struct", "map", "list", "string", "number", "boolean", "scalar", "any", "deduced"]
"""Of a value: "scalar" is a string or a number; "any" is free-form and changes as a whole."""


class PatchSchema(Protocol):
    """The schema of one value (an object, a list, a map or a scalar)."""

    @property
    def merge_key(self) -> str:
        """The field by which items of this list are the same item; "" for a list of scalars or an atomic list."""

    @property
    def strategies(self) -> tuple[str, ...]:
        """Of "merge", "replace" and "retainKeys"; empty: a list is replaced, a map is merged."""

    @property
    def list_type(self) -> str:
        """`x-kubernetes-list-type`: "atomic", "set", "map", or "" where this is no list or nothing is said (then
        "atomic")."""

    @property
    def list_map_keys(self) -> tuple[str, ...]:
        """`x-kubernetes-list-map-keys` of a list of type "map"."""

    @property
    def map_type(self) -> str:
        """`x-kubernetes-map-type`: "atomic", "granular" or "" (then "granular")."""

    @property
    def shape(self) -> Shape:
        """What kind of value it is; "deduced" where that is not known and the value itself tells."""

    @property
    def preserve(self) -> bool:
        """Whether a struct may have fields that the schema does not know."""

    def field(self, name: str) -> PatchSchema | None:
        """The schema of one field of an object, or of each value of a free-form map; None where it is not known."""

    def items(self) -> PatchSchema | None:
        """The schema of each item of a list; None where this is no list or nothing is known."""

    def default_of(self, name: str) -> object:
        """The default of a field that serves as a key of list items (`protocol: TCP`), None where it has none."""


class Schemaless:
    """The schema of a custom resource without one: lists are atomic, maps merge."""

    merge_key = ""
    strategies: tuple[str, ...] = ()
    list_type = ""
    list_map_keys: tuple[str, ...] = ()
    map_type = ""
    shape: Shape = "deduced"
    preserve = True

    def field(self, name: str) -> Schemaless:
        return self

    def items(self) -> Schemaless:
        return self

    def default_of(self, name: str) -> object:
        return None
