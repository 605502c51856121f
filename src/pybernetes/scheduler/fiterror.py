"""The sentence that tells why a pod has no node, as upstream's `FitError` writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

NO_NODES = "no nodes available to schedule pods"


def fit_error(nodes: int, reasons: Mapping[str, int]) -> str:
    """`0/5 nodes are available: 2 Insufficient cpu, 3 node(s) were unschedulable.`; reasons sorted as text."""
    counted = ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
    return f"0/{nodes} nodes are available: {counted}."


def refused_whole(nodes: int, reason: str) -> str:
    """The sentence where a PreFilter refused the pod on all nodes at once."""
    return f"0/{nodes} nodes are available: {reason}."


def left_out(plugins: Iterable[str]) -> str:
    """Why a node is not asked about at all: these plugins' PreFilters named others."""
    return f"node(s) didn't satisfy plugin(s) [{' '.join(sorted(plugins))}]"


def contradiction(plugins: Iterable[str]) -> str:
    """Why no node is left after these plugins' PreFilters."""
    names = sorted(plugins)
    if len(names) == 1:
        return f"node(s) didn't satisfy plugin {names[0]}"
    return f"node(s) didn't satisfy plugin(s) [{' '.join(names)}] simultaneously"
