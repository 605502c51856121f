"""Random clusters, pods and plugin arguments, small and full of edges, from a seed."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from typing import Any

from .reference import Arguments
from .reference_nodes import PREFERRED, REQUIRED, Tree
from .reference_pods import Cluster

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
KEYS = (HOSTNAME, ZONE, "rack", "tier")
APPS = ("web", "db", "cache")
NAMESPACES = {"default": {"team": "a"}, "prod": {"team": "b", "env": "p"}, "test": {}}
GPU, FOREIGN = "example.com/gpu", "other.org/thing"


@dataclass
class Case:
    cluster: Cluster
    pod: Tree
    arguments: Arguments


class Maker:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self._numbers = itertools.count()
        self.mild = self.chance(0.8)
        """Most clusters have room, so that what is left to scoring, spreading and affinity is reached."""
        sizes = (10**6, 10**8, 777_777_777, 3 * 10**9)
        names = ("web:latest", "db:1", "cache:latest", "reg:5000/x:latest")
        self.image_sizes = {name: self.rng.choice(sizes) for name in names}

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def some(self, values: Any, most: int) -> list[Any]:
        values = list(values)
        return self.rng.sample(values, self.rng.randint(0, min(most, len(values))))

    def case(self) -> Case:
        nodes = [self.node(number) for number in range(self.rng.randint(1, 8))]
        cluster = Cluster(nodes, [], dict(NAMESPACES), self.services())
        names = [node["metadata"]["name"] for node in nodes] + (["gone"] if self.chance(0.1) else [])
        if self.mild:
            names = self.rng.choices(names, k=3) + names
        cluster.placed = [self.placed(self.rng.choice(names)) for _ in range(self.rng.randint(0, 14))]
        return Case(cluster, self.pod(), self.arguments())

    # Nodes.

    def node(self, number: int) -> Tree:
        name = f"n{number}"
        labels = {HOSTNAME: name} if self.chance(0.95) else {}
        if self.chance(0.9):
            labels[ZONE] = self.rng.choice(("a", "b", "c"))
        if self.chance(0.5):
            labels["rack"] = self.rng.choice(("1", "2", "10", "1_0", "x", "-3"))
        if self.chance(0.3):
            labels["tier"] = self.rng.choice(("gold", "lead", ""))
        rng = self.rng
        allocatable = {
            "cpu": rng.choice(("0", "1", "1500m", "3", "7777m")),
            "memory": rng.choice(("0", "1Gi", "4Gi", "10007Mi", "500M")),
            "pods": rng.choice(("0", "2", "5", "110", "110", "110")),
        }
        if self.mild and self.chance(0.9):
            allocatable = {
                "cpu": rng.choice(("16", "31")),
                "memory": rng.choice(("32Gi", "65G")),
                "pods": "110",
            }
        if self.chance(0.5):
            allocatable["ephemeral-storage"] = rng.choice(("0", "1Gi", "10Gi"))
        for name_of_more in (GPU, FOREIGN, "hugepages-2Mi"):
            if self.chance(0.3):
                allocatable[name_of_more] = rng.choice(("0", "1", "4Mi"))
        spec: Tree = {}
        if self.chance(0.02 if self.mild else 0.1):
            spec["unschedulable"] = True
        if self.chance(0.25 if self.mild else 0.4):
            spec["taints"] = [self.taint() for _ in range(rng.randint(1, 2))]
        images = [
            {"names": [name], "sizeBytes": size} for name, size in self.some(self.image_sizes.items(), 3)
        ]
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "spec": spec,
            "status": {"allocatable": allocatable, "images": images},
        }

    def taint(self) -> Tree:
        taint = {
            "key": self.rng.choice(("a", "b", "node.kubernetes.io/unschedulable")),
            "effect": self.rng.choice(
                ("NoSchedule", "NoExecute", *(["PreferNoSchedule"] * (8 if self.mild else 2)))
            ),
        }
        if self.chance(0.5):
            taint["value"] = self.rng.choice(("x", "y", "3"))
        return taint

    # Pods.

    def placed(self, node: str) -> Tree:
        pod = self.pod(terms=0.25)
        pod["spec"]["nodeName"] = node
        if self.chance(0.1):
            pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        if self.chance(0.15):
            self.resize(pod)
        return pod

    def resize(self, pod: Tree) -> None:
        states: list[Tree] = [
            {"name": each["name"], "resources": self.resources(), "allocatedResources": {"cpu": "250m"}}
            for each in pod["spec"]["containers"]
        ]
        pod["status"] = {"containerStatuses": [{**each, **each["resources"]} for each in states]}
        for each in states:
            each["resources"] = {"requests": each["resources"].get("requests", {})}
        pod["status"]["containerStatuses"] = states
        if self.chance(0.3):
            pod["status"]["conditions"] = [{"type": "PodResizePending", "reason": "Infeasible"}]

    def pod(self, terms: float = 0.35) -> Tree:
        number = next(self._numbers)
        labels = {"app": self.rng.choice(APPS)} if self.chance(0.9) else {}
        if self.chance(0.5):
            labels["hash"] = self.rng.choice(("1", "2"))
        spec: Tree = {"containers": [self.container(place) for place in range(self.rng.randint(1, 2))]}
        if self.chance(0.2):
            spec["initContainers"] = [self.init_container(place) for place in range(self.rng.randint(1, 3))]
        if self.chance(0.1):
            spec["overhead"] = {"cpu": "50m", "memory": "33Mi"}
        if self.chance(0.1):
            spec["resources"] = {"requests": {"cpu": "300m", "memory": "100Mi"}}
        if self.chance(0.01 if self.mild else 0.05):
            spec["nodeName"] = f"n{self.rng.randint(0, 8)}"
        if self.chance(0.3):
            spec["tolerations"] = [self.toleration() for _ in range(self.rng.randint(1, 3))]
        if self.chance(0.03 if self.mild else 0.15):
            spec["nodeSelector"] = {self.rng.choice(KEYS): self.rng.choice(("a", "n1", "1", "gold"))}
        affinity: Tree = {}
        if self.chance(0.3):
            affinity["nodeAffinity"] = self.node_affinity()
        for kind in ("podAffinity", "podAntiAffinity"):
            if self.chance(terms):
                affinity[kind] = self.pod_affinity()
        if affinity:
            spec["affinity"] = affinity
        if self.chance(terms):
            spec["topologySpreadConstraints"] = [self.constraint() for _ in range(self.rng.randint(1, 3))]
        metadata = {
            "name": f"p{number}",
            "namespace": self.rng.choice((*NAMESPACES, "unknown")) if self.chance(0.3) else "default",
            "uid": f"u{number}",
            "labels": labels,
        }
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {}}

    def container(self, place: int) -> Tree:
        image = self.rng.choice(("web", "db:1", "cache:latest", "reg:5000/x", "none"))
        found: Tree = {"name": f"c{place}", "image": image, "resources": self.resources()}
        if self.chance(0.15):
            found["ports"] = [self.port() for _ in range(self.rng.randint(1, 2))]
        return found

    def init_container(self, place: int) -> Tree:
        found = {**self.container(place), "name": f"i{place}"}
        if self.chance(0.4):
            found["restartPolicy"] = "Always"
        return found

    def resources(self) -> Tree:
        requests = {}
        if self.chance(0.7):
            requests["cpu"] = self.rng.choice(("0", "1m", "100m", "333m", "0.5", "1500m"))
        if self.chance(0.7):
            requests["memory"] = self.rng.choice(("0", "1", "77Mi", "512Mi", "1G", "100m"))
        if self.chance(0.03 if self.mild else 0.15):
            requests["ephemeral-storage"] = self.rng.choice(("0", "512Mi", "2Gi"))
        if self.chance(0.03 if self.mild else 0.15):
            requests[self.rng.choice((GPU, FOREIGN, "hugepages-2Mi"))] = self.rng.choice(("0", "1", "2Mi"))
        return {"requests": requests} if requests else {}

    def port(self) -> Tree:
        port: Tree = {"containerPort": 80}
        if self.chance(0.8):
            port["hostPort"] = self.rng.choice((80, 81))
        if self.chance(0.3):
            port["hostIP"] = self.rng.choice(("127.0.0.1", "10.0.0.1", "0.0.0.0"))
        if self.chance(0.3):
            port["protocol"] = self.rng.choice(("TCP", "UDP"))
        return port

    def toleration(self) -> Tree:
        found = {"operator": self.rng.choice(("Equal", "Exists", "Lt")), "key": self.rng.choice(("a", "b"))}
        if self.chance(0.3):
            found = {"operator": "Exists"}
        if self.chance(0.2):
            found = {"key": "node.kubernetes.io/unschedulable"}
        if found.get("operator") != "Exists" and self.chance(0.6):
            found["value"] = self.rng.choice(("x", "y", "3"))
        if self.chance(0.5):
            found["effect"] = self.rng.choice(("NoSchedule", "NoExecute", "PreferNoSchedule"))
        return found

    # Selectors, affinity, spreading.

    def node_term(self) -> Tree:
        found: Tree = {}
        if self.chance(0.8):
            found["matchExpressions"] = [self.requirement() for _ in range(self.rng.randint(1, 2))]
        if self.chance(0.25):
            found["matchFields"] = [
                {
                    "key": "metadata.name",
                    "operator": self.rng.choice(("In", "In", "NotIn")),
                    "values": [self.rng.choice(("n0", "n1", "n2", "absent"))],
                }
                for _ in range(self.rng.randint(1, 2))
            ]
        return found

    def requirement(self) -> Tree:
        operator = self.rng.choice(("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"))
        found: Tree = {"key": self.rng.choice(KEYS), "operator": operator}
        if operator in ("In", "NotIn"):
            found["values"] = self.rng.sample(("a", "b", "n0", "n1", "1", "gold", ""), 2)
        elif operator in ("Gt", "Lt"):
            found["values"] = [self.rng.choice(("1", "5", "-4"))]
        return found

    def node_affinity(self) -> Tree:
        found: Tree = {}
        if self.chance(0.2 if self.mild else 0.6):
            found[REQUIRED] = {"nodeSelectorTerms": [self.node_term() for _ in range(self.rng.randint(1, 2))]}
        if self.chance(0.6):
            found[PREFERRED] = [
                {"weight": self.rng.randint(1, 100), "preference": self.node_term()}
                for _ in range(self.rng.randint(1, 3))
            ]
        return found

    def label_selector(self) -> Tree | None:
        roll = self.rng.random()
        if roll < 0.05:
            return None
        if roll < 0.1:
            return {}
        found: Tree = {}
        if self.chance(0.7):
            found["matchLabels"] = {"app": self.rng.choice(APPS)}
        if self.chance(0.4):
            operator = self.rng.choice(("In", "NotIn", "Exists", "DoesNotExist"))
            each: Tree = {"key": self.rng.choice(("app", "hash")), "operator": operator}
            if operator in ("In", "NotIn"):
                each["values"] = self.rng.sample(("web", "db", "1", "2"), 2)
            found["matchExpressions"] = [each]
        return found

    def term(self) -> Tree:
        found: Tree = {"topologyKey": self.rng.choice(KEYS)}
        selector = self.label_selector()
        if selector is not None:
            found["labelSelector"] = selector
            if self.chance(0.15):
                found[self.rng.choice(("matchLabelKeys", "mismatchLabelKeys"))] = ["hash"]
        if self.chance(0.2):
            found["namespaces"] = self.some(NAMESPACES, 2)
        if self.chance(0.2):
            found["namespaceSelector"] = self.rng.choice(
                (
                    {},
                    {"matchLabels": {"team": "b"}},
                    {"matchExpressions": [{"key": "env", "operator": "Exists"}]},
                )
            )
        return found

    def pod_affinity(self) -> Tree:
        found: Tree = {}
        if self.chance(0.3 if self.mild else 0.6):
            found[REQUIRED] = [self.term() for _ in range(self.rng.randint(1, 2))]
        if self.chance(0.6):
            found[PREFERRED] = [
                {"weight": self.rng.randint(1, 100), "podAffinityTerm": self.term()}
                for _ in range(self.rng.randint(1, 2))
            ]
        return found

    def constraint(self) -> Tree:
        found: Tree = {
            "topologyKey": self.rng.choice(KEYS),
            "maxSkew": self.rng.randint(1, 3),
            "whenUnsatisfiable": self.rng.choice(("DoNotSchedule", "ScheduleAnyway")),
        }
        selector = self.label_selector()
        if selector is not None:
            found["labelSelector"] = selector
            if self.chance(0.2):
                found["matchLabelKeys"] = ["hash"]
        if found["whenUnsatisfiable"] == "DoNotSchedule" and self.chance(0.3):
            found["minDomains"] = self.rng.randint(1, 4)
        for policy in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            if self.chance(0.3):
                found[policy] = self.rng.choice(("Honor", "Ignore"))
        return found

    # The rest.

    def services(self) -> list[Tree]:
        return [
            {
                "metadata": {"name": f"s{number}", "namespace": self.rng.choice(("default", "prod"))},
                "spec": {"selector": {"app": self.rng.choice(APPS)}},
            }
            for number in range(self.rng.randint(0, 3))
        ]

    def arguments(self) -> Arguments:
        found = Arguments()
        if self.chance(0.6):
            return found
        rng = self.rng
        if self.chance(0.3):
            found.added_affinity = self.node_affinity()
        if self.chance(0.3):
            found.ignored = set(self.some((GPU, "hugepages-2Mi", "cpu"), 2))
        if self.chance(0.3):
            found.ignored_groups = {"other.org"}
        names = ("cpu", "memory", "ephemeral-storage", GPU)
        if self.chance(0.6):
            found.fit = {
                "type": rng.choice(("LeastAllocated", "MostAllocated", "RequestedToCapacityRatio")),
                "resources": [(name, rng.randint(1, 5)) for name in rng.sample(names, rng.randint(1, 4))],
                "shape": rng.choice(([(0, 0), (100, 10)], [(0, 10), (100, 0)], [(10, 3), (40, 9), (77, 1)])),
            }
        if self.chance(0.5):
            found.balanced = rng.sample(names, rng.randint(1, 4))
        if self.chance(0.5):
            found.affinity = {"hardWeight": rng.choice((0, 1, 50)), "ignorePreferred": self.chance(0.5)}
        if self.chance(0.5):
            found.spread = [self.default_constraint(key) for key in self.some(KEYS, 2)]
        return found

    def default_constraint(self, key: str) -> Tree:
        found = self.constraint() | {"topologyKey": key}
        return {
            name: value for name, value in found.items() if name not in ("labelSelector", "matchLabelKeys")
        }
