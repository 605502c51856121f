"""CSIDrivers: what the cluster must know about a storage driver before it uses it."""

from __future__ import annotations

from typing import Any

from ..cells import AGE, NAME, at, dig
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj

DEFAULTS: tuple[tuple[str, Any], ...] = (
    ("attachRequired", True),
    ("podInfoOnMount", False),
    ("storageCapacity", False),
    ("fsGroupPolicy", "ReadWriteOnceWithFSType"),
    ("requiresRepublish", False),
    ("seLinuxMount", False),
)
FS_GROUP_POLICIES = ["File", "None", "ReadWriteOnceWithFSType"]
LIFECYCLE_MODES = ["Persistent", "Ephemeral"]
_NEEDED = (
    ("attachRequired", "attachedRequired"),
    ("podInfoOnMount", "podInfoOnMount"),
    ("storageCapacity", "storageCapacity"),
)
"""(field, its name in upstream's errors)."""
_MIN_TOKEN_SECONDS, _MAX_TOKEN_SECONDS = 600, 2**32
_MIN_PERIOD_SECONDS = 10


def default(driver: MutableObj) -> None:
    spec = driver.setdefault("spec", {})
    for field, value in DEFAULTS:
        if spec.get(field) is None:
            spec[field] = value
    if not spec.get("volumeLifecycleModes"):
        spec["volumeLifecycleModes"] = ["Persistent"]


def validate(driver: Obj, errors: FieldErrors) -> None:
    spec, at = driver.get("spec") or {}, errors.at("spec")
    for field, path in _NEEDED:
        if spec.get(field) is None:
            at.required(path)
    policy = spec.get("fsGroupPolicy")
    if policy is not None and policy not in FS_GROUP_POLICIES:
        at.not_supported(policy, FS_GROUP_POLICIES, "fsGroupPolicy")
    _validate_tokens(spec.get("tokenRequests") or (), at.at("tokenRequests"))
    for mode in spec.get("volumeLifecycleModes") or ():
        if mode not in LIFECYCLE_MODES:
            at.not_supported(mode, LIFECYCLE_MODES, "volumeLifecycleModes")
    if spec.get("seLinuxMount") is None:
        at.required("seLinuxMount")
    period = spec.get("nodeAllocatableUpdatePeriodSeconds")
    if period is not None and period < _MIN_PERIOD_SECONDS:
        at.invalid(
            period, "must be greater than or equal to 10 seconds", "nodeAllocatableUpdatePeriodSeconds"
        )


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    after, before, at = new["spec"], old["spec"], errors.at("spec")
    for field, path in (
        ("attachRequired", "attachedRequired"),
        ("volumeLifecycleModes", "volumeLifecycleModes"),
    ):
        if after.get(field) != before.get(field):
            at.invalid(after.get(field), "field is immutable", path)


def _validate_tokens(requests: Any, errors: FieldErrors) -> None:
    """Each audience once; a lifetime between ten minutes and 2^32 seconds."""
    seen: set[str] = set()
    for index, request in enumerate(requests):
        at, audience = errors.at(index), request.get("audience", "")
        if audience in seen:
            at.duplicate(audience, "audience")
            continue
        seen.add(audience)
        seconds = request.get("expirationSeconds")
        if seconds is not None and seconds < _MIN_TOKEN_SECONDS:
            at.invalid(seconds, "may not specify a duration less than 10 minutes", "expirationSeconds")
        if seconds is not None and seconds > _MAX_TOKEN_SECONDS:
            at.invalid(seconds, "may not specify a duration larger than 2^32 seconds", "expirationSeconds")


def _tokens(driver: Obj, _now: float) -> Cell:
    requests = dig(driver, "spec", "tokenRequests")
    return ",".join(each.get("audience", "") for each in requests) if requests else "<unset>"


def _modes(driver: Obj, _now: float) -> Cell:
    return ",".join(dig(driver, "spec", "volumeLifecycleModes") or ()) or "<none>"


CSIDRIVER = Kind(
    group="storage.k8s.io",
    version="v1",
    kind="CSIDriver",
    plural="csidrivers",
    namespaced=False,
    unconditional_update=False,
    singular="csidriver",
    schema="io.k8s.api.storage.v1.CSIDriver",
    generation=True,
    default=default,
    validate=validate,
    validate_update=validate_update,
    columns=(
        NAME,
        Column("AttachRequired", at("spec", "attachRequired", default=True), type="boolean"),
        Column("PodInfoOnMount", at("spec", "podInfoOnMount", default=False), type="boolean"),
        Column("StorageCapacity", at("spec", "storageCapacity", default=False), type="boolean"),
        Column("TokenRequests", _tokens),
        Column("RequiresRepublish", at("spec", "requiresRepublish", default=False), type="boolean"),
        Column("Modes", _modes),
        AGE,
    ),
)
