"""What the system knows about a kind: one `Kind` value in one file per kind, listed in `api/kinds.py`.

A row holds facts and references to plain functions; the machinery of the API server, the client and kubectl reads it.
Kinds defined at run time (CustomResourceDefinitions) become `Kind` values of the same shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pybernetes.lang.patch_schema import PatchSchema

from .fielderrors import FieldErrors
from .meta import MutableObj, Obj

Cell = str | int | float | bool | None


class OwnSchema(Protocol):
    """The schema of a kind that was defined at run time; the kinds of v1.37 have a definition in the table instead."""

    def check(
        self, body: Obj, mode: Literal["Strict", "Warn", "Ignore"], duplicates: Sequence[str]
    ) -> tuple[MutableObj, list[str]]:
        """As `api.schema.check`: the body as an object of the kind (a new tree, unknown fields dropped) and the
        warnings. Raises BadRequest."""

    def known(self, obj: MutableObj) -> MutableObj:
        """The object without the fields that the schema does not know."""

    def patch_schema(self) -> PatchSchema:
        """How lists and maps merge: for server-side apply."""

    def openapi(self, version: int) -> Mapping[str, Any]:
        """The OpenAPI schema of the kind in the dialect of version 2 or 3."""


class Conversion(Protocol):
    """How the objects of a kind come from others that ask somebody else for each (a conversion webhook)."""

    async def served(self, reply: Any, selection: Any = None) -> Any:
        """The answer of a verb, its objects in the version of the kind, and of those what is selected."""

    async def selected(self, stored: Any, selection: Any) -> Any:
        """Of stored objects those that are selected in the version of the kind, in it."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the server-side table (`kubectl get`). `priority` 0 is always shown, 1 only with `-o wide`."""

    name: str
    cell: Callable[[Obj, float], Cell]
    """(object, now in Unix seconds) -> cell."""
    type: Literal["string", "integer", "number", "boolean", "date"] = "string"
    format: str = ""
    description: str = ""
    priority: int = 0


def _leave(_obj: MutableObj) -> None:
    """Nothing to fill in."""


def _leave_update(_new: MutableObj, _old: Obj) -> None:
    """Nothing to carry over."""


def _accept(_obj: Obj, _errors: FieldErrors) -> None:
    """Nothing beyond the schema and the metadata rules."""


def _accept_update(_new: Obj, _old: Obj, _errors: FieldErrors) -> None:
    """No field is immutable."""


def _leave_status(_new: MutableObj, _old: Obj, _now: float) -> None:
    """Nothing to set in a status that a client writes."""


def _leave_deleted(_obj: MutableObj, _now: float) -> None:
    """Nothing to note on an object that is marked for deletion."""


def _no_warnings(_obj: Obj, _old: Obj | None) -> list[str]:
    return []


