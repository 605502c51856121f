"""EndpointSlices of a Service with a selector: the fewest writes that make them say which pods stand behind it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, labels_of, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself
from pybernetes.control.ownership import owner_reference
from pybernetes.control.plan import Create, Delete, Plan, Steps, Update
from pybernetes.lang.labelselector import from_labels

from .endpoint import belongs, endpoint, ports

SERVICE_NAME, MANAGED_BY = "kubernetes.io/service-name", "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
HEADLESS = "service.kubernetes.io/headless"


@dataclass(frozen=True, slots=True)
class Seen:
    """A Service, the pods that its selector selects, their nodes, and the slices this controller has made for it.
    A Service that is gone has none of the rest: its slices go with it by garbage collection."""

    service: Obj
    pods: Sequence[Obj]
    nodes: dict[str, Obj]
    slices: Sequence[Obj]


def observe(key: str, caches: Caches) -> Seen | None:
    service = caches.get(kinds.SERVICE, key)
    if (
        service is None
        or not service["spec"].get("selector")
        or service["spec"].get("type") == "ExternalName"
    ):
        return None
    selector = from_labels(service["spec"]["selector"])
    pods = [pod for pod in caches.list(kinds.POD, namespace_of(service)) if selector.matches(labels_of(pod))]
    names = {pod["spec"].get("nodeName", "") for pod in pods}
    nodes = {name: node for name in names if name and (node := caches.get(kinds.NODE, name)) is not None}
    slices = [
        piece
        for piece in caches.by_index(kinds.ENDPOINTSLICE, "service", key)
        if labels_of(piece).get(MANAGED_BY) == MANAGER
    ]
    return Seen(service, pods, nodes, slices)


def plan(seen: Seen, _now: float, settings: Settings) -> Plan:
    if is_deleting(seen.service):
        return Plan.nothing("the Service is being deleted")
    wanted = _wanted(seen)
    steps = Steps()
    for port_key, endpoints in wanted.items():
        existing = [
            s for s in seen.slices if _port_key(s.get("ports") or ()) == port_key and not is_deleting(s)
        ]
        _reconcile(
            steps, seen.service, json.loads(port_key), endpoints, existing, settings.max_endpoints_per_slice
        )
    for piece in seen.slices:
        if _port_key(piece.get("ports") or ()) not in wanted and not is_deleting(piece):
            steps.add(_delete(piece))
    count = sum(map(len, wanted.values()))
    return steps.plan(f"{count} endpoints")


def _wanted(seen: Seen) -> dict[str, dict[str, dict[str, Any]]]:
    """Ports (as a canonical string) to endpoints by address. Without any pod: one empty slice."""
    groups: dict[str, dict[str, dict[str, Any]]] = {}
    for pod in seen.pods:
        if belongs(pod):
            entry = endpoint(seen.service, pod, seen.nodes.get(pod["spec"].get("nodeName", "")))
            groups.setdefault(_port_key(ports(seen.service, pod) or ()), {})[uid_of(pod)] = entry
    return groups or {_port_key(()): {}}


def _port_key(entries: Sequence[Obj]) -> str:
    canonical = [{"name": "", "protocol": "TCP", **entry} for entry in entries]
    return json.dumps(sorted(canonical, key=lambda e: (e["name"], e["protocol"], e["port"])), sort_keys=True)


def _reconcile(
    steps: Steps,
    service: Obj,
    port_list: list[Any],
    wanted: dict[str, dict[str, Any]],
    existing: Sequence[Obj],
    most: int,
) -> None:
    """Keeps endpoints where they are, fills gaps, and makes new slices only for what does not fit in `most` each."""
    left = dict(wanted)
    contents: list[tuple[Obj, list[Any]]] = []
    for piece in existing:
        kept = []
        for entry in piece.get("endpoints") or ():
            uid = (entry.get("targetRef") or {}).get("uid", "")
            if uid in left:
                kept.append(left.pop(uid))
        contents.append((piece, kept))
    fresh = [left[uid] for uid in sorted(left)]
    for _, kept in contents:
        room = max(0, most - len(kept))
        kept += fresh[:room]
        fresh = fresh[room:]
    used = [(piece, kept) for piece, kept in contents if kept] or contents[:1]
    for piece, kept in used:
        changed = _content(piece, service, kept)
        if changed != piece:
            steps.add(Update(kinds.ENDPOINTSLICE, changed, "the Service's pods changed"))
    for piece, _ in contents:
        if not any(piece is other for other, _ in used):
            steps.add(_delete(piece))
    while fresh or not (used or existing):
        steps.add(_create(service, port_list, fresh[:most]))
        fresh = fresh[most:]
        used = [({}, [])]


def _content(piece: Obj, service: Obj, endpoints: list[Any]) -> dict[str, Any]:
    labels = _labels(service)
    metadata = piece["metadata"]
    if {k: v for k, v in labels_of(piece).items() if k in labels} != labels:
        metadata = {**metadata, "labels": {**labels_of(piece), **labels}}
    return {**piece, "metadata": metadata, "endpoints": endpoints}


def _labels(service: Obj) -> dict[str, str]:
    """The Service's own labels, and those by which slices are found."""
    headless = {HEADLESS: ""} if service["spec"].get("clusterIP") == "None" else {}
    return {**labels_of(service), **headless, SERVICE_NAME: name_of(service), MANAGED_BY: MANAGER}


def _create(service: Obj, port_list: list[Any], endpoints: list[Any]) -> Create:
    obj = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": f"{name_of(service)[:57]}-",
            "namespace": namespace_of(service),
            "labels": _labels(service),
            "ownerReferences": [owner_reference(service, kinds.SERVICE)],
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": port_list,
    }
    return Create(kinds.ENDPOINTSLICE, obj, "the Service's pods changed")


def _delete(piece: Obj) -> Delete:
    return Delete(
        kinds.ENDPOINTSLICE, namespace_of(piece), name_of(piece), uid_of(piece), "no endpoint left in it"
    )


def service_of_slice(piece: Obj) -> tuple[str, ...]:
    """The key of the Service a slice belongs to."""
    name = labels_of(piece).get(SERVICE_NAME)
    return (f"{namespace_of(piece)}/{name}",) if name else ()


def services_of_pod(pod: Obj, caches: Caches) -> list[str]:
    """The Services whose selector selects a pod."""
    namespace, labels = namespace_of(pod), labels_of(pod)
    return [
        f"{namespace}/{name_of(service)}"
        for service in caches.list(kinds.SERVICE, namespace)
        if (selector := service["spec"].get("selector")) and selector.items() <= labels.items()
    ]


CONTROLLER = ControllerDef(
    "endpointslice-controller",
    watches=(
        itself(kinds.SERVICE),
        Watch(kinds.POD, services_of_pod),
        Watch(
            kinds.ENDPOINTSLICE, lambda piece, _caches: service_of_slice(piece), {"service": service_of_slice}
        ),
    ),
    reads=(kinds.NODE,),
    observe=observe,
    plan=plan,
    account="endpointslice-controller",
)
