"""endpoints-controller: the older form of a Service's endpoints, one object per Service, for clients that still read it.

An object holds at most 1,000 addresses; of more, the ready ones come first, and an annotation says that some are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, annotations_of, key_of, labels_of, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself
from pybernetes.control.plan import Create, Delete, Plan, Report, Update
from pybernetes.controllers.endpointslice import trigger
from pybernetes.controllers.endpointslice.endpoint import address_types, addresses, belongs, ports
from pybernetes.controllers.endpointslice.plan import HEADLESS, services_of_pod
from pybernetes.controllers.pods import is_ready
from pybernetes.lang.labelselector import from_labels

CAPACITY = 1000
OVER_CAPACITY, TRUNCATED = "endpoints.kubernetes.io/over-capacity", "truncated"
MANAGED_BY = {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A Service with a selector (None: it is gone), its pods, and its Endpoints object if there is one. `memory` is
    when its pods became ready or unready, as of the last look."""

    service: Obj | None
    pods: Sequence[Obj]
    endpoints: Obj | None
    memory: Mapping[str, str] | None = None


def observe(key: str, caches: Caches) -> Seen | None:
    service = caches.get(kinds.SERVICE, key)
    current = caches.get(kinds.ENDPOINTS, key)
    if service is None:
        return Seen(None, (), current) if current is not None else None
    if not service["spec"].get("selector") or service["spec"].get("type") == "ExternalName":
        return None
    selector = from_labels(service["spec"]["selector"])
    pods = [pod for pod in caches.list(kinds.POD, namespace_of(service)) if selector.matches(labels_of(pod))]
    return Seen(service, sorted(pods, key=name_of), current)


def plan(seen: Seen, _now: float, _settings: Settings) -> Plan:
    service, current = seen.service, seen.endpoints
    if service is None:
        if current is None or MANAGED_BY.items() - labels_of(current).items():
            return Plan.nothing("no Service, and not ours to delete")
        doomed = Delete(
            kinds.ENDPOINTS, namespace_of(current), name_of(current), uid_of(current), "no Service"
        )
        return Plan((doomed,), None, "the Service is gone")
    times = trigger.times(seen.pods)
    changed_at = trigger.last_change(service, times, seen.memory)
    subsets, truncated = within_capacity(_subsets(service, seen.pods))
    labels = {**labels_of(service), **_headless(service), **MANAGED_BY}
    if current is None:
        metadata = {"name": name_of(service), "namespace": namespace_of(service), "labels": labels}
        obj = {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": _annotated(metadata, changed_at, truncated=truncated),
            **({"subsets": subsets} if subsets else {}),
        }
        failure = f"Failed to create endpoint for service {key_of(service)}: {{error}}"
        report = Report(obj, "Warning", "FailedToCreateEndpoint", failure)
        create = Create(kinds.ENDPOINTS, obj, "the Service is new", failure=report)
        return Plan((create,), None, "new", times)
    same = (current.get("subsets") or []) == subsets and labels_of(current) == labels
    if same and (annotations_of(current).get(OVER_CAPACITY) == TRUNCATED) == truncated:
        return Plan((), None, "up to date", times)
    metadata = {**current["metadata"], "labels": labels}
    changed = {
        **current,
        "metadata": _annotated(metadata, changed_at, truncated=truncated),
        "subsets": subsets,
    }
    failure = f"Failed to update endpoint {key_of(service)}: {{error}}"
    report = Report(changed, "Warning", "FailedToUpdateEndpoint", failure)
    update = Update(kinds.ENDPOINTS, changed, "the Service's pods changed", failure=report)
    return Plan((update,), None, "changed", times)


def _annotated(metadata: Obj, changed_at: str, *, truncated: bool) -> dict[str, Any]:
    plain = trigger.annotated(metadata, changed_at)
    annotations = {k: v for k, v in (plain.pop("annotations", None) or {}).items() if k != OVER_CAPACITY}
    if truncated:
        annotations[OVER_CAPACITY] = TRUNCATED
    return {**plain, "annotations": annotations} if annotations else plain


