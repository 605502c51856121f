"""The workloads of upstream's scheduler_perf: which nodes, which pods are there before, which are measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Tree = dict[str, Any]
ZONE, HOSTNAME = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
NAMESPACES = ["sched-1", "sched-0"]
NAMED_NODE = "scheduler-perf-node"


@dataclass(frozen=True)
class Workload:
    """`before` and `measured` are (template, number of pods); `zones`: how many the nodes are spread over; `floor`: pods
    per second that upstream's CI demands (0: not known here)."""

    name: str
    measured: tuple[Callable[[], Tree], int]
    before: Sequence[tuple[Callable[[], Tree], int]] = ()
    nodes: int = 5000
    zones: int = 1
    floor: int = 0
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    churn: int = 0
    """After so many pods a node, a pod and a Service are made anew."""
    spread_namespaces: int = 0
    """The pods before are spread over so many namespaces."""


def node(name: str, zones: int, number: int) -> Tree:
    size = {"cpu": "4", "memory": "32Gi", "pods": "110"}
    if name == NAMED_NODE:
        size = {"cpu": "1000000", "memory": "1000000Gi", "pods": "90000"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {HOSTNAME: name, ZONE: f"zone{number % zones + 1}"}},
        "spec": {},
        "status": {"allocatable": size, "capacity": size},
    }


def pod(cpu: str = "100m", color: str = "", **spec: Any) -> Tree:
    container = {"name": "pause", "image": "registry.k8s.io/pause:3.10", "ports": [{"containerPort": 80}]}
    requests = {"requests": {"cpu": cpu, "memory": "500Mi"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"labels": {"color": color} if color else {}},
        "spec": {"containers": [{**container, "resources": requests}], **spec},
    }


def term(color: str, key: str, **rest: Any) -> Tree:
    selector = {"labelSelector": {"matchLabels": {"color": color}}, "topologyKey": key}
    return {**selector, "namespaces": NAMESPACES} if not rest else {**selector, **rest}


def required(kind: str, each: Tree) -> Tree:
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [each]}}


def preferred(kind: str, each: Tree) -> Tree:
    wish = {"weight": 1, "podAffinityTerm": each}
    return {kind: {"preferredDuringSchedulingIgnoredDuringExecution": [wish]}}


def basic() -> Tree:
    return pod()


def affinity() -> Tree:
    return pod(color="blue", affinity=required("podAffinity", term("blue", ZONE)))


def anti_affinity() -> Tree:
    return pod(color="green", affinity=required("podAntiAffinity", term("green", HOSTNAME)))


def preferred_affinity() -> Tree:
    return pod(color="red", affinity=preferred("podAffinity", term("red", HOSTNAME)))


def preferred_anti_affinity() -> Tree:
    return pod(color="yellow", affinity=preferred("podAntiAffinity", term("yellow", HOSTNAME)))


def anti_affinity_of_namespaces() -> Tree:
    devops = {"namespaceSelector": {"matchLabels": {"team": "devops"}}}
    return pod(color="green", affinity=required("podAntiAffinity", term("green", HOSTNAME, **devops)))


def node_affinity() -> Tree:
    zones = {"key": ZONE, "operator": "In", "values": ["zone1", "zone2"]}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [zones]}]}
    return pod(affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}})


def daemon() -> Tree:
    name = {"key": "metadata.name", "operator": "In", "values": [NAMED_NODE]}
    terms = {"nodeSelectorTerms": [{"matchFields": [name]}]}
    return pod(affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}})


def spreading(when: str = "DoNotSchedule") -> Tree:
    constraint = {
        "maxSkew": 5,
        "topologyKey": ZONE,
        "whenUnsatisfiable": when,
        "labelSelector": {"matchLabels": {"color": "blue"}},
    }
    return pod(color="blue", topologySpreadConstraints=[constraint])


def preferred_spreading() -> Tree:
    return spreading("ScheduleAnyway")


def low_priority() -> Tree:
    return pod(cpu="900m")


def high_priority() -> Tree:
    return pod(cpu="3000m", priority=10)


def too_large() -> Tree:
    return pod(cpu="9")


def gated() -> Tree:
    return pod(color="blue", schedulingGates=[{"name": "test.k8s.io/hold"}])


def with_volume() -> Tree:
    """Each pod's claim is made and bound to a volume of its own by the benchmark."""
    return pod(volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "own"}}])


TEAM = {f"measure-{number}": {"team": "devops"} for number in range(100)} | {"sched-1": {"team": "devops"}}

WORKLOADS = (
    Workload("SchedulingBasic", (basic, 5000), [(basic, 5000)], floor=680),
    Workload("SchedulingPodAntiAffinity", (anti_affinity, 2000), [(anti_affinity, 1000)], floor=60),
    Workload("SchedulingPodAffinity", (affinity, 5000), [(affinity, 5000)], floor=35),
    Workload(
        "SchedulingPreferredPodAffinity", (preferred_affinity, 5000), [(preferred_affinity, 5000)], floor=90
    ),
    Workload(
        "SchedulingPreferredPodAntiAffinity",
        (preferred_anti_affinity, 5000),
        [(preferred_anti_affinity, 5000)],
    ),
    Workload("SchedulingNodeAffinity", (node_affinity, 5000), [(node_affinity, 5000)], floor=220),
    Workload("TopologySpreading", (spreading, 5000), [(basic, 5000)], zones=3, floor=460),
    Workload("PreferredTopologySpreading", (preferred_spreading, 5000), [(basic, 5000)], zones=3),
    Workload(
        "MixedSchedulingBasePod",
        (basic, 5000),
        [
            (each, 2000)
            for each in (basic, affinity, anti_affinity, preferred_affinity, preferred_anti_affinity)
        ],
    ),
    Workload("Preemption", (high_priority, 5000), [(low_priority, 20_000)], floor=570),
    Workload("Unschedulable", (basic, 10_000), [(too_large, 200)], floor=590),
    Workload("SchedulingDaemonset", (daemon, 10_000), nodes=15_000),
    Workload("SchedulingWithMixedChurn", (basic, 10_000), churn=500),
    Workload("SchedulingInTreePVs", (with_volume, 2000), [(with_volume, 2000)]),
    Workload("SchedulingWhileGated", (basic, 5000), [(gated, 10_000)]),
    Workload(
        "SchedulingRequiredPodAntiAffinityWithNSSelector",
        (anti_affinity_of_namespaces, 1000),
        [(anti_affinity_of_namespaces, 4000)],
        nodes=6000,
        floor=24,
        namespaces=TEAM,
        spread_namespaces=100,
    ),
)
