"""Each plugin's arguments (`pluginConfig[].args`): read, checked, and the plugin made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..dynamicresources.binding import BINDING_SECONDS
from ..framework import Plugin
from ..plugins import (
    default_preemption,
    dynamic_resources,
    inter_pod_affinity,
    node_affinity,
    node_resources_balanced_allocation,
    node_resources_fit,
    pod_topology_spread,
    volume_binding,
)
from ..plugins.resource_scoring import CPU_AND_MEMORY, Shape, Strategy, Weights
from .read import API_VERSION, Fields
from .types import Extender

Maker = Callable[[Any, str, str, Sequence[Extender]], Plugin]
"""(arguments, the file, their place in it, the extenders) to a plugin. Raises ConfigurationError."""

STRATEGIES = ("LeastAllocated", "MostAllocated", "RequestedToCapacityRatio")


def _fields(name: str, tree: Any, source: str, path: str) -> Fields:
    fields = Fields(source, path, tree)
    for field, right in (("kind", f"{name}Args"), ("apiVersion", API_VERSION)):
        given = fields.text(field, right)
        if given != right:
            raise fields.fail(field, f"Unsupported value: {given!r}: supported values: {right!r}")
    return fields


def _default_preemption(tree: Any, source: str, path: str, extenders: Sequence[Extender]) -> Plugin:
    fields = _fields("DefaultPreemption", tree, source, path)
    share = fields.number("minCandidateNodesPercentage", 10, 0, 100)
    least = fields.number("minCandidateNodesAbsolute", 100, 0, 2**31)
    fields.end()
    if not share and not least:
        problem = "cannot be zero at the same time as minCandidateNodesAbsolute"
        raise fields.fail("minCandidateNodesPercentage", f"Invalid value: 0: {problem}")
    every = any(each.preempt_verb for each in extenders)
    return default_preemption.make(least=least, share=share / 100, every=every)


def _fit(tree: Any, source: str, path: str, extenders: Sequence[Extender]) -> Plugin:
    fields = _fields("NodeResourcesFit", tree, source, path)
    ignored = {str(item) for _, item in fields.list("ignoredResources")}
    for each in extenders:
        ignored |= each.ignored_resources
    groups = []
    for at, item in fields.list("ignoredResourceGroups"):
        if "/" in str(item):
            raise _at(fields, at, f"Invalid value: {item!r}: resource group name can't contain '/'")
        groups.append(str(item))
    strategy = _strategy(fields.map("scoringStrategy"))
    fields.end()
    return node_resources_fit.make(strategy, ignored=frozenset(ignored), ignored_groups=frozenset(groups))


def _at(fields: Fields, at: str, problem: str) -> Exception:
    return fields.fail(at.removeprefix(f"{fields.path}."), problem)


def _strategy(fields: Fields) -> Strategy:
    kind = fields.text("type", "LeastAllocated")
    if kind not in STRATEGIES:
        raise fields.fail("type", f"Unsupported value: {kind!r}: supported values: {', '.join(STRATEGIES)}")
    resources = _weights(fields) or CPU_AND_MEMORY
    ratio = fields.map("requestedToCapacityRatio")
    shape = _shape(ratio, needed=kind == "RequestedToCapacityRatio")
    ratio.end()
    fields.end()
    return Strategy(kind, resources, shape)  # type: ignore[arg-type]


def _weights(fields: Fields) -> Weights:
    found = []
    for at, item in fields.list("resources"):
        each = Fields(fields.source, at, item)
        name, weight = each.text("name"), each.number("weight", 1, 0, 2**31)
        if not name:
            raise each.fail("name", "Required value")
        if not 1 <= (weight or 1) <= 100:
            problem = "resource weight not in valid range [1-100]"
            raise each.fail("weight", f"Invalid value: {weight}: {problem}")
        each.end()
        found.append((name, weight or 1))
    return tuple(found)


def _shape(fields: Fields, *, needed: bool) -> Shape:
    points: list[tuple[int, int]] = []
    for at, item in fields.list("shape"):
        each = Fields(fields.source, at, item)
        utilization, score = each.number("utilization", 0, 0, 100), each.number("score", 0, 0, 10)
        each.end()
        if points and utilization <= points[-1][0]:
            problem = "utilization values must be sorted in increasing order"
            raise each.fail("utilization", f"Invalid value: {utilization}: {problem}")
        points.append((utilization, score))
    if needed and not points:
        raise fields.fail("shape", "Required value: at least one point must be specified")
    return tuple(points) or Strategy().shape


def _balanced(tree: Any, source: str, path: str, _extenders: Sequence[Extender]) -> Plugin:
    fields = _fields("NodeResourcesBalancedAllocation", tree, source, path)
    resources = _weights(fields) or CPU_AND_MEMORY
    fields.end()
    return node_resources_balanced_allocation.make(tuple(name for name, _ in resources))


def _inter_pod_affinity(tree: Any, source: str, path: str, _extenders: Sequence[Extender]) -> Plugin:
    fields = _fields("InterPodAffinity", tree, source, path)
    weight = fields.number("hardPodAffinityWeight", 1, 0, 100)
    ignore = fields.flag("ignorePreferredTermsOfExistingPods")
    fields.end()
    return inter_pod_affinity.make(hard_weight=weight, ignore_preferred=ignore)


def _node_affinity(tree: Any, source: str, path: str, _extenders: Sequence[Extender]) -> Plugin:
    fields = _fields("NodeAffinity", tree, source, path)
    added = fields.any("addedAffinity")
    if added is not None and not isinstance(added, Mapping):
        raise fields.fail("addedAffinity", f"Invalid value: {added!r}: must be a mapping")
    fields.end()
    return node_affinity.make(added)


def _spread(tree: Any, source: str, path: str, _extenders: Sequence[Extender]) -> Plugin:
    fields = _fields("PodTopologySpread", tree, source, path)
    kind = fields.text("defaultingType", "System")
    if kind not in ("System", "List"):
        raise fields.fail(
            "defaultingType", f"Unsupported value: {kind!r}: supported values: 'System', 'List'"
        )
    found = []
    for at, item in fields.list("defaultConstraints"):
        each = Fields(source, at, item)
        skew, key = each.number("maxSkew", 0, 1, 2**31), each.text("topologyKey")
        when = each.text("whenUnsatisfiable", "DoNotSchedule")
        if not key:
            raise each.fail("topologyKey", "Required value: can not be empty")
        if when not in ("DoNotSchedule", "ScheduleAnyway"):
            raise each.fail("whenUnsatisfiable", f"Unsupported value: {when!r}")
        if each.any("labelSelector") is not None:
            problem = "constraint must not define a selector, as they deduced for each pod"
            raise each.fail("labelSelector", f"Forbidden: {problem}")
        least = each.number("minDomains", 1, 1, 2**31)
        if least > 1 and when != "DoNotSchedule":
            problem = "can only use minDomains if whenUnsatisfiable=DoNotSchedule"
            raise each.fail("minDomains", f"Invalid value: {least}: {problem}")
        policies = [
            _policy(each, field, default)
            for field, default in (("nodeAffinityPolicy", "Honor"), ("nodeTaintsPolicy", "Ignore"))
        ]
        # Upstream takes them and puts the selector of the pod's Services and controller in their place.
        each.list("matchLabelKeys")
        each.end()
        found.append(pod_topology_spread.Default(key, skew, when == "DoNotSchedule", least, *policies))
    fields.end()
    if kind == "System":
        if found:
            problem = "when .defaultingType is System"
            raise fields.fail("defaultConstraints", f"Invalid value: must be empty {problem}")
        return pod_topology_spread.PLUGIN
    return pod_topology_spread.make(tuple(found))


def _policy(fields: Fields, field: str, default: str) -> bool:
    """Whether a node inclusion policy is Honor."""
    given = fields.text(field, default)
    if given not in ("Honor", "Ignore"):
        raise fields.fail(field, f"Unsupported value: {given!r}: supported values: 'Honor', 'Ignore'")
    return given == "Honor"


def _volume_binding(tree: Any, source: str, path: str, _extenders: Sequence[Extender]) -> Plugin:
    fields = _fields("VolumeBinding", tree, source, path)
    seconds = fields.number("bindTimeoutSeconds", int(volume_binding.BIND_SECONDS), 0, 2**31)
    fields.end()
    return volume_binding.make(seconds=float(seconds))


def _dynamic_resources(tree: Any, source: str, path: str, _extenders: Sequence[Extender]) -> Plugin:
    """`filterTimeout` is taken as a limit of time that is not needed: a search is ended by the number of its steps."""
    fields = _fields("DynamicResources", tree, source, path)
    fields.duration("filterTimeout", 10.0)
    seconds = fields.duration("bindingTimeout", BINDING_SECONDS)
    if seconds < 1:
        raise fields.fail("bindingTimeout", "must be at least 1 second")
    fields.end()
    return dynamic_resources.make(seconds=seconds)


MAKERS: Mapping[str, Maker] = {
    "DefaultPreemption": _default_preemption,
    "DynamicResources": _dynamic_resources,
    "InterPodAffinity": _inter_pod_affinity,
    "NodeAffinity": _node_affinity,
    "NodeResourcesBalancedAllocation": _balanced,
    "NodeResourcesFit": _fit,
    "PodTopologySpread": _spread,
    "VolumeBinding": _volume_binding,
}
"""By plugin; those that are not here take no arguments."""
