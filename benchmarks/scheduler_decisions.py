"""Scheduling decisions per second over 5,000 nodes, all of them filtered and scored by every plugin.

    python benchmarks/scheduler_decisions.py [--nodes 5000] [--pods 5000] [--templates 200]

Prints the rate for plain pods, for pods whose templates have Services (default spreading over nodes and zones) and for
pods with required anti-affinity. Each decision counts its pod on the node it chose before the next is made.
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from typing import Any

from pybernetes.lang.labelselector import Selector, from_labels
from pybernetes.scheduler.decide import StaticMasks, decide
from pybernetes.scheduler.framework import World
from pybernetes.scheduler.nodetable import NodeTable
from pybernetes.scheduler.podfacts import FactsCache, PodFacts

ZONES = 3


def node(number: int) -> dict[str, Any]:
    labels = {
        "kubernetes.io/hostname": f"node-{number}",
        "topology.kubernetes.io/zone": f"zone-{number % ZONES}",
    }
    taints = [{"key": "dedicated", "effect": "NoSchedule"}] if number % 20 == 0 else []
    return {
        "metadata": {"name": f"node-{number}", "labels": labels},
        "spec": {"taints": taints},
        "status": {"allocatable": {"cpu": "32", "memory": "128Gi", "pods": "110"}},
    }


def pod(number: int, templates: int, *, apart: bool) -> dict[str, Any]:
    template = number % templates
    labels = {"app": f"app-{template}"}
    requests = {"cpu": f"{50 + template}m", "memory": f"{64 + template}Mi"}
    spec: dict[str, Any] = {
        "containers": [{"name": "c", "image": "img", "resources": {"requests": requests}}]
    }
    if apart:
        term = {"labelSelector": {"matchLabels": labels}, "topologyKey": "kubernetes.io/hostname"}
        spec["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    return {"metadata": {"name": f"p{number}", "namespace": "default", "labels": labels}, "spec": spec}


def measure(what: str, arguments: argparse.Namespace, *, services: bool = False, apart: bool = False) -> None:
    table, masks, cache, rng = NodeTable(), StaticMasks(), FactsCache(), random.Random(1)
    for number in range(arguments.nodes):
        table.put_node(node(number))
    selectors: dict[PodFacts, Selector] = {}

    def selector_of(facts: PodFacts) -> Selector | None:
        return selectors.setdefault(facts, from_labels(facts.labels)) if services else None

    world = World(table, default_selector=selector_of)
    pods = [pod(number, arguments.templates, apart=apart) for number in range(arguments.pods)]
    start = time.perf_counter()
    for number, each in enumerate(pods):
        facts = cache.of(each)
        decision = decide(facts, world, rng, masks=masks)
        if decision.node is None:
            raise SystemExit(decision.message)
        table.place(str(number), decision.node, facts)
    seconds = time.perf_counter() - start
    print(
        f"{what:<40}{arguments.pods / seconds:>10.0f} decisions/s  {seconds / arguments.pods * 1e6:>7.0f} µs each"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--nodes", type=int, default=5000)
    parser.add_argument("--pods", type=int, default=5000)
    parser.add_argument("--templates", type=int, default=200)
    arguments = parser.parse_args()
    print(f"{arguments.nodes} nodes, {arguments.pods} pods of {arguments.templates} templates")
    measure("requests only", arguments)
    measure("with a Service (default spreading)", arguments, services=True)
    measure("with required anti-affinity", arguments, apart=True)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


if __name__ == "__main__":
    main()
