"""A profile: which plugins are asked at which extension point, in which order, for pods of one `schedulerName`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .framework import Plugin, World
from .timings import Timings

DEFAULT_NAME = "default-scheduler"

POINTS: Mapping[str, tuple[str, ...]] = {
    "preEnqueue": ("pre_enqueue", "waits_for"),
    "queueSort": ("queue_sort",),
    "preFilter": ("pre_filter",),
    "filter": ("filter",),
    "postFilter": ("post_filter",),
    "preScore": ("pre_score",),
    "score": ("score",),
    "reserve": ("reserve", "unreserve"),
    "permit": ("permit",),
    "preBind": ("pre_bind",),
    "bind": ("bind",),
    "postBind": ("post_bind",),
}
"""Upstream's extension points and the functions of a `Plugin` that stand for them."""

UPSTREAM: Mapping[str, frozenset[str]] = {
    "preEnqueue": frozenset(("SchedulingGates", "DynamicResources", "DefaultPreemption", "GangScheduling")),
    "preFilter": frozenset((
        "NodeAffinity", "NodePorts", "NodeResourcesFit", "VolumeRestrictions", "NodeVolumeLimits", "VolumeBinding",
        "VolumeZone", "PodTopologySpread", "InterPodAffinity", "DynamicResources",
    )),
    "preScore": frozenset((
        "TaintToleration", "NodeAffinity", "NodeResourcesFit", "VolumeBinding", "PodTopologySpread",
        "InterPodAffinity", "NodeResourcesBalancedAllocation",
    )),
    "score": frozenset(("VolumeBinding", "DynamicResources")),
}  # fmt: skip
"""Where upstream's plugins are beside the points at which they do something here: its PreFilters and PreScores prepare
what a vector needs no preparing for. A configuration may name them there."""

Plugins = tuple[Plugin, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    name: str
    plugins: Plugins
    """All that are at some point."""
    pre_enqueue: Plugins
    queue_sort: Plugin
    pre_filter: Plugins
    filter: Plugins
    post_filter: Plugins
    score: tuple[tuple[Plugin, int], ...]
    """With their weights."""
    reserve: Plugins
    permit: Plugins
    pre_bind: Plugins
    bind: Plugins
    post_bind: Plugins
    pre_score: Plugins = ()
    placement_feasible: Plugins = ()
    group_post_filter: Plugins = ()
    only_known: bool = field(default=True)
    """Whether every filter is one of upstream's, so that it is known what other pods' leaving can change."""
    deciding: Plugins = ()
    """Those on which it depends where a pod may go: at PreFilter, Filter, PreScore and Score."""
    timings: Timings = field(default_factory=Timings)

    def names(self, point: str) -> tuple[str, ...]:
        """The plugins of a point (a field's name) in their order."""
        if point == "score":
            return tuple(plugin.name for plugin, _ in self.score)
        return tuple(plugin.name for plugin in getattr(self, point))


def has_point(plugin: Plugin, point: str) -> bool:
    """Whether a plugin does something at an extension point (upstream's name of it)."""
    return any(getattr(plugin, each) is not None for each in POINTS[point])


def profile_of(name: str, plugins: Sequence[Plugin], known: frozenset[str] | None = None) -> Profile:
    """The profile in which each plugin is at every point it can be at, in this order."""
    return from_points(
        name, {point: tuple(p for p in plugins if has_point(p, point)) for point in POINTS}, known
    )


def with_world(profile: Profile, world: Callable[[], World]) -> Profile:
    """The profile whose PreEnqueue plugins know the world."""

    def knowing(plugin: Plugin) -> Plugin:
        waits_for = plugin.waits_for
        if waits_for is None:
            return plugin
        return replace(plugin, pre_enqueue=lambda facts, _pod: waits_for(facts, world()))

    return replace(profile, pre_enqueue=tuple(map(knowing, profile.pre_enqueue)))


def from_points(
    name: str,
    points: Mapping[str, Plugins],
    known: frozenset[str] | None = None,
    weights: Mapping[str, int] | None = None,
) -> Profile:
    """The profile with these plugins at each point (upstream's names); `known`: the plugins that are upstream's (None:
    all of these). What others answer is checked (`foreign.py`)."""
    if known is not None and any(plugin.name not in known for at in points.values() for plugin in at):
        points = _checked(points, known)
    every = tuple(dict.fromkeys(plugin for at in points.values() for plugin in at))
    weighted = {plugin.name: plugin.weight for plugin in every} | dict(weights or {})
    return Profile(
        name=name,
        plugins=every,
        pre_enqueue=points["preEnqueue"],
        queue_sort=points["queueSort"][0],
        pre_filter=points["preFilter"],
        filter=points["filter"],
        post_filter=points["postFilter"],
        score=tuple((plugin, weighted[plugin.name]) for plugin in points["score"]),
        reserve=points["reserve"],
        permit=points["permit"],
        pre_bind=points["preBind"],
        bind=points["bind"],
        post_bind=points["postBind"],
        pre_score=points["preScore"],
        placement_feasible=tuple(each for each in every if each.placement_feasible is not None),
        group_post_filter=tuple(each for each in points["postFilter"] if each.group_post_filter is not None),
        deciding=tuple(
            dict.fromkeys(
                plugin for point in ("preFilter", "filter", "preScore", "score") for plugin in points[point]
            )
        ),
        only_known=known is None or all(plugin.name in known for plugin in points["filter"]),
    )


def _checked(points: Mapping[str, Plugins], known: frozenset[str]) -> Mapping[str, Plugins]:
    from .foreign import checked

    foreign = {plugin for at in points.values() for plugin in at if plugin.name not in known}
    wrapped = {plugin: checked(plugin) for plugin in foreign}
    return {point: tuple(wrapped.get(plugin, plugin) for plugin in at) for point, at in points.items()}
