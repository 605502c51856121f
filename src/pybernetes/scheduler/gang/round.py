"""A scheduling cycle of a whole PodGroup: its pods get their nodes together, in one go, or none of them does.

Upstream's group cycle (KEP-4671): each pod is decided on by the usual filters and scores and counted on its node before
the next one is; after each, the PlacementFeasible plugins say whether the group can still be had. Where it cannot, what
was counted is taken back and PodGroupPostFilter plugins may make room (`victims.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from ..asked import PluginError, asked
from ..bindingcycle import NotBound, reserve, unreserve
from ..filtering import only_resources
from ..framework import Attempt, GroupFailure, GroupPreemption
from .outcome import Member, Outcome
from .view import group_of, priority_of

if TYPE_CHECKING:
    from ..cycle import Cycle
    from ..decide import Decision
    from ..queuedpod import QueuedPod

NOBODY = "no pods were schedulable"
Start = Callable[["QueuedPod", str], Attempt]


def in_groups(popped: Sequence[QueuedPod]) -> Iterator[list[QueuedPod]]:
    """What is decided on together: the pods of one group, or a single pod."""
    for key, pods in groupby(popped, lambda queued: group_of(queued.pod)):
        if key:
            yield [*pods]
        else:
            yield from ([pod] for pod in pods)


class Round:
    """Whoever drives it decides on `next()`, as long as there is one, and tells of each by `decided` or `failed`."""

    def __init__(self, cycle: Cycle, pods: Sequence[QueuedPod], start: Start) -> None:
        """`start` makes the attempt to bring a pod to its node."""
        self._cycle, self._start = cycle, start
        self._members = [Member(queued) for queued in pods]
        self._profile = pods[0].profile
        self._key = group_of(pods[0].pod)
        self.group = cycle.groups.group(self._key)
        self._number = 0
        self._held: list[tuple[str, str]] = []
        self._error: Exception | None = self._unlike()
        self._goes_on, self._why = True, ""
        if self._error is None:
            self._ask()

    def _unlike(self) -> ValueError | None:
        """Why the pods cannot be scheduled as one group."""
        wanted = priority_of(self.group)
        others = [*self._cycle.groups.members(self._key).placed.values()]
        for pod in [*(each.queued.pod for each in self._members), *others]:
            name = pod["spec"].get("schedulerName") or self._profile.name
            if name != self._profile.name:
                text = "all pods in a single pod group should have the same .spec.schedulerName set, got: "
                return ValueError(f'{text}"{name}" and "{self._profile.name}"')
            own = int(pod["spec"].get("priority") or 0)
            if wanted is not None and own != wanted:
                text = (
                    "all pods in a single pod group should have the same priority as the pod group's priority"
                )
                return ValueError(f"{text}, got {own} and {wanted}")
        return None

    def next(self) -> QueuedPod | None:
        """The pod that is to be decided on now; None where the round is over."""
        if self._error is not None or not self._goes_on or self._number == len(self._members):
            return None
        return self._members[self._number].queued

    def decided(self, decision: Decision) -> None:
        """The pod of `next` has this decision. Where it has a node, it is counted there, and what it needs is reserved."""
        member = self._members[self._number]
        member.decision = decision
        if decision.node is not None:
            self._place(member, decision.node)
        self._number += 1
        if self._error is None:
            self._ask()

    def failed(self, error: Exception) -> None:
        """Nothing can be decided on the pod of `next`: the round is over."""
        self._members[self._number].error = error
        self._error = ValueError(f"failed to schedule other pod from a pod group: {error}")

    def end(self) -> Outcome:
        """What became of the group; where nothing did, all is as before."""
        members, message = self._members, self.why()
        if not message:
            return Outcome(self.group, members)
        self.give_back()
        if self._error is not None:
            return Outcome(self.group, members, message, failed=True)
        try:
            preemption = self._post_filter()
        except Exception as error:  # noqa: BLE001  (whatever a plugin leads to: the loop never dies)
            return Outcome(self.group, members, str(error), failed=True)
        return Outcome(self.group, members, message, preemption=preemption)

    def why(self) -> str:
        """Why the group cannot be scheduled as far as is known; "" where it can."""
        return str(self._error) if self._error is not None else self._why or ("" if self.nodes() else NOBODY)

    def nodes(self) -> dict[str, str]:
        """The nodes found so far, by the pods' uids."""
        return {each.queued.uid: each.attempt.node for each in self._members if each.attempt is not None}

    def _place(self, member: Member, node: str) -> None:
        cycle, queued = self._cycle, member.queued
        nominated = cycle.nominations.of(queued.uid)
        cycle.assume(queued, node)
        if nominated:
            self._held.append((queued.uid, nominated))
        attempt = self._start(queued, node)
        try:
            reserve(attempt, self._profile)
        except NotBound as error:
            cycle.unassume(queued)
            assert member.decision is not None
            if not error.rejected_by:
                self.failed(error)
            refused_by = frozenset((error.rejected_by,)) if error.rejected_by else frozenset()
            member.decision = replace(
                member.decision, node=None, message=str(error), rejected_by=refused_by, scores={}
            )
            return
        member.attempt = attempt

    def _ask(self) -> None:
        """Asks whether the group can still be had."""
        placed = len(self._cycle.groups.members(self._key).placed)
        remaining = len(self._members) - self._number
        self._why = ""
        for plugin in self._profile.placement_feasible:
            assert plugin.placement_feasible is not None
            function = plugin.placement_feasible
            try:
                said = asked(
                    self._profile, plugin, "PlacementFeasible", function, self.group, placed, remaining
                )
            except PluginError as error:
                self._error = ValueError(f"failed to evaluate placement feasibility: {error}")
                return
            self._why = self._why or said.reason
            self._goes_on = self._goes_on and said.verdict != "no"

    def give_back(self) -> None:
        """Takes everything off its node again."""
        for member in reversed(self._members):
            if member.attempt is not None:
                unreserve(member.attempt, self._profile)
                self._cycle.unassume(member.queued)
                member.attempt = None
        waiting = {member.queued.uid: member.queued for member in self._members}
        for uid, node in self._held:
            self._cycle.nominations.add(uid, node, waiting[uid].facts)
        self._held.clear()

    def _post_filter(self) -> GroupPreemption | None:
        cycle, queued = self._cycle, [member.queued for member in self._members]
        failure = GroupFailure(
            group=self.group,
            pods=tuple((each.pod, each.facts) for each in queued),
            attempt=lambda: trial(cycle, queued, self._start),
            simple=not cycle.nominations.any_apart
            and all(only_resources(each.facts, cycle.world, self._profile) for each in queued),
        )
        found: GroupPreemption | None = None
        for plugin in self._profile.group_post_filter:
            assert plugin.group_post_filter is not None
            function = plugin.group_post_filter
            found = asked(self._profile, plugin, "PodGroupPostFilter", function, cycle.world, failure)
            if found.nodes:
                return found
        return found


def trial(cycle: Cycle, pods: Sequence[QueuedPod], start: Start) -> dict[str, str] | str:
    """Where the pods of a group would go as things are, by uid, or why they cannot; nothing is changed. Raises
    PluginError."""
    tried = Round(cycle, pods, start)
    try:
        while (queued := tried.next()) is not None:
            tried.decided(cycle.choose(queued, cycle.filter(queued), alone=False))
        return tried.why() or tried.nodes()
    finally:
        tried.give_back()
