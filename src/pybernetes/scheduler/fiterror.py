"""The sentence that tells why a pod has no node, as upstream's `FitError` writes it."""

from __future__ import annotations

from collections.abc import Mapping

NO_NODES = "no nodes available to schedule pods"


def fit_error(nodes: int, reasons: Mapping[str, int]) -> str:
    """`0/5 nodes are available: 2 Insufficient cpu, 3 node(s) were unschedulable.`; reasons sorted as text."""
    counted = ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
    return f"0/{nodes} nodes are available: {counted}."


def refused_whole(nodes: int, reason: str) -> str:
    """The sentence where a PreFilter refused the pod on all nodes at once."""
    return f"0/{nodes} nodes are available: {reason}."
