"""endpointslice-mirroring-controller: EndpointSlices for Endpoints that somebody writes himself, for a Service without a
selector."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import (
    Obj,
    annotations_of,
    is_deleting,
    labels_of,
    name_of,
    namespace_of,
    uid_of,
)
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself
from pybernetes.control.ownership import owner_reference
from pybernetes.control.plan import Create, Delete, Plan, Report, Steps, Update
from pybernetes.controllers.endpointslice.plan import MANAGED_BY, SERVICE_NAME, service_of_slice

MANAGER = "endpointslicemirroring-controller.k8s.io"
SKIP = "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"
UNCOPIED = (
    "endpoints.kubernetes.io/last-change-trigger-time",
    "kubectl.kubernetes.io/last-applied-configuration",
)
SLICES = "service"
"""Index over EndpointSlices, the endpointslice-controller's: the key of the Service."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Endpoints (None: gone, or not to be mirrored) and the slices that mirror them."""

    endpoints: Obj | None
    slices: Sequence[Obj]


@dataclass(slots=True)
class _Wanted:
    """One slice as it shall be."""

    ports: list[Any]
    address_type: str
    endpoints: list[dict[str, Any]] = field(default_factory=list)


def observe(key: str, caches: Caches) -> Seen:
    endpoints, service = caches.get(kinds.ENDPOINTS, key), caches.get(kinds.SERVICE, key)
    mirrored = endpoints is not None and service is not None and _is_mirrored(endpoints, service)
    slices = caches.by_index(kinds.ENDPOINTSLICE, SLICES, key)
    return Seen(
        endpoints if mirrored else None,
        [each for each in slices if labels_of(each).get(MANAGED_BY) == MANAGER and not is_deleting(each)],
    )


def _is_mirrored(endpoints: Obj, service: Obj) -> bool:
    if labels_of(endpoints).get(SKIP) == "true" or LEADER in annotations_of(endpoints):
        return False
    return service["spec"].get("selector") is None and not is_deleting(endpoints)


def plan(seen: Seen, _now: float, settings: Settings) -> Plan:
    steps = Steps()
    wanted = (
        _wanted(steps, seen.endpoints, settings.mirrored_endpoints_per_subset)
        if seen.endpoints is not None
        else {}
    )
    for piece in sorted(seen.slices, key=name_of):
        found = wanted.pop(_key(piece.get("ports") or (), piece["addressType"]), None)
        if found is None or seen.endpoints is None:
            why = "there are no such addresses"
            steps.add(Delete(kinds.ENDPOINTSLICE, namespace_of(piece), name_of(piece), uid_of(piece), why))
            continue
        changed = {**piece, "endpoints": found.endpoints, "metadata": _metadata(seen.endpoints, piece)}
        if changed != piece:
            steps.add(Update(kinds.ENDPOINTSLICE, changed, "the Endpoints changed"))
    if seen.endpoints is not None:
        steps.add(*(_create(seen.endpoints, each) for each in wanted.values()))
    return steps.plan("mirroring" if seen.endpoints is not None else "not mirrored")


def _wanted(steps: Steps, endpoints: Obj, most: int) -> dict[str, _Wanted]:
    """The slices by their ports and address type, of each subset no more than `most` addresses. What is left out is told
    as upstream counts it: all that was skipped, invalid addresses among them."""
    found: dict[str, _Wanted] = {}
    invalid = skipped = 0
    for subset in endpoints.get("subsets") or ():
        ports = [_port(port) for port in subset.get("ports") or ()]
        ready = [(address, True) for address in subset.get("addresses") or ()]
        addresses = [*ready, *((each, False) for each in subset.get("notReadyAddresses") or ())]
        count = 0
        for address, is_ready in addresses:
            kind = _address_type(address["ip"])
            if count >= most:
                break  # what comes after is not looked at, nor counted as invalid
            if not kind:
                invalid += 1
                continue
            count += 1
            slot = found.setdefault(_key(ports, kind), _Wanted(ports, kind))
            if len(slot.endpoints) < most:
                slot.endpoints.append(_endpoint(address, ready=is_ready))
        skipped += len(addresses) - count
    if invalid:
        message = f"Skipped {invalid} invalid IP addresses when mirroring to EndpointSlices"
        steps.add(Report(endpoints, "Warning", "InvalidIPAddress", message))
    if skipped > invalid:
        message = (
            f"A max of {most} addresses can be mirrored to EndpointSlices per Endpoints subset. "
            f"{skipped} addresses were skipped"
        )
        steps.add(Report(endpoints, "Warning", "TooManyAddressesToMirror", message))
    return found


def _address_type(text: str) -> str:
    try:
        return f"IPv{ipaddress.ip_address(text).version}"
    except ValueError:
        return ""


def _port(port: Obj) -> dict[str, Any]:
    entry = {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP"), "port": port["port"]}
    return {**entry, "appProtocol": port["appProtocol"]} if port.get("appProtocol") else entry


def _endpoint(address: Obj, *, ready: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"addresses": [address["ip"]], "conditions": {"ready": ready}}
    entry.update({key: address[key] for key in ("targetRef", "nodeName", "hostname") if address.get(key)})
    return entry


def _key(ports: Iterable[Obj], address_type: str) -> str:
    entries = [{"name": "", "protocol": "TCP", **port} for port in ports]
    return address_type + json.dumps(
        sorted(entries, key=lambda port: (port["name"], port["protocol"], port["port"])), sort_keys=True
    )


def _labels(endpoints: Obj) -> dict[str, str]:
    return {**labels_of(endpoints), SERVICE_NAME: name_of(endpoints), MANAGED_BY: MANAGER}


def _annotations(endpoints: Obj) -> dict[str, str]:
    return {key: value for key, value in annotations_of(endpoints).items() if key not in UNCOPIED}


def _metadata(endpoints: Obj, piece: Obj) -> dict[str, Any]:
    rest = {k: v for k, v in piece["metadata"].items() if k not in ("labels", "annotations")}
    annotations = _annotations(endpoints)
    return {**rest, "labels": _labels(endpoints), **({"annotations": annotations} if annotations else {})}


def _create(endpoints: Obj, wanted: _Wanted) -> Create:
    metadata: dict[str, Any] = {
        "generateName": f"{name_of(endpoints)[:57]}-",
        "namespace": namespace_of(endpoints),
        "ownerReferences": [owner_reference(endpoints, kinds.ENDPOINTS)],
    }
    piece = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": _metadata(endpoints, {"metadata": metadata}),
        "addressType": wanted.address_type,
        "endpoints": wanted.endpoints,
        "ports": wanted.ports,
    }
    return Create(kinds.ENDPOINTSLICE, piece, "the Endpoints changed")


def _of_slice(piece: Obj, _caches: Caches) -> Iterable[str]:
    return service_of_slice(piece) if labels_of(piece).get(MANAGED_BY) == MANAGER else ()


CONTROLLER = ControllerDef(
    "endpointslice-mirroring-controller",
    watches=(
        itself(kinds.ENDPOINTS),
        itself(kinds.SERVICE),
        Watch(kinds.ENDPOINTSLICE, _of_slice, {SLICES: service_of_slice}),
    ),
    observe=observe,
    plan=plan,
    account="endpointslicemirroring-controller",
)
