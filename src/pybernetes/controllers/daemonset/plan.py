"""DaemonSet: every node that fits has its pod, of the current template once an update has come to it.

Order of the steps of one plan: adopt and release; write down the template's revision; put right what runs where; only
when that is right, one step of the update; forget old revisions; report the status.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, labels_of, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself, owner_key
from pybernetes.control.ownership import claim, those
from pybernetes.control.plan import Batch, Create, Delete, Plan, Report, Steps, Update
from pybernetes.controllers import history
from pybernetes.controllers.pods import is_ready
from pybernetes.lang.labelselector import from_label_selector

from . import failing, rolling
from .nodes import fit, generation_of, new_pod, node_of
from .placing import Daemons, age_order, look_over, placed

DAEMONS = "daemon-node"
"""Index: DaemonSets' pods by the node they are on or meant for."""
BURST = 250  # pods created or deleted in one plan, as upstream
SELECTS_ALL = "This daemon set is selecting all pods. A non-empty selector is required."
REQUIRED = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")


@dataclass(frozen=True, slots=True)
class Seen:
    """A DaemonSet, all nodes, its pods and revisions, those without an owner, and who has the name of the next
    revision. `memory` are the pauses of nodes whose pods fail."""

    daemon_set: Obj
    nodes: Sequence[Obj]
    pods: Sequence[Obj]
    orphans: Sequence[Obj]
    revisions: Sequence[Obj]
    orphan_revisions: Sequence[Obj]
    taken: Obj | None
    memory: failing.Pauses | None = field(default=None)


def observe(key: str, caches: Caches) -> Seen | None:
    daemon_set = caches.get(kinds.DAEMONSET, key)
    if daemon_set is None:
        return None
    namespace = namespace_of(daemon_set)
    return Seen(
        daemon_set,
        those(caches.list(kinds.NODE), lambda node: isinstance(node["spec"].get("taints") or [], list)),
        caches.owned(kinds.POD, daemon_set),
        caches.orphans(kinds.POD, namespace),
        caches.owned(kinds.CONTROLLERREVISION, daemon_set),
        caches.orphans(kinds.CONTROLLERREVISION, namespace),
        caches.get(kinds.CONTROLLERREVISION, f"{namespace}/{history.revision_name(daemon_set)}"),
    )


def plan(seen: Seen, now: float, _settings: Settings) -> Plan:
    daemon_set = seen.daemon_set
    selector = from_label_selector(daemon_set["spec"]["selector"])
    steps = Steps(memory=seen.memory)
    if selector.everything:
        steps.add(Report(daemon_set, "Warning", "SelectingAll", SELECTS_ALL))
        return steps.plan("the selector selects everything: left alone")
    if is_deleting(daemon_set):
        return steps.plan("deletion in progress")
    pods = claim(daemon_set, kinds.DAEMONSET, selector, kinds.POD, seen.pods, seen.orphans)
    revisions = claim(
        daemon_set, kinds.DAEMONSET, selector, kinds.CONTROLLERREVISION, seen.revisions, seen.orphan_revisions
    )
    if pods.patches or revisions.patches:
        steps.add(*pods.patches, *revisions.patches)
        steps.look_again(0.0)
        return steps.plan("adopting or releasing")
    current = history.current(daemon_set, history.DAEMONSET, revisions.kept, seen.taken)
    if current.revision is None:
        return Plan((history.collided(daemon_set, history.DAEMONSET),), 0.0, "hash collision", seen.memory)
    steps.add(*current.steps)
    hashed = history.hash_label_of(current.revision, history.DAEMONSET)
    daemons = look_over(daemon_set, seen.nodes, pods.kept, hashed, generation_of(daemon_set))
    why = _change(steps, daemons, now, seen.memory or {})
    live = {name_of(current.revision), *_used(revisions.kept, pods.kept)}
    steps.add(*history.beyond_limit(daemon_set, revisions.kept, live))
    _report(steps, daemons, now)
    return steps.plan(why)


def _used(revisions: Iterable[Obj], pods: Iterable[Obj]) -> set[str]:
    """Revisions that pods are of."""
    hashes = {labels_of(pod).get(history.POD_LABEL) for pod in pods}
    return {name_of(r) for r in revisions if history.hash_label_of(r, history.DAEMONSET) in hashes}


def _change(steps: Steps, daemons: Daemons, now: float, pauses: failing.Pauses) -> str:
    surge, _ = rolling.limits(daemons.daemon_set, len(daemons.may_start))
    changes = placed(daemons, now, pauses, surges=surge > 0)
    steps.memory = changes.pauses
    steps.look_again(changes.wait)
    steps.add(*changes.reports)
    what = "placing"
    if not changes.starts and not changes.stops and rolling.is_rolling(daemons.daemon_set):
        changes, what = rolling.rolled(daemons, now), "rolling"
    starts, stops = changes.starts[:BURST], changes.stops[:BURST]
    if starts:
        steps.add(Batch(tuple(_create(daemons, node) for node in starts)))
    if stops:
        steps.add(Batch(tuple(_delete(daemons.daemon_set, pod, why) for pod, why in stops)))
    if len(changes.starts) > BURST or len(changes.stops) > BURST:
        steps.look_again(0.0)
    return f"{what}: {len(starts)} to start, {len(stops)} to stop"


