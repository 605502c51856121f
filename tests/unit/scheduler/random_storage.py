"""Random claims, volumes and what else is about storage, small and full of edges, from a seed; and the comparison."""

from __future__ import annotations

import random
from typing import Any

from pybernetes.scheduler.decide import decide
from pybernetes.scheduler.framework import World
from pybernetes.scheduler.nodetable import NodeTable
from pybernetes.scheduler.plugins import (
    node_volume_limits,
    priority_sort,
    volume_binding,
    volume_restrictions,
    volume_zone,
)
from pybernetes.scheduler.podfacts import FactsCache
from pybernetes.scheduler.profile import profile_of
from pybernetes.scheduler.volumes.view import VolumeView

from .comparing import verdicts
from .reference_nodes import Tree
from .reference_volumes import COMPLETED, SELECTED_NODE, TOPOLOGY, Storage, refusal, whole

PROFILE = profile_of(
    "volumes",
    (
        priority_sort.PLUGIN,
        volume_restrictions.PLUGIN,
        node_volume_limits.PLUGIN,
        volume_binding.PLUGIN,
        volume_zone.PLUGIN,
    ),
)
KINDS = (
    ("PersistentVolumeClaim", "claims"),
    ("PersistentVolume", "volumes"),
    ("StorageClass", "classes"),
    ("CSINode", "csi_nodes"),
    ("CSIDriver", "drivers"),
    ("CSIStorageCapacity", "capacities"),
    ("VolumeAttachment", "attachments"),
)
DRIVERS = ("ebs.example", "nfs.example")
SIZES = ("1Gi", "2Gi", "3Gi", "10Gi")
MODES = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany")
NAMESPACE = "default"


