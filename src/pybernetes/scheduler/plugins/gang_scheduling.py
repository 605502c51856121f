"""GangScheduling: pods of a PodGroup with a gang policy get nodes together, at least `minCount` of them, or none does.

A pod waits before the queue until its group and enough of its pods are there. The cycle of a group (`gang/round.py`) asks
after each of its pods whether enough of them can still get a node.
"""

from __future__ import annotations

from pybernetes.api.meta import Obj, key_of

from ..framework import Change, Feasibility, Plugin, World, on
from ..gang.view import NAME, group_of, least
from ..podfacts import PodFacts


def _key(pod: PodFacts) -> str:
    return f"{pod.namespace}/{pod.group}"


def waits_for(pod: PodFacts, world: World) -> str:
    if not pod.group or world.groups is None:
        return ""
    group = world.groups.group(_key(pod))
    if group is None:
        return f'waiting for pod\'s pod group "{pod.group}" to appear in scheduling queue'
    wanted = least(group)
    if wanted is not None and world.groups.members(_key(pod)).all < wanted:
        return "waiting for minCount pods from a gang to appear in scheduling queue"
    return ""


def feasible(group: Obj | None, scheduled: int, remaining: int) -> Feasibility:
    """A group that is no gang wants one pod scheduled."""
    wanted = least(group) or 1
    counts = f"{scheduled} scheduled, {remaining} remaining"
    if scheduled + remaining < wanted:
        return Feasibility("no", f"minCount ({wanted}) cannot be satisfied: {counts}")
    if scheduled < wanted:
        return Feasibility("wait", f"minCount ({wanted}) is not yet satisfied: {counts}")
    return Feasibility()


def same_group(pod: PodFacts, change: Change) -> bool:
    """A pod of the same group came."""
    return change.new is not None and bool(pod.group) and group_of(change.new) == _key(pod)


def group_may_help(pod: PodFacts, change: Change) -> bool:
    """The pod's group came, or needs fewer pods now."""
    if change.new is None or not pod.group or key_of(change.new) != _key(pod):
        return False
    if change.old is None:
        return True
    before, now = least(change.old), least(change.new)
    return before is not None and now is not None and now < before


PLUGIN = Plugin(
    NAME,
    waits_for=waits_for,
    placement_feasible=feasible,
    unblocked_by=(
        on("UnscheduledPod", "add", hint=same_group),
        on("AssignedPod", "add", hint=same_group),
        on("PodGroup", "add", "update", hint=group_may_help),
    ),
)
