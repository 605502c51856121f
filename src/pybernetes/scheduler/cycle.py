"""The scheduler's state and what it does with it, without waiting: caches in, decisions out.

`scheduler.py` imports this module (and with it NumPy) when it starts to run.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable, Mapping

from pybernetes.api.meta import Obj, name_of, uid_of
from pybernetes.lang.labelselector import Selector

from .changes import POD_ADDED, POD_DELETED, node_change, pod_change, same_images
from .decide import Decision, StaticMasks, decide
from .framework import World
from .nodetable import NodeTable
from .plugins.table import PLUGINS
from .podfacts import FactsCache, PodFacts
from .queue import QueuedPod, SchedulingQueue

DECISIONS_KEPT = 256


class Cycle:
    def __init__(
        self,
        scheduler_name: str,
        rng: random.Random,
        namespace_labels: Mapping[str, Mapping[str, str]],
        default_selector: Callable[[PodFacts], Selector | None],
    ) -> None:
        self._scheduler_name = scheduler_name
        self._rng = rng
        self._facts = FactsCache()
        self._masks = StaticMasks()
        self.table = NodeTable()
        self.queue = SchedulingQueue({plugin.name: plugin.unblocked_by for plugin in PLUGINS})
        self.world = World(self.table, namespace_labels, default_selector)
        self.decisions: OrderedDict[str, Decision] = OrderedDict()
        """The latest decisions by the pod's uid, for `why`."""

    def decide(self, queued: QueuedPod, now: float) -> Decision:
        """Decides on a popped pod. Where a node is found, the pod is counted on it from now on (assumed); where none,
        it waits in the queue."""
        decision = decide(queued.facts, self.world, self._rng, masks=self._masks)
        if decision.node is None:
            self.queue.unschedulable(queued, decision.rejected_by, now)
        else:
            self.table.place(queued.uid, decision.node, self._facts.of(queued.pod, placed=True))
        self.decisions[queued.uid] = decision
        self.decisions.move_to_end(queued.uid)
        while len(self.decisions) > DECISIONS_KEPT:
            self.decisions.popitem(last=False)
        return decision

    def binding_failed(self, queued: QueuedPod, now: float) -> None:
        """Takes an assumed pod off its node again; it is tried once more after its back-off."""
        if self.queue.get(queued.uid) is queued:
            self.table.unplace(queued.uid)
            self.queue.failed(queued, now)
            self.queue.changed(POD_DELETED, now)

    def pod_event(self, old: Obj | None, new: Obj | None, now: float) -> None:
        """A pod appeared, changed or went, as its informer tells; another pod may have come under its name."""
        if old is not None and new is not None and uid_of(old) != uid_of(new):
            self._gone(old, now)
            old = None
        if new is None or _is_over(new):
            self._gone(new or old, now)
        elif new["spec"].get("nodeName"):
            self._assigned(old, new, now)
        elif self._is_ours(new):
            self.queue.put(new, self._facts.of(new))
        else:
            self.queue.remove(uid_of(new))

    def node_event(self, old: Obj | None, new: Obj | None, now: float) -> None:
        """A node appeared, changed or went; a heartbeat costs nothing."""
        change = node_change(old, new)
        if new is None:
            if old is not None:
                self.table.remove_node(name_of(old))
        elif change is not None or old is None or not same_images(old, new):
            self.table.put_node(new)
        if change is not None:
            self.queue.changed(change, now)

    def _is_ours(self, pod: Obj) -> bool:
        """A pod that is being deleted is not scheduled any more."""
        named = pod["spec"].get("schedulerName") or "default-scheduler"
        return named == self._scheduler_name and not pod["metadata"].get("deletionTimestamp")

    def _assigned(self, old: Obj | None, new: Obj, now: float) -> None:
        uid = uid_of(new)
        self.queue.remove(uid)
        was_placed = old is not None and uid_of(old) == uid and bool(old["spec"].get("nodeName"))
        self.table.place(uid, new["spec"]["nodeName"], self._facts.of(new, placed=True))
        change = pod_change(old, new) if was_placed and old is not None else POD_ADDED
        if change is not None:
            self.queue.changed(change, now)

    def _gone(self, pod: Obj | None, now: float) -> None:
        if pod is None:
            return
        uid = uid_of(pod)
        self.queue.remove(uid)
        self.decisions.pop(uid, None)
        if self.table.node_of(uid) is not None:
            self.table.unplace(uid)
            self.queue.changed(POD_DELETED, now)


def _is_over(pod: Obj) -> bool:
    """Whether the pod's containers have ended for good: it holds nothing on its node any more."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
