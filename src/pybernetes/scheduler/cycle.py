"""The scheduler's state and what it does with it, without waiting: caches in, decisions out.

`scheduler.py` imports this module (and with it NumPy) when it starts to run.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pybernetes.api.meta import Obj, name_of, uid_of
from pybernetes.lang.labelselector import Selector

from .changes import POD, node_change, pod_change, same_images
from .decide import Decision, choose
from .decisions import Decisions
from .dynamicresources.view import DeviceView
from .filtering import Filtered, StaticMasks, filter_nodes
from .framework import Action, Attempt, Change, World
from .gang.outcome import Outcome
from .gang.view import NAME as GANG
from .gang.view import GroupView
from .namespaces import NamespaceLabels
from .nodetable import Ints, Mask, NodeTable
from .nominations import Nominations
from .plugins.table import DEFAULT_PROFILE
from .podfacts import FactsCache, PodFacts, same_facts
from .profile import Profile, with_world
from .queue import BACKOFF_FIRST, BACKOFF_MOST, SchedulingQueue
from .queuedpod import QueuedPod
from .repeated import Moment, Repeated, changing, moment
from .timings import Timings
from .volumes.view import VolumeView


class Cycle:
    def __init__(
        self,
        rng: random.Random,
        namespace_labels: Mapping[str, Mapping[str, str]] | None = None,
        default_selector: Callable[[PodFacts], Selector | None] = lambda _facts: None,
        *,
        profiles: Sequence[Profile] = (DEFAULT_PROFILE,),
        backoff: tuple[float, float] = (BACKOFF_FIRST, BACKOFF_MOST),
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`clock` gives Unix time; the times that methods take are the loop's."""
        self._rng = rng
        self._clock = clock
        self._facts = FactsCache()
        self._masks = StaticMasks()
        self._nodes: dict[str, Obj] = {}
        self._placed: dict[str, Obj] = {}
        self._budgets: dict[str, Obj] = {}
        self._last: tuple[Moment, Decision] | None = None
        self._repeated: Repeated | None = None
        self.table = NodeTable()
        self.nominations = Nominations()
        self.volumes = VolumeView()
        self.devices = DeviceView()
        self.groups = GroupView()
        self.queue = SchedulingQueue({}, backoff)
        self.profiles: dict[str, Profile] = {}
        self.world = World(
            self.table,
            NamespaceLabels() if namespace_labels is None else namespace_labels,
            default_selector,
            self._nodes,
            self._placed,
            (),
            self.volumes,
            self.nominations,
            devices=self.devices,
            groups=self.groups,
        )
        self.decisions = Decisions()
        """The latest decisions, and every one about a pod that waits, for `why`."""
        self.use(profiles)

    def use(self, profiles: Sequence[Profile]) -> None:
        """Decides by these profiles from now on; pods that wait are tried again."""
        profiles = [with_world(profile, lambda: self.world) for profile in profiles]
        profiles = [
            replace(profile, timings=self.profiles[profile.name].timings)
            if profile.name in self.profiles
            else replace(profile, timings=Timings())
            for profile in profiles
        ]
        self._last = self._repeated = None
        self.profiles = {profile.name: profile for profile in profiles}
        self._masks = StaticMasks()
        self.table.memo.clear()
        self.queue.unblocked_by = {
            plugin.name: plugin.unblocked_by for profile in profiles for plugin in profile.plugins
        }
        for queued in self.queue.waiting():
            profile = self.profiles.get(scheduler_of(queued.pod))
            if profile is None:
                self.queue.remove(queued.uid)
                self.nominations.remove(queued.uid)
                self.groups.remove(queued.pod)
            else:
                queued.profile = profile
                self.queue.activate(queued.uid)

    def world_for(self, queued: QueuedPod) -> World:
        """The world as a decision about this pod reads it."""
        world = self.world
        return World(
            world.table,
            world.namespace_labels,
            world.default_selector,
            world.nodes,
            world.placed,
            world.budgets,
            world.volumes,
            world.nominations,
            queued.pod,
            self._clock(),
            queued.memo,
            world.devices,
            world.groups,
        )

    def decide(self, queued: QueuedPod, now: float) -> Decision:
        """Decides on a popped pod. Where a node is found, the pod is counted on it from now on (assumed); where none,
        it waits in the queue. Raises PluginError; the pod is then still popped."""
        decision = self._repeat(queued)
        if decision is None:
            world = self.world_for(queued)
            filtered = self._filter(queued, world)
            decision = choose(queued.facts, world, self._rng, queued.profile, filtered)
        self._conclude(queued, decision, now)
        self._last = (moment(queued, self.world), decision) if decision.scores else None
        return decision

    def _repeat(self, queued: QueuedPod) -> Decision | None:
        """The decision where it follows from the last one, which was about just such a pod."""
        last, repeated = self._last, self._repeated
        self._repeated = None
        if last is None or last[0][0] is not queued.facts or last[0] != moment(queued, self.world):
            return None
        if (queued.pod.get("status") or {}).get("nominatedNodeName"):
            return None
        if repeated is None:
            moving = changing(queued, self.world)
            if moving is None:
                return None
            repeated = Repeated(queued, self.world, last[1], moving)
        decision = repeated.next(self.world, self._rng)
        if decision is not None:
            self._repeated = repeated
        return decision

    def filter(self, queued: QueuedPod) -> Filtered:
        """The first half of `decide`. Raises PluginError."""
        return self._filter(queued, self.world_for(queued))

    def _filter(self, queued: QueuedPod, world: World) -> Filtered:
        return filter_nodes(queued.facts, world, queued.profile, self._masks)

    def choose(
        self,
        queued: QueuedPod,
        filtered: Filtered,
        extra: Mapping[str, Ints] | None = None,
        *,
        alone: bool = True,
    ) -> Decision:
        """The second half, without any consequence; `alone`: where there is no node, the PostFilters are asked. Raises
        PluginError."""
        world = self.world_for(queued)
        return choose(queued.facts, world, self._rng, queued.profile, filtered, extra, alone=alone)

    def conclude(
        self, queued: QueuedPod, filtered: Filtered, now: float, extra: Mapping[str, Ints] | None = None
    ) -> Decision:
        """The second half of `decide`. Raises PluginError."""
        decision = self.choose(queued, filtered, extra)
        self._conclude(queued, decision, now)
        return decision

    def _conclude(self, queued: QueuedPod, decision: Decision, now: float) -> None:
        self.decisions.keep(queued.pod, decision, self._clock())
        if decision.node is None:
            if decision.clear_nomination:
                self.nominations.remove(queued.uid)
            self.queue.unschedulable(queued, decision.rejected_by, now)
        else:
            self.assume(queued, decision.node)

    def conclude_group(self, outcome: Outcome, now: float) -> None:
        """Keeps what was decided about the pods of a group. Those without a node wait in the queue, and are tried again
        together; where the group as a whole failed, so are all."""
        refused = frozenset((GANG,)).union(
            *(each.decision.rejected_by for each in outcome.members if each.decision is not None)
        )
        for member in outcome.members:
            queued = member.queued
            if member.decision is not None:
                self.decisions.keep(queued.pod, self._told(member.decision, outcome), self._clock())
            if outcome.failed:
                self.queue.failed(queued, now)
            elif member.attempt is None:
                self.queue.unschedulable(queued, refused, now)
        if outcome.preemption is not None:
            for member in outcome.members:
                node = outcome.preemption.nodes.get(member.queued.uid)
                if node is None:
                    self.nominations.remove(member.queued.uid)
                else:
                    self.nominate(member.queued, node)

    @staticmethod
    def _told(decision: Decision, outcome: Outcome) -> Decision:
        """A pod that would have had a node does not get it where its group fails."""
        if outcome.scheduled or decision.node is None:
            return decision
        return replace(decision, node=None, message=outcome.message)

    def assume(self, queued: QueuedPod, node: str) -> None:
        """Counts a pod on a node that is still to be written."""
        self.nominations.remove(queued.uid)
        # It has no node yet, so that its facts are those of the placed pod.
        facts = queued.facts if not queued.facts.node_name else self._facts.of(queued.pod, placed=True)
        self.table.place(queued.uid, node, facts)
        self._placed[queued.uid] = queued.pod
        if facts.group:
            self.groups.assumed(queued.pod, placed=True)

    def unassume(self, queued: QueuedPod) -> None:
        """Takes an assumed pod off its node again."""
        self.table.unplace(queued.uid)
        self._placed.pop(queued.uid, None)
        if queued.facts.group:
            self.groups.assumed(queued.pod, placed=False)

    def attempt(self, queued: QueuedPod, node: str, **rest: Any) -> Attempt:
        """What the plugins from Reserve to PostBind get; `rest`: the client and the environment."""
        return Attempt(queued.pod, queued.facts, node, self.world_for(queued), state=queued.memo, **rest)

    def nominate(self, queued: QueuedPod, node: str) -> list[Obj]:
        """The pod waits for room on this node; gives the pods of lower priority that lose their nomination for it."""
        losing = []
        for uid in self.nominations.below(queued.facts.priority, node):
            self.nominations.remove(uid)
            other = self.queue.get(uid)
            if other is not None:
                losing.append(other.pod)
        self.nominations.add(queued.uid, node, queued.facts)
        return losing

    @property
    def assumed(self) -> int:
        """The pods that are counted on a node that is still to be written."""
        return sum(self.table.node_of(queued.uid) is not None for queued in self.queue.waiting())

    def placed(self, uid: str) -> Obj | None:
        """A pod that is counted on a node."""
        return self._placed.get(uid)

    def not_bound(self, queued: QueuedPod, now: float, rejected_by: str = "") -> None:
        """Takes an assumed pod off its node again. It is tried once more after its back-off, or, where a plugin refused
        it, after a change of which the plugin says that it may help."""
        if self.queue.get(queued.uid) is queued:
            self.unassume(queued)
            if rejected_by:
                self.queue.unschedulable(queued, frozenset((rejected_by,)), now)
            else:
                self.queue.failed(queued, now)
            self.queue.changed(Change(POD, frozenset(("delete",)), queued.pod), now)

    def failed(self, queued: QueuedPod, now: float) -> None:
        """Gives back a popped pod on which nothing could be decided: it is tried again after its back-off."""
        self.queue.failed(queued, now)

    def pod_event(self, old: Obj | None, new: Obj | None, now: float) -> None:
        """A pod appeared, changed or went, as its informer tells; another pod may have come under its name."""
        if old is not None and new is not None and uid_of(old) != uid_of(new):
            self._gone(old, now)
            old = None
        if new is None or _is_over(new):
            self._gone(new or old, now)
        elif new["spec"].get("nodeName"):
            self._assigned(old, new, now)
        else:
            self._unassigned(old, new, now)

    def node_event(self, old: Obj | None, new: Obj | None, now: float) -> None:
        """A node appeared, changed or went; a heartbeat costs nothing."""
        change = node_change(old, new)
        if new is None:
            if old is not None:
                self.table.remove_node(name_of(old))
                self._nodes.pop(name_of(old), None)
        else:
            self._nodes[name_of(new)] = new
            if change is not None or old is None or not same_images(old, new):
                self.table.put_node(new)
        if change is not None:
            self.queue.changed(change, now)

    def budget_event(self, old: Obj | None, new: Obj | None, now: float) -> None:
        """A PodDisruptionBudget appeared, changed or went."""
        if old is not None:
            self._budgets.pop(uid_of(old), None)
        if new is not None:
            self._budgets[uid_of(new)] = new
        self.world = replace(self.world, budgets=tuple(self._budgets.values()))
        self.queue.changed(Change("PodDisruptionBudget", frozenset(("update",)), old, new), now)

    def group_event(self, old: Obj | None, new: Obj | None, now: float) -> None:
        """A PodGroup appeared, changed or went."""
        self.groups.event(old, new)
        action: Action = "add" if old is None else "delete" if new is None else "update"
        self.queue.changed(Change("PodGroup", frozenset((action,)), old, new), now)

    def changed(self, change: Change, now: float) -> None:
        """Something else changed that waiting pods may care for."""
        self.queue.changed(change, now)

    def feasible_names(self, mask: Mask) -> list[str]:
        return [name for name, yes in zip(self.table.names(), mask.tolist(), strict=True) if yes]

    def _unassigned(self, old: Obj | None, new: Obj, now: float) -> None:
        """A pod that is being deleted is not scheduled any more."""
        uid = uid_of(new)
        profile = self.profiles.get(scheduler_of(new))
        if profile is None or new["metadata"].get("deletionTimestamp"):
            self._gone(new, now)
            return
        known = self.queue.get(uid)
        facts = known.facts if known is not None and same_facts(known.pod, new) else self._facts.of(new)
        node = (new.get("status") or {}).get("nominatedNodeName") or ""
        before = ((old or {}).get("status") or {}).get("nominatedNodeName") or ""
        if node and node != before and self.table.node_of(uid) is None:
            self.nominations.add(uid, node, facts)
        elif before and not node:
            self.nominations.remove(uid)
        self.groups.put(new)
        self.queue.put(new, facts, profile, now)
        if old is None and facts.group:
            self.queue.changed(Change("UnscheduledPod", frozenset(("add",)), None, new), now)

    def _assigned(self, old: Obj | None, new: Obj, now: float) -> None:
        uid = uid_of(new)
        self.queue.remove(uid)
        self.nominations.remove(uid)
        self.decisions.placed(uid)
        was_placed = old is not None and uid_of(old) == uid and bool(old["spec"].get("nodeName"))
        before = self._placed.get(uid)
        self._placed[uid] = new
        counted = self.table.placements.of(uid)
        same = counted is not None and before is not None and same_facts(before, new)
        facts = counted[1] if counted is not None and same else self._facts.of(new, placed=True)
        self.table.place(uid, new["spec"]["nodeName"], facts)
        self.groups.put(new)
        if before is not None and _start(before) != _start(new):
            self.table.touch(uid)
        change = pod_change(old, new) if was_placed and old is not None else None
        if not was_placed:
            change = Change(POD, frozenset(("add",)), None, new)
        if change is not None:
            self.queue.changed(change, now)

    def _gone(self, pod: Obj | None, now: float) -> None:
        if pod is None:
            return
        uid = uid_of(pod)
        self.groups.remove(pod)
        self.queue.remove(uid)
        held = self.nominations.of(uid)
        self.nominations.remove(uid)
        self.decisions.forget(uid)
        self._placed.pop(uid, None)
        if self.table.node_of(uid) is not None:
            self.table.unplace(uid)
            held = "node"
        if held:
            # Room that was taken, or kept for the pod, is free.
            self.queue.changed(Change(POD, frozenset(("delete",)), pod), now)


def scheduler_of(pod: Obj) -> str:
    return str(pod["spec"].get("schedulerName") or "default-scheduler")


def _start(pod: Obj) -> Any:
    return (pod.get("status") or {}).get("startTime")


def _is_over(pod: Obj) -> bool:
    """Whether the pod's containers have ended for good: it holds nothing on its node any more."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
