"""ConfigMaps: data for pods."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.lang import names

from ..cells import AGE, NAME
from ..fielderrors import FieldErrors
from ..kind import Column, Kind
from ..meta import Obj

MAX_SIZE = 1024 * 1024


def validate_key(key: str, errors: FieldErrors) -> None:
    """Keys become file names: their alphabet is restricted, and they do not begin with two dots."""
    for message in names.config_map_key(key):
        errors.at_key(key).invalid(key, message)


def validate_frozen(new: Obj, old: Obj, fields: Iterable[str], errors: FieldErrors) -> None:
    """An object that was made immutable stays so, with its data."""
    if not old.get("immutable"):
        return
    if not new.get("immutable"):
        errors.forbidden("field is immutable when `immutable` is set", "immutable")
    for field in fields:
        if (new.get(field) or {}) != (old.get(field) or {}):
            errors.forbidden("field is immutable when `immutable` is set", field)


def validate(config_map: Obj, errors: FieldErrors) -> None:
    data, binary = config_map.get("data") or {}, config_map.get("binaryData") or {}
    for key in data:
        validate_key(key, errors.at("data"))
        if key in binary:
            errors.at("data").at_key(key).invalid(key, "duplicate of key present in binaryData")
    for key in binary:
        validate_key(key, errors.at("binaryData"))
    size = sum(len((value or "").encode()) for value in data.values()) + sum(
        len(v or "") * 3 // 4 for v in binary.values()
    )
    if size > MAX_SIZE:
        errors.too_long(MAX_SIZE, "[]")


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """What may not change is told first."""
    validate_frozen(new, old, ("data", "binaryData"), errors)
    validate(new, errors)


def _count(config_map: Obj, _now: float) -> int:
    return len(config_map.get("data") or {}) + len(config_map.get("binaryData") or {})


CONFIGMAP = Kind(
    group="",
    version="v1",
    kind="ConfigMap",
    plural="configmaps",
    namespaced=True,
    singular="configmap",
    short_names=("cm",),
    schema="io.k8s.api.core.v1.ConfigMap",
    validate_create=validate,
    validate_update=validate_update,
    columns=(NAME, Column("Data", _count, type="integer"), AGE),
)
