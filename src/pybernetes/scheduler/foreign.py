"""Plugins that are not upstream's: what they answer is looked at before anything is built on it.

A mask of the wrong length, a score outside of 0 … 100 or a value of the wrong kind raises where it was given, so that the
error names the plugin. Upstream's own plugins go unchecked: tests compare them with a plain reading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from .framework import (
    MAX_SCORE,
    Feasibility,
    Filter,
    GroupPreemption,
    Normalize,
    Only,
    Permission,
    Plugin,
    PostFilterResult,
    Rejection,
    Score,
    World,
)
from .nodetable import Ints, Mask
from .podfacts import PodFacts

T = TypeVar("T")


def checked(plugin: Plugin) -> Plugin:
    """The plugin, whose functions raise where they answer what they must not."""
    return replace(
        plugin,
        pre_enqueue=plugin.pre_enqueue and _text(plugin.pre_enqueue, "PreEnqueue"),
        pre_filter=plugin.pre_filter and _text(plugin.pre_filter, "PreFilter"),
        filter=plugin.filter and _filter(plugin.filter),
        post_filter=plugin.post_filter and _kind(plugin.post_filter, "PostFilter", PostFilterResult),
        score=plugin.score and _score(plugin.score, plugin.normalize),
        normalize=None,
        reserve=plugin.reserve and _text(plugin.reserve, "Reserve"),
        permit=plugin.permit and _kind(plugin.permit, "Permit", Permission),
        placement_feasible=plugin.placement_feasible
        and _kind(plugin.placement_feasible, "PlacementFeasible", Feasibility),
        group_post_filter=plugin.group_post_filter
        and _kind(plugin.group_post_filter, "PodGroupPostFilter", GroupPreemption),
    )


def _text(function: Callable[..., Any], point: str) -> Callable[..., Any]:
    def asked(*arguments: Any) -> Any:
        answer = function(*arguments)
        if answer is None:
            return ""
        if not isinstance(answer, str) and not (point == "PreFilter" and isinstance(answer, Only)):
            raise TypeError(f"{point} must give a text (why not) or nothing, not {answer!r}")
        return answer

    return asked


def _filter(function: Filter) -> Filter:
    def asked(pod: PodFacts, world: World) -> tuple[Rejection, ...]:
        answer = tuple(function(pod, world) or ())
        for each in answer:
            if not isinstance(each, Rejection):
                raise TypeError(f"Filter must give Rejections, not {each!r}")
            _column(each.nodes, world, "the nodes of a Rejection", np.bool_)
            if not isinstance(each.resolvable, bool):
                _column(each.resolvable, world, "`resolvable` of a Rejection", np.bool_)
        return answer

    return asked


def _score(function: Score, normalize: Normalize | None) -> Score:
    def asked(pod: PodFacts, world: World, feasible: Mask) -> Ints | None:
        answer = function(pod, world, feasible)
        if answer is None:
            return None
        _column(answer, world, "scores", np.integer)
        if normalize is not None:
            answer = normalize(pod, world, answer, feasible)
            _column(answer, world, "normalized scores", np.integer)
        here = answer[feasible]
        wrong = np.flatnonzero((here < 0) | (here > MAX_SCORE))
        if len(wrong):
            row = int(np.flatnonzero(feasible)[wrong[0]])
            problem = f"invalid score {int(answer[row])} of node {world.table.name(row)}"
            raise ValueError(f"{problem}, it should be in the range of [0, {MAX_SCORE}] after normalizing")
        return answer.astype(np.int64, copy=False)

    return asked


def _kind(function: Callable[..., Any], point: str, kind: type[T]) -> Callable[..., T]:
    def asked(*arguments: Any) -> T:
        answer = function(*arguments)
        if not isinstance(answer, kind):
            raise TypeError(f"{point} must give a {kind.__name__}, not {answer!r}")
        return answer

    return asked


def _column(value: Any, world: World, what: str, kind: type[Any]) -> None:
    """Raises TypeError, ValueError unless the value is one number (or truth) per row of the node table."""
    if not isinstance(value, np.ndarray) or not np.issubdtype(value.dtype, kind):
        wanted = "booleans" if kind is np.bool_ else "whole numbers"
        given = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else repr(value)
        raise TypeError(f"{what} must be an array of {wanted}, not {given}")
    if value.shape != (world.table.size,):
        raise ValueError(f"{what} must have one entry per row ({world.table.size}), not shape {value.shape}")
