"""A Deployment with its ReplicaSets sorted into the new one and the old ones: what every decision goes by."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pybernetes.api.meta import Obj, annotations_of, name_of
from pybernetes.lang.hashing import fnv32a, safe_encode
from pybernetes.lang.intorstr import scaled_value

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"
HASH_LABEL = "pod-template-hash"
NO_DEADLINE = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Rollout:
    """`new` is the ReplicaSet of the current template, if it exists; `old` are the others, the oldest first."""

    deployment: Obj
    new: Obj | None
    old: tuple[Obj, ...]

    @property
    def all(self) -> tuple[Obj, ...]:
        return self.old if self.new is None else (*self.old, self.new)

    @property
    def replicas(self) -> int:
        return int(self.deployment["spec"].get("replicas", 1))

    @property
    def is_rolling(self) -> bool:
        strategy: Obj = self.deployment["spec"].get("strategy") or {}
        return bool(strategy.get("type", "RollingUpdate") != "Recreate")

    @property
    def max_surge(self) -> int:
        """Pods beyond `replicas` that may exist during an update (0 when recreating)."""
        return self._fences()[0]

    @property
    def max_unavailable(self) -> int:
        """Pods below `replicas` that may be missing during an update."""
        return self._fences()[1]

    def _fences(self) -> tuple[int, int]:
        if not self.is_rolling:
            return 0, 0
        rolling = (self.deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
        surge = scaled_value(rolling.get("maxSurge", "25%"), self.replicas, round_up=True)
        unavailable = scaled_value(rolling.get("maxUnavailable", "25%"), self.replicas, round_up=False)
        if surge == 0 and unavailable == 0:
            unavailable = 1  # else nothing could ever move
        return surge, min(unavailable, self.replicas)

    @property
    def revision(self) -> int:
        """The revision number of the new ReplicaSet: above every older one's."""
        newest_old = max((revision_of(rs) for rs in self.old), default=0)
        return max(newest_old + 1, revision_of(self.new) if self.new is not None else 0)


def sort_out(deployment: Obj, replica_sets: Sequence[Obj]) -> Rollout:
    """The oldest ReplicaSet whose template is the Deployment's is the new one."""
    by_age = sorted(replica_sets, key=lambda rs: (rs["metadata"].get("creationTimestamp", ""), name_of(rs)))
    template = deployment["spec"]["template"]
    new = next((rs for rs in by_age if same_template(rs["spec"]["template"], template)), None)
    return Rollout(deployment, new, tuple(rs for rs in by_age if rs is not new))


def same_template(of_replica_set: Obj, of_deployment: Obj) -> bool:
    """Equal but for the hash label that the controller adds."""
    return _without_hash(of_replica_set) == _without_hash(of_deployment)


def _without_hash(template: Obj) -> Obj:
    metadata = template.get("metadata") or {}
    labels = {k: v for k, v in (metadata.get("labels") or {}).items() if k != HASH_LABEL}
    kept = {k: v for k, v in metadata.items() if k not in ("labels", "creationTimestamp") and v}
    return {"metadata": {**kept, "labels": labels}, "spec": template.get("spec")}


def template_hash(template: Obj, collision_count: int) -> str:
    """The value of the hash label: a function of the template and the number of collisions so far."""
    text = json.dumps([_without_hash(template), collision_count], sort_keys=True, separators=(",", ":"))
    return safe_encode(str(fnv32a(text.encode())))


def revision_of(replica_set: Obj) -> int:
    try:
        return int(annotations_of(replica_set).get(REVISION, "0"))
    except ValueError:
        return 0


def spec_replicas(replica_set: Obj) -> int:
    return int(replica_set["spec"].get("replicas", 1))


def status_count(replica_set: Obj, field: str) -> int:
    return int((replica_set.get("status") or {}).get(field, 0))


def total(replica_sets: Sequence[Obj], field: str = "") -> int:
    """The sum of `spec.replicas`, or of a count in the status."""
    return sum(status_count(rs, field) if field else spec_replicas(rs) for rs in replica_sets)
