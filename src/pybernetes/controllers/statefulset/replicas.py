"""The pods of a StatefulSet by ordinal, and how each is doing. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pybernetes.api.meta import Obj, is_deleting, name_of
from pybernetes.controllers.pods import available_in, is_finished, is_ready, phase

from .identity import ordinal_of, ordinals, revision_of, size_of, start_of


@dataclass(frozen=True, slots=True)
class Replicas:
    """`wanted` has a place per ordinal that should be there (None: no pod), `condemned` the pods beyond, the highest
    ordinal first. `current` is the revision that a rollout comes from, `update` the one it goes to."""

    stateful_set: Obj
    wanted: dict[int, Obj | None]
    condemned: tuple[Obj, ...]
    pods: tuple[Obj, ...]
    current: Obj
    update: Obj
    now: float

    @property
    def ordered(self) -> bool:
        """Whether one pod waits for another (OrderedReady)."""
        return bool(self.stateful_set["spec"].get("podManagementPolicy", "OrderedReady") != "Parallel")

    @property
    def min_ready_seconds(self) -> int:
        return int(self.stateful_set["spec"].get("minReadySeconds", 0))

    def available_in(self, pod: Obj) -> float | None:
        """Seconds until the pod, running and ready, counts as available; None while it is not."""
        return available_in(pod, self.min_ready_seconds, self.now) if is_running_and_ready(pod) else None

    def is_available(self, pod: Obj) -> bool:
        return self.available_in(pod) == 0

    def is_updated(self, pod: Obj) -> bool:
        return revision_of(pod) == name_of(self.update)

    @property
    def first_unhealthy(self) -> Obj | None:
        """The pod that keeps the others waiting, going or not available: the lowest ordinal, then the lowest condemned
        one. A missing pod does not keep back what is to be deleted."""
        places = [*(pod for pod in self.wanted.values() if pod is not None), *reversed(self.condemned)]
        return next((pod for pod in places if is_deleting(pod) or not self.is_available(pod)), None)

    def revision_for(self, ordinal: int) -> Obj:
        """What a pod that is made now is made from: below the partition, the revision the rollout comes from."""
        strategy = self.stateful_set["spec"].get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return self.update
        rolling = strategy.get("rollingUpdate")
        status = self.stateful_set.get("status") or {}
        kept = (
            int(status.get("currentReplicas") or 0) if rolling is None else int(rolling.get("partition") or 0)
        )
        return self.current if ordinal < start_of(self.stateful_set) + kept else self.update


def sort_out(stateful_set: Obj, pods: Iterable[Obj], current: Obj, update: Obj, now: float) -> Replicas:
    """Pods whose names hold no ordinal are ignored."""
    wanted: dict[int, Obj | None] = dict.fromkeys(ordinals(stateful_set))
    condemned: dict[int, Obj] = {}
    members = []
    for pod in pods:
        ordinal = ordinal_of(stateful_set, pod)
        if ordinal is None:
            continue
        members.append(pod)
        if ordinal in wanted:
            wanted[ordinal] = pod
        else:
            condemned[ordinal] = pod
    leaving = tuple(condemned[ordinal] for ordinal in sorted(condemned, reverse=True))
    return Replicas(stateful_set, wanted, leaving, tuple(members), current, update, now)


def is_running_and_ready(pod: Obj) -> bool:
    return phase(pod) == "Running" and is_ready(pod)


def has_ended(pod: Obj) -> bool:
    """It will not run again by itself, whatever its exit code says: a pod of a StatefulSet has to run."""
    return is_finished(pod)


def status_of(replicas: Replicas) -> dict[str, Any]:
    """The status, with the rollout declared complete where every pod is updated and ready."""
    stateful_set, update = replicas.stateful_set, name_of(replicas.update)
    current, pods = name_of(replicas.current), replicas.pods
    staying = [pod for pod in pods if not is_deleting(pod)]
    counts = {
        "replicas": len(pods),
        "readyReplicas": sum(is_running_and_ready(pod) for pod in pods),
        "availableReplicas": sum(replicas.is_available(pod) for pod in pods),
        "currentReplicas": sum(revision_of(pod) == current for pod in staying),
        "updatedReplicas": sum(revision_of(pod) == update for pod in staying),
    }
    strategy = (stateful_set["spec"].get("updateStrategy") or {}).get("type", "RollingUpdate")
    size = size_of(stateful_set)
    if strategy == "RollingUpdate" and all(
        counts[field] == size for field in ("replicas", "readyReplicas", "updatedReplicas")
    ):
        counts["currentReplicas"], current = counts["updatedReplicas"], update
    before = stateful_set.get("status") or {}
    always = ("replicas", "availableReplicas")
    return {
        # Zero counts are left out, as upstream's encoding does, but for those that must be there.
        **{field: count for field, count in counts.items() if count or field in always},
        "currentRevision": current,
        "updateRevision": update,
        "collisionCount": int(before.get("collisionCount") or 0),
        "observedGeneration": stateful_set["metadata"].get("generation", 0),
        **({"conditions": before["conditions"]} if before.get("conditions") else {}),
    }
