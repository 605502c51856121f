"""RollingUpdate of a StatefulSet: which pods of the old revision go now, from the highest ordinal down to the partition.

At most `maxUnavailable` pods are unavailable. Where pods are managed in parallel, old pods that are unavailable anyway go
regardless, so that a broken rollout mends itself; in order, the first of them keeps everything waiting, as upstream.
"""

from __future__ import annotations

from pybernetes.api.meta import Obj, is_deleting
from pybernetes.lang.intorstr import scaled_value

from .identity import size_of, start_of
from .replicas import Replicas, has_ended


def max_unavailable(stateful_set: Obj) -> int:
    """A number, or a percentage of the replicas rounded down; at least 1."""
    rolling = (stateful_set["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
    value = rolling.get("maxUnavailable")
    return max(1, scaled_value(1 if value is None else value, size_of(stateful_set), round_up=False))


def doomed(replicas: Replicas) -> list[Obj]:
    """The pods to delete for the update, in order."""
    stateful_set = replicas.stateful_set
    strategy = stateful_set["spec"].get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return []
    unavailable = sum(not _counts(replicas, pod) for pod in replicas.wanted.values())
    budget = max(0, max_unavailable(stateful_set) - unavailable)
    lowest = start_of(stateful_set) + int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    old = [
        pod
        for ordinal, pod in sorted(replicas.wanted.items(), reverse=True)
        if ordinal >= lowest and pod is not None and not replicas.is_updated(pod)
        if not is_deleting(pod) and not has_ended(pod)  # those are going already
    ]
    if replicas.ordered:
        return old[:budget]
    broken = [pod for pod in old if not replicas.is_available(pod)]
    sound = [pod for pod in old if replicas.is_available(pod)]
    return [*broken, *sound[:budget]]


def _counts(replicas: Replicas, pod: Obj | None) -> bool:
    """Whether the pod counts as available."""
    return pod is not None and not is_deleting(pod) and replicas.is_available(pod)
