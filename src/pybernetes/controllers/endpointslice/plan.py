"""EndpointSlices of a Service with a selector: the fewest writes that make them say which pods stand behind it.

For each address family of the Service, pods are grouped by the ports they offer (a named target port may differ from pod to
pod), each group is packed into slices (`packing.py`), the ready endpoints get hints (`hints.py`, `topology.py`), and what
differs from what is there is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, key_of, labels_of, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself
from pybernetes.control.ownership import owner_reference
from pybernetes.control.plan import Create, Delete, Plan, Report, Steps, Update
from pybernetes.lang.labelselector import from_labels

from . import hints, topology, trigger
from .draft import Draft
from .endpoint import address_types, addresses, belongs, endpoint, ports
from .packing import pack

SERVICE_NAME, MANAGED_BY = "kubernetes.io/service-name", "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
HEADLESS = "service.kubernetes.io/headless"
RESERVED = (SERVICE_NAME, MANAGED_BY, HEADLESS)
AUTO = "topology"
"""Index over Services: "Auto" holds those whose hints depend on the nodes."""
LONGEST_WAIT = 1000.0
"""Seconds between two looks for a node that does not appear; the first is after one second, then twice as long."""

PortKey: TypeAlias = tuple[tuple[str, str, int, str], ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """Of the last look: when pods became ready, whether there were hints by topology, what was told of them for each
    address family, and how long it waited for a node."""

    times: Mapping[str, str]
    hinted: bool = False
    told: Mapping[str, str] = field(default_factory=dict)
    wait: float = 0.5


@dataclass(frozen=True, slots=True)
class Seen:
    """A Service, the pods that its selector selects, their nodes, and the slices this controller has made for it.
    A Service that is gone has none of the rest: its slices go with it by garbage collection. `cpu` is that of the
    zones (`topology.zone_cpu`), where the Service asks for hints by it."""

    service: Obj
    pods: Sequence[Obj]
    nodes: Mapping[str, Obj]
    slices: Sequence[Obj]
    cpu: Mapping[str, int] = field(default_factory=dict)
    memory: Memory | None = None


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
    cpu = topology.zone_cpu(caches.list(kinds.NODE)) if hints.is_auto(service) else {}
    return Seen(service, pods, nodes, slices, cpu)


def plan(seen: Seen, _now: float, settings: Settings) -> Plan:
    before = seen.memory
    if is_deleting(seen.service):
        return Plan(why="the Service is being deleted", memory=before)
    times = trigger.times(seen.pods)
    changed_at = trigger.last_change(seen.service, times, before.times if before else None)
    lost = {uid_of(pod) for pod in seen.pods if _is_lost(seen, pod)}
    wait = min(LONGEST_WAIT, 2 * (before.wait if before else 0.5)) if lost else 0.5
    memory = Memory(times, before.hinted if before else False, before.told if before else {}, wait)
    steps = Steps(after=wait if lost else None)
    pieces = [piece for piece in seen.slices if not is_deleting(piece)]
    own = [piece for piece in pieces if _is_owned(piece, seen.service)]
    doomed = [piece for piece in pieces if not _is_owned(piece, seen.service)]
    offers = _offers(seen, lost)
    count = 0
    for family in address_types(seen.service):
        existing = [piece for piece in own if piece["addressType"] == family]
        own = [piece for piece in own if piece["addressType"] != family]
        drafts, emptied = _family(seen, offers, family, existing, settings.max_endpoints_per_slice)
        memory = _hint(steps, seen, family, drafts, memory)
        _reuse(drafts, emptied)
        steps.add(*_writes(seen.service, family, drafts, changed_at))
        doomed += emptied
        count += sum(len(draft.endpoints) for draft in drafts)
    steps.add(*(_delete(seen.service, piece) for piece in [*doomed, *own]))
    steps.memory = memory
    return steps.plan(f"{count} endpoints" + (f", {len(lost)} pods on unknown nodes" if lost else ""))


def _is_lost(seen: Seen, pod: Obj) -> bool:
    """Whether the pod's node does not exist (any more, or yet): unless all are published, it is left out."""
    name = pod["spec"].get("nodeName")
    lost = bool(name) and name not in seen.nodes and belongs(pod)
    return lost and not seen.service["spec"].get("publishNotReadyAddresses")


