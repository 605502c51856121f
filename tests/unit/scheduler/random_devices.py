"""Random devices of random nodes and claims on them, from a seed; and the comparison with trying everything."""

from __future__ import annotations

import random
from typing import Any

from pybernetes.scheduler.decide import decide
from pybernetes.scheduler.dynamicresources.view import DeviceView
from pybernetes.scheduler.framework import World
from pybernetes.scheduler.nodetable import NodeTable
from pybernetes.scheduler.plugins import dynamic_resources, priority_sort
from pybernetes.scheduler.podfacts import read_facts
from pybernetes.scheduler.profile import profile_of

from .comparing import verdicts
from .devices import DRIVER, claim, device, device_class, either, slice_, wanted
from .reference_devices import Device, every, is_valid
from .trees import node, pod

PROFILE = profile_of("devices", (priority_sort.PLUGIN, dynamic_resources.PLUGIN))
NODES = ("n0", "n1", "n2", "n3")
ZONE = {"key": "zone", "operator": "In", "values": ["a"]}
CANNOT = "cannot allocate all claims"
ELSEWHERE = "resourceclaim not available on the node"


class Maker:
    """`pools`: by name, (where its devices are, the devices)."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.zones = {name: rng.choice("ab") for name in NODES}
        self.pools: dict[str, tuple[str, list[Device]]] = {}
        for number in range(rng.randint(1, 3)):
            name = f"pool{number}"
            devices = [self.device(f"{name}-d{i}") for i in range(rng.randint(0, 3))]
            self.pools[name] = (rng.choice((*NODES, "all", "zone a")), devices)
        self.claims = [self.claim(f"c{number}") for number in range(rng.choice((1, 1, 2)))]
        every_device = [(name, each["name"]) for name, (_, devices) in self.pools.items() for each in devices]
        self.used = [each for each in every_device if rng.random() < 0.15]
        self.given = ""
        if rng.random() < 0.2:
            self.given = rng.choice((*NODES, "everywhere"))

    def device(self, name: str) -> Device:
        return {
            "name": name,
            "model": self.rng.choice("xy"),
            "numa": self.rng.choice((None, 0, 1)),
            "tainted": self.rng.random() < 0.2,
            "takes": 0,
        }

    def claim(self, name: str) -> dict[str, Any]:
        requests = [self.request(f"r{i}") for i in range(self.rng.choice((1, 1, 2)))]
        constraints = []
        if self.rng.random() < 0.25:
            kind = self.rng.choice(("matchAttribute", "distinctAttribute"))
            constraints.append({kind: "gpu.example.com/numa", "requests": []})
        return claim(name, *requests, constraints=constraints)

    def request(self, name: str) -> dict[str, Any]:
        def one() -> dict[str, Any]:
            rest: dict[str, Any] = {"count": self.rng.choice((1, 1, 2))}
            if self.rng.random() < 0.5:
                rest["tolerations"] = [{"operator": "Exists"}]
            model = self.rng.choice((None, "x", "y"))
            selectors = [f'device.attributes["gpu.example.com"].model == "{model}"'] if model else []
            return wanted("gpu", *selectors, **rest)

        if self.rng.random() < 0.6:
            return {"name": name, "exactly": one()}
        return either(name, *(one() for _ in range(self.rng.choice((1, 2)))))

    def slice(self, name: str) -> dict[str, Any]:
        where, devices = self.pools[name]
        trees = []
        for each in devices:
            rest: dict[str, Any] = {"model": each["model"]}
            if each["numa"] is not None:
                rest["numa"] = each["numa"]
            if each["tainted"]:
                rest["taints"] = [{"key": "k", "effect": "NoSchedule"}]
            trees.append(device(each["name"], **rest))
        spec: dict[str, Any] = {"nodeName": where}
        if where == "all":
            spec = {"allNodes": True}
        elif where == "zone a":
            spec = {"nodeSelector": {"nodeSelectorTerms": [{"matchExpressions": [ZONE]}]}}
        return slice_(f"{name}-slice", *trees, pool=name, **spec)

    def reached(self, name: str) -> list[Device]:
        """The devices that a node reaches."""
        return [
            each
            for where, devices in self.pools.values()
            for each in devices
            if where in (name, "all") or (where == "zone a" and self.zones[name] == "a")
        ]

    def held(self) -> dict[str, Any]:
        """A claim of somebody else that has the devices in use."""
        results = [
            {"request": "r", "driver": DRIVER, "pool": pool, "device": name} for pool, name in self.used
        ]
        return {**claim("others"), "status": {"allocation": {"devices": {"results": results}}}}

    def allocated(self) -> dict[str, Any]:
        """A claim of the pod that has its devices already, on one node or on all."""
        allocation: dict[str, Any] = {"devices": {"results": []}}
        if self.given in NODES:
            fields = [{"key": "metadata.name", "operator": "In", "values": [self.given]}]
            allocation["nodeSelector"] = {"nodeSelectorTerms": [{"matchFields": fields}]}
        return {**claim("given"), "status": {"allocation": allocation}}


def device_differences(seed: int) -> list[str]:
    """What the engine says otherwise than trying everything on each node, in words."""
    case = Maker(seed)
    view, table = DeviceView(), NodeTable()
    for name in NODES:
        table.put_node(node(name, labels={"zone": case.zones[name]}))
    view.event("DeviceClass", None, device_class())
    for name in case.pools:
        view.event("ResourceSlice", None, case.slice(name))
    claims = [*case.claims, *([case.allocated()] if case.given else [])]
    for each in (*claims, *([case.held()] if case.used else [])):
        view.event("ResourceClaim", None, each)
    names = [each["metadata"]["name"] for each in claims]
    asked = pod("asked", resourceClaims=[{"name": name, "resourceClaimName": name} for name in names])
    world = World(table, devices=view, pod=asked)
    decision = decide(read_facts(asked), world, random.Random(seed), profile=PROFILE)
    told, found = verdicts(decision, table), []
    used = {name for _, name in case.used}
    for name in NODES:
        devices = case.reached(name)
        possible = any(is_valid(way, case.claims, used, devices) for way in every(devices, case.claims))
        wanted_reason = CANNOT if not possible else ""
        if possible and case.given in NODES and case.given != name:
            wanted_reason = ELSEWHERE
        reasons = [reason for reason, _ in told.get(name, ("", []))[1]]
        if reasons != ([wanted_reason] if wanted_reason else []):
            found.append(f"{name}: {reasons}, expected {wanted_reason}")
    return found
