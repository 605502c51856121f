"""StorageClasses: ways to provision volumes."""

from __future__ import annotations

from typing import Any

from pybernetes.lang import names

from ..cells import AGE, NAME, at
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj, annotations_of, name_of
from ..validation.nodelabels import deprecation
from ..validation.values import immutable
from .provisioner import validate_fixed, validate_parameters, validate_provisioner

DEFAULT_ANNOTATIONS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)
RECLAIM_POLICIES = ["Delete", "Retain"]
BINDING_MODES = ["Immediate", "WaitForFirstConsumer"]


def default(storage_class: MutableObj) -> None:
    storage_class.setdefault("reclaimPolicy", "Delete")
    storage_class.setdefault("volumeBindingMode", "Immediate")


def validate(storage_class: Obj, errors: FieldErrors) -> None:
    validate_provisioner(storage_class.get("provisioner") or "", "provisioner", errors)
    validate_parameters(storage_class.get("parameters") or {}, errors)
    policy = storage_class.get("reclaimPolicy")
    if policy and policy not in RECLAIM_POLICIES:
        errors.not_supported(policy, RECLAIM_POLICIES, "reclaimPolicy")
    mode = storage_class.get("volumeBindingMode")
    if mode is None:
        errors.required("volumeBindingMode")
    elif mode not in BINDING_MODES:
        errors.not_supported(mode, BINDING_MODES, "volumeBindingMode")
    _validate_topologies(storage_class.get("allowedTopologies") or (), errors.at("allowedTopologies"))


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    validate_fixed(new, old, errors, "parameters", "provisioner", "reclaimPolicy")
    immutable(new, old, "volumeBindingMode", errors)


def _validate_topologies(terms: Any, errors: FieldErrors) -> None:
    # Upstream compares each term also with one empty term per term that there is, so that an empty one is never new.
    seen: list[dict[str, set[str]]] = [{} for _ in terms]
    for index, term in enumerate(terms):
        at, wanted = errors.at(index, "matchLabelExpressions"), {}
        for position, requirement in enumerate(term.get("matchLabelExpressions") or ()):
            here, key = at.at(position), requirement.get("key", "")
            values = requirement.get("values") or ()
            _validate_values(values, here)
            for message in names.qualified_name(key):
                here.invalid(key, message, "key")
            if key in wanted:
                here.duplicate(key, "key")
            wanted[key] = set(values)
        for _ in range(seen.count(wanted)):
            at.duplicate("")
        seen.append(wanted)


def _validate_values(values: Any, errors: FieldErrors) -> None:
    if not values:
        errors.required("values")
    for index, value in enumerate(values):
        if value in values[:index]:
            errors.at("values", index).duplicate(value)


def warnings(storage_class: Obj, _old: Obj | None) -> list[str]:
    return [
        f"allowedTopologies[{index}].matchLabelExpressions[{position}].key: {why}"
        for index, term in enumerate(storage_class.get("allowedTopologies") or ())
        for position, requirement in enumerate(term.get("matchLabelExpressions") or ())
        if (why := deprecation(requirement.get("key", "")))
    ]


def is_default(storage_class: Obj) -> bool:
    """Whether claims that name no class get this one."""
    annotations = annotations_of(storage_class)
    return any(annotations.get(each) == "true" for each in DEFAULT_ANNOTATIONS)


def _name(storage_class: Obj, _now: float) -> Cell:
    return f"{name_of(storage_class)} (default)" if is_default(storage_class) else name_of(storage_class)


STORAGECLASS = Kind(
    group="storage.k8s.io",
    version="v1",
    kind="StorageClass",
    plural="storageclasses",
    namespaced=False,
    singular="storageclass",
    short_names=("sc",),
    schema="io.k8s.api.storage.v1.StorageClass",
    default=default,
    validate=validate,
    validate_update=validate_update,
    warnings=warnings,
    columns=(
        Column(NAME.name, _name, format="name"),
        Column("Provisioner", at("provisioner")),
        Column("ReclaimPolicy", at("reclaimPolicy", default="Delete")),
        Column("VolumeBindingMode", at("volumeBindingMode", default="Immediate")),
        Column("AllowVolumeExpansion", at("allowVolumeExpansion", default=False)),
        AGE,
    ),
)
