"""What the plugins ask about a pod, read once: pods made from one template share one `PodFacts`.

Two pods have the same facts exactly where no plugin could tell them apart; a facts object is compared by identity
(`FactsCache` hands out one per signature), so that counts and masks can be kept by it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from pybernetes.api.meta import Obj, controller_ref_of, is_deleting, labels_of, name_of, namespace_of, uid_of
from pybernetes.lang import labelselector
from pybernetes.lang.labelselector import Requirement, Selector

from .podvolumes import Disk, claims_of, disks_of, volumes_of
from .requests import actual_resources, exact_amounts, nonzero_requests, pod_requests, resize_is_infeasible

HostPort = tuple[str, str, int]
"""(IP, protocol, port); the IP "0.0.0.0" is every address."""


@dataclass(frozen=True, slots=True)
class Toleration:
    key: str
    operator: str
    value: str
    effect: str

    def tolerates(self, key: str, value: str, effect: str) -> bool:
        if self.effect and self.effect != effect:
            return False
        if self.key and self.key != key:
            return False
        return self.operator == "Exists" or (self.operator == "Equal" and self.value == value)


class ClaimUse(NamedTuple):
    """A ResourceClaim of a pod, by its name ("" where it is still to be made); `owned`: made for this very pod."""

    name: str
    owned: bool


@dataclass(frozen=True, slots=True)
class AffinityTerm:
    """One term of pod affinity. `namespace_selector` is None where only `namespaces` count."""

    selector: Selector
    topology_key: str
    namespaces: frozenset[str]
    namespace_selector: Selector | None
    weight: int = 0


@dataclass(frozen=True, slots=True)
class SpreadConstraint:
    topology_key: str
    max_skew: int
    hard: bool
    selector: Selector
    min_domains: int
    honor_affinity: bool
    honor_taints: bool


@dataclass(frozen=True, slots=True, eq=False)
class PodFacts:
    namespace: str
    labels: Mapping[str, str]
    terminating: bool
    priority: int
    preempts: bool
    gates: tuple[str, ...]
    node_name: str
    owner: tuple[str, str]
    """(kind, name) of the controller; ("", "") without one."""
    requests: Mapping[str, int]
    """Sorted by name."""
    nonzero_cpu: int
    nonzero_memory: int
    host_ports: tuple[HostPort, ...]
    images: tuple[str, ...]
    tolerations: tuple[Toleration, ...]
    node_selector: Mapping[str, str]
    required_nodes: tuple[Obj, ...] | None
    """The terms of the required node affinity (any must match); None where there is none."""
    preferred_nodes: tuple[Obj, ...]
    spread: tuple[SpreadConstraint, ...]
    affinity: tuple[AffinityTerm, ...]
    anti_affinity: tuple[AffinityTerm, ...]
    preferred_affinity: tuple[AffinityTerm, ...]
    preferred_anti_affinity: tuple[AffinityTerm, ...]
    claims: tuple[tuple[str, str], ...] = ()
    """(name, "" or the uid of the pod for which it is made) of each PersistentVolumeClaim."""
    device_claims: tuple[ClaimUse, ...] = ()
    group: str = ""
    """The PodGroup that the pod belongs to."""
    identity: tuple[str, str] = ("", "")
    """(name, uid) of a pod that has ResourceClaims or a group: it shares its facts with no other."""
    asks: tuple[object, ...] = ()
    """All that is requested, as one value: pods that ask for the same are the same to the rules about resources."""
    disks: tuple[Disk, ...] = ()
    """Volumes in the pod itself that only one pod, or one node, may use at a time."""

    @property
    def has_volumes(self) -> bool:
        return bool(self.claims or self.disks)

    @property
    def has_affinity(self) -> bool:
        return bool(
            self.affinity or self.anti_affinity or self.preferred_affinity or self.preferred_anti_affinity
        )

    def tolerates(self, key: str, value: str, effect: str) -> bool:
        return any(toleration.tolerates(key, value, effect) for toleration in self.tolerations)


_CONTAINER_FIELDS = ("resources", "ports", "image", "restartPolicy")
_SPEC_FIELDS = (
    "overhead",
    "resources",
    "nodeSelector",
    "affinity",
    "tolerations",
    "topologySpreadConstraints",
    "priority",
    "preemptionPolicy",
    "schedulingGates",
)


_METADATA_FIELDS = ("uid", "namespace", "labels", "deletionTimestamp", "ownerReferences")


class FactsCache:
    """The facts of each signature that was seen lately."""

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._facts: OrderedDict[bytes, PodFacts] = OrderedDict()

    def of(self, pod: Obj, *, placed: bool = False) -> PodFacts:
        """The facts of a pod; `placed` leaves out the node that it names (it is counted there already)."""
        signature = _signature(pod, placed)
        facts = self._facts.get(signature)
        if facts is None:
            facts = self._facts[signature] = read_facts(pod, placed=placed)
            if len(self._facts) > self._size:
                self._facts.popitem(last=False)
        else:
            self._facts.move_to_end(signature)
        return facts


def _signature(pod: Obj, placed: bool) -> bytes:
    spec = pod["spec"]
    owner = controller_ref_of(pod)
    containers = [
        [[container.get(field) for field in _CONTAINER_FIELDS] for container in spec.get(group) or ()]
        for group in ("containers", "initContainers")
    ]
    return orjson.dumps(
        (
            namespace_of(pod),
            labels_of(pod),
            is_deleting(pod),
            None if placed else spec.get("nodeName"),
            (owner["kind"], owner["name"]) if owner else None,
            containers,
            [spec.get(field) for field in _SPEC_FIELDS],
            volumes_of(pod) if spec.get("volumes") else None,
            [
                uid_of(pod),
                [tuple(u) for u in _device_claims(pod)] if spec.get("resourceClaims") else None,
                _group(spec),
            ]
            if _has_identity(spec)
            else None,
            _resized(pod) if placed else None,
        ),
        option=orjson.OPT_SORT_KEYS,
    )


def same_facts(old: Obj, new: Obj) -> bool:
    """Whether a pod is surely what it was to every plugin; False also where only a closer look could tell. The node does
    not count."""
    before, after = old["metadata"], new["metadata"]
    if any(before.get(field) != after.get(field) for field in _METADATA_FIELDS):
        return False
    was, spec = old["spec"], new["spec"]
    if spec.get("resourceClaims") or actual_resources(old) or actual_resources(new):
        return False
    if was is spec:
        return True
    if len(was) - ("nodeName" in was) != len(spec) - ("nodeName" in spec):
        return False
    return all(key == "nodeName" or was.get(key) == value for key, value in spec.items())


def read_facts(pod: Obj, *, placed: bool = False) -> PodFacts:
    """The facts of one pod."""
    spec, labels = pod["spec"], dict(labels_of(pod))
    namespace = namespace_of(pod)
    affinity = spec.get("affinity") or {}
    node_affinity = affinity.get("nodeAffinity") or {}
    required = node_affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    together, apart = affinity.get("podAffinity") or {}, affinity.get("podAntiAffinity") or {}
    owner = controller_ref_of(pod)
    requests = dict(sorted(pod_requests(pod).items()))
    cpu, memory = nonzero_requests(pod)
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return PodFacts(
        namespace=namespace,
        labels=labels,
        terminating=is_deleting(pod),
        priority=int(spec.get("priority") or 0),
        preempts=spec.get("preemptionPolicy") != "Never",
        gates=tuple(gate["name"] for gate in spec.get("schedulingGates") or ()),
        node_name="" if placed else str(spec.get("nodeName") or ""),
        owner=(owner["kind"], owner["name"]) if owner else ("", ""),
        requests=requests,
        nonzero_cpu=cpu,
        nonzero_memory=memory,
        asks=(*requests.items(), cpu, memory),
        host_ports=host_ports(spec),
        images=tuple(container.get("image") or "" for container in containers),
        tolerations=tuple(_toleration(tree) for tree in spec.get("tolerations") or ()),
        node_selector=spec.get("nodeSelector") or {},
        required_nodes=None if required is None else tuple(required.get("nodeSelectorTerms") or ()),
        preferred_nodes=tuple(node_affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()),
        spread=tuple(_spread(tree, labels) for tree in spec.get("topologySpreadConstraints") or ()),
        affinity=_terms(together, namespace, labels),
        anti_affinity=_terms(apart, namespace, labels),
        preferred_affinity=_weighted_terms(together, namespace, labels),
        preferred_anti_affinity=_weighted_terms(apart, namespace, labels),
        claims=tuple((name, owner) for name, owner in claims_of(pod)),
        disks=tuple(disks_of(spec)),
        device_claims=tuple(_device_claims(pod)) if spec.get("resourceClaims") else (),
        group=_group(spec),
        identity=(name_of(pod), uid_of(pod)) if _has_identity(spec) else ("", ""),
    )


def _group(spec: Obj) -> str:
    return str((spec.get("schedulingGroup") or {}).get("podGroupName") or "")


def _has_identity(spec: Obj) -> bool:
    return bool(spec.get("resourceClaims") or _group(spec))


def _device_claims(pod: Obj) -> Iterator[ClaimUse]:
    """The ResourceClaims that a pod uses. What is made from a template is named in the pod's status; a name of null
    there means that no claim is needed."""
    made = {each["name"]: each for each in (pod.get("status") or {}).get("resourceClaimStatuses") or ()}
    for entry in pod["spec"]["resourceClaims"]:
        if entry.get("resourceClaimName"):
            yield ClaimUse(entry["resourceClaimName"], False)
        elif entry["name"] not in made:
            yield ClaimUse("", True)
        elif name := made[entry["name"]].get("resourceClaimName"):
            yield ClaimUse(name, True)


def _resized(pod: Obj) -> Any:
    """What tells a placed pod apart whose containers have other resources than it asks for; None for others."""
    running = actual_resources(pod)
    if not running:
        return None
    spec = pod["spec"]
    for container in (*spec["containers"], *(spec.get("initContainers") or ())):
        asked = (container.get("resources") or {}).get("requests")
        exact = exact_amounts(asked)
        if running.get(container["name"], exact) != exact:
            return [str(sorted(running.items())), resize_is_infeasible(pod)]
    return None


def _toleration(tree: Obj) -> Toleration:
    return Toleration(
        tree.get("key") or "",
        tree.get("operator") or "Equal",
        tree.get("value") or "",
        tree.get("effect") or "",
    )


def host_ports(spec: Obj) -> tuple[HostPort, ...]:
    """Ports of the node that the pod's containers (sidecars too) want."""
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    return tuple(
        (port.get("hostIP") or "0.0.0.0", port.get("protocol") or "TCP", port["hostPort"])
        for container in [*sidecars, *(spec.get("containers") or ())]
        for port in container.get("ports") or ()
        if port.get("hostPort")
    )


