"""endpoints-controller: the older form of a Service's endpoints, one object per Service, for clients that still read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, labels_of, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself
from pybernetes.control.plan import Create, Delete, Plan, Update
from pybernetes.controllers.endpointslice.endpoint import belongs, ports
from pybernetes.controllers.endpointslice.plan import HEADLESS, services_of_pod
from pybernetes.controllers.pods import is_ready
from pybernetes.lang.labelselector import from_labels

CAPACITY = 1000
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
SKIP_MIRROR = "endpointslice.kubernetes.io/skip-mirror"
MANAGED_BY = {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A Service with a selector (None: it is gone), its pods, and its Endpoints object if there is one."""

    service: Obj | None
    pods: Sequence[Obj]
    endpoints: Obj | None


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
    subsets = _subsets(service, seen.pods)
    metadata = {
        "name": name_of(service),
        "namespace": namespace_of(service),
        "labels": {**labels_of(service), **_headless(service), **MANAGED_BY},
    }
    if current is None:
        obj = {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata}
        created = {**obj, **({"subsets": subsets} if subsets else {})}
        return Plan((Create(kinds.ENDPOINTS, created, "the Service is new"),), None, "new")
    if (current.get("subsets") or []) == subsets and labels_of(current) == metadata["labels"]:
        return Plan.nothing("up to date")
    changed = {
        **current,
        "metadata": {**current["metadata"], "labels": metadata["labels"]},
        "subsets": subsets,
    }
    return Plan((Update(kinds.ENDPOINTS, changed, "the Service's pods changed"),), None, "changed")


def _headless(service: Obj) -> dict[str, str]:
    return {HEADLESS: ""} if service["spec"].get("clusterIP") in ("None", "", None) else {}


def _subsets(service: Obj, pods: Sequence[Obj]) -> list[dict[str, Any]]:
    """Addresses grouped by the ports they offer, ready and not ready apart."""
    groups: dict[str, dict[str, Any]] = {}
    publish_all = bool(service["spec"].get("publishNotReadyAddresses"))
    for pod in pods[:CAPACITY]:
        if not belongs(pod) or (pod["metadata"].get("deletionTimestamp") and not publish_all):
            continue
        offered = [_port(port) for port in ports(service, pod) or ()]
        group = groups.setdefault(repr(offered), {"addresses": [], "notReadyAddresses": [], "ports": offered})
        group["addresses" if publish_all or is_ready(pod) else "notReadyAddresses"].append(
            _address(service, pod)
        )
    return [{k: v for k, v in groups[key].items() if v} for key in sorted(groups)]


def _port(port: Obj) -> dict[str, Any]:
    return {k: v for k, v in port.items() if k != "name" or v}


def _address(service: Obj, pod: Obj) -> dict[str, Any]:
    target = {"kind": "Pod", "namespace": namespace_of(pod), "name": name_of(pod), "uid": uid_of(pod)}
    address: dict[str, Any] = {"ip": pod["status"]["podIP"], "targetRef": target}
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
)