class Maker:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.nodes = [self.node(f"n{number}") for number in range(self.rng.randint(1, 5))]
        self.names = [each["metadata"]["name"] for each in self.nodes]
        self.storage = Storage(
            classes=[self.storage_class(name) for name in ("slow", "fast", "local")],
            drivers=[{"metadata": {"name": DRIVERS[0]}, "spec": {"storageCapacity": self.chance(0.7)}}],
            csi_nodes=[self.csi_node(name) for name in self.names if self.chance(0.8)],
        )
        self.storage.volumes = [self.volume(f"v{number}") for number in range(self.rng.randint(0, 7))]
        self.storage.claims = [self.claim(f"c{number}") for number in range(self.rng.randint(1, 6))]
        self.storage.capacities = [self.capacity(f"k{n}") for n in range(self.rng.randint(0, 4))]
        self.storage.attachments = [
            self.attachment(f"a{n}") for n in range(self.rng.choice((0, 0, 1, 2))) if self.storage.volumes
        ]
        self.placed = [self.pod(f"p{n}", self.rng.choice(self.names)) for n in range(self.rng.randint(0, 5))]
        self.asked = self.pod("asked")

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def pick(self, *values: Any) -> Any:
        return self.rng.choice(values)

    def node(self, name: str) -> Tree:
        labels = {"kubernetes.io/hostname": name}
        for key in TOPOLOGY:
            if self.chance(0.35):
                labels[key] = self.pick("a", "b")
        if self.chance(0.3):
            labels["rack"] = self.pick("1", "2")
        return {"metadata": {"name": name, "labels": labels}, "spec": {}, "status": {"allocatable": {}}}

    def storage_class(self, name: str) -> Tree:
        provisioner = "kubernetes.io/no-provisioner" if name == "local" else self.rng.choice(DRIVERS)
        mode = self.pick("WaitForFirstConsumer", "WaitForFirstConsumer", "WaitForFirstConsumer", "Immediate")
        found: Tree = {"metadata": {"name": name}, "provisioner": provisioner, "volumeBindingMode": mode}
        if self.chance(0.3):
            keys = self.rng.sample(TOPOLOGY, self.rng.randint(1, 2))
            terms = [
                {"matchLabelExpressions": [{"key": key, "values": [self.pick("a", "b")]}]} for key in keys
            ]
            found["allowedTopologies"] = terms
        return found

    def csi_node(self, name: str) -> Tree:
        drivers = [
            {"name": driver, "allocatable": self.pick({}, {"count": 1}, {"count": 2}, {"count": 3})}
            for driver in DRIVERS
        ]
        return {"metadata": {"name": name}, "spec": {"drivers": drivers}}

    def volume(self, name: str) -> Tree:
        spec: Tree = {
            "capacity": {"storage": self.rng.choice(SIZES)},
            "accessModes": self.rng.sample(MODES, self.rng.randint(1, 3)),
            "storageClassName": self.pick("slow", "fast", "local", "local"),
        }
        if self.chance(0.6):
            spec["csi"] = {"driver": self.rng.choice(DRIVERS), "volumeHandle": f"handle-{name}"}
        if self.chance(0.4):
            operator = self.pick("In", "NotIn")
            expression = {"key": self.pick("rack", TOPOLOGY[2]), "operator": operator, "values": ["1", "a"]}
            terms = [{"matchExpressions": [expression]}]
            spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": terms}}
        if self.chance(0.25):
            claim = f"c{self.rng.randint(0, 5)}"
            spec["claimRef"] = {"namespace": NAMESPACE, "name": claim}
            if self.chance(0.5):
                spec["claimRef"]["uid"] = self.pick(f"uid-{claim}", f"uid-{claim}", "another")
        if self.chance(0.15):
            spec["volumeMode"] = "Block"
        labels = {key: self.pick("a", "b", "a__b") for key in TOPOLOGY if self.chance(0.2)}
        if self.chance(0.3):
            labels["tier"] = "gold"
        metadata: Tree = {"name": name, "uid": f"uid-{name}", "labels": labels, "resourceVersion": "1"}
        if self.chance(0.05):
            metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        phase = self.pick("Available", "Available", "Available", "Available", "Released")
        return {"metadata": metadata, "spec": spec, "status": {"phase": phase}}

    def claim(self, name: str) -> Tree:
        spec: Tree = {
            "accessModes": [self.pick(*MODES, "ReadWriteOncePod" if self.chance(0.5) else MODES[0])],
            "resources": {"requests": {"storage": self.rng.choice(SIZES)}},
            "storageClassName": self.pick("slow", "fast", "local", "local"),
        }
        annotations, status = {}, {}
        if self.chance(0.4):
            spec["volumeName"] = f"v{self.rng.randint(0, 7)}"
            if self.chance(0.9):
                annotations[COMPLETED] = "yes"
        elif self.chance(0.15):
            annotations[SELECTED_NODE] = self.pick(*self.names, "gone")
        if self.chance(0.15):
            spec["selector"] = {"matchLabels": {"tier": "gold"}}
        if self.chance(0.1):
            spec["volumeMode"] = "Block"
        if self.chance(0.03):
            status["phase"] = "Lost"
        metadata: Tree = {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"uid-{name}",
            "annotations": annotations,
        }
        if self.chance(0.03):
            metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        return {"metadata": metadata, "spec": spec, "status": status}

    def capacity(self, name: str) -> Tree:
        found: Tree = {
            "metadata": {"name": name, "namespace": NAMESPACE},
            "storageClassName": self.pick("slow", "fast"),
        }
        if self.chance(0.9):
            topology = {"matchLabels": {TOPOLOGY[2]: self.pick("a", "b")}} if self.chance(0.6) else {}
            found["nodeTopology"] = topology
        if self.chance(0.9):
            found["capacity"] = self.rng.choice(SIZES)
        if self.chance(0.3):
            found["maximumVolumeSize"] = self.rng.choice(SIZES)
        return found

    def attachment(self, name: str) -> Tree:
        volume = self.rng.choice(self.storage.volumes)
        driver = (volume["spec"].get("csi") or {}).get("driver", DRIVERS[0])
        source = {"persistentVolumeName": volume["metadata"]["name"]}
        spec = {"attacher": driver, "nodeName": self.rng.choice(self.names), "source": source}
        return {"metadata": {"name": name}, "spec": spec}

    def pod(self, name: str, node: str = "") -> Tree:
        volumes: list[Tree] = []
        claims = self.rng.sample([f"c{n}" for n in range(6)], self.pick(0, 1, 1, 2, 3))
        volumes += [{"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims]
        if self.chance(0.3):
            volumes.append({"name": "disk", **self.disk()})
        known = {each["metadata"]["name"] for each in self.storage.claims}
        if self.chance(0.95):
            volumes = [
                v for v in volumes if v.get("persistentVolumeClaim", {}).get("claimName", "c0") in known
            ]
        metadata = {"name": name, "namespace": NAMESPACE, "uid": name, "labels": {}}
        spec: Tree = {"containers": [{"name": "c", "image": "i"}], "volumes": volumes}
        if node:
            spec["nodeName"] = node
        return {"metadata": metadata, "spec": spec, "status": {}}

    def disk(self) -> Tree:
        name, read_only = self.pick("a", "b"), self.chance(0.5)
        return self.pick(
            {"gcePersistentDisk": {"pdName": name, "readOnly": read_only}},
            {"awsElasticBlockStore": {"volumeID": name, "readOnly": read_only}},
            {"iscsi": {"iqn": name, "readOnly": read_only}},
            {"rbd": {"image": name, "monitors": [self.pick("m1", "m2"), "m3"][: self.pick(1, 2)]}},
        )


def storage_differences(seed: int) -> list[str]:
    """What the engine says otherwise than the reference, in words."""
    case = Maker(seed)
    view, cache, table = VolumeView(), FactsCache(), NodeTable()
    for kind, objects in KINDS:
        for each in getattr(case.storage, objects):
            view.event(kind, None, each)
    for node in case.nodes:
        table.put_node(node)
    for pod in case.placed:
        table.place(pod["metadata"]["uid"], pod["spec"]["nodeName"], cache.of(pod, placed=True))
    world = World(table, volumes=view, pod=case.asked)
    decision = decide(cache.of(case.asked), world, random.Random(seed), profile=PROFILE)
    why = whole(case.asked, case.storage)
    if why:
        return [] if why in decision.message else [f"{decision.message}, expected {why}"]
    found, told = [], verdicts(decision, table)
    for node in case.nodes:
        name = node["metadata"]["name"]
        on_node = [each for each in case.placed if each["spec"]["nodeName"] == name]
        expected = refusal(case.asked, node, on_node, case.placed, case.storage)
        wanted = (expected[0], sorted(expected[1])) if expected is not None else None
        if told.get(name) != wanted:
            found.append(f"{name}: refused by {told.get(name)}, expected {wanted}")
    return found