def _with_label_keys(selector: Selector, labels: Mapping[str, str], tree: Obj) -> Selector:
    """The selector narrowed by `matchLabelKeys` and `mismatchLabelKeys`: the pod's own values of these labels."""
    same = [
        Requirement(key, "in", (labels[key],)) for key in tree.get("matchLabelKeys") or () if key in labels
    ]
    other = [
        Requirement(key, "notin", (labels[key],))
        for key in tree.get("mismatchLabelKeys") or ()
        if key in labels
    ]
    if not same and not other:
        return selector
    return Selector((*selector.requirements, *same, *other), selector.nothing)


def _spread(tree: Obj, labels: Mapping[str, str]) -> SpreadConstraint:
    selector = labelselector.from_label_selector(tree.get("labelSelector"))
    return SpreadConstraint(
        topology_key=tree["topologyKey"],
        max_skew=tree["maxSkew"],
        hard=tree.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule",
        selector=_with_label_keys(selector, labels, tree),
        min_domains=int(tree.get("minDomains") or 1),
        honor_affinity=tree.get("nodeAffinityPolicy", "Honor") == "Honor",
        honor_taints=tree.get("nodeTaintsPolicy", "Ignore") == "Honor",
    )


def _terms(tree: Obj, namespace: str, labels: Mapping[str, str]) -> tuple[AffinityTerm, ...]:
    required = tree.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
    return tuple(_term(term, namespace, labels, 0) for term in required)


def _weighted_terms(tree: Obj, namespace: str, labels: Mapping[str, str]) -> tuple[AffinityTerm, ...]:
    preferred: Any = tree.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    return tuple(_term(each["podAffinityTerm"], namespace, labels, each["weight"]) for each in preferred)


def _term(tree: Obj, namespace: str, labels: Mapping[str, str], weight: int) -> AffinityTerm:
    """A term names namespaces, selects them, or (neither) means the pod's own."""
    named, selected = tree.get("namespaces") or (), tree.get("namespaceSelector")
    selector = labelselector.from_label_selector(tree.get("labelSelector"))
    return AffinityTerm(
        selector=_with_label_keys(selector, labels, tree),
        topology_key=tree["topologyKey"],
        namespaces=frozenset(named) if named or selected is not None else frozenset((namespace,)),
        namespace_selector=None if selected is None else labelselector.from_label_selector(selected),
        weight=weight,
    )