def _same(obj: Obj) -> Obj:
    """Stored as it is served."""
    return obj


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One resource of one group and version.

    The order of a write: decode, check against the schema, `default`, then `prepare_create` or `prepare_update`
    (the strategy: what clients may not set is reset, generation is counted), mutating admission, `default` again,
    `validate` (and `validate_update`), validating admission, store.
    """

    group: str
    """"" for core."""
    version: str
    kind: str
    plural: str
    namespaced: bool
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = (
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch",
    )
    subresources: tuple[str, ...] = ()
    """Names served below an object: "status", "scale", "log", …; each has its behaviour in the API server."""
    schema: str = ""
    """Name of the OpenAPI definition, such as `io.k8s.api.core.v1.Pod`."""
    storage_prefix: str = ""
    """Directory below `/registry/`; "" means `plural` (core, apps, …) as upstream names it."""
    storage_version: str = ""
    """The apiVersion in which it is stored, where that is not this version."""
    to_stored: Callable[[Obj], Obj] = _same
    """An object of this version as one of `storage_version` (a new tree); identity where they are the same."""
    from_stored: Callable[[Obj], Obj] = _same
    """The reverse of `to_stored`."""
    name_rule: Literal["dns1123subdomain", "dns1123label", "dns1035label", "path", "ipaddress"] = (
        "dns1123subdomain"
    )
    unconditional_update: bool = True
    """Whether an update may leave out `metadata.resourceVersion` and so replace whatever is there."""
    create_on_update: bool = False
    """Whether an update of what is not there creates it."""
    status_metadata: tuple[str, ...] = ("labels", "annotations", "finalizers", "ownerReferences")
    """What of the metadata a write of the status may change besides."""
    separable: bool = False
    """Whether metadata, spec and status are defaulted, prepared for updates and validated each without a look at the
    others: a write that leaves a stored spec as it is then has nothing to do for it."""
    generation: bool = False
    """Whether `metadata.generation` counts changes of anything but metadata and status."""
    graceful: bool = False
    """Whether deletion waits for a grace period (pods)."""
    default: Callable[[MutableObj], None] = _leave
    prepare_create: Callable[[MutableObj], None] = _leave
    prepare_update: Callable[[MutableObj, Obj], None] = _leave_update
    prepare_status: Callable[[MutableObj, Obj, float], None] = _leave_status
    """(new, old, now in Unix seconds): what the server sets when a client writes the status."""
    validate: Callable[[Obj, FieldErrors], None] = _accept
    """Of every object, new or changed."""
    validate_create: Callable[[Obj, FieldErrors], None] = _accept
    """Besides `validate`, of new objects only: rules that objects of older servers may break."""
    validate_update: Callable[[Obj, Obj, FieldErrors], None] = _accept_update
    validate_metadata: Callable[[Obj, Obj, FieldErrors], None] = _accept_update
    """(new, old, errors): of an update that changes nothing but metadata, where the kind is `separable`."""
    validate_status: Callable[[Obj, Obj, FieldErrors], None] = _accept_update
    prepare_delete: Callable[[MutableObj, float], None] = _leave_deleted
    """(object, now in Unix seconds): what a deletion adds to an object that is not marked yet, such as a finalizer."""
    warnings: Callable[[Obj, Obj | None], list[str]] = _no_warnings
    columns: tuple[Column, ...] = ()
    """Empty: Name and Created At, upstream's default table."""
    table_order: Callable[[Obj], Any] | None = None
    """What the rows of a table of several objects are sorted by; None: they stand as the list does."""
    selectable: Mapping[str, Callable[[Obj], str]] = field(default_factory=dict)
    """Field selectors beyond `metadata.name` and `metadata.namespace`."""
    stored_fields: Mapping[str, str] = field(default_factory=dict)
    """What the kind that is stored calls selectable fields, where that is otherwise."""
    scale: tuple[str, str, str] | None = None
    """Paths of spec replicas, status replicas and selector for the scale subresource, dotted."""
    restore: Callable[[MutableObj], bool] | None = None
    """Makes of a stored object what would be stored today, where the schema has changed since; says whether it had to
    change anything. None: nothing ever changes."""
    conversion: Conversion | None = None
    """Where `to_stored` and `from_stored` may have to ask somebody: what awaits the answers for reads."""
    own_schema: OwnSchema | None = None
    """For a kind that is defined by a CustomResourceDefinition: its schema."""
    deprecated: str = ""
    """What clients of a deprecated version are warned of."""

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """`deployments.apps`, `pods`: how messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def collection_path(self) -> str:
        """`/api/v1/pods` or `/apis/apps/v1/deployments`: the path over all namespaces."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{root}/{self.plural}"

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of a collection, an object or a subresource."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        tail = "".join(f"/{part}" for part in (name, subresource) if part)
        return f"{root}{scope}/{self.plural}{tail}"

    def __repr__(self) -> str:
        return f"<Kind {self.group_resource}/{self.version}>"


def new_object(kind: Kind, name: str, namespace: str = "", **rest: Any) -> MutableObj:
    """`{"apiVersion", "kind", "metadata": {"name", "namespace"}, **rest}` for this kind."""
    metadata = {"name": name, "namespace": namespace} if kind.namespaced else {"name": name}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **rest}
