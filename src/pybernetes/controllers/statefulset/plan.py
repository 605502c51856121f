"""StatefulSet: pods with names, started in order (or all at once), updated from the last to the first.

Order of the steps of one plan: adopt and release; write down the template's revision; the status; then make what is missing
from the lowest ordinal on, and stop at the first pod that is not ready; then remove what is too much from the highest
ordinal on; then replace pods of the old revision. Pods managed in parallel do not wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, labels_of, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself, owner_key
from pybernetes.control.ownership import claim, those
from pybernetes.control.plan import Batch, Create, Delete, Patch, Plan, Report, Steps, Update
from pybernetes.controllers import history
from pybernetes.controllers.pods import phase
from pybernetes.lang.labelselector import from_label_selector

from . import claims
from .identity import missing_labels, new_pod, ordinal_of, pod_name, revision_of
from .replicas import Replicas, has_ended, is_running_and_ready, sort_out, status_of
from .rolling import doomed


@dataclass(frozen=True, slots=True)
class Seen:
    """A StatefulSet, its pods and revisions, those without an owner, the claims of its namespace that its pods use, and
    who has the name of the next revision."""

    stateful_set: Obj
    pods: Sequence[Obj]
    orphans: Sequence[Obj]
    revisions: Sequence[Obj]
    orphan_revisions: Sequence[Obj]
    claims: claims.Claims
    taken: Obj | None


def observe(key: str, caches: Caches) -> Seen | None:
    stateful_set = caches.get(kinds.STATEFULSET, key)
    if stateful_set is None:
        return None
    namespace = namespace_of(stateful_set)
    orphans = caches.orphans(kinds.POD, namespace)
    held = (
        caches.list(kinds.PERSISTENTVOLUMECLAIM, namespace)
        if stateful_set["spec"].get("volumeClaimTemplates")
        else ()
    )
    return Seen(
        stateful_set,
        caches.owned(kinds.POD, stateful_set),
        [pod for pod in orphans if ordinal_of(stateful_set, pod) is not None],
        caches.owned(kinds.CONTROLLERREVISION, stateful_set),
        caches.orphans(kinds.CONTROLLERREVISION, namespace),
        {name_of(each): each for each in held},
        caches.get(kinds.CONTROLLERREVISION, f"{namespace}/{history.revision_name(stateful_set)}"),
    )


def plan(seen: Seen, now: float, _settings: Settings) -> Plan:
    stateful_set = seen.stateful_set
    selector = from_label_selector(stateful_set["spec"]["selector"])
    pods = claim(stateful_set, kinds.STATEFULSET, selector, kinds.POD, seen.pods, seen.orphans)
    revisions = claim(
        stateful_set,
        kinds.STATEFULSET,
        selector,
        kinds.CONTROLLERREVISION,
        seen.revisions,
        seen.orphan_revisions,
    )
    if pods.patches or revisions.patches:
        return Plan((*pods.patches, *revisions.patches), 0.0, "adopting or releasing")
    if is_deleting(stateful_set):
        return Plan.nothing("deletion in progress")
    update = history.current(stateful_set, history.STATEFULSET, revisions.kept, seen.taken)
    if update.revision is None:
        return Plan((history.collided(stateful_set, history.STATEFULSET),), 0.0, "hash collision")
    steps = Steps([*update.steps])
    named = (stateful_set.get("status") or {}).get("currentRevision")
    current = next((r for r in revisions.kept if name_of(r) == named), update.revision)
    replicas = sort_out(stateful_set, pods.kept, current, update.revision, now)
    _report(steps, replicas)
    why = _change(steps, replicas, seen.claims)
    live = {name_of(current), name_of(update.revision), *map(revision_of, replicas.pods)}
    steps.add(*history.beyond_limit(stateful_set, revisions.kept, live))
    return steps.plan(why)


def _report(steps: Steps, replicas: Replicas) -> None:
    status = status_of(replicas)
    if status != replicas.stateful_set.get("status"):
        changed = {**replicas.stateful_set, "status": status}
        steps.add(Update(kinds.STATEFULSET, changed, "pods or revisions changed", "status"))
    for pod in replicas.pods:
        steps.look_again(replicas.available_in(pod) or None)


def _change(steps: Steps, replicas: Replicas, held: claims.Claims) -> str:
    """Adds what brings the pods closer to what is wanted, and says what is being waited for."""
    making = _Making(steps, replicas, held)
    for ordinal, pod in replicas.wanted.items():
        waiting = making.replica(ordinal, pod)
        if waiting and replicas.ordered:
            making.flush()
            return waiting
    making.flush()
    stateful_set = replicas.stateful_set
    for pod in replicas.condemned:
        place = ordinal_of(stateful_set, pod)
        assert place is not None  # else it would not be among them
        steps.add(*claims.owned_rightly(stateful_set, place, pod, held))
    if waiting := _shrink(steps, replicas):
        return waiting
    going = doomed(replicas)
    steps.add(*(_delete(stateful_set, pod, "its revision is not the current one") for pod in going))
    return f"updating {len(going)} pods" if going else "nothing to do"


class _Making:
    """Pods and claims that are missing, gathered so that what does not depend on each other is made together."""

    def __init__(self, steps: Steps, replicas: Replicas, held: claims.Claims) -> None:
        self._steps = steps
        self._replicas = replicas
        self._held = held
        self._claims: list[Create] = []
        self._pods: list[Create | Delete | Patch] = []

    def flush(self) -> None:
        for batch in (self._claims, self._pods):
            if batch:
                self._steps.add(Batch(tuple(batch)))

    def replica(self, ordinal: int, pod: Obj | None) -> str:
        """Brings one place in order; what has to be waited for before the next place may be looked at, or ""."""
        replicas, held = self._replicas, self._held
        stateful_set = replicas.stateful_set
        if pod is not None and has_ended(pod):
            if not is_deleting(pod):
                self._pods.append(_delete(stateful_set, pod, "it has ended"))
            return f"waiting for {name_of(pod)} to be replaced"
        if pod is None:
            if blocked := claims.unusable(stateful_set, ordinal, None, held):
                self._steps.look_again(1.0)
                return blocked
            self._claims += claims.missing(stateful_set, ordinal, held)
            self._pods.append(_create(replicas, ordinal))
            return f"creating {pod_name(stateful_set, ordinal)}"
        if phase(pod) == "Pending" and not is_deleting(pod):
            self._claims += claims.missing(stateful_set, ordinal, held)
        if is_deleting(pod):
            return f"waiting for {name_of(pod)} to go"
        if replicas.ordered and not is_running_and_ready(pod):
            return f"waiting for {name_of(pod)} to be running and ready"
        if replicas.ordered and not replicas.is_available(pod):
            return f"waiting for {name_of(pod)} to be available"
        self._steps.add(*claims.owned_rightly(stateful_set, ordinal, pod, held))
        if labels := missing_labels(pod, ordinal):
            self._pods.append(_relabel(stateful_set, pod, labels))
        return ""


def _shrink(steps: Steps, replicas: Replicas) -> str:
    """Deletes pods beyond the last ordinal: in order, one at a time, and only while the others are well, or where the
    one that is to go is itself what is not well."""
    stateful_set, unwell = replicas.stateful_set, replicas.first_unhealthy
    for pod in replicas.condemned:
        if is_deleting(pod):
            if replicas.ordered:
                return f"waiting for {name_of(pod)} to go"
            continue
        if replicas.ordered and not replicas.is_available(pod) and pod is not unwell:
            return f"waiting for {name_of(unwell) if unwell else name_of(pod)} before scaling down"
        steps.add(_delete(stateful_set, pod, "beyond the number of replicas"))
        if replicas.ordered:
            return f"scaling down: {name_of(pod)}"
    return ""


def _create(replicas: Replicas, ordinal: int) -> Create:
    stateful_set, revision = replicas.stateful_set, replicas.revision_for(ordinal)
    template = {k: v for k, v in revision["data"]["spec"]["template"].items() if k != "$patch"}
    return Create(
        kinds.POD,
        new_pod(stateful_set, template, name_of(revision), ordinal),
        "it is missing",
        success=_told(stateful_set, "create", pod_name(stateful_set, ordinal)),
        failure=_failed(stateful_set, "create", pod_name(stateful_set, ordinal)),
    )


def _delete(stateful_set: Obj, pod: Obj, why: str) -> Delete:
    return Delete(
        kinds.POD,
        namespace_of(pod),
        name_of(pod),
        uid_of(pod),
        why,
        success=_told(stateful_set, "delete", name_of(pod)),
        failure=_failed(stateful_set, "delete", name_of(pod)),
    )


def _relabel(stateful_set: Obj, pod: Obj, labels: dict[str, str]) -> Patch:
    patch = {"metadata": {"labels": labels, "uid": uid_of(pod)}}
    return Patch(
        kinds.POD,
        namespace_of(pod),
        name_of(pod),
        patch,
        "it lost labels of its identity",
        success=_told(stateful_set, "update", name_of(pod)),
    )


def _told(stateful_set: Obj, verb: str, pod: str) -> Report:
    message = f"{verb} Pod {pod} in StatefulSet {name_of(stateful_set)} successful"
    return Report(stateful_set, "Normal", f"Successful{verb.title()}", message)


def _failed(stateful_set: Obj, verb: str, pod: str) -> Report:
    message = f"{verb} Pod {pod} in StatefulSet {name_of(stateful_set)} failed error: {{error}}"
    return Report(stateful_set, "Warning", f"Failed{verb.title()}", message)


def _matching(obj: Obj, caches: Caches) -> list[str]:
    """The owner of a pod or a revision; for what has none, and for claims, every StatefulSet that selects it."""
    owner = owner_key(obj, kinds.STATEFULSET)
    if owner is not None:
        return [owner]
    if obj["metadata"].get("ownerReferences") and obj["kind"] != "PersistentVolumeClaim":
        return []
    namespace = namespace_of(obj)
    return [
        f"{namespace}/{name_of(stateful_set)}"
        for stateful_set in those(
            caches.list(kinds.STATEFULSET, namespace),
            lambda stateful_set: from_label_selector(stateful_set["spec"]["selector"]).matches(
                labels_of(obj)
            ),
        )
    ]


CONTROLLER = ControllerDef(
    "statefulset-controller",
    watches=(
        itself(kinds.STATEFULSET),
        Watch(kinds.POD, _matching),
        Watch(kinds.CONTROLLERREVISION, _matching),
        Watch(kinds.PERSISTENTVOLUMECLAIM, _matching),
    ),
    observe=observe,
    plan=plan,
    account="statefulset-controller",
)
