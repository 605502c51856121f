"""Whom an update of a StatefulSet takes, by pods and budgets."""

from __future__ import annotations

import pytest
from statefulsetsteps import rolling, stateful_set

from pybernetes.api.meta import Obj, name_of
from pybernetes.controllers.history import POD_LABEL
from pybernetes.controllers.statefulset.replicas import sort_out
from pybernetes.controllers.statefulset.rolling import doomed

# (managed, replicas, partition, maxUnavailable, not available, going, the pods that an update takes now): all are old
TAKEN = (
    ("Parallel", 1, 0, 1, {0}, {}, [0]),
    ("Parallel", 3, 0, 1, {2}, {}, [2]),
    ("Parallel", 5, 0, 2, {3, 4}, {}, [4, 3]),
    ("Parallel", 3, 0, 1, {}, {2}, []),
    ("Parallel", 5, 0, 3, {3}, {4}, [3, 2]),
    ("Parallel", 5, 0, 3, {4}, {3}, [4, 2]),
    ("Parallel", 5, 2, 1, {4}, {}, [4]),
    ("Parallel", 5, 2, 1, {2}, {}, [2]),
    ("Parallel", 5, 2, 1, {1}, {}, []),
    ("Parallel", 5, 3, 2, {1, 4}, {}, [4]),
    ("Parallel", 4, 0, 2, {0, 1}, {}, [1, 0]),
    ("Parallel", 5, 0, 3, {0, 1}, {}, [1, 0, 4]),
    ("OrderedReady", 1, 0, 1, {0}, {}, []),
    ("OrderedReady", 3, 0, 1, {2}, {}, []),
    ("OrderedReady", 5, 0, 2, {4}, {}, [4]),
    ("OrderedReady", 3, 0, 1, {}, {2}, []),
    ("OrderedReady", 5, 0, 3, {3}, {4}, [3]),
    ("OrderedReady", 5, 0, 3, {4}, {3}, [4]),
    ("OrderedReady", 5, 0, 2, {}, {}, [4, 3]),
)


@pytest.mark.parametrize(("managed", "replicas", "partition", "most", "unavailable", "going", "taken"), TAKEN)
def test_whom_an_update_takes(
    managed: str,
    replicas: int,
    partition: int,
    most: int,
    unavailable: set[int],
    going: set[int],
    taken: list[int],
) -> None:
    """Old pods that are not available do not use up what may be unavailable, where pods are managed in parallel."""
    spec = stateful_set(
        replicas, podManagementPolicy=managed, **rolling(partition=partition, maxUnavailable=most)
    )

    def pod(ordinal: int) -> Obj:
        ready = "False" if ordinal in unavailable else "True"
        gone = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if ordinal in going else {}
        return {
            "metadata": {"name": f"web-{ordinal}", "labels": {POD_LABEL: "old"}, **gone},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
        }

    def revision(name: str) -> Obj:
        return {"metadata": {"name": name}}

    pods = [pod(ordinal) for ordinal in range(replicas)]
    replicas_of = sort_out(spec, pods, revision("old"), revision("new"), 0.0)
    assert [name_of(each) for each in doomed(replicas_of)] == [f"web-{ordinal}" for ordinal in taken]
