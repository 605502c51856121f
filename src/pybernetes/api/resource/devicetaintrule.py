"""DeviceTaintRules: taints that an administrator puts on devices, whatever their drivers say."""

from __future__ import annotations

from ..cells import dig
from ..fielderrors import FieldErrors
from ..kind import Kind
from ..meta import MutableObj, Obj
from ..validation.conditions import validate_conditions
from ..validation.metadata import without_status
from . import names
from .taints import validate_taint

MOST_CONDITIONS = 8


def prepare_create(rule: MutableObj) -> None:
    """A taint counts from when it was put there."""
    without_status(rule)
    taint = rule.setdefault("spec", {}).setdefault("taint", {})
    taint["timeAdded"] = taint.get("timeAdded") or rule["metadata"].get("creationTimestamp")


def prepare_update(new: MutableObj, old: Obj) -> None:
    """The time stays that of the taint as it was, unless the writer gives one."""
    taint = dig(new, "spec", "taint") or {}
    before = dig(old, "spec", "taint") or {}
    if taint and not taint.get("timeAdded") and before.get("timeAdded"):
        new["spec"] = {**new["spec"], "taint": {**taint, "timeAdded": before["timeAdded"]}}


def validate(rule: Obj, errors: FieldErrors) -> None:
    spec, at = rule.get("spec") or {}, errors.at("spec")
    selector, here = spec.get("deviceSelector") or {}, at.at("deviceSelector")
    if selector.get("driver") is not None:
        names.driver_name(selector["driver"], here.at("driver"))
    if selector.get("pool") is not None:
        names.pool_name(selector["pool"], here.at("pool"))
    if selector.get("device") is not None:
        names.label_name(selector["device"], here.at("device"))
    validate_taint(spec.get("taint") or {}, at.at("taint"))


def validate_status(new: Obj, _old: Obj, errors: FieldErrors) -> None:
    conditions, at = dig(new, "status", "conditions") or (), errors.at("status", "conditions")
    validate_conditions(conditions, at)
    if len(conditions) > MOST_CONDITIONS:
        at.too_many(len(conditions), MOST_CONDITIONS)


DEVICETAINTRULE = Kind(
    group="resource.k8s.io",
    version="v1",
    kind="DeviceTaintRule",
    plural="devicetaintrules",
    namespaced=False,
    status_metadata=(),
    singular="devicetaintrule",
    subresources=("status",),
    schema="io.k8s.api.resource.v1.DeviceTaintRule",
    generation=True,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    validate=validate,
    validate_status=validate_status,
)
