"""The scheduler's plugins in the order in which upstream's default profile asks them.

A node is refused by the first filter that refuses it; scores are added up by weight.
"""

from __future__ import annotations

from ..framework import Plugin
from ..profile import DEFAULT_NAME, profile_of
from . import (
    default_binder,
    default_preemption,
    dynamic_resources,
    gang_scheduling,
    image_locality,
    inter_pod_affinity,
    node_affinity,
    node_name,
    node_ports,
    node_resources_balanced_allocation,
    node_resources_fit,
    node_unschedulable,
    node_volume_limits,
    pod_topology_spread,
    priority_sort,
    scheduling_gates,
    taint_toleration,
    volume_binding,
    volume_restrictions,
    volume_zone,
)

PLUGINS: tuple[Plugin, ...] = (
    scheduling_gates.PLUGIN,
    priority_sort.PLUGIN,
    node_unschedulable.PLUGIN,
    node_name.PLUGIN,
    taint_toleration.PLUGIN,
    node_affinity.PLUGIN,
    node_ports.PLUGIN,
    node_resources_fit.PLUGIN,
    volume_restrictions.PLUGIN,
    node_volume_limits.PLUGIN,
    volume_binding.PLUGIN,
    volume_zone.PLUGIN,
    pod_topology_spread.PLUGIN,
    inter_pod_affinity.PLUGIN,
    dynamic_resources.PLUGIN,
    default_preemption.PLUGIN,
    gang_scheduling.PLUGIN,
    node_resources_balanced_allocation.PLUGIN,
    image_locality.PLUGIN,
    default_binder.PLUGIN,
)

KNOWN = frozenset(plugin.name for plugin in PLUGINS)
"""The names of the plugins that are upstream's."""

DEFAULT_PROFILE = profile_of(DEFAULT_NAME, PLUGINS)