def _create(daemons: Daemons, node: str) -> Create:
    daemon_set = daemons.daemon_set
    return Create(
        kinds.POD,
        new_pod(daemon_set, node, daemons.hashed),
        f"node {node} has none",
        success=Report(daemon_set, "Normal", "SuccessfulCreate", "Created pod: {name}"),
        failure=Report(daemon_set, "Warning", "FailedCreate", "Error creating: {error}"),
    )


def _delete(daemon_set: Obj, pod: Obj, why: str) -> Delete:
    name = name_of(pod)
    return Delete(
        kinds.POD,
        namespace_of(pod),
        name,
        uid_of(pod),
        why,
        success=Report(daemon_set, "Normal", "SuccessfulDelete", f"Deleted pod: {name}"),
        failure=Report(daemon_set, "Warning", "FailedDelete", "Error deleting: {error}"),
    )


def _report(steps: Steps, daemons: Daemons, now: float) -> None:
    """The status, by the oldest pod of each node, if it differs from the one there is."""
    counts: dict[str, Any] = dict.fromkeys(
        (*REQUIRED, "updatedNumberScheduled", "numberAvailable", "numberUnavailable"), 0
    )
    for node in daemons.nodes:
        pods = daemons.on.get(name_of(node))
        if name_of(node) not in daemons.may_start:
            counts["numberMisscheduled"] += bool(pods)
            continue
        counts["desiredNumberScheduled"] += 1
        if not pods:
            continue
        pod = min(pods, key=age_order)
        wait = daemons.available_in(pod, now)
        counts["currentNumberScheduled"] += 1
        counts["numberReady"] += is_ready(pod)
        counts["numberAvailable"] += wait == 0
        counts["updatedNumberScheduled"] += daemons.is_new(pod)
        if wait:
            steps.look_again(wait)
    counts["numberUnavailable"] = counts["desiredNumberScheduled"] - counts["numberAvailable"]
    before = daemons.daemon_set.get("status") or {}
    # Zero counts are left out, as upstream's encoding does, but for those that must be there.
    status = {field: count for field, count in counts.items() if count or field in REQUIRED}
    status["observedGeneration"] = daemons.daemon_set["metadata"].get("generation", 0)
    kept = {field: before[field] for field in ("collisionCount", "conditions") if before.get(field)}
    if {**status, **kept} != before:
        changed = {**daemons.daemon_set, "status": {**status, **kept}}
        steps.add(Update(kinds.DAEMONSET, changed, "pods or nodes changed", "status"))


def _matching(obj: Obj, caches: Caches) -> list[str]:
    """The owner of a pod or a revision; for an orphan, every DaemonSet that would adopt it."""
    owner = owner_key(obj, kinds.DAEMONSET)
    if owner is not None:
        return [owner]
    if obj["metadata"].get("ownerReferences"):
        return []
    namespace = namespace_of(obj)
    return [
        f"{namespace}/{name_of(daemon_set)}"
        for daemon_set in those(
            caches.list(kinds.DAEMONSET, namespace),
            lambda daemon_set: from_label_selector(daemon_set["spec"]["selector"]).matches(labels_of(obj)),
        )
    ]


def _daemon_node(pod: Obj) -> tuple[str, ...]:
    return (node_of(pod),) if owner_key(pod, kinds.DAEMONSET) else ()


def _disagreeing(node: Obj, caches: Caches) -> Iterable[str]:
    """The DaemonSets for which this node does not have what it should have; all of them for a node that is gone. Nodes
    change often, and mostly in ways that concern nobody."""
    name = name_of(node)
    gone = caches.get(kinds.NODE, name) is None
    served = {owner_key(pod, kinds.DAEMONSET) for pod in caches.by_index(kinds.POD, DAEMONS, name)}

    def disagrees(daemon_set: Obj) -> bool:
        has = f"{namespace_of(daemon_set)}/{name_of(daemon_set)}" in served
        start, stay = fit(daemon_set, node)
        return gone or start != has or (stay != start and has)

    for daemon_set in those(caches.list(kinds.DAEMONSET), disagrees):
        yield f"{namespace_of(daemon_set)}/{name_of(daemon_set)}"


CONTROLLER = ControllerDef(
    "daemonset-controller",
    watches=(
        itself(kinds.DAEMONSET),
        Watch(kinds.POD, _matching, {DAEMONS: _daemon_node}),
        Watch(kinds.CONTROLLERREVISION, _matching),
        Watch(kinds.NODE, _disagreeing),
    ),
    observe=observe,
    plan=plan,
    account="daemon-set-controller",
    workers=2,
    remembers=True,
)