def _headless(service: Obj) -> dict[str, str]:
    return {HEADLESS: ""} if service["spec"].get("clusterIP") in ("None", "", None) else {}


def _subsets(service: Obj, pods: Sequence[Obj]) -> list[dict[str, Any]]:
    """Addresses grouped by the ports they offer, ready and not ready apart. A pod that offers none of the Service's
    ports is left out, unless the Service is headless and has none."""
    groups: dict[str, dict[str, Any]] = {}
    publish_all = bool(service["spec"].get("publishNotReadyAddresses"))
    portless = not service["spec"].get("ports") and service["spec"].get("clusterIP") == "None"
    for pod in pods:
        if not belongs(pod) or (pod["metadata"].get("deletionTimestamp") and not publish_all):
            continue
        address = _address(service, pod)
        offered = [_port(port) for port in ports(service, pod) or ()]
        if address is None or not (offered or portless):
            continue
        group = groups.setdefault(repr(offered), {"addresses": [], "notReadyAddresses": [], "ports": offered})
        group["addresses" if publish_all or is_ready(pod) else "notReadyAddresses"].append(address)
    for group in groups.values():
        for field in ("addresses", "notReadyAddresses"):
            group[field].sort(key=lambda each: (each["ip"], each["targetRef"]["uid"]))
    return [{k: v for k, v in groups[key].items() if v} for key in sorted(groups)]


def within_capacity(subsets: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], bool]:
    """The subsets with no more addresses than an object may hold, and whether some had to go. Of too many ready ones
    each subset keeps its share, and no other is kept; else the others share what is left."""
    ready, waiting = (
        sum(len(subset.get(field) or ()) for subset in subsets)
        for field in ("addresses", "notReadyAddresses")
    )
    if ready + waiting <= CAPACITY:
        return subsets, False
    field, total, room = (
        ("addresses", ready, CAPACITY)
        if ready > CAPACITY
        else ("notReadyAddresses", waiting, CAPACITY - ready)
    )
    kept, left = [], room
    for subset in subsets:
        share = min(math.ceil(len(subset.get(field) or ()) / total * room), left)
        left -= share
        cut = {**subset, field: (subset.get(field) or [])[:share]}
        if field == "addresses":
            cut.pop("notReadyAddresses", None)
        cut = {key: value for key, value in cut.items() if value}
        if "addresses" in cut or "notReadyAddresses" in cut:
            kept.append(cut)
    return kept, True


def _port(port: Obj) -> dict[str, Any]:
    return {k: v for k, v in port.items() if k != "name" or v}


def _address(service: Obj, pod: Obj) -> dict[str, Any] | None:
    """The pod's address of the Service's first family; None where it has none."""
    found = addresses(pod, address_types(service)[0])
    if not found and not service["spec"].get("ipFamilies"):
        found = [pod["status"]["podIP"]] if pod["status"].get("podIP") else []
    if not found:
        return None
    target = {"kind": "Pod", "namespace": namespace_of(pod), "name": name_of(pod), "uid": uid_of(pod)}
    address: dict[str, Any] = {"ip": found[0], "targetRef": target}
    if pod["spec"].get("nodeName"):
        address["nodeName"] = pod["spec"]["nodeName"]
    if pod["spec"].get("hostname") and pod["spec"].get("subdomain") == name_of(service):
        address["hostname"] = pod["spec"]["hostname"]
    return address


CONTROLLER = ControllerDef(
    "endpoints-controller",
    watches=(itself(kinds.SERVICE), Watch(kinds.POD, services_of_pod), itself(kinds.ENDPOINTS)),
    observe=observe,
    plan=plan,
    account="endpoint-controller",
    source="endpoint-controller",
    remembers=True,
)
