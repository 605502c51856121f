"""The pods that a Job makes: its template, a finalizer so that they are counted, and for indexed Jobs their index."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, name_of, namespace_of, uid_of
from pybernetes.control.ownership import owner_reference
from pybernetes.control.plan import Create, Delete, Report

from .accounting import (
    FINALIZER,
    INDEX_FAILURES,
    INDEX_IGNORED_FAILURES,
    Account,
    failures_of_index,
    ignored_failures_of_index,
    is_indexed,
)
from .failurepolicy import IGNORE, judge
from .indexes import COMPLETION_INDEX, index_of

INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
GENERATED = 58
"""Characters of `generateName` that are kept."""


def creations(account: Account, count: int, indexes: Sequence[int]) -> tuple[Create, ...]:
    """As many pods; for an indexed Job one for each of `indexes`."""
    if is_indexed(account.job):
        return tuple(_create(account.job, _indexed(account, index)) for index in indexes[:count])
    return tuple(_create(account.job, _plain(account.job)) for _ in range(count))


def next_indexes(account: Account) -> list[int]:
    """The lowest indexes that no pod works on, that are not done and have not failed for good."""
    completions = account.job["spec"].get("completions") or 0
    living = account.active
    if account.job["spec"].get("podReplacementPolicy") == "Failed":
        living = [*living, *account.terminating]
    taken = {index_of(pod) for pod in living} | account.completed | (account.failed_indexes or set())
    return [index for index in range(completions) if index not in taken]


def _plain(job: Obj) -> dict[str, Any]:
    template = job["spec"]["template"]
    given = template.get("metadata") or {}
    metadata = {
        "generateName": f"{name_of(job)}-",
        "namespace": namespace_of(job),
        "finalizers": [*(each for each in given.get("finalizers") or () if each != FINALIZER), FINALIZER],
        "ownerReferences": [owner_reference(job, kinds.JOB)],
        **{k: v for k, v in given.items() if k in ("labels", "annotations")},
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def _indexed(account: Account, index: int) -> dict[str, Any]:
    pod = _plain(account.job)
    metadata = pod["metadata"]
    # The API server cuts long names: not the index.
    end = f"-{index}-"
    metadata["generateName"] = name_of(account.job)[: GENERATED - len(end)] + end
    metadata["labels"] = {**(metadata.get("labels") or {}), COMPLETION_INDEX: str(index)}
    counts = _failure_counts(account, index) if account.failed_indexes is not None else {}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), COMPLETION_INDEX: str(index), **counts}
    spec = pod["spec"] = {**pod["spec"], "hostname": f"{name_of(account.job)}-{index}"}
    for field in ("initContainers", "containers"):
        if spec.get(field):
            spec[field] = [_told_its_index(container) for container in spec[field]]
    return pod


def _failure_counts(account: Account, index: int) -> dict[str, str]:
    """How often the index has failed so far, from its latest pod: the annotations outlive the controller."""
    last = account.last_failed.get(index)
    if last is None:
        return {INDEX_FAILURES: "0"}
    ignored = judge(account.job, last).action == IGNORE
    counts = {INDEX_FAILURES: str(failures_of_index(last) + (not ignored))}
    if ignored_before := ignored_failures_of_index(last) + ignored:
        counts[INDEX_IGNORED_FAILURES] = str(ignored_before)
    return counts


def _told_its_index(container: Obj) -> Obj:
    if any(variable["name"] == INDEX_VARIABLE for variable in container.get("env") or ()):
        return container
    told = copy.deepcopy(dict(container))
    source = {"fieldRef": {"fieldPath": f"metadata.labels['{COMPLETION_INDEX}']"}}
    told["env"] = [*(told.get("env") or ()), {"name": INDEX_VARIABLE, "valueFrom": source}]
    return told


def _create(job: Obj, pod: Obj) -> Create:
    return Create(
        kinds.POD,
        pod,
        "too few pods",
        success=Report(job, "Normal", "SuccessfulCreate", "Created pod: {name}"),
        failure=Report(job, "Warning", "FailedCreate", "Error creating: {error}"),
    )


def deletion(job: Obj, pod: Obj, why: str) -> Delete:
    """Deleting one pod; it stays until it is counted."""
    name = name_of(pod)
    return Delete(
        kinds.POD,
        namespace_of(pod),
        name,
        uid_of(pod),
        why,
        success=Report(job, "Normal", "SuccessfulDelete", f"Deleted pod: {name}"),
        failure=Report(job, "Warning", "FailedDelete", "Error deleting: {error}"),
    )
