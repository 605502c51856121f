"""The scheduler's plugins in the order in which upstream's default profile asks them.

A node is refused by the first filter that refuses it; scores are added up by weight. PrioritySort and SchedulingGates
are the queue's (`queue.py`), DefaultBinder is the shell's (`scheduler.py`).
"""

from __future__ import annotations

from ..framework import Plugin
from . import (
    image_locality,
    inter_pod_affinity,
    node_affinity,
    node_name,
    node_ports,
    node_resources_balanced_allocation,
    node_resources_fit,
    node_unschedulable,
    pod_topology_spread,
    taint_toleration,
)

PLUGINS: tuple[Plugin, ...] = (
    node_unschedulable.PLUGIN,
    node_name.PLUGIN,
    taint_toleration.PLUGIN,
    node_affinity.PLUGIN,
    node_ports.PLUGIN,
    node_resources_fit.PLUGIN,
    pod_topology_spread.PLUGIN,
    inter_pod_affinity.PLUGIN,
    node_resources_balanced_allocation.PLUGIN,
    image_locality.PLUGIN,
)