def _is_owned(piece: Obj, service: Obj) -> bool:
    """Whether the slice is this very Service's, not that of an earlier one of the same name."""
    references = piece["metadata"].get("ownerReferences") or ()
    return any(ref.get("uid") == uid_of(service) and ref.get("kind") == "Service" for ref in references)


def _offers(seen: Seen, lost: set[str]) -> dict[PortKey, tuple[list[Any], list[Obj]]]:
    """The published pods by the ports they offer."""
    found: dict[PortKey, tuple[list[Any], list[Obj]]] = {}
    named = any(isinstance(port.get("targetPort"), str) for port in seen.service["spec"].get("ports") or ())
    common: tuple[PortKey, list[Any]] | None = None
    for pod in seen.pods:
        if belongs(pod) and uid_of(pod) not in lost:
            if named or common is None:
                offered = ports(seen.service, pod) or []
                common = _port_key(offered), offered
            found.setdefault(common[0], (common[1], []))[1].append(pod)
    return found


def _port_key(entries: Iterable[Obj]) -> PortKey:
    return tuple(
        sorted(
            (e.get("name") or "", e.get("protocol") or "TCP", e.get("port") or 0, e.get("appProtocol") or "")
            for e in entries
        )
    )


def _family(
    seen: Seen,
    offers: Mapping[PortKey, tuple[list[Any], list[Obj]]],
    family: str,
    existing: Sequence[Obj],
    most: int,
) -> tuple[list[Draft], list[Obj]]:
    """The slices of one address family, and those that are not needed. There is always one, if need be an empty one
    without ports."""
    labels = _labels(seen.service)
    by_ports: dict[PortKey, list[Obj]] = {}
    for piece in existing:
        by_ports.setdefault(_port_key(piece.get("ports") or ()), []).append(piece)
    drafts: list[Draft] = []
    emptied: list[Obj] = []
    for key, (offered, pods) in offers.items():
        wanted = {
            uid_of(pod): endpoint(seen.service, pod, seen.nodes.get(pod["spec"].get("nodeName", "")), at)
            for pod in pods
            if (at := addresses(pod, family))
        }
        if wanted:
            packed, unused = pack(wanted, by_ports.pop(key, ()), offered, labels, most)
            drafts += packed
            emptied += unused
    emptied += [piece for pieces in by_ports.values() for piece in pieces]
    if not drafts:
        empty = next((p for p in emptied if not p.get("ports") and not p.get("endpoints")), None)
        changed = empty is not None and labels_of(empty) != labels
        drafts.append(Draft(empty, [], [], changed))
        emptied = [piece for piece in emptied if piece is not empty]
    return drafts, emptied


def _hint(steps: Steps, seen: Seen, family: str, drafts: Sequence[Draft], memory: Memory) -> Memory:
    """Sets hints as the Service asks for them, and tells when those by topology begin, end, or cannot be."""
    distribution = seen.service["spec"].get("trafficDistribution") or ""
    if hints.is_auto(seen.service):
        why = topology.add_hints(drafts, seen.cpu)
        if why and memory.told.get(family) != why:
            steps.add(_report(seen.service, family, why))
        if not why and not memory.hinted:
            steps.add(_report(seen.service, family, topology.ENABLED))
        return Memory(memory.times, not why, {**memory.told, family: why}, memory.wait)
    if distribution in hints.CLOSE:
        hints.distribute(distribution, drafts)
    else:
        hints.remove(drafts)
    if memory.hinted:
        steps.add(_report(seen.service, family, topology.DISABLED))
    return Memory(memory.times, wait=memory.wait)


def _report(service: Obj, family: str, message: str) -> Report:
    text = f"{message}, addressType: {family}"
    if message == topology.ENABLED:
        return Report(service, "Normal", "TopologyAwareHintsEnabled", text)
    return Report(service, "Warning", "TopologyAwareHintsDisabled", text)


