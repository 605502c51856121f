"""EndpointSlices: the addresses behind a Service, in pieces."""

from __future__ import annotations

from ..cells import AGE, NAME, at
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj

ADDRESS_TYPES = ["FQDN", "IPv4", "IPv6"]
MAX_ENDPOINTS = 1000
SHOWN = 3


def default(obj: MutableObj) -> None:
    for port in obj.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def validate(piece: Obj, errors: FieldErrors) -> None:
    if piece.get("addressType") not in ADDRESS_TYPES:
        errors.not_supported(piece.get("addressType", ""), ADDRESS_TYPES, "addressType")
    endpoints = piece.get("endpoints") or ()
    if len(endpoints) > MAX_ENDPOINTS:
        errors.too_many(len(endpoints), MAX_ENDPOINTS, "endpoints")
    for index, endpoint in enumerate(endpoints):
        if not endpoint.get("addresses"):
            errors.at("endpoints", index).required("addresses", "must contain at least 1 address")
    seen: set[str] = set()
    for index, port in enumerate(piece.get("ports") or ()):
        if port.get("name", "") in seen:
            errors.at("ports", index).duplicate(port.get("name", ""), "name")
        seen.add(port.get("name", ""))


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    if new.get("addressType") != old.get("addressType"):
        errors.invalid(new.get("addressType"), "field is immutable", "addressType")


def _listed(values: list[str]) -> str:
    if not values:
        return "<unset>"
    more = f" + {len(values) - SHOWN} more..." if len(values) > SHOWN else ""
    return ",".join(values[:SHOWN]) + more


def ports_cell(piece: Obj, _now: float) -> Cell:
    return _listed([str(port.get("port") or port.get("name") or "*") for port in piece.get("ports") or ()])


def endpoints_cell(piece: Obj, _now: float) -> Cell:
    return _listed(
        [ip for endpoint in piece.get("endpoints") or () for ip in endpoint.get("addresses") or ()]
    )


ENDPOINTSLICE = Kind(
    group="discovery.k8s.io",
    version="v1",
    kind="EndpointSlice",
    plural="endpointslices",
    namespaced=True,
    singular="endpointslice",
    generation=True,
    schema="io.k8s.api.discovery.v1.EndpointSlice",
    default=default,
    validate=validate,
    validate_update=validate_update,
    columns=(
        NAME,
        Column("AddressType", at("addressType")),
        Column("Ports", ports_cell),
        Column("Endpoints", endpoints_cell),
        AGE,
    ),
)
