"""Deployment: one step of a rollout at a time, decided anew from what is there.

Order of the steps of one plan: adopt and release ReplicaSets; make the new one, or grow it; only when it need not grow,
shrink old ones; forget old revisions; report the status. A conflict or a crash anywhere leaves a state from which the next
plan goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, annotations_of, is_deleting, labels_of, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself, owned, owner_key
from pybernetes.control.ownership import claim, those
from pybernetes.control.plan import Delete, Plan, Steps, Update
from pybernetes.controllers.pods import is_finished
from pybernetes.lang.labelselector import from_label_selector

from .newreplicaset import annotated, creation, hash_of, resized
from .rolling import Sizes, new_replicas, shrink_old
from .rollout import REVISION, Rollout, revision_of, same_template, sort_out, spec_replicas, status_count
from .scaling import is_scaling, scaled
from .status import report


@dataclass(frozen=True, slots=True)
class Seen:
    """A Deployment, the ReplicaSets it owns, the orphans of its namespace, a ReplicaSet of another owner or template
    that has the name the new one would get, and the pods of the ReplicaSets that are still there."""

    deployment: Obj
    owned: Sequence[Obj]
    orphans: Sequence[Obj]
    collision: Obj | None
    pods: Sequence[Obj]


def observe(key: str, caches: Caches) -> Seen | None:
    deployment = caches.get(kinds.DEPLOYMENT, key)
    if deployment is None:
        return None
    owned_sets = caches.owned(kinds.REPLICASET, deployment)
    taken = caches.get(kinds.REPLICASET, f"{key}-{hash_of(deployment)}")
    template = deployment["spec"]["template"]
    collision = taken is not None and not same_template(taken["spec"]["template"], template)
    return Seen(
        deployment,
        owned_sets,
        caches.orphans(kinds.REPLICASET, namespace_of(deployment)),
        taken if collision else None,
        [pod for rs in owned_sets for pod in caches.owned(kinds.POD, rs)] if _recreates(deployment) else [],
    )


def _recreates(deployment: Obj) -> bool:
    """Whether it waits for old pods to end; no other looks at pods."""
    return (deployment["spec"].get("strategy") or {}).get("type") == "Recreate"


def _ended(old: Obj | None, new: Obj | None) -> bool:
    """Whether a pod is one less that runs."""
    return new is None or (old is not None and is_finished(new) != is_finished(old))


def plan(seen: Seen, now: float, _settings: Settings) -> Plan:
    deployment = seen.deployment
    selector = from_label_selector(deployment["spec"]["selector"])
    if selector.everything:
        return Plan.nothing("the selector selects everything: left alone")
    claimed = claim(deployment, kinds.DEPLOYMENT, selector, kinds.REPLICASET, seen.owned, seen.orphans)
    if claimed.patches:
        return Plan(claimed.patches, 0.0, "adopting or releasing ReplicaSets")
    rollout = sort_out(deployment, claimed.kept)
    steps = Steps()
    created = ""
    if is_deleting(deployment):
        why = "deletion in progress"
    elif deployment["spec"].get("paused") or is_scaling(rollout):
        why = _resize(steps, rollout, scaled(rollout), "paused or scaled: sizes only")
    elif rollout.new is None and seen.collision is not None:
        return _collided(deployment)
    else:
        created, why = _roll(steps, rollout, seen.pods)
    if not is_deleting(deployment):
        _forget_revisions(steps, rollout)
    _report(steps, rollout, now, created)
    return steps.plan(why)


def _roll(steps: Steps, rollout: Rollout, pods: Sequence[Obj]) -> tuple[str, str]:
    """Adds one step of the rollout. The name of a ReplicaSet that is created, and the decision in words."""
    if not rollout.is_rolling:
        stopping = [(rs, 0) for rs in rollout.old if spec_replicas(rs) > 0]
        if stopping:
            return "", _resize(steps, rollout, stopping, "recreate: stopping old pods")
        if any(not is_finished(pod) for pod in pods if rollout.new is None or not _of(pod, rollout.new)):
            return "", "recreate: old pods still run"
    if rollout.new is None:
        create = creation(rollout)
        steps.add(create)
        return name_of(create.obj), "creating the new ReplicaSet"
    if update := annotated(rollout):
        steps.add(update)
        steps.look_again(0.0)
        return "", "bringing the new ReplicaSet's annotations up to date"
    size = new_replicas(rollout)
    if size != spec_replicas(rollout.new):
        return "", _resize(steps, rollout, [(rollout.new, size)], "growing the new ReplicaSet")
    shrinking = shrink_old(rollout)
    return "", _resize(
        steps, rollout, shrinking, "shrinking old ReplicaSets" if shrinking else "nothing to roll"
    )


def _of(pod: Obj, replica_set: Obj) -> bool:
    return any(ref["uid"] == uid_of(replica_set) for ref in pod["metadata"].get("ownerReferences") or ())


def _resize(steps: Steps, rollout: Rollout, sizes: Sizes, why: str) -> str:
    for rs, size in sizes:
        if update := resized(rollout, rs, size):
            steps.add(update)
    return why


def _collided(deployment: Obj) -> Plan:
    """Another template has the same hash: count the collision, which changes the next hash."""
    status = deployment.get("status") or {}
    changed = {**status, "collisionCount": int(status.get("collisionCount") or 0) + 1}
    update = Update(kinds.DEPLOYMENT, {**deployment, "status": changed}, "hash collision", "status")
    return Plan((update,), 0.0, "the new ReplicaSet's name is taken by another template")


def _forget_revisions(steps: Steps, rollout: Rollout) -> None:
    """Deletes the oldest ReplicaSets beyond `revisionHistoryLimit` once the rollout is done."""
    limit = rollout.deployment["spec"].get("revisionHistoryLimit", 10)
    if (
        rollout.new is None
        or spec_replicas(rollout.new) != rollout.replicas
        or any(map(spec_replicas, rollout.old))
    ):
        return
    empty = [rs for rs in rollout.old if not status_count(rs, "replicas") and not is_deleting(rs)]
    for rs in sorted(empty, key=revision_of)[: max(0, len(empty) - limit)]:
        steps.add(
            Delete(kinds.REPLICASET, namespace_of(rs), name_of(rs), uid_of(rs), "beyond the history limit")
        )


def _report(steps: Steps, rollout: Rollout, now: float, created: str) -> None:
    deployment = rollout.deployment
    result = report(rollout, now, created)
    steps.look_again(result.look_again)
    revision = str(rollout.revision)
    has_new = rollout.new is not None or created
    if has_new and not is_deleting(deployment) and annotations_of(deployment).get(REVISION) != revision:
        annotations = {**annotations_of(deployment), REVISION: revision}
        changed = {**deployment, "metadata": {**deployment["metadata"], "annotations": annotations}}
        steps.add(Update(kinds.DEPLOYMENT, changed, "the revision changed"))
        steps.look_again(0.0)
        return  # the status follows with the new resourceVersion
    if result.status != (deployment.get("status") or {}):
        steps.add(
            Update(kinds.DEPLOYMENT, {**deployment, "status": result.status}, "ReplicaSets changed", "status")
        )


def _matching(replica_set: Obj, caches: Caches) -> list[str]:
    """The owner of a ReplicaSet; for an orphan, every Deployment that would adopt it."""
    owner = owner_key(replica_set, kinds.DEPLOYMENT)
    if owner is not None:
        return [owner]
    namespace = namespace_of(replica_set)
    return [
        f"{namespace}/{name_of(deployment)}"
        for deployment in those(
            caches.list(kinds.DEPLOYMENT, namespace),
            lambda each: from_label_selector(each["spec"]["selector"]).matches(labels_of(replica_set)),
        )
    ]


CONTROLLER = ControllerDef(
    "deployment-controller",
    watches=(
        itself(kinds.DEPLOYMENT),
        Watch(kinds.REPLICASET, _matching),
        replace(owned(kinds.POD, kinds.DEPLOYMENT, via=kinds.REPLICASET), matters=_ended),
    ),
    observe=observe,
    plan=plan,
    account="deployment-controller",
)