def _reuse(drafts: Iterable[Draft], emptied: list[Obj]) -> None:
    """A slice that would be deleted becomes one that would be created: one write instead of two."""
    for draft in drafts:
        if draft.piece is None and emptied:
            draft.piece, draft.changed = emptied.pop(), True


def _writes(service: Obj, family: str, drafts: Iterable[Draft], changed_at: str) -> Iterable[Create | Update]:
    labels, why = _labels(service), "the Service's pods changed"
    drafts = list(drafts)
    for draft in drafts:
        if draft.piece is None:
            made = _new(service, family, draft, changed_at)
            yield Create(kinds.ENDPOINTSLICE, made, why, failure=_failure(service, "create"))
    for draft in drafts:
        if draft.piece is not None and draft.changed:
            metadata = trigger.annotated({**draft.piece["metadata"], "labels": labels}, changed_at)
            content = {"metadata": metadata, "endpoints": draft.endpoints, "ports": draft.ports}
            failure = _failure(service, f"update {name_of(draft.piece)}")
            yield Update(kinds.ENDPOINTSLICE, {**draft.piece, **content}, why, failure=failure)


def _labels(service: Obj) -> dict[str, str]:
    """The Service's own labels, and those by which slices are found."""
    own = {k: v for k, v in labels_of(service).items() if k not in RESERVED}
    headless = {HEADLESS: ""} if service["spec"].get("clusterIP") in ("None", "", None) else {}
    return {**own, **headless, SERVICE_NAME: name_of(service), MANAGED_BY: MANAGER}


def _new(service: Obj, family: str, draft: Draft, changed_at: str) -> Obj:
    metadata = {
        "generateName": f"{name_of(service)}-",
        "namespace": namespace_of(service),
        "labels": _labels(service),
        "ownerReferences": [owner_reference(service, kinds.SERVICE)],
    }
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": trigger.annotated(metadata, changed_at),
        "addressType": family,
        "endpoints": draft.endpoints,
        "ports": draft.ports,
    }


def _delete(service: Obj, piece: Obj) -> Delete:
    name, failure = name_of(piece), _failure(service, f"delete {name_of(piece)}")
    why = "no endpoint left in it"
    return Delete(kinds.ENDPOINTSLICE, namespace_of(piece), name, uid_of(piece), why, failure=failure)


def _failure(service: Obj, what: str) -> Report:
    """What is told where a slice cannot be written."""
    key = key_of(service)
    told = f"failed to {what} EndpointSlice for Service {key}: {{error}}"
    message = f"Error updating Endpoint Slices for Service {key}: {told}"
    return Report(service, "Warning", "FailedToUpdateEndpointSlices", message)


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


def _mode(service: Obj) -> tuple[str, ...]:
    return ("Auto",) if hints.is_auto(service) else ()


def services_by_topology(_node: Obj, caches: Caches) -> list[str]:
    """The Services whose hints depend on the CPU of the nodes."""
    return [
        f"{namespace_of(service)}/{name_of(service)}"
        for service in caches.by_index(kinds.SERVICE, AUTO, "Auto")
    ]


def node_matters(old: Obj | None, new: Obj | None) -> bool:
    """Whether a change of a node moves CPU from zone to zone: a heartbeat does not."""
    return topology.node_facts(old) != topology.node_facts(new)


CONTROLLER = ControllerDef(
    "endpointslice-controller",
    watches=(
        Watch(kinds.SERVICE, itself(kinds.SERVICE).keys, {AUTO: _mode}),
        Watch(kinds.POD, services_of_pod),
        Watch(kinds.NODE, services_by_topology, matters=node_matters),
        Watch(
            kinds.ENDPOINTSLICE, lambda piece, _caches: service_of_slice(piece), {"service": service_of_slice}
        ),
    ),
    observe=observe,
    plan=plan,
    account="endpointslice-controller",
    remembers=True,
)
