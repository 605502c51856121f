"""A decision in one line, for the ledger: who was left by the filters, who won, by which scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .decide import Decision

MOST = 180
"""Characters: what fits into a reaction's header."""
LARGE = 100
"""Nodes of a cluster whose scores are not told: looking the winner up would slow decisions down."""


def explain(decision: Decision, nodes: int) -> str:
    """`assigned to node node2: 2 of 3 nodes feasible; score 598 (TaintToleration 300, NodeResourcesFit 98, …)`."""
    text = f"assigned to node {decision.node}: {decision.feasible} of {nodes} nodes feasible"
    if not decision.scores or decision.node is None or len(decision.names) > LARGE:
        return text
    row = decision.names.index(decision.node)
    total = sum(int(scores[row]) for scores in decision.scores.values())
    parts = ", ".join(f"{plugin} {int(scores[row])}" for plugin, scores in decision.scores.items())
    return f"{text}; score {total} ({parts})"[:MOST]
