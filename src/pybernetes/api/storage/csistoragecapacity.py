"""CSIStorageCapacities: how much room a driver has, per class and part of the cluster."""

from __future__ import annotations

from pybernetes.lang import names, quantity

from ..cells import NAME, at
from ..fielderrors import FieldErrors
from ..kind import Column, Kind
from ..meta import Obj
from ..validation.nodelabels import selector_warnings
from ..validation.selectors import validate_label_selector
from ..validation.values import NOT_NEGATIVE, immutable


def validate(capacity: Obj, errors: FieldErrors) -> None:
    validate_label_selector(capacity.get("nodeTopology"), errors.at("nodeTopology"))
    name = capacity.get("storageClassName") or ""
    for message in names.dns1123_subdomain(name):
        errors.invalid(name, message, "storageClassName")
    amount = capacity.get("capacity")
    if amount is not None and quantity.parse(amount).nano < 0:
        errors.invalid(amount, NOT_NEGATIVE, "capacity")


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    immutable(new, old, "nodeTopology", errors)
    immutable(new, old, "storageClassName", errors)


def warnings(capacity: Obj, _old: Obj | None) -> list[str]:
    return selector_warnings("nodeTopology", capacity.get("nodeTopology"))


CSISTORAGECAPACITY = Kind(
    group="storage.k8s.io",
    version="v1",
    kind="CSIStorageCapacity",
    plural="csistoragecapacities",
    namespaced=True,
    unconditional_update=False,
    singular="csistoragecapacity",
    schema="io.k8s.api.storage.v1.CSIStorageCapacity",
    validate=validate,
    validate_update=validate_update,
    warnings=warnings,
    columns=(
        NAME,
        Column("StorageClassName", at("storageClassName")),
        Column("Capacity", at("capacity", default="<unset>")),
    ),
)
