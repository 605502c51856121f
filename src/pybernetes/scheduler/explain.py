"""A decision in words: one line for the ledger, and the whole of it, node by node, for people and programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pybernetes.lang.timestamps import rfc3339

if TYPE_CHECKING:
    from .decide import Decision
    from .decisions import Kept

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
    told = {plugin: int(scores[row]) for plugin, scores in decision.scores.items()}
    parts = ", ".join(f"{plugin} {score}" for plugin, score in told.items())
    return f"{text}; score {sum(told.values())} ({parts})"[:MOST]


def explanation(decision: Decision) -> dict[str, Any]:
    """The whole decision as JSON: per node what refused it and why, or its weighted scores by plugin and their sum."""
    refused: dict[int, list[dict[str, str]]] = {}
    for verdict in decision.verdicts:
        for each in verdict.rejections:
            for row in each.nodes.nonzero()[0].tolist():
                refused.setdefault(row, []).append({"plugin": verdict.plugin, "reason": each.reason})
    nodes: dict[str, Any] = {}
    columns = {plugin: values.tolist() for plugin, values in decision.scores.items()}
    for row, name in enumerate(decision.names):
        if row in refused:
            nodes[name] = {"refused": refused[row]}
        elif columns:
            scores = {plugin: values[row] for plugin, values in columns.items()}
            nodes[name] = {"scores": scores, "total": sum(scores.values())}
        elif decision.node is not None:
            nodes[name] = {"feasible": True}
    found: dict[str, Any] = {
        "node": decision.node,
        "feasible": decision.feasible,
        "message": decision.message,
        "nodes": nodes,
    }
    if decision.candidate is not None:
        found["preemption"] = {
            "node": decision.candidate.node,
            "victims": [victim.uid for victim in decision.candidate.victims],
            "budgetViolations": decision.candidate.violations,
        }
    return found


def explained(kept: Kept) -> dict[str, Any]:
    """A decision that was kept, with the pod it is about and its time."""
    about = {"namespace": kept.namespace, "name": kept.name, "uid": kept.uid}
    return {"pod": about, "time": rfc3339(kept.at), **explanation(kept.decision)}
