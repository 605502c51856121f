"""The counts of a ReplicaSet's pods."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.controllers.replicaset.tally import tally
from pybernetes.lang.timestamps import rfc3339

NOW = 1_000_000.0
READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


def pod(status: Any = None, **metadata: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"metadata": {"name": "p", "labels": {"app": "web", "hash": "1"}, **metadata}}
    return made if status is None else {**made, "status": status}


def ready_since(seconds: float) -> dict[str, Any]:
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": rfc3339(NOW - seconds)}
    return {"phase": "Running", "conditions": [condition]}


@pytest.mark.parametrize(
    ("made", "counts"),
    [
        (pod(), (1, 1, 0, 0, 0)),
        (pod({}), (1, 1, 0, 0, 0)),
        (pod({"phase": "Pending"}), (1, 1, 0, 0, 0)),
        (pod(READY), (1, 1, 1, 1, 0)),
        (pod(READY, labels={"app": "web"}), (1, 0, 1, 1, 0)),
        (pod(READY, labels=None), (1, 0, 1, 1, 0)),
        (
            pod({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}),
            (1, 1, 0, 0, 0),
        ),
        (pod({"phase": "Succeeded"}), (0, 0, 0, 0, 0)),
        (pod({**READY, "phase": "Failed"}), (0, 0, 0, 0, 0)),
        (pod(READY, deletionTimestamp="2026-01-01T00:00:00Z"), (0, 0, 0, 0, 1)),
        (pod({"phase": "Failed"}, deletionTimestamp="2026-01-01T00:00:00Z"), (0, 0, 0, 0, 1)),
    ],
)
def test_one_pod(made: dict[str, Any], counts: tuple[int, ...]) -> None:
    found = tally([made], {"app": "web", "hash": "1"}, 0, NOW)
    told = (len(found.active), found.fully_labeled, found.ready, found.available, found.terminating)
    assert told == counts
    assert found.wait is None


def test_a_pod_is_available_after_a_while() -> None:
    pods = [pod(ready_since(age)) for age in (2, 10, 7, 30)]
    found = tally(pods, {}, 10, NOW)
    assert (found.ready, found.available, found.wait) == (4, 2, 3.0)
