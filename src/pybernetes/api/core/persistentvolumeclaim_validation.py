"""What a PersistentVolumeClaim may ask for, and what of it may change: once bound it may grow and take another class."""

from __future__ import annotations

from pybernetes.lang import names, quantity

from ..cells import dig
from ..fielderrors import FieldErrors
from ..meta import Obj, annotations_of, evolve
from ..podspec.validate_claim import validate_claim_spec
from ..validation.difference import difference
from ..validation.values import immutable
from .persistentvolume_validation import validate_basic

BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
RESIZE_STATUSES = [
    "ControllerResizeInProgress",
    "ControllerResizeInfeasible",
    "NodeResizeInProgress",
    "NodeResizeInfeasible",
    "NodeResizePending",
]
_FIXED = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"


def validate(claim: Obj, errors: FieldErrors) -> None:
    validate_claim_spec(claim.get("spec") or {}, errors.at("spec"))


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    _validate_fixed(new, old, errors)
    at = errors.at("spec")
    after, before = new["spec"], old["spec"]
    size, was = _size(after), _size(before)
    if size < was and size <= _amount(dig(old, "status", "capacity", "storage")):
        at.at("resources", "requests").forbidden("field can not be less than status.capacity", "storage")
    immutable(after, before, "volumeMode", errors)
    wanted = after.get("volumeAttributesClassName")
    changed = wanted != before.get("volumeAttributesClassName")
    if changed and not wanted and dig(old, "status", "currentVolumeAttributesClassName") is not None:
        what = "nil" if wanted is None else "empty string"
        why = f"update to {what} is forbidden when status.currentVolumeAttributesClassName is not nil"
        at.forbidden(why, "volumeAttributesClassName")


def validate_status(new: Obj, _old: Obj, errors: FieldErrors) -> None:
    status, at = new.get("status") or {}, errors.at("status")
    for resource, amount in (status.get("capacity") or {}).items():
        validate_basic(amount, at.at("capacity").at_key(resource))
    for resource, word in (status.get("allocatedResourceStatuses") or {}).items():
        here = at.at("allocatedResourceStatuses")
        _validate_resource(resource, here)
        if word not in RESIZE_STATUSES:
            here.not_supported(resource, RESIZE_STATUSES)
    for resource, amount in (status.get("allocatedResources") or {}).items():
        here = at.at("allocatedResources")
        if _validate_resource(resource, here):
            validate_basic(amount, here.at_key(resource))


def _validate_fixed(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """Everything but the volume's name (set once), the size of a bound claim and the class of attributes."""
    after, before = dict(new["spec"]), dict(old["spec"])
    if not before.get("volumeName"):
        before["volumeName"] = after.get("volumeName")
    was, given = annotations_of(old).get(BETA_CLASS), annotations_of(new).get(BETA_CLASS)
    first_class = before.get("storageClassName") is None and after.get("storageClassName") is not None
    if first_class and was is not None and after["storageClassName"] == was and given in (None, was):
        after.pop("storageClassName")
    else:
        if given != was:
            errors.at("metadata", "annotations").invalid(given or "", "field is immutable", BETA_CLASS)
        if first_class and was in (None, after["storageClassName"]):
            after.pop("storageClassName")
    if dig(new, "status", "phase") == "Bound":
        if dig(after, "resources", "requests"):
            size = dig(before, "resources", "requests", "storage")
            after = evolve(after, "resources", "requests", "storage", size)
        after["volumeAttributesClassName"] = before.get("volumeAttributesClassName")
    then, now = _present(before), _present(after)
    if now != then:
        errors.forbidden(f"{_FIXED}\n{difference(then, now)}", "spec")


def _present(spec: Obj) -> Obj:
    """Without what is as good as absent; a storage class "" says: none, and is not absent."""
    return {
        k: v for k, v in spec.items() if v or (k != "volumeName" and v is not None and v != {} and v != [])
    }


def _size(spec: Obj) -> int:
    return _amount(dig(spec, "resources", "requests", "storage"))


def _amount(text: str | None) -> int:
    return 0 if text is None else quantity.parse(text).nano


def _validate_resource(name: str, at: FieldErrors) -> bool:
    """Storage, or a resource of somebody else's domain; says whether it is good."""
    faults = names.qualified_name(name)
    for message in faults:
        at.invalid(name, message)
    native = "/" not in name or "kubernetes.io/" in name
    if not faults and native and name != "storage":
        at.not_supported(name, ["storage"])
        return False
    return not faults
