"""Endpoints: the addresses behind a Service, in one object (superseded by EndpointSlices)."""

from __future__ import annotations

from pybernetes.lang import names

from ..cells import AGE, NAME
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj
from ..validation.addresses import endpoint_address, legacy_address
from ..validation.values import named, one_of, port

SHOWN = 3
PROTOCOLS = ["SCTP", "TCP", "UDP"]


def default(obj: MutableObj) -> None:
    for subset in obj.get("subsets") or ():
        for each in subset.get("ports") or ():
            each.setdefault("protocol", "TCP")


def validate_create(endpoints: Obj, errors: FieldErrors) -> None:
    """Of new Endpoints."""
    for index, subset in enumerate(endpoints.get("subsets") or ()):
        _validate_subset(subset, errors.at("subsets", index))


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """Subsets that stay as they are may break today's rules."""
    if new.get("subsets") != old.get("subsets"):
        validate_create(new, errors)


def _validate_subset(subset: Obj, at: FieldErrors) -> None:
    if not subset.get("addresses") and not subset.get("notReadyAddresses"):
        at.required(detail="must specify `addresses` or `notReadyAddresses`")
    for field in ("addresses", "notReadyAddresses"):
        for index, address in enumerate(subset.get(field) or ()):
            _validate_address(address, at.at(field, index))
    ports = subset.get("ports") or ()
    for index, each in enumerate(ports):
        here = at.at("ports", index)
        named(each, "name", names.dns1123_label, here, required=len(ports) > 1)
        port(each.get("port") or 0, "port", here)
        one_of(each, "protocol", PROTOCOLS, here, required=True)
        named(each, "appProtocol", names.qualified_name, here)


def _validate_address(address: Obj, at: FieldErrors) -> None:
    text = address.get("ip") or ""
    legacy_address(text, at.at("ip"))
    named(address, "hostname", names.dns1123_label, at)
    named(address, "nodeName", names.dns1123_subdomain, at)
    endpoint_address(text, at.at("ip"))


def endpoints_cell(endpoints: Obj, _now: float) -> Cell:
    """The first three `address:port` pairs, and how many there are beyond them."""
    pairs: list[str] = []
    for subset in endpoints.get("subsets") or ():
        ports = subset.get("ports") or ()
        for address in subset.get("addresses") or ():
            pairs += [f"{address['ip']}:{each['port']}" for each in ports] or [address["ip"]]
    if not pairs:
        return "<none>"
    more = f" + {len(pairs) - SHOWN} more..." if len(pairs) > SHOWN else ""
    return ",".join(pairs[:SHOWN]) + more


ENDPOINTS = Kind(
    group="",
    version="v1",
    kind="Endpoints",
    plural="endpoints",
    namespaced=True,
    singular="endpoints",
    short_names=("ep",),
    storage_prefix="services/endpoints",
    schema="io.k8s.api.core.v1.Endpoints",
    create_on_update=True,
    default=default,
    validate_create=validate_create,
    validate_update=validate_update,
    deprecated="v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    columns=(NAME, Column("Endpoints", endpoints_cell), AGE),
)
