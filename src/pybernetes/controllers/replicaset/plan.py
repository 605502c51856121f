"""ReplicaSet: adopt, create or delete pods until there are as many as wanted, and report how many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError
from pybernetes.api.meta import Obj, is_deleting, labels_of, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself, owner_key
from pybernetes.control.ownership import Claim, claim, owner_reference
from pybernetes.control.plan import Batch, Create, Delete, Plan, Report, Steps, Update
from pybernetes.controllers.pods import available_in, is_active, is_ready
from pybernetes.lang.labelselector import from_label_selector
from pybernetes.lang.timestamps import rfc3339

from .ranking import deletion_order

FAILURE = "ReplicaFailure"
BURST = 500  # pods created or deleted in one plan, as upstream


@dataclass(frozen=True, slots=True)
class Seen:
    """A ReplicaSet, the pods it owns, the orphans of its namespace, and how many of its Deployment's pods run where."""

    replica_set: Obj
    owned: Sequence[Obj]
    orphans: Sequence[Obj]
    neighbours: dict[str, int]


def observe(key: str, caches: Caches) -> Seen | None:
    replica_set = caches.get(kinds.REPLICASET, key)
    if replica_set is None:
        return None
    owned = caches.owned(kinds.POD, replica_set)
    return Seen(
        replica_set,
        owned,
        caches.orphans(kinds.POD, namespace_of(replica_set)),
        dict(Counter(pod["spec"].get("nodeName", "") for pod in owned if is_active(pod))),
    )


def plan(seen: Seen, now: float, _settings: Settings) -> Plan:
    replica_set = seen.replica_set
    selector = from_label_selector(replica_set["spec"]["selector"])
    claimed = claim(replica_set, kinds.REPLICASET, selector, kinds.POD, seen.owned, seen.orphans)
    steps = Steps([*claimed.patches])
    active = [pod for pod in claimed.kept if is_active(pod)]
    wanted = int(replica_set["spec"].get("replicas", 1))
    why = f"{len(active)} of {wanted} pods"
    counts, look_again = _counts(replica_set, claimed, now)
    if not is_deleting(replica_set):
        if len(active) < wanted:
            count = min(wanted - len(active), BURST)
            making = tuple(_create(replica_set) for _ in range(count))
            steps.add(Batch(making, partial(_failed, replica_set, counts, "FailedCreate", now)))
            why += f": creating {count}"
        elif len(active) > wanted:
            doomed = deletion_order(active, seen.neighbours)[: min(len(active) - wanted, BURST)]
            removing = tuple(_delete(replica_set, pod) for pod in doomed)
            steps.add(Batch(removing, partial(_failed, replica_set, counts, "FailedDelete", now)))
            why += f": deleting {len(doomed)}"
    kept = [c for c in _conditions(replica_set) if c["type"] != FAILURE]
    if update := _report(replica_set, counts, kept):
        steps.add(update)
    steps.look_again(look_again)
    return steps.plan(why)


def _create(replica_set: Obj) -> Create:
    template = replica_set["spec"]["template"]
    metadata = {
        "generateName": f"{name_of(replica_set)}-",
        "namespace": namespace_of(replica_set),
        "ownerReferences": [owner_reference(replica_set, kinds.REPLICASET)],
        **{
            k: v
            for k, v in (template.get("metadata") or {}).items()
            if k in ("labels", "annotations", "finalizers")
        },
    }
    return Create(
        kinds.POD,
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]},
        "too few pods",
        success=Report(replica_set, "Normal", "SuccessfulCreate", "Created pod: {name}"),
        failure=Report(replica_set, "Warning", "FailedCreate", "Error creating: {error}"),
    )


def _delete(replica_set: Obj, pod: Obj) -> Delete:
    name = name_of(pod)
    return Delete(
        kinds.POD,
        namespace_of(pod),
        name,
        uid_of(pod),
        "too many pods",
        success=Report(replica_set, "Normal", "SuccessfulDelete", f"Deleted pod: {name}"),
        failure=Report(replica_set, "Warning", "FailedDelete", "Error deleting: {error}"),
    )


def _counts(replica_set: Obj, claimed: Claim, now: float) -> tuple[dict[str, Any], float | None]:
    """The counts of the pods as observed, what this plan creates not included; and in how many seconds one more of
    them becomes available."""
    pods = [pod for pod in claimed.kept if is_active(pod)]
    min_ready = int(replica_set["spec"].get("minReadySeconds", 0))
    waits = [wait for pod in pods if (wait := available_in(pod, min_ready, now)) is not None]
    template_labels = (replica_set["spec"]["template"].get("metadata") or {}).get("labels") or {}
    counts: dict[str, Any] = {
        "replicas": len(pods),
        "fullyLabeledReplicas": sum(template_labels.items() <= labels_of(pod).items() for pod in pods),
        "readyReplicas": sum(is_ready(pod) for pod in pods),
        "availableReplicas": sum(wait == 0 for wait in waits),
        "terminatingReplicas": sum(is_deleting(pod) for pod in claimed.kept),
        "observedGeneration": replica_set["metadata"].get("generation", 0),
    }
    # Zero counts are left out, as upstream's encoding does; `replicas` is always there.
    known = {field: count for field, count in counts.items() if count or field == "replicas"}
    return known, min((wait for wait in waits if wait > 0), default=None)


def _conditions(replica_set: Obj) -> list[Any]:
    return (replica_set.get("status") or {}).get("conditions") or []


def _failed(
    replica_set: Obj, counts: dict[str, Any], reason: str, now: float, error: ApiError
) -> Update | None:
    """What the status says when pods could not be made or deleted; the first failure stays until one goes well."""
    conditions = _conditions(replica_set)
    if any(entry["type"] == FAILURE for entry in conditions):
        return _report(replica_set, counts, conditions)
    entry = {
        "type": FAILURE,
        "status": "True",
        "lastTransitionTime": rfc3339(now),
        "reason": reason,
        "message": error.message,
    }
    return _report(replica_set, counts, [*conditions, entry])


def _report(replica_set: Obj, counts: dict[str, Any], conditions: list[Any]) -> Update | None:
    """The status, if it differs from the one there is."""
    status = {**counts, "conditions": conditions} if conditions else counts
    if status == replica_set.get("status"):
        return None
    return Update(kinds.REPLICASET, {**replica_set, "status": status}, "pods changed", "status")


def _matching(pod: Obj, caches: Caches) -> list[str]:
    """The ReplicaSet that owns the pod; for an orphan, every one of its namespace that would adopt it."""
    owner = owner_key(pod, kinds.REPLICASET)
    if owner is not None:
        return [owner]
    if pod["metadata"].get("ownerReferences"):
        return []
    namespace = namespace_of(pod)
    return [
        f"{namespace}/{name_of(replica_set)}"
        for replica_set in caches.list(kinds.REPLICASET, namespace)
        if from_label_selector(replica_set["spec"]["selector"]).matches(labels_of(pod))
    ]


CONTROLLER = ControllerDef(
    "replicaset-controller",
    watches=(itself(kinds.REPLICASET), Watch(kinds.POD, _matching)),
    observe=observe,
    plan=plan,
    account="replicaset-controller",
)
