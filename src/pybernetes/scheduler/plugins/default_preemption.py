"""DefaultPreemption: where no node fits, the node on which the least is lost by removing pods of lower priority."""

from __future__ import annotations

from dataclasses import replace

from pybernetes.api.meta import Obj, is_deleting

from ..fiterror import fit_error
from ..framework import (
    Failure,
    GroupFailure,
    GroupPreemption,
    Plugin,
    PostFilterResult,
    World,
    on,
)
from ..gang.victims import make_room
from ..podfacts import PodFacts
from ..preemption.dryrun import LEAST_LOOKED_AT, SHARE_LOOKED_AT, DryRun

NAME = "DefaultPreemption"
NEVER = "not eligible due to preemptionPolicy=Never."
TERMINATING = "not eligible due to a terminating pod on the nominated node."


def ineligible(pod: PodFacts, world: World, failure: Failure) -> str:
    """Why the pod may not preempt now; "" where it may. Whose victims are still leaving waits for them."""
    if not pod.preempts:
        return NEVER
    nominated = ((world.pod or {}).get("status") or {}).get("nominatedNodeName")
    row = world.table.rows.get(nominated) if nominated else None
    if row is None or not failure.resolvable[row]:
        return ""
    for uid, facts in world.table.placements.on(row).items():
        if facts.priority < pod.priority and facts.terminating and by_preemption(world.placed.get(uid)):
            return TERMINATING
    return ""


def by_preemption(pod: Obj | None) -> bool:
    """Whether a scheduler has sent this pod away."""
    if pod is None or not is_deleting(pod):
        return False
    return any(
        each["type"] == "DisruptionTarget"
        and each["status"] == "True"
        and each.get("reason") == "PreemptionByScheduler"
        for each in (pod.get("status") or {}).get("conditions") or ()
    )


def make(*, least: int = LEAST_LOOKED_AT, share: float = SHARE_LOOKED_AT, every: bool = False) -> Plugin:
    """`least` and `share` are the arguments minCandidateNodesAbsolute and minCandidateNodesPercentage (as a share)."""
    dry_run = DryRun(least, share, every)

    def post_filter(pod: PodFacts, world: World, failure: Failure) -> PostFilterResult:
        if why := ineligible(pod, world, failure):
            return PostFilterResult(message=f"preemption: {why}")
        found = dry_run.run(pod, world, failure)
        if found.best is not None:
            return PostFilterResult(found.best, found.all)
        nodes = int(world.table.alive.sum())
        return PostFilterResult(message=f"preemption: {fit_error(nodes, found.reasons)}", clear=True)

    def group_post_filter(world: World, failure: GroupFailure) -> GroupPreemption:
        spec = (failure.group or {}).get("spec") or {}
        if (spec.get("schedulingConstraints") or {}).get("topology"):
            return GroupPreemption(message="pod group preemption: not supported with topology constraints")
        found = make_room(world, failure, by_preemption)
        return replace(found, message=found.message and f"pod group preemption: {found.message}")

    return Plugin(
        NAME,
        post_filter=post_filter,
        group_post_filter=group_post_filter,
        unblocked_by=(on("AssignedPod", "delete"),),
    )


PLUGIN = make()
