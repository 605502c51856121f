"""ReplicaSet and ReplicationController: adopt, create or delete pods until there are as many as wanted, and report how
many there are. The two differ only in how they write their selector.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, controller_ref_of, is_deleting, labels_of, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself, owner_key
from pybernetes.control.ownership import Claim, claim, owner_reference, those
from pybernetes.control.plan import Batch, Create, Delete, Plan, Report, Steps, Update
from pybernetes.controllers.pods import is_active
from pybernetes.lang.labelselector import Selector, from_label_selector
from pybernetes.lang.timestamps import rfc3339

from .ranking import deletion_order
from .tally import Tally, tally

FAILURE = "ReplicaFailure"
BURST = 500  # pods created or deleted in one plan, as upstream


@dataclass(frozen=True, slots=True)
class Family:
    """One of the two kinds."""

    kind: Kind
    selector: Callable[[Obj], Selector]


def _by_expressions(replica_set: Obj) -> Selector:
    return from_label_selector(replica_set["spec"]["selector"])


def _by_labels(controller: Obj) -> Selector:
    return from_label_selector({"matchLabels": controller["spec"].get("selector") or {}})


REPLICASETS = Family(kinds.REPLICASET, _by_expressions)
REPLICATIONCONTROLLERS = Family(kinds.REPLICATIONCONTROLLER, _by_labels)


@dataclass(frozen=True, slots=True)
class Seen:
    """A ReplicaSet, the pods it owns, the orphans of its namespace, and how many pods of its Deployment run on which
    node (only where pods have to go)."""

    replica_set: Obj
    owned: Sequence[Obj]
    orphans: Sequence[Obj]
    neighbours: dict[str, int]


def observe(family: Family, key: str, caches: Caches) -> Seen | None:
    replica_set = caches.get(family.kind, key)
    if replica_set is None:
        return None
    owned = caches.owned(kinds.POD, replica_set)
    return Seen(
        replica_set,
        owned,
        caches.orphans(kinds.POD, namespace_of(replica_set)),
        _neighbours(family, replica_set, owned, caches),
    )


def _neighbours(family: Family, replica_set: Obj, owned: Sequence[Obj], caches: Caches) -> dict[str, int]:
    """How many pods of the ReplicaSet, and of those with the same owner, run on each node; nothing unless some but not
    all pods have to go, for then nobody asks."""
    spec = replica_set.get("spec")
    wanted = spec.get("replicas", 1) if isinstance(spec, Mapping) else 0
    if not isinstance(wanted, int) or not 0 < wanted < len(owned):
        return {}
    above = controller_ref_of(replica_set)
    siblings = caches.owned(family.kind, {"metadata": {"uid": above["uid"]}}) if above else ()
    others = [
        pod
        for sibling in siblings
        if uid_of(sibling) != uid_of(replica_set)
        for pod in caches.owned(kinds.POD, sibling)
    ]
    return dict(Counter(pod["spec"].get("nodeName", "") for pod in (*owned, *others) if is_active(pod)))


def plan(family: Family, seen: Seen, now: float, _settings: Settings) -> Plan:
    replica_set = seen.replica_set
    claimed = claim(
        replica_set, family.kind, family.selector(replica_set), kinds.POD, seen.owned, seen.orphans
    )
    steps = Steps([*claimed.patches])
    counted = _tally(replica_set, claimed, now)
    active = counted.active
    wanted = int(replica_set["spec"].get("replicas", 1))
    why = f"{len(active)} of {wanted} pods"
    counts = _counts(replica_set, counted)
    if family is REPLICATIONCONTROLLERS:
        counts.pop("terminatingReplicas", None)  # they have no such field
    if not is_deleting(replica_set):
        if len(active) < wanted:
            count = min(wanted - len(active), BURST)
            making = tuple(_create(family.kind, replica_set) for _ in range(count))
            steps.add(Batch(making, partial(_failed, family.kind, replica_set, counts, "FailedCreate", now)))
            why += f": creating {count}"
        elif len(active) > wanted:
            ordered = deletion_order(active, seen.neighbours, now) if wanted else active
            doomed = ordered[: min(len(active) - wanted, BURST)]
            removing = tuple(_delete(replica_set, pod) for pod in doomed)
            steps.add(
                Batch(removing, partial(_failed, family.kind, replica_set, counts, "FailedDelete", now))
            )
            why += f": deleting {len(doomed)}"
    kept = [c for c in _conditions(replica_set) if c["type"] != FAILURE]
    if update := _report(family.kind, replica_set, counts, kept):
        steps.add(update)
    steps.look_again(counted.wait)
    return steps.plan(why)


def _create(kind: Kind, replica_set: Obj) -> Create:
    template = replica_set["spec"]["template"]
    metadata = {
        "generateName": f"{name_of(replica_set)}-",
        "namespace": namespace_of(replica_set),
        "ownerReferences": [owner_reference(replica_set, kind)],
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


def _tally(replica_set: Obj, claimed: Claim, now: float) -> Tally:
    labels = (replica_set["spec"]["template"].get("metadata") or {}).get("labels") or {}
    return tally(claimed.kept, labels, int(replica_set["spec"].get("minReadySeconds", 0)), now)


def _counts(replica_set: Obj, counted: Tally) -> dict[str, Any]:
    """The counts of the pods as observed, what this plan creates not included."""
    counts: dict[str, Any] = {
        "replicas": len(counted.active),
        "fullyLabeledReplicas": counted.fully_labeled,
        "readyReplicas": counted.ready,
        "availableReplicas": counted.available,
        "terminatingReplicas": counted.terminating,
        "observedGeneration": replica_set["metadata"].get("generation", 0),
    }
    # Zero counts are left out, as upstream's encoding does; `replicas` is always there.
    return {field: count for field, count in counts.items() if count or field == "replicas"}


def _conditions(replica_set: Obj) -> list[Any]:
    return (replica_set.get("status") or {}).get("conditions") or []


def _failed(
    kind: Kind, replica_set: Obj, counts: dict[str, Any], reason: str, now: float, error: ApiError
) -> Update | None:
    """What the status says when pods could not be made or deleted; the first failure stays until one goes well."""
    conditions = _conditions(replica_set)
    if any(entry["type"] == FAILURE for entry in conditions):
        return _report(kind, replica_set, counts, conditions)
    entry = {
        "type": FAILURE,
        "status": "True",
        "lastTransitionTime": rfc3339(now),
        "reason": reason,
        "message": error.message,
    }
    return _report(kind, replica_set, counts, [*conditions, entry])


def _report(kind: Kind, replica_set: Obj, counts: dict[str, Any], conditions: list[Any]) -> Update | None:
    """The status, if it differs from the one there is."""
    status = {**counts, "conditions": conditions} if conditions else counts
    if status == replica_set.get("status"):
        return None
    return Update(kind, {**replica_set, "status": status}, "pods changed", "status")


def _matching(family: Family, pod: Obj, caches: Caches) -> list[str]:
    """The ReplicaSet that owns the pod; for an orphan, every one of its namespace that would adopt it."""
    owner = owner_key(pod, family.kind)
    if owner is not None:
        return [owner]
    if pod["metadata"].get("ownerReferences"):
        return []
    namespace = namespace_of(pod)
    return [
        f"{namespace}/{name_of(replica_set)}"
        for replica_set in those(
            caches.list(family.kind, namespace),
            lambda replica_set: family.selector(replica_set).matches(labels_of(pod)),
        )
    ]


def _controller(name: str, account: str, family: Family) -> ControllerDef[Seen]:
    return ControllerDef(
        name,
        watches=(itself(family.kind), Watch(kinds.POD, partial(_matching, family))),
        observe=partial(observe, family),
        plan=partial(plan, family),
        account=account,
    )


CONTROLLER = _controller("replicaset-controller", "replicaset-controller", REPLICASETS)
REPLICATION_CONTROLLER = _controller(
    "replicationcontroller-controller", "replication-controller", REPLICATIONCONTROLLERS
)
