"""Counting every pod of a Job once, whatever crashes in between (KEP-2307).

A pod carries a finalizer until it is counted. A finished one is first written into `status.uncountedTerminatedPods` by
its uid; then its finalizer goes; only when it is seen without it does the uid become a number. Succeeded pods of an
indexed Job need no uid: their index in `completedIndexes` counts once by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pybernetes.api.meta import Obj, annotations_of, is_deleting, uid_of
from pybernetes.controllers.pods import is_finished, is_ready, phase

from . import failurepolicy, indexes

FINALIZER = "batch.kubernetes.io/job-tracking"
MOST_AT_ONCE = 500
"""Pods that are counted in one go: their uids are stored in the status meanwhile."""


@dataclass(slots=True)
class Account:
    """A Job and its pods as they stand, what is counted already and what is counted now."""

    job: Obj
    active: list[Obj] = field(default_factory=list)
    terminating: list[Obj] = field(default_factory=list)
    succeeded_pods: list[Obj] = field(default_factory=list)
    failed_pods: list[Obj] = field(default_factory=list)
    succeeded: int = 0
    failed: int = 0
    uncounted_succeeded: list[str] = field(default_factory=list)
    uncounted_failed: list[str] = field(default_factory=list)
    completed: set[int] = field(default_factory=set)
    failed_indexes: set[int] | None = None
    """Only with backoffLimitPerIndex."""
    release: list[Obj] = field(default_factory=list)
    """Pods whose finalizer may go as soon as this account is stored."""
    last_failed: dict[int, Obj] = field(default_factory=dict)
    """With backoffLimitPerIndex, the latest failed attempt at each index."""
    held: list[Obj] = field(default_factory=list)
    """Failed pods that are counted later: with backoffLimitPerIndex the last one of an index remembers how often it has
    failed, so it has to stay until another pod does."""
    failure: str = ""
    """Why the pod failure policy makes the whole Job fail, if it does."""

    @property
    def total_failed(self) -> int:
        held = sum(failurepolicy.judge(self.job, pod).action != failurepolicy.IGNORE for pod in self.held)
        return self.failed + len(self.uncounted_failed) + held

    @property
    def total_succeeded(self) -> int:
        return len(self.completed) if is_indexed(self.job) else self.succeeded + len(self.uncounted_succeeded)

    @property
    def ready(self) -> int:
        return sum(is_ready(pod) for pod in self.active)

    @property
    def settled(self) -> bool:
        """Whether nothing runs, ends or waits to be counted any more."""
        return not (
            self.active
            or self.terminating
            or self.release
            or self.uncounted_failed
            or self.uncounted_succeeded
        )


def is_indexed(job: Obj) -> bool:
    return bool(job["spec"].get("completionMode") == "Indexed")


def has_finalizer(pod: Obj) -> bool:
    return FINALIZER in (pod["metadata"].get("finalizers") or ())


def take_stock(job: Obj, pods: Sequence[Obj]) -> Account:
    """The account of a Job over all its pods."""
    status = job.get("status") or {}
    completions = job["spec"].get("completions") or 0
    account = Account(job, succeeded=status.get("succeeded", 0), failed=status.get("failed", 0))
    account.completed = indexes.parse(status.get("completedIndexes", ""), completions)
    if job["spec"].get("backoffLimitPerIndex") is not None:
        account.failed_indexes = indexes.parse(status.get("failedIndexes", ""), completions)
    _count_released(account, status.get("uncountedTerminatedPods") or {}, pods)
    for pod in pods:
        _sort(account, pod)
    if account.failed_indexes is not None:
        for pod in sorted(account.failed_pods, key=attempt_of):
            if (index := indexes.index_of(pod)) is not None:
                account.last_failed[index] = pod
    waiting = {*account.uncounted_succeeded, *account.uncounted_failed}
    for pod in sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", ""))):
        if has_finalizer(pod):
            _count(account, pod, waiting)
    return account


def _count_released(account: Account, uncounted: Obj, pods: Iterable[Obj]) -> None:
    """Turns uids into numbers where the pod has lost its finalizer."""
    held = {uid_of(pod) for pod in pods if has_finalizer(pod)}
    for uid in uncounted.get("succeeded") or ():
        if uid in held:
            account.uncounted_succeeded.append(uid)
        else:
            account.succeeded += 1
    for uid in uncounted.get("failed") or ():
        if uid in held:
            account.uncounted_failed.append(uid)
        else:
            account.failed += 1


def _sort(account: Account, pod: Obj) -> None:
    if phase(pod) == "Succeeded":
        account.succeeded_pods.append(pod)
    elif has_failed(account.job, pod):
        account.failed_pods.append(pod)
    if is_finished(pod):
        return
    (account.terminating if is_deleting(pod) else account.active).append(pod)


def has_failed(job: Obj, pod: Obj) -> bool:
    """Whether a pod counts as failed. One that is being deleted does too, unless pods are only replaced once they have
    ended."""
    if phase(pod) == "Failed":
        return True
    only_ended = job["spec"].get("podReplacementPolicy") == "Failed"
    return not only_ended and is_deleting(pod) and phase(pod) != "Succeeded"


def _count(account: Account, pod: Obj, waiting: set[str]) -> None:
    uid = uid_of(pod)
    if uid in waiting:
        account.release.append(pod)
        return
    if len(account.release) >= MOST_AT_ONCE:
        return
    if phase(pod) == "Succeeded":
        _count_success(account, pod, uid)
    elif has_failed(account.job, pod):
        if _is_held(account, pod):
            account.held.append(pod)
        else:
            _count_failure(account, pod, uid)


def _is_held(account: Account, pod: Obj) -> bool:
    """Whether the pod is the only memory of its index's failures, and the index goes on."""
    index = indexes.index_of(pod)
    if account.failed_indexes is None or index is None or account.last_failed.get(index) is not pod:
        return False
    if is_deleting(account.job) or not _is_valid(account, index):
        return False
    if index in account.completed or index in account.failed_indexes:
        return False
    verdict = failurepolicy.judge(account.job, pod).action
    if verdict in (failurepolicy.FAIL_JOB, failurepolicy.FAIL_INDEX):
        return False
    limit = account.job["spec"]["backoffLimitPerIndex"]
    if verdict != failurepolicy.IGNORE and failures_of_index(pod) >= limit:
        return False
    return all(indexes.index_of(each) != index for each in account.active)


