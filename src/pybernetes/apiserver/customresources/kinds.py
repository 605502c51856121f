"""A `Kind` for each version that a CustomResourceDefinition serves. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pybernetes.api.apiextensions.customresourcedefinition import storage_version
from pybernetes.api.apiextensions.fieldpaths import steps
from pybernetes.api.apiextensions.served import priority
from pybernetes.api.cells import dig
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj

from .columns import columns_of
from .instances import InstanceSchema
from .openapi import schema_name

if TYPE_CHECKING:
    from .conversion import ConversionHook

TERMINATING_VERBS = ("delete", "deletecollection", "get", "list", "patch", "update", "watch")
"""What is left while a definition is being deleted: finalizers of instances must be able to go."""


@dataclass(frozen=True, slots=True)
class CustomKinds:
    """`served` in the order of preference; `stored` is how objects lie in the store, served or not."""

    served: tuple[Kind, ...]
    stored: Kind

    @property
    def deleted_as(self) -> Kind:
        """By which kind all instances are deleted: the one that needs no conversion, where it is served."""
        as_stored = (kind for kind in self.served if kind.version == self.stored.version)
        return next(as_stored, self.served[0] if self.served else self.stored)


def custom_kinds(crd: Obj, hook: ConversionHook | None = None) -> CustomKinds:
    """What a definition with accepted names defines. `hook` converts, where the definition names a webhook."""
    spec = crd["spec"]
    storage = storage_version(crd)
    by_name = {version["name"]: version for version in spec["versions"]}
    schemas = {
        name: InstanceSchema(
            version["schema"]["openAPIV3Schema"],
            spec["group"],
            name,
            spec["names"]["kind"],
            (version.get("subresources") or {}).get("scale"),
        )
        for name, version in by_name.items()
    }
    selectable = {path: read for version in spec["versions"] for path, read in _selectable(version).items()}
    if hook is not None:
        return _asking(crd, schemas, selectable, hook)
    stored = _kind(crd, by_name[storage], schemas[storage], selectable=selectable)
    served = []
    for name in sorted((n for n, v in by_name.items() if v.get("served")), key=priority):
        schema = schemas[name]
        own = _selectable(by_name[name])
        if name == storage:
            served.append(
                stored
                if own.keys() == selectable.keys()
                else _kind(crd, by_name[name], schema, selectable=own)
            )
            continue
        served.append(
            _kind(
                crd,
                by_name[name],
                schema,
                selectable=own,
                storage_version=f"{spec['group']}/{storage}",
                to_stored=schemas[storage].converted,
                from_stored=schema.converted,
            )
        )
    return CustomKinds(tuple(served), stored)


def _asking(
    crd: Obj,
    schemas: Mapping[str, InstanceSchema],
    selectable: Mapping[str, Callable[[Obj], str]],
    hook: ConversionHook,
) -> CustomKinds:
    """The same where a webhook converts. Objects lie in the store in the version in which they were written, each
    restored by its own schema; where all are of the storage version, that is served with no question asked."""
    from .conversion import Conversion

    group, storage = crd["spec"]["group"], storage_version(crd)
    by_name = {version["name"]: version for version in crd["spec"]["versions"]}
    conversions = {
        name: Conversion(hook, f"{group}/{name}", schema.finish) for name, schema in schemas.items()
    }
    restoring = {f"{group}/{name}": schema.restore for name, schema in schemas.items()}

    def restore(obj: MutableObj) -> bool:
        return restoring.get(obj.get("apiVersion", ""), schemas[storage].restore)(obj)

    def kind(name: str, **fields: Any) -> Kind:
        made = _kind(crd, by_name[name], schemas[name], **fields)
        return replace(made, restore=restore)

    def asking(name: str) -> Kind:
        return conversions[name].of(
            kind(
                name,
                selectable=_selectable(by_name[name]),
                storage_version=f"{group}/{storage}",
                to_stored=conversions[storage].converted,
                from_stored=conversions[name].converted,
                conversion=conversions[name],
            )
        )

    stored = kind(storage, selectable=selectable)
    uniform = set((crd.get("status") or {}).get("storedVersions") or ()) <= {storage}
    served = sorted((n for n, v in by_name.items() if v.get("served")), key=priority)
    own = _selectable(by_name[storage])
    plain = stored if own.keys() == selectable.keys() else kind(storage, selectable=own)
    return CustomKinds(tuple(plain if n == storage and uniform else asking(n) for n in served), stored)


def _kind(crd: Obj, version: Obj, schema: InstanceSchema, **fields: Any) -> Kind:
    spec = crd["spec"]
    names = (crd.get("status") or {}).get("acceptedNames") or spec["names"]
    subresources = version.get("subresources") or {}
    has_status, scale = subresources.get("status") is not None, subresources.get("scale")
    group, name = spec["group"], version["name"]
    if crd["metadata"].get("deletionTimestamp"):
        fields["verbs"] = TERMINATING_VERBS
    return Kind(
        group=group,
        version=name,
        kind=names["kind"],
        plural=names["plural"],
        namespaced=spec["scope"] == "Namespaced",
        singular=names.get("singular", ""),
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=(*(("status",) if has_status else ()), *(("scale",) if scale else ())),
        schema=schema_name(group, name, names["kind"]),
        storage_prefix=f"{group}/{names['plural']}",
        unconditional_update=False,
        generation=True,
        default=schema.default,
        prepare_create=_drop_status if has_status else _keep_all,
        prepare_status=_status_only,
        validate_create=schema.validate_create,
        validate_update=schema.validate_update,
        validate_status=schema.validate_update,
        columns=columns_of(version),
        scale=_scale(scale) if scale else None,
        restore=schema.restore,
        own_schema=schema,
        deprecated=_deprecation(version, group, names["kind"]),
        **fields,
    )


def _scale(scale: Obj) -> tuple[str, str, str]:
    return scale["specReplicasPath"], scale["statusReplicasPath"], scale.get("labelSelectorPath", "")


def _deprecation(version: Obj, group: str, kind: str) -> str:
    if not version.get("deprecated"):
        return ""
    return str(version.get("deprecationWarning") or f"{group}/{version['name']} {kind} is deprecated")


def _selectable(version: Obj) -> Mapping[str, Callable[[Obj], str]]:
    return {
        field["jsonPath"].removeprefix("."): _reader(steps(field["jsonPath"]))
        for field in version.get("selectableFields") or ()
    }


def _reader(path: tuple[str, ...]) -> Callable[[Obj], str]:
    def read(obj: Obj) -> str:
        value = dig(obj, *path)
        if isinstance(value, bool):
            return "true" if value else "false"
        return "" if value is None else str(value)

    return read


def _keep_all(_obj: MutableObj) -> None:
    """Without a status subresource the status is the client's."""


def _drop_status(obj: MutableObj) -> None:
    """A client cannot set the status of what it creates."""
    obj.pop("status", None)


def _status_only(new: MutableObj, old: Obj, _now: float) -> None:
    """The status subresource changes the status and no metadata."""
    metadata = dict(old["metadata"])
    if "managedFields" in new["metadata"]:
        metadata["managedFields"] = new["metadata"]["managedFields"]
    new["metadata"] = metadata
