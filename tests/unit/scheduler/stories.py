"""Stories: nodes and pods come, change and go around an engine that keeps what it worked out before."""

from __future__ import annotations

import random

from pybernetes.scheduler.decide import StaticMasks, decide
from pybernetes.scheduler.nodetable import NodeTable
from pybernetes.scheduler.podfacts import FactsCache

from .comparing import differences, profile, world_of
from .random_clusters import Maker
from .reference import decide as decide_slowly
from .reference_nodes import Tree

STEPS = 12


def story_differences(seed: int, steps: int = STEPS) -> list[str]:
    """What differs from the reference after some step of the story of this seed; nothing where all agrees."""
    return Story(seed).differences(steps)


class Story:
    def __init__(self, seed: int) -> None:
        self.maker = Maker(seed)
        self.rng = random.Random(seed)
        case = self.maker.case()
        self.cluster, self.arguments = case.cluster, case.arguments
        self.profile = profile(case.arguments)
        self.templates = [case.pod, *(self.maker.pod() for _ in range(2))]
        self.table, self.masks, self.cache = NodeTable(), StaticMasks(), FactsCache()
        for node in self.cluster.nodes:
            self.table.put_node(node)
        for pod in self.cluster.placed:
            self._place(pod)
        self.world = world_of(self.cluster, self.cache, self.table)
        self.numbers = len(self.cluster.nodes)

    def differences(self, steps: int) -> list[str]:
        for step in range(steps):
            pod = self._next_pod(step)
            facts = self.cache.of(pod)
            decision = decide(facts, self.world, self.rng, profile=self.profile, masks=self.masks)
            answer = decide_slowly(pod, self.cluster, self.arguments)
            if found := differences(decision, answer, self.table):
                return [f"step {step}", *found]
            if decision.node is not None:
                placed = {**pod, "spec": {**pod["spec"], "nodeName": decision.node}}
                self.cluster.placed.append(placed)
                self._place(placed)
            for _ in range(self.rng.choice((0, 0, 1, 2))):
                self._change()
        return []

    def _next_pod(self, step: int) -> Tree:
        template = self.rng.choice(self.templates)
        metadata = {**template["metadata"], "name": f"new{step}", "uid": f"new{step}"}
        return {**template, "metadata": metadata}

    def _place(self, pod: Tree) -> None:
        self.table.place(pod["metadata"]["uid"], pod["spec"]["nodeName"], self.cache.of(pod, placed=True))

    def _change(self) -> None:
        nodes, placed = self.cluster.nodes, self.cluster.placed
        what = self.rng.choice(
            ("add node", "change node", "remove node", "remove pod", "change pod", "namespace")
        )
        if what == "add node":
            nodes.append(self.maker.node(self.numbers))
            self.table.put_node(nodes[-1])
            self.numbers += 1
        elif what == "change node" and nodes:
            place = self.rng.randrange(len(nodes))
            nodes[place] = self.maker.node(int(nodes[place]["metadata"]["name"][1:]))
            self.table.put_node(nodes[place])
        elif what == "remove node" and len(nodes) > 1:
            gone = nodes.pop(self.rng.randrange(len(nodes)))
            self.table.remove_node(gone["metadata"]["name"])
        elif what == "remove pod" and placed:
            self.table.unplace(placed.pop(self.rng.randrange(len(placed)))["metadata"]["uid"])
        elif what == "change pod" and placed:
            place = self.rng.randrange(len(placed))
            old = placed[place]
            new = self.maker.placed(old["spec"]["nodeName"])
            new["metadata"]["uid"] = old["metadata"]["uid"]
            placed[place] = new
            self._place(new)
        elif what == "namespace":
            name = self.rng.choice(("default", "prod", "test"))
            self.cluster.namespaces[name] = self.rng.choice(({"team": "a"}, {"team": "b"}, {"env": "p"}))
