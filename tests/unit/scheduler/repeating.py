"""Pods of one template in a row, decided on by a cycle that may go on from the last decision, and by one that may not."""

from __future__ import annotations

import random
from typing import Any

from pybernetes.scheduler.cycle import Cycle
from pybernetes.scheduler.explain import explanation

from .comparing import profile
from .random_clusters import Maker


class Twins:
    """Two cycles over the same cluster, one of which looks at all nodes for every pod."""

    def __init__(self, seed: int) -> None:
        maker = Maker(seed)
        case = maker.case()
        rules = profile(case.arguments, name="default-scheduler")
        self.cycles = [
            Cycle(random.Random(seed), case.cluster.namespaces, profiles=(rules,)) for _ in range(2)
        ]
        for cycle in self.cycles:
            for each in case.cluster.nodes:
                cycle.node_event(None, each, 0)
            for each in case.cluster.placed:
                cycle.pod_event(None, each, 0)
        self.template = case.pod
        self.case, self.maker, self.number = case, maker, 0
        self.differences: list[str] = []

    def tell(self, old: Any, new: Any) -> None:
        for cycle in self.cycles:
            cycle.pod_event(old, new, 0)

    def add(self, template: dict[str, Any], count: int) -> None:
        for _ in range(count):
            self.number += 1
            name = f"again{self.number}"
            metadata = {**template["metadata"], "name": name, "uid": name}
            spec = {k: v for k, v in template["spec"].items() if k != "schedulerName"}
            self.tell(None, {**template, "metadata": metadata, "spec": spec, "status": {}})

    def compare(self, rng: random.Random) -> int:
        """Decides on all that waits, with changes in between; how many decisions followed from another."""
        fast, slow = self.cycles
        while pair := list(zip(fast.queue.pop(1, 0), slow.queue.pop(1, 0), strict=True)):
            ((one, other),) = pair
            assert one.uid == other.uid
            slow._last = slow._repeated = None
            here, there = fast.decide(one, 0), slow.decide(other, 0)
            if explanation(here) != explanation(there):
                self.differences.append(f"{one.uid}: {explanation(here)}, alone {explanation(there)}")
                return 0
            if here.node is not None and rng.random() < 0.8:
                spec = {**one.pod["spec"], "nodeName": here.node}
                self.tell(one.pod, {**one.pod, "spec": spec})
            if rng.random() < 0.05 and self.case.cluster.placed:
                gone = self.case.cluster.placed.pop()
                self.tell(gone, None)
        told = [[explanation(kept.decision) for kept in cycle.decisions.all()] for cycle in self.cycles]
        if told[0] != told[1]:
            self.differences.append("what is kept differs")
        return fast.profiles["default-scheduler"].timings.hinted


def repeated_differences(seed: int) -> list[str]:
    """What differs, in words; nothing where both agree."""
    twins = Twins(seed)
    twins.add(twins.template, 12)
    twins.add(twins.maker.pod(), 12)
    twins.compare(random.Random(seed))
    return twins.differences
