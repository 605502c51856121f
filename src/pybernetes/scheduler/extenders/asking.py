"""A decision with extenders: they filter what the plugins left, add scores, and have a say in preemption.

They are waited for, and the cluster changes meanwhile: an answer about other nodes than there are now is not used.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from pybernetes.api.meta import Obj

from ..configuration.types import Extender
from ..cycle import Cycle
from ..decide import Decision
from ..filtering import Filtered, Verdict
from ..framework import MAX_SCORE, Rejection
from ..nodetable import Ints
from ..preemption.candidate import best
from ..queuedpod import QueuedPod
from . import client
from .client import ExtenderError

log = logging.getLogger("scheduler")

MAX_EXTENDER_SCORE = 10
TRIES = 3


class PodGone(Exception):
    """The pod was deleted, or got a node from somebody else, while extenders were asked."""


async def decide_with(
    extenders: Sequence[Extender], cycle: Cycle, queued: QueuedPod, now: Callable[[], float]
) -> Decision:
    """As `Cycle.decide`, with extenders asked. Raises PluginError, PodGone; ExtenderError from one that is not
    ignorable."""
    interested = [each for each in extenders if each.interested(queued.facts.requests)]
    filtered, extra = await _settled(interested, cycle, queued)
    decision = cycle.conclude(queued, filtered, now(), extra)
    if decision.candidate is not None:
        decision = await _preempting(interested, cycle, queued.pod, decision)
    return decision


async def choose_with(extenders: Sequence[Extender], cycle: Cycle, queued: QueuedPod) -> Decision:
    """Where a pod of a group goes, without any consequence. Raises as `decide_with`."""
    interested = [each for each in extenders if each.interested(queued.facts.requests)]
    filtered, extra = await _settled(interested, cycle, queued)
    return cycle.choose(queued, filtered, extra, alone=False)


async def _settled(
    interested: Sequence[Extender], cycle: Cycle, queued: QueuedPod
) -> tuple[Filtered, dict[str, Ints]]:
    """What plugins and extenders say of the nodes as they are when the last extender has answered."""
    for _ in range(TRIES):
        nodes = (cycle.table.nodes_version, cycle.table.size)
        found = await _asked(interested, cycle, queued)
        if cycle.queue.get(queued.uid) is not queued:
            raise PodGone
        if nodes == (cycle.table.nodes_version, cycle.table.size):
            return found
    raise ExtenderError(f"the nodes changed {TRIES} times while extenders were asked")


async def _asked(
    interested: Sequence[Extender], cycle: Cycle, queued: QueuedPod
) -> tuple[Filtered, dict[str, Ints]]:
    filtered = cycle.filter(queued)
    for extender in interested:
        if extender.filter_verb and filtered.feasible.any():
            filtered = await _filtered(extender, cycle, queued.pod, filtered)
    extra: dict[str, Ints] = {}
    if int(filtered.feasible.sum()) > 1:
        for extender in interested:
            if extender.prioritize_verb:
                await _scored(extender, cycle, queued.pod, filtered, extra)
    return filtered, extra


async def _filtered(extender: Extender, cycle: Cycle, pod: Obj, filtered: Filtered) -> Filtered:
    table = cycle.table
    names = cycle.feasible_names(filtered.feasible)
    rows = {name: table.rows[name] for name in names}
    try:
        left, failed, hopeless = await client.filter_nodes(extender, pod, names, cycle.world.nodes)
    except ExtenderError as error:
        if extender.ignorable:
            log.warning("extender %s is left out: %s", extender.url_prefix, error)
            return filtered
        raise
    feasible = np.zeros(len(filtered.feasible), np.bool_)
    feasible[[rows[name] for name in left]] = True
    refused = filtered.feasible & ~feasible
    reasons: dict[tuple[str, bool], Ints] = {}
    for name, row in rows.items():
        if refused[row]:
            reason = (
                hopeless.get(name) or failed.get(name) or f"refused by the extender {extender.url_prefix}"
            )
            mask = reasons.setdefault((reason, name not in hopeless), np.zeros(len(feasible), np.int64))
            mask[row] = 1
    rejections = tuple(Rejection(why, mask > 0, resolvable) for (why, resolvable), mask in reasons.items())
    if not rejections:
        return filtered
    verdict = Verdict(extender.url_prefix, rejections)
    return replace(filtered, feasible=feasible, verdicts=(*filtered.verdicts, verdict))


async def _scored(
    extender: Extender, cycle: Cycle, pod: Obj, filtered: Filtered, extra: dict[str, Ints]
) -> None:
    names = cycle.feasible_names(filtered.feasible)
    rows = {name: cycle.table.rows[name] for name in names}
    try:
        scores = await client.prioritize(extender, pod, names, cycle.world.nodes)
    except ExtenderError as error:
        # As upstream: an extender that cannot score has no say, and the pod is scheduled without it.
        log.warning("extender %s gives no scores: %s", extender.url_prefix, error)
        return
    column = np.zeros(len(filtered.feasible), np.int64)
    for name, score in scores.items():
        if name in rows:
            column[rows[name]] = score * extender.weight * (MAX_SCORE // MAX_EXTENDER_SCORE)
    extra[extender.url_prefix] = column


async def _preempting(extenders: Sequence[Extender], cycle: Cycle, pod: Obj, decision: Decision) -> Decision:
    candidates = list(decision.candidates)
    for extender in extenders:
        if extender.preempt_verb and candidates:
            try:
                candidates = await client.preempt(extender, pod, candidates, cycle.placed)
            except ExtenderError as error:
                if not extender.ignorable:
                    log.warning("extender %s: no preemption: %s", extender.url_prefix, error)
                    return replace(decision, candidate=None)
                log.warning("extender %s has no say in a preemption: %s", extender.url_prefix, error)
    if not decision.candidates:
        return decision
    return replace(decision, candidate=best(candidates) if candidates else None)
