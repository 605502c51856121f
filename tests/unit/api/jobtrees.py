"""Jobs as they are before validation, states of theirs, and what validation says."""

from __future__ import annotations

from typing import Any

from pybernetes.api.batch.job import JOB
from pybernetes.api.fielderrors import FieldErrors

NOW = 1_790_000_000.0
NOT_NEGATIVE = "must be greater than or equal to 0"
TEMPLATE = "spec.template"


def job(pod: dict | None = None, **spec: Any) -> dict:
    """A new Job as it is before validation."""
    pod = {
        "containers": [{"name": "main", "image": "busybox:1"}],
        "initContainers": [{"name": "first", "image": "busybox:1"}],
        "restartPolicy": "Never",
        **(pod or {}),
    }
    tree = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "pi",
            "namespace": "default",
            "uid": "u-1",
            "creationTimestamp": "2026-09-21T14:12:20Z",
        },
        "spec": {"template": {"spec": pod}, **spec},
    }
    JOB.default(tree)
    JOB.prepare_create(tree)
    JOB.default(tree)
    return tree


def found(tree: dict) -> list[str]:
    errors = FieldErrors()
    JOB.validate_create(tree, errors)
    return list(errors)


INDEXED = {"completionMode": "Indexed", "completions": 5, "parallelism": 2}


def true(*kinds: str) -> list[dict]:
    return [{"type": kind, "status": "True"} for kind in kinds]


START, END = "2026-09-21T14:00:00Z", "2026-09-21T15:00:00Z"
COMPLETE = {"startTime": START, "completionTime": END, "conditions": true("SuccessCriteriaMet", "Complete")}
FAILED = {"startTime": START, "conditions": true("FailureTarget", "Failed")}
