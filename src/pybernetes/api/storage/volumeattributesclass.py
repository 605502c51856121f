"""VolumeAttributesClasses: sets of attributes that a driver gives a volume, and that may change while it is in use."""

from __future__ import annotations

from ..cells import AGE, NAME, at
from ..fielderrors import FieldErrors
from ..kind import Column, Kind
from ..meta import Obj
from .provisioner import validate_fixed, validate_parameters, validate_provisioner


def validate(attributes: Obj, errors: FieldErrors) -> None:
    validate_provisioner(attributes.get("driverName") or "", "driverName", errors)
    validate_parameters(attributes.get("parameters") or {}, errors, needed=True)


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    validate_fixed(new, old, errors, "driverName", "parameters")


VOLUMEATTRIBUTESCLASS = Kind(
    group="storage.k8s.io",
    version="v1",
    kind="VolumeAttributesClass",
    plural="volumeattributesclasses",
    namespaced=False,
    singular="volumeattributesclass",
    short_names=("vac",),
    schema="io.k8s.api.storage.v1.VolumeAttributesClass",
    validate=validate,
    validate_update=validate_update,
    columns=(NAME, Column("DriverName", at("driverName")), AGE),
)