def count_the_rest(account: Account, *, failing: bool) -> None:
    """The Job has come to its end: what still runs is counted as failed if the Job fails, and else as nothing."""
    counted = {uid_of(pod) for pod in account.release}
    for pod in (*account.held, *account.active, *account.terminating):
        if len(account.release) >= MOST_AT_ONCE:
            return
        if not has_finalizer(pod) or uid_of(pod) in counted:
            continue
        account.release.append(pod)
        if not failing and not has_failed(account.job, pod):
            continue
        stray = is_indexed(account.job) and not _is_valid(account, indexes.index_of(pod))
        if not stray and failurepolicy.judge(account.job, pod).action != failurepolicy.IGNORE:
            account.uncounted_failed.append(uid_of(pod))


def _count_success(account: Account, pod: Obj, uid: str) -> None:
    account.release.append(pod)
    if not is_indexed(account.job):
        account.uncounted_succeeded.append(uid)
    elif _is_valid(account, index := indexes.index_of(pod)):
        assert index is not None
        account.completed.add(index)


def _count_failure(account: Account, pod: Obj, uid: str) -> None:
    account.release.append(pod)
    index = indexes.index_of(pod)
    if is_indexed(account.job) and not _is_valid(account, index):
        return
    verdict = failurepolicy.judge(account.job, pod)
    if verdict.action == failurepolicy.IGNORE:
        return
    account.uncounted_failed.append(uid)
    if verdict.action == failurepolicy.FAIL_JOB:
        account.failure = account.failure or verdict.message
    elif account.failed_indexes is not None and index is not None:
        limit = account.job["spec"]["backoffLimitPerIndex"]
        if verdict.action == failurepolicy.FAIL_INDEX or failures_of_index(pod) >= limit:
            account.failed_indexes.add(index)


INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count"
INDEX_IGNORED_FAILURES = "batch.kubernetes.io/job-index-ignored-failure-count"


def failures_of_index(pod: Obj) -> int:
    """How often the pod's index had failed when the pod was made."""
    return _number(pod, INDEX_FAILURES)


def ignored_failures_of_index(pod: Obj) -> int:
    """The failures before the pod that the policy ignored."""
    return _number(pod, INDEX_IGNORED_FAILURES)


def attempt_of(pod: Obj) -> int:
    """Which attempt at its index the pod is, from 0 on."""
    return failures_of_index(pod) + ignored_failures_of_index(pod)


def _number(pod: Obj, annotation: str) -> int:
    text = annotations_of(pod).get(annotation, "")
    return int(text) if text.isdecimal() else 0


def _is_valid(account: Account, index: int | None) -> bool:
    return index is not None and index < (account.job["spec"].get("completions") or 0)
