"""What a PersistentVolume may be, and what of it may change."""

from __future__ import annotations

import posixpath
from typing import Any

from pybernetes.lang import names, quantity

from ..fielderrors import NO_ITEMS, FieldErrors
from ..meta import MutableObj, Obj, name_of
from ..podspec.validate_affinity import validate_node_selector
from ..podspec.validate_claim import VOLUME_MODES, validate_access_modes, validate_positive
from ..validation.difference import difference
from ..validation.nodelabels import RENAMED
from ..validation.values import immutable
from .persistentvolume_sources import PATHS, SOURCES, TOO_MANY_PATHS

RECLAIM_POLICIES = ["Delete", "Recycle", "Retain"]
SOURCE_FIELDS = frozenset(field for field, _ in SOURCES)
_INLINE = "may not be specified in the context of inline volumes"


def validate(volume: Obj, errors: FieldErrors) -> None:
    spec, at = volume.get("spec") or {}, errors.at("spec")
    validate_access_modes(spec.get("accessModes") or (), at)
    _validate_capacity(spec.get("capacity") or {}, at.at("capacity"))
    policy = spec.get("persistentVolumeReclaimPolicy")
    if policy and policy not in RECLAIM_POLICIES:
        at.not_supported(policy, RECLAIM_POLICIES, "persistentVolumeReclaimPolicy")
    affinity = spec.get("nodeAffinity")
    if affinity is not None:
        _validate_affinity(affinity, at.at("nodeAffinity"))
    _validate_source(spec, name_of(volume), at)
    _validate_recycling(spec, at)
    _validate_class(spec.get("storageClassName"), "storageClassName", at)
    if spec.get("volumeMode") is not None and spec["volumeMode"] not in VOLUME_MODES:
        at.not_supported(spec["volumeMode"], VOLUME_MODES, "volumeMode")
    attributes = spec.get("volumeAttributesClassName")
    if attributes is not None:
        if not attributes:
            at.required("volumeAttributesClassName", "an empty string is disallowed")
        _validate_class(attributes, "volumeAttributesClassName", at)
        if spec.get("csi") is None:
            at.required("csi", "has to be specified when using volumeAttributesClassName")


def validate_inline(spec: Obj, at: FieldErrors) -> None:
    """The volume inside a VolumeAttachment: a CSI volume and nothing about binding. `at` stands at the spec."""
    if spec.get("claimRef") is not None:
        at.forbidden(_INLINE, "claimRef")
    if spec.get("capacity"):
        at.forbidden(_INLINE, "capacity")
    if spec.get("csi") is None:
        at.required("csi", "has to be specified in the context of inline volumes")
    validate_access_modes(spec.get("accessModes") or (), at)
    if spec.get("persistentVolumeReclaimPolicy") not in (None, "", "Retain"):
        at.forbidden("may only be Retain in the context of inline volumes", "persistentVolumeReclaimPolicy")
    if spec.get("nodeAffinity") is not None:
        at.forbidden(_INLINE, "nodeAffinity")
    _validate_source(spec, "", at)
    _validate_recycling(spec, at)
    if spec.get("storageClassName"):
        at.forbidden(_INLINE, "storageClassName")
    if spec.get("volumeMode") not in (None, "Filesystem"):
        at.forbidden(
            "may not specify volumeMode other than Filesystem in the context of inline volumes", "volumeMode"
        )


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """What the volume is made of never changes; the secret for expanding may be added."""
    after, before = new["spec"], old["spec"]
    source, was = _source(after), _source(before)
    if (
        (was.get("csi") or {}).get("controllerExpandSecretRef") is None
        and was.get("csi")
        and source.get("csi")
    ):
        source["csi"] = {k: v for k, v in source["csi"].items() if k != "controllerExpandSecretRef"}
    if source != was:
        errors.at("spec").forbidden(
            f"spec.persistentvolumesource is immutable after creation\n{difference(was, source)}",
            "persistentvolumesource",
        )
    immutable(after, before, "volumeMode", errors)
    affinity = before.get("nodeAffinity")
    if affinity is not None and _renewed(after.get("nodeAffinity")) != _renewed(affinity):
        why = "field is immutable, except for updating from beta label to GA"
        errors.invalid(_affinity_in_go(after.get("nodeAffinity")), why, "nodeAffinity")
    if before.get("volumeAttributesClassName") is not None and after.get("volumeAttributesClassName") is None:
        errors.at("spec").forbidden(
            "update from non-nil value to nil is forbidden", "volumeAttributesClassName"
        )


