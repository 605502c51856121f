"""EndpointSlices: the addresses behind a Service, in pieces."""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.lang import names

from ..cells import AGE, NAME, at
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj
from ..validation.addresses import endpoint_address, legacy_address, parse_address
from ..validation.metadata import validate_labels
from ..validation.values import named, one_of

ADDRESS_TYPES = ["FQDN", "IPv4", "IPv6"]
PROTOCOLS = ["SCTP", "TCP", "UDP"]
MAX_ENDPOINTS, MAX_ADDRESSES, MAX_PORTS, MAX_TOPOLOGY, MAX_HINTS = 1000, 100, 20000, 16, 8
SHOWN = 3


def default(obj: MutableObj) -> None:
    for port in obj.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def prepare_create(obj: MutableObj) -> None:
    obj["metadata"]["generation"] = 1
    _drop_topology(obj)


def prepare_update(new: MutableObj, old: Obj) -> None:
    """The generation counts changes of labels, too: they say which Service the slice is of."""
    before = old["metadata"].get("generation", 0)
    if new.get("endpoints") != old.get("endpoints"):
        _drop_topology(new)
    changed = any(new.get(field) != old.get(field) for field in ("addressType", "endpoints", "ports"))
    labels = (new["metadata"].get("labels") or {}) != (old["metadata"].get("labels") or {})
    new["metadata"]["generation"] = before + (changed or labels)


def _drop_topology(obj: MutableObj) -> None:
    """A field of v1beta1, which v1 takes without a word and does not keep."""
    for endpoint in obj.get("endpoints") or ():
        endpoint.pop("deprecatedTopology", None)


def validate_create(piece: Obj, errors: FieldErrors) -> None:
    """Of a new slice."""
    one_of(piece, "addressType", ADDRESS_TYPES, errors, required=True)
    _validate_endpoints(piece, errors)
    _validate_ports(piece, errors)


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """Endpoints that stay as they are may break today's rules."""
    one_of(new, "addressType", ADDRESS_TYPES, errors, required=True)
    if new.get("endpoints") != old.get("endpoints"):
        _validate_endpoints(new, errors)
    _validate_ports(new, errors)
    if new.get("addressType") != old.get("addressType"):
        errors.invalid(new.get("addressType"), "field is immutable", "addressType")


def _validate_ports(piece: Obj, errors: FieldErrors) -> None:
    ports = piece.get("ports") or ()
    if len(ports) > MAX_PORTS:
        errors.too_many(len(ports), MAX_PORTS, "ports")
        return
    seen: set[str] = set()
    for index, each in enumerate(ports):
        here, name = errors.at("ports", index), each.get("name", "")
        named(each, "name", names.dns1123_label, here)
        if name in seen:
            here.duplicate(name, "name")
        seen.add(name)
        one_of(each, "protocol", PROTOCOLS, here, required=True)
        if each.get("appProtocol") is not None:
            for message in names.qualified_name(each["appProtocol"]):
                here.invalid(each["appProtocol"], message, "appProtocol")


def _validate_endpoints(piece: Obj, errors: FieldErrors) -> None:
    endpoints = piece.get("endpoints") or ()
    if len(endpoints) > MAX_ENDPOINTS:
        errors.too_many(len(endpoints), MAX_ENDPOINTS, "endpoints")
        return
    for index, endpoint in enumerate(endpoints):
        here = errors.at("endpoints", index)
        addresses = endpoint.get("addresses") or ()
        if not addresses:
            here.required("addresses", "must contain at least 1 address")
        elif len(addresses) > MAX_ADDRESSES:
            here.too_many(len(addresses), MAX_ADDRESSES, "addresses")
        for number, text in enumerate(addresses):
            _validate_address(piece.get("addressType"), text, here.at("addresses", number), here)
        if endpoint.get("nodeName") is not None:
            for message in names.dns1123_subdomain(endpoint["nodeName"]):
                here.invalid(endpoint["nodeName"], message, "nodeName")
        if len(endpoint.get("deprecatedTopology") or ()) > MAX_TOPOLOGY:
            here.too_many(len(endpoint["deprecatedTopology"]), MAX_TOPOLOGY, "deprecatedTopology")
        validate_labels(endpoint.get("deprecatedTopology"), here.at("deprecatedTopology"))
        if endpoint.get("hostname") is not None:
            for message in names.dns1123_label(endpoint["hostname"]):
                here.invalid(endpoint["hostname"], message, "hostname")
        for field in ("forZones", "forNodes"):
            _validate_hints((endpoint.get("hints") or {}).get(field) or (), here.at("hints", field))


def _validate_address(kind: object, text: str, at: FieldErrors, endpoint: FieldErrors) -> None:
    if kind == "FQDN":
        name = text.removesuffix(".")
        if not text:
            at.required()
        for message in names.dns1123_subdomain(name) if text else ():
            at.invalid(text, message)
        if text and "." not in name:
            at.invalid(text, "should be a domain with at least two segments separated by dots")
    elif kind in ("IPv4", "IPv6") and legacy_address(text, at):
        address = parse_address(text)
        if address is not None and f"IPv{address.version}" != kind:
            endpoint.invalid(text, f"must be an {kind} address", "addresses")
        endpoint_address(text, at)


def _validate_hints(hints: Sequence[Obj], at: FieldErrors) -> None:
    if len(hints) > MAX_HINTS:
        at.too_many(len(hints), MAX_HINTS)
        return
    seen: set[str] = set()
    for index, hint in enumerate(hints):
        name = hint.get("name") or ""
        if name in seen:
            at.at(index).duplicate(name, "name")
        seen.add(name)
        for message in names.label_value(name) if at.path.endswith("forZones") else ():
            at.at(index).invalid(name, message, "name")


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
    schema="io.k8s.api.discovery.v1.EndpointSlice",
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    validate_create=validate_create,
    validate_update=validate_update,
    columns=(
        NAME,
        Column("AddressType", at("addressType")),
        Column("Ports", ports_cell),
        Column("Endpoints", endpoints_cell),
        AGE,
    ),
)
