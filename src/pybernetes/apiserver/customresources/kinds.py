"""A `Kind` for each version that a CustomResourceDefinition serves. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pybernetes.api.apiextensions.customresourcedefinition import storage_version
from pybernetes.api.apiextensions.served import priority
from pybernetes.api.apiextensions.version_parts import steps
from pybernetes.api.cells import dig
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj

from .columns import columns_of
from .instances import InstanceSchema
from .openapi import schema_name

TERMINATING_VERBS = ("delete", "deletecollection", "get", "list", "patch", "update", "watch")
"""What is left while a definition is being deleted: finalizers of instances must be able to go."""


@dataclass(frozen=True, slots=True)
class CustomKinds:
    """`served` in the order of preference; `stored` is how objects lie in the store, served or not."""

    served: tuple[Kind, ...]
    stored: Kind


def custom_kinds(crd: Obj) -> CustomKinds:
    """What a definition with accepted names defines."""
    spec = crd["spec"]
    storage = storage_version(crd)
    by_name = {version["name"]: version for version in spec["versions"]}
    schemas = {
        name: InstanceSchema(version["schema"]["openAPIV3Schema"], spec["group"], name, spec["names"]["kind"])
        for name, version in by_name.items()
    }
    selectable = {path: read for version in spec["versions"] for path, read in _selectable(version).items()}
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
        field["jsonPath"].removeprefix("."): _reader(tuple(steps(field["jsonPath"])))
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