def _affinity_in_go(affinity: Obj | None) -> Obj | None:
    """As upstream prints it."""
    from ..podspec.gotypes import go_json  # its table is only needed where a change is refused

    if affinity is None:
        return None
    required = affinity.get("required")
    return {"Required": None if required is None else go_json("NodeSelector", required)}


def validate_basic(amount: str, errors: FieldErrors) -> None:
    """A size that is not negative."""
    value = quantity.units(amount)
    if value < 0:
        errors.invalid(value, "must be a valid resource quantity")


def _validate_capacity(capacity: Obj, at: FieldErrors) -> None:
    if not capacity:
        at.required()
    if set(capacity) != {"storage"}:
        at.not_supported(dict(capacity) or NO_ITEMS, ["storage"])
    for resource, amount in capacity.items():
        validate_basic(amount, at.at_key(resource))
        validate_positive(amount, at.at_key(resource))


def _validate_affinity(affinity: Obj, at: FieldErrors) -> None:
    if affinity.get("required") is None:
        at.required("required", "must specify required node constraints")
    else:
        validate_node_selector(affinity["required"], at.at("required"))


def _validate_source(spec: Obj, name: str, at: FieldErrors) -> None:
    found = False
    for field, rule in SOURCES:
        source = spec.get(field)
        if source is None:
            continue
        if found and field != "flexVolume":
            at.forbidden("may not specify more than 1 volume type", TOO_MANY_PATHS.get(field, field))
            continue
        found = True
        if field == "iscsi":
            _validate_portal(name, source, at.at("iscsi"))
        rule(source, at.at(PATHS.get(field, field)))
        if field == "local" and spec.get("nodeAffinity") is None:
            at.required("nodeAffinity", "Local volume requires node affinity")
    if not found:
        at.required(detail="must specify a volume type")


def _validate_portal(name: str, source: Obj, at: FieldErrors) -> None:
    portal = source.get("targetPortal") or ""
    if not portal:
        at.required("targetPortal")
    if source.get("initiatorName") is not None and len(f"{name}:{portal}") > 64:
        at.invalid(
            portal,
            "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName "
            "is specified.",
            "targetportal",
        )


def _validate_recycling(spec: Obj, at: FieldErrors) -> None:
    path = (spec.get("hostPath") or {}).get("path")
    if (
        path
        and posixpath.normpath(path) in ("/", "//")
        and spec.get("persistentVolumeReclaimPolicy") == "Recycle"
    ):
        at.forbidden("may not be 'recycle' for a hostPath mount of '/'", "persistentVolumeReclaimPolicy")


def _validate_class(name: str | None, field: str, at: FieldErrors) -> None:
    for message in names.dns1123_subdomain(name) if name else ():
        at.invalid(name, message, field)


def _source(spec: Obj) -> MutableObj:
    return {field: value for field, value in spec.items() if field in SOURCE_FIELDS and value is not None}


def _renewed(affinity: Any) -> Any:
    """The affinity with the labels of nodes by their new names: that much may change."""
    if isinstance(affinity, dict):
        renewed = {key: _renewed(value) for key, value in affinity.items()}
        if renewed.get("key") in RENAMED:
            renewed["key"] = RENAMED[renewed["key"]][1]
        return renewed
    return [_renewed(each) for each in affinity] if isinstance(affinity, list) else affinity
