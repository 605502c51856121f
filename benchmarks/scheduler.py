"""The scheduler over upstream's scheduler_perf workloads, every node filtered and scored for every pod.

    python benchmarks/scheduler.py [NAME …] [--templates 200]     decisions alone, beside upstream's CI floors
    python benchmarks/scheduler.py --memory                       what 5,000 nodes and 50,000 pods take
    python benchmarks/scheduler.py --end-to-end [--nodes N] [--pods N]   through an API server of its own process

Alone means: the real queue and cycle, fed as the informers feed them, without binding. "One by one" gives each of 200
groups of pods a label of its own, so that no two pods in a row are alike; "identical" is upstream's shape, all pods of
one template. The rate is of CPU time (user and system) of this process, from taking a pod out of the queue to the news of its
binding ("decided"; a pod that preempts takes two decisions and its victims' leaving), and with its arrival ("all").
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import time
from pathlib import Path
from typing import Any

import orjson
from scheduler_workloads import NAMED_NODE, WORKLOADS, Tree, Workload, basic, node

from pybernetes.lang.labelselector import Selector
from pybernetes.scheduler.cycle import Cycle
from pybernetes.scheduler.namespaces import NamespaceLabels
from pybernetes.scheduler.podfacts import PodFacts

ONE_BY_ONE = 200


class Run:
    """One workload, for pods of so many templates."""

    def __init__(self, workload: Workload, templates: int) -> None:
        self.workload, self.templates = workload, templates
        namespaces = NamespaceLabels({"sched-0": {}, "sched-1": {}, **workload.namespaces})
        self.cycle = Cycle(random.Random(1), namespaces, self._no_services)
        self.now, self.number = 0.0, 0
        self.deciding = self.all = 0.0
        """CPU seconds."""
        for number in range(workload.nodes):
            name = NAMED_NODE if number == 7 and workload.name == "SchedulingDaemonset" else f"node-{number}"
            self.cycle.node_event(None, node(name, workload.zones, number), 0)

    @staticmethod
    def _no_services(_pod: PodFacts) -> Selector | None:
        return None

    def perform(self) -> None:
        for template, count in self.workload.before:
            self.add([self.pod(template(), "sched-0", place) for place in range(count)])
            self.schedule()
        template, count = self.workload.measured
        measured = [self.pod(template(), "sched-1", None) for _ in range(count)]
        step = self.workload.churn or count
        gc.collect()
        self.deciding = 0.0
        started = time.process_time()
        for place in range(0, count, step):
            self.add(measured[place : place + step])
            self.schedule()
            if self.workload.churn:
                self.churn(place)
        self.all = time.process_time() - started
        bound = sum(self.cycle.table.node_of(each["metadata"]["uid"]) is not None for each in measured)
        if bound != count:
            raise SystemExit(f"{self.workload.name}: only {bound} of {count} pods have a node")

    def pod(self, tree: Tree, namespace: str, place: int | None) -> Tree:
        """The next pod. `place`: its number among the pods that are there before."""
        self.number += 1
        name = f"pod-{self.number}"
        if place is not None and self.workload.spread_namespaces:
            namespace = f"measure-{place % self.workload.spread_namespaces}"
        labels = {**tree["metadata"]["labels"]}
        if self.templates > 1:
            labels["template"] = f"t{self.number % self.templates}"
        tree["metadata"] = {"name": name, "namespace": namespace, "uid": name, "labels": labels}
        if tree["spec"].get("volumes"):
            self._volume(tree, name)
        return tree

    def _volume(self, tree: Tree, name: str) -> None:
        tree["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] = name
        namespace = tree["metadata"]["namespace"]
        annotations = {"pv.kubernetes.io/bind-completed": "true"}
        claim = {
            "metadata": {"name": name, "namespace": namespace, "uid": name, "annotations": annotations},
            "spec": {"accessModes": ["ReadWriteOnce"], "volumeName": name},
            "status": {"phase": "Bound"},
        }
        volume = {
            "metadata": {"name": name},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": "1Gi"},
                "awsElasticBlockStore": {"volumeID": name},
                "claimRef": {"namespace": namespace, "name": name, "uid": name},
            },
            "status": {"phase": "Bound"},
        }
        self.cycle.volumes.event("PersistentVolumeClaim", None, claim)
        self.cycle.volumes.event("PersistentVolume", None, volume)

    def add(self, pods: list[Tree]) -> None:
        for each in pods:
            self.cycle.pod_event(None, each, self.now)

    def schedule(self) -> None:
        """Until nothing is left to be tried; the victims of a preemption leave at once."""
        cycle = self.cycle
        started = time.process_time()
        while popped := cycle.queue.pop(32, self.now):
            for queued in popped:
                decision = cycle.decide(queued, self.now)
                if decision.node is not None:
                    spec = {**queued.pod["spec"], "nodeName": decision.node}
                    cycle.pod_event(queued.pod, {**queued.pod, "spec": spec}, self.now)
                elif decision.candidate is not None:
                    self._preempt(queued, decision)
        self.deciding += time.process_time() - started

    def _preempt(self, queued: Any, decision: Any) -> None:
        node = decision.candidate.node
        self.cycle.nominate(queued, node)
        self.cycle.pod_event(queued.pod, {**queued.pod, "status": {"nominatedNodeName": node}}, self.now)
        for victim in decision.candidate.victims:
            leaving = self.cycle.placed(victim.uid)
            if leaving is not None:
                self.cycle.pod_event(leaving, None, self.now)

    def churn(self, place: int) -> None:
        tree = node(f"churn-{place}", 1, 0)
        self.cycle.node_event(None, tree, self.now)
        large = self.pod(basic(), "sched-0", None)
        large["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "9"
        self.cycle.pod_event(None, large, self.now)
        self.schedule()
        self.cycle.pod_event(large, None, self.now)
        self.cycle.node_event(tree, None, self.now)


def alone(arguments: argparse.Namespace) -> None:
    print(f"{'':<48}{'one by one':>22}{'identical':>22}{'upstream':>10}")
    print(f"{'pods per second of CPU':<48}" + f"{'decided':>12}{'all':>10}" * 2 + f"{'CI floor':>10}")
    for workload in WORKLOADS:
        if arguments.names and not any(each in workload.name for each in arguments.names):
            continue
        cells = []
        for templates in (arguments.templates, 1):
            run = Run(workload, templates)
            run.perform()
            count = workload.measured[1]
            cells.append(f"{count / run.deciding:>12,.0f}{count / run.all:>10,.0f}")
            del run
            gc.collect()
        floor = str(workload.floor) if workload.floor else "—"
        print(f"{workload.name:<48}{''.join(cells)}{floor:>10}", flush=True)


def memory() -> None:
    """Every pod is a tree of its own, as an informer holds it."""
    before = _resident()
    run = Run(Workload("memory", (basic, 50_000)), ONE_BY_ONE)
    with_nodes = _resident()
    pods = [orjson.loads(orjson.dumps(run.pod(basic(), "sched-1", None))) for _ in range(50_000)]
    with_pods = _resident()
    run.add(pods)
    run.schedule()
    print(f"5,000 nodes: {with_nodes - before:.0f} MB (objects and table)")
    print(f"50,000 pods: {with_pods - with_nodes:.0f} MB (objects alone)")
    print(f"scheduled:   {_resident() - with_pods:.0f} MB more; {_resident():.0f} MB in all")


def _resident() -> float:
    gc.collect()
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="parts of the names of workloads; all without")
    parser.add_argument("--templates", type=int, default=ONE_BY_ONE)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--end-to-end", action="store_true")
    parser.add_argument("--nodes", type=int, default=5000)
    parser.add_argument("--pods", type=int, default=5000)
    arguments = parser.parse_args()
    if arguments.memory:
        memory()
    elif arguments.end_to_end:
        from scheduler_end_to_end import measure

        asyncio.run(measure(arguments.nodes, arguments.pods))
    else:
        alone(arguments)


if __name__ == "__main__":
    main()
