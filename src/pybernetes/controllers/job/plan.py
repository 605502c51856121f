"""Job: count what has ended, decide whether that is the end, and keep as many pods running as there is work for.

Order of the steps of one plan: the status, with what is being counted; then the finalizers of the pods that it counts;
then deletions and creations. A crash anywhere counts nothing twice and forgets nothing (`accounting.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, controller_ref_of, is_deleting, labels_of, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself, owner_key
from pybernetes.control.ownership import claim, those
from pybernetes.control.plan import Batch, Patch, Plan, Steps, Update
from pybernetes.controllers.pods import is_finished as pod_is_finished
from pybernetes.controllers.replicaset.ranking import exact_order
from pybernetes.lang.labelselector import from_label_selector

from . import backoff, ending
from .accounting import (
    FINALIZER,
    Account,
    attempt_of,
    count_the_rest,
    has_finalizer,
    is_indexed,
    take_stock,
)
from .creation import creations, deletion, next_indexes
from .indexes import index_of
from .status import events, status_of

MANAGED_BY = "kubernetes.io/job-controller"
BURST = 500
TRACKED = "job-tracking"
"""Index: pods that wait to be counted, by the Job that they belonged to even if it is gone."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A Job (None: it is gone), its pods, orphans that it may adopt, and pods that hold its finalizer in vain. `memory` is
    how its pods have failed."""

    job: Obj | None
    owned: Sequence[Obj]
    orphans: Sequence[Obj]
    abandoned: Sequence[Obj]
    memory: backoff.Record | None = None


def observe(key: str, caches: Caches) -> Seen:
    job = caches.get(kinds.JOB, key)
    owned = caches.owned(kinds.POD, job) if job is not None else ()
    mine = {uid_of(pod) for pod in owned}
    orphans = caches.orphans(kinds.POD, namespace_of(job)) if job is not None else ()
    matching = {uid_of(pod) for pod in orphans if job is not None and _selects(job, pod)}
    tracked = caches.by_index(kinds.POD, TRACKED, key)
    held = [pod for pod in tracked if uid_of(pod) not in mine and uid_of(pod) not in matching]
    return Seen(job, owned, orphans, held)


def plan(seen: Seen, now: float, _settings: Settings) -> Plan:
    steps = Steps([_released(pod, "its Job is gone") for pod in seen.abandoned], memory=seen.memory)
    job = seen.job
    if job is None or job["spec"].get("managedBy", MANAGED_BY) != MANAGED_BY:
        steps.memory = None
        return steps.plan("no Job of ours")
    selector = from_label_selector(job["spec"]["selector"])
    claimed = claim(job, kinds.JOB, selector, kinds.POD, seen.owned, seen.orphans, finalizer=FINALIZER)
    if claimed.patches:
        steps.add(*claimed.patches)
        steps.look_again(0.0)
        return steps.plan("adopting or releasing pods")
    if ending.is_finished(job):
        steps.memory = None
        steps.add(*(_released(pod, "the Job is over") for pod in claimed.kept if has_finalizer(pod)))
        return steps.plan("finished")
    account = take_stock(job, claimed.kept)
    steps.memory = _remembered(account, seen.memory)
    decision = ending.decided(account, now)
    if decision is not None:
        count_the_rest(account, failing=decision.decision == ending.FAILURE)
    _report(steps, account, decision, now)
    steps.add(*(_released(pod, "counted") for pod in account.release))
    if account.release:
        steps.look_again(0.0)
    if decision is not None:
        return _stop(steps, account, decision.reason)
    if is_deleting(job):
        return steps.plan("deletion in progress")
    steps.look_again(ending.deadline_in(job, now))
    if job["spec"].get("suspend"):
        _remove(steps, account, account.active, "suspended")
        return steps.plan(f"suspended: deleting {len(account.active[:BURST])} pods")
    return _keep_busy(steps, account, now)


def _remembered(account: Account, record: backoff.Record | None) -> backoff.Record:
    # One that is not tracked any more and goes was one too many, or the Job was suspended: it has not failed.
    failed = [pod for pod in account.failed_pods if has_finalizer(pod) or not is_deleting(pod)]
    if record is None or record.job != uid_of(account.job):
        record = backoff.Record(uid_of(account.job))
    return backoff.remembered(record, failed, account.succeeded_pods)


def _selects(job: Obj, pod: Obj) -> bool:
    return from_label_selector(job["spec"]["selector"]).matches(labels_of(pod))


def _report(steps: Steps, account: Account, decision: ending.Ending | None, now: float) -> None:
    job = account.job
    status = status_of(account, decision, now)
    if status != job.get("status"):
        steps.add(Update(kinds.JOB, {**job, "status": status}, "pods changed", "status"))
        steps.add(*events(job, status))


def _released(pod: Obj, why: str) -> Patch:
    left = [name for name in pod["metadata"].get("finalizers") or () if name != FINALIZER]
    metadata = {
        "finalizers": left or None,
        "uid": uid_of(pod),
        "resourceVersion": pod["metadata"]["resourceVersion"],
    }
    return Patch(kinds.POD, namespace_of(pod), name_of(pod), {"metadata": metadata}, why)


def _stop(steps: Steps, account: Account, why: str) -> Plan:
    """No pod may run on."""
    doomed = account.active[:BURST]
    if doomed:
        steps.add(Batch(tuple(deletion(account.job, pod, why) for pod in doomed)))
    return steps.plan(f"{why}: deleting {len(doomed)} pods")


def _remove(steps: Steps, account: Account, pods: Sequence[Obj], why: str) -> None:
    """Deletes pods that are not to count as failed: they are not tracked any more when they go."""
    if doomed := pods[:BURST]:
        if tracked := tuple(_released(pod, why) for pod in doomed if has_finalizer(pod)):
            steps.add(Batch(tracked))
        steps.add(Batch(tuple(deletion(account.job, pod, why) for pod in doomed)))


def _keep_busy(steps: Steps, account: Account, now: float) -> Plan:
    job, active = account.job, account.active
    wanted = _wanted(account)
    why = f"{len(active)} of {wanted} pods active, {account.total_succeeded} succeeded"
    doomed = _superfluous(account, wanted)
    if doomed:
        _remove(steps, account, doomed, "too many pods")
        return steps.plan(f"{why}: deleting {len(doomed[:BURST])}")
    missing = wanted - len(active)
    if job["spec"].get("podReplacementPolicy") == "Failed":
        missing -= len(account.terminating)
    if missing <= 0:
        return steps.plan(why)
    count = min(missing, BURST)
    chosen, wait = _ready_indexes(account, now) if is_indexed(job) else ([], 0.0)
    if account.failed_indexes is None:
        wait = backoff.wait_seconds(steps.memory, now)
        chosen = [] if wait else chosen
        count = 0 if wait else count
    if wait:
        steps.look_again(wait)
    if making := creations(account, count, chosen):
        steps.add(Batch(making))
    return steps.plan(f"{why}: creating {len(making)}" + (f", backing off {wait:.0f} s" if wait else ""))


def _ready_indexes(account: Account, now: float) -> tuple[list[int], float]:
    """The indexes that may get a pod now, and in how many seconds the next one may (0: none waits). Each index backs
    off on its own where failures are counted by index."""
    free = next_indexes(account)
    if account.failed_indexes is None:
        return free, 0.0
    waits = {index: _backoff_of(account.last_failed.get(index), now) for index in free}
    later = [wait for wait in waits.values() if wait]
    return [index for index, wait in waits.items() if not wait], min(later, default=0.0)


def _backoff_of(failed: Obj | None, now: float) -> float:
    """Seconds until an index may be tried again whose last attempt is this one."""
    return 0.0 if failed is None else backoff.left(backoff.finished_at(failed), attempt_of(failed) + 1, now)


def _wanted(account: Account) -> int:
    """How many pods should be active."""
    spec = account.job["spec"]
    parallelism, completions = int(spec.get("parallelism", 1)), spec.get("completions")
    if completions is None:
        # A work queue: once one pod has succeeded, no new ones are started, and what runs is left to end.
        return len(account.active) if account.total_succeeded else parallelism
    # An index may have succeeded and failed where it got two pods.
    failed = len(account.failed_indexes - account.completed) if account.failed_indexes is not None else 0
    return int(max(0, min(completions - account.total_succeeded - failed, parallelism)))


def _superfluous(account: Account, wanted: int) -> list[Obj]:
    """Active pods to delete: for indexed Jobs first those whose index is done, doubled, failed or out of range."""
    doomed: list[Obj] = []
    rest = account.active
    if is_indexed(account.job):
        doomed, rest = _misplaced(account)
    excess = len(rest) - wanted
    return doomed + (exact_order(rest)[:excess] if excess > 0 else [])


def _misplaced(account: Account) -> tuple[list[Obj], list[Obj]]:
    completions = account.job["spec"].get("completions") or 0
    over = account.completed | (account.failed_indexes or set())
    doomed, rest, taken = [], [], set()
    for pod in account.active:
        index = index_of(pod)
        if index is None or index >= completions or index in over or index in taken:
            doomed.append(pod)
        else:
            taken.add(index)
            rest.append(pod)
    return doomed, rest


def _tracked(pod: Obj) -> Iterable[str]:
    if not has_finalizer(pod):
        return ()
    ref = controller_ref_of(pod)
    name = ref["name"] if ref and ref["kind"] == "Job" else labels_of(pod).get("batch.kubernetes.io/job-name")
    return (f"{namespace_of(pod)}/{name}",) if name else ()


def _concerned(pod: Obj, caches: Caches) -> Iterable[str]:
    owner = owner_key(pod, kinds.JOB)
    if owner is not None:
        return (owner,)
    if pod["metadata"].get("ownerReferences"):
        return ()
    namespace = namespace_of(pod)
    adopters = [
        f"{namespace}/{name_of(job)}"
        for job in those(
            caches.list(kinds.JOB, namespace), lambda job: not pod_is_finished(pod) and _selects(job, pod)
        )
    ]
    return {*adopters, *_tracked(pod)}


CONTROLLER = ControllerDef(
    "job-controller",
    watches=(itself(kinds.JOB), Watch(kinds.POD, _concerned, {TRACKED: _tracked})),
    observe=observe,
    plan=plan,
    account="job-controller",
    remembers=True,
)
