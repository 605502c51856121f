"""A decision with extenders: they filter what the plugins left, add scores, and have a say in preemption."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from pybernetes.api.meta import Obj

from ..configuration.types import Extender
from ..cycle import Cycle
from ..decide import Decision, Filtered, Verdict
from ..framework import MAX_SCORE, Rejection
from ..nodetable import Ints
from ..preemption.candidate import best
from ..queue import QueuedPod
from . import client
from .client import ExtenderError

log = logging.getLogger("scheduler")

MAX_EXTENDER_SCORE = 10


async def decide_with(
    extenders: Sequence[Extender], cycle: Cycle, queued: QueuedPod, now: Callable[[], float]
) -> Decision:
    """As `Cycle.decide`, with extenders asked. Raises PluginError; ExtenderError from one that is not ignorable."""
    interested = [each for each in extenders if each.interested(queued.facts.requests)]
    filtered = cycle.filter(queued)
    for extender in interested:
        if extender.filter_verb and filtered.feasible.any():
            filtered = await _filtered(extender, cycle, queued.pod, filtered)
    extra: dict[str, Ints] = {}
    if int(filtered.feasible.sum()) > 1:
        for extender in interested:
            if extender.prioritize_verb:
                await _scored(extender, cycle, queued.pod, filtered, extra)
    decision = cycle.conclude(queued, filtered, now(), extra)
    if decision.candidate is not None:
        decision = await _preempting(interested, queued.pod, decision)
    return decision


async def _filtered(extender: Extender, cycle: Cycle, pod: Obj, filtered: Filtered) -> Filtered:
    names = cycle.feasible_names(filtered.feasible)
    try:
        left, failed, hopeless = await client.filter_nodes(extender, pod, names, cycle.world.nodes)
    except ExtenderError as error:
        if extender.ignorable:
            log.warning("extender %s is left out: %s", extender.url_prefix, error)
            return filtered
        raise
    table = cycle.table
    feasible = np.zeros(table.size, np.bool_)
    feasible[[table.rows[name] for name in left]] = True
    feasible &= filtered.feasible
    refused = filtered.feasible & ~feasible
    reasons: dict[tuple[str, bool], Ints] = {}
    for row in np.flatnonzero(refused):
        name = table.name(int(row))
        reason = hopeless.get(name) or failed.get(name) or f"refused by the extender {extender.url_prefix}"
        mask = reasons.setdefault((reason, name not in hopeless), np.zeros(table.size, np.int64))
        mask[row] = 1
    rejections = tuple(Rejection(why, mask > 0, resolvable) for (why, resolvable), mask in reasons.items())
    verdict = Verdict(extender.url_prefix, rejections)
    return replace(filtered, feasible=feasible, verdicts=(*filtered.verdicts, verdict))


async def _scored(
    extender: Extender, cycle: Cycle, pod: Obj, filtered: Filtered, extra: dict[str, Ints]
) -> None:
    names = cycle.feasible_names(filtered.feasible)
    try:
        scores = await client.prioritize(extender, pod, names, cycle.world.nodes)
    except ExtenderError as error:
        # As upstream: an extender that cannot score has no say, and the pod is scheduled without it.
        log.warning("extender %s gives no scores: %s", extender.url_prefix, error)
        return
    column = np.zeros(cycle.table.size, np.int64)
    for name, score in scores.items():
        row = cycle.table.rows.get(name)
        if row is not None:
            column[row] = score * extender.weight * (MAX_SCORE // MAX_EXTENDER_SCORE)
    extra[extender.url_prefix] = column


async def _preempting(extenders: Sequence[Extender], pod: Obj, decision: Decision) -> Decision:
    candidates = list(decision.candidates)
    for extender in extenders:
        if extender.preempt_verb and candidates:
            try:
                candidates = await client.preempt(extender, pod, candidates)
            except ExtenderError as error:
                if not extender.ignorable:
                    raise
                log.warning("extender %s has no say in a preemption: %s", extender.url_prefix, error)
    if not decision.candidates:
        return decision
    return replace(decision, candidate=best(candidates) if candidates else None)
