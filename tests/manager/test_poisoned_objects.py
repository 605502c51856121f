"""Every controller beside objects that no validation would let in: stored by another version, or by hand.

A poisoned object is told of or passed over, and left as it is; the others are served as if it were not there.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from faultscenarios import SCENARIOS
from faultworld import POISON as MARK
from faultworld import SufferingWorld, run_scenario, stored_kinds

from pybernetes.api import kinds
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.controllers.table import CONTROLLERS
from pybernetes.store.memory import MemoryStore
from pybernetes.store.types import Delete, Put

BY_NAME = {str(scenario): scenario for scenario in SCENARIOS}
UNREADABLE = {
    "deployment.kubernetes.io/revision": "many",
    "deployment.kubernetes.io/desired-replicas": "-x",
    "controller.kubernetes.io/pod-deletion-cost": "dear",
    "batch.kubernetes.io/job-index-failure-count": "often",
    "batch.kubernetes.io/cronjob-scheduled-timestamp": "yesterday",
    "endpoints.kubernetes.io/last-change-trigger-time": "now",
    "kubernetes.io/service-account.name": "",
    "volume.kubernetes.io/selected-node": "no/node",
    "rbac.authorization.kubernetes.io/autoupdate": "perhaps",
}
TWO_OWNERS = [
    {"apiVersion": "apps/v1", "kind": kind, "name": "nobody", "uid": f"0000-{kind}", "controller": True}
    for kind in ("ReplicaSet", "StatefulSet", "Job", "DaemonSet")
]
HUGE = {"matchExpressions": [{"key": f"k{n}", "operator": "In", "values": ["v"] * 50} for n in range(200)]}
CASES: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("nothing", {}, {}),
    ("null-spec", {"spec": None, "status": None}, {}),
    ("empty-spec", {"spec": {}, "status": {}}, {}),
    ("unreadable", {"spec": {}}, {"annotations": UNREADABLE, "labels": {"app": "web"}}),
    ("two-owners", {"spec": {}}, {"ownerReferences": TWO_OWNERS, "labels": {"app": "rs"}}),
    (
        "negative",
        {
            "spec": {
                "replicas": -3,
                "parallelism": -1,
                "completions": -2,
                "minReadySeconds": -9,
                "selector": {"matchLabels": {"app": "negative"}},
                "template": {"metadata": {"labels": {"app": "negative"}}, "spec": {}},
                "minReplicas": -1,
                "maxReplicas": -7,
                "maxUnavailable": "-20%",
                "schedule": "every day",
                "capacity": {"storage": "-1Gi"},
                "hard": {"pods": "many"},
            }
        },
        {},
    ),
    (
        "wrong-types",
        {
            "spec": {
                "replicas": "three",
                "selector": {"matchExpressions": [{"key": "a", "operator": "Near", "values": "b"}]},
                "template": "text",
                "containers": None,
                "volumes": "all",
                "nodeName": "gone",
                "taints": "none",
                "request": "!!!",
                "cidrs": "10.0.0.0",
            },
            "status": {"conditions": "fine", "phase": 7},
            "subsets": "none",
            "endpoints": "none",
            "data": "text",
            "rules": "all",
            "aggregationRule": "sum",
        },
        {"finalizers": [MARK]},
    ),
    ("huge", {"spec": {"selector": HUGE, "template": {"metadata": {}}, "replicas": 1}}, {}),
)
LATER = (
    kinds.CUSTOMRESOURCEDEFINITION,
    kinds.NAMESPACE,
    kinds.CLUSTERROLE,
    kinds.SERVICECIDR,
    kinds.VOLUMEATTACHMENT,
)
"""Kinds that the API server itself follows, and one that the scenario changes in place of a driver."""
SHARED = (kinds.NODE, kinds.PERSISTENTVOLUME, kinds.PERSISTENTVOLUMECLAIM)
"""Kinds that are given out: one with an empty spec would rightly take a range, a pod or a volume."""
HOPELESS = ("nothing", "null-spec", "wrong-types")


def watched(controller: str) -> Iterator[Kind]:
    seen: set[str] = set()
    rows = [row for row in CONTROLLERS if row.name == controller]
    for kind in [each.kind for row in rows for each in row.watches] + [k for row in rows for k in row.reads]:
        if kind not in LATER and kind in stored_kinds() and kind.group_resource not in seen:
            seen.add(kind.group_resource)
            yield kind


def poison(kind: Kind, case: str, content: dict[str, Any], metadata: dict[str, Any], namespace: str) -> Obj:
    name = f"{MARK}-{case}"
    place = {"namespace": namespace} if kind.namespaced else {}
    made = {
        "name": name,
        "uid": f"{name}-{namespace}-{kind.plural}",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {**made, **place, **metadata},
        **content,
    }


@pytest.mark.parametrize("name", BY_NAME)
def test_one_poisoned_object_never_stops_the_others(name: str, caplog: pytest.LogCaptureFixture) -> None:
    scenario = BY_NAME[name]
    poisoned: dict[str, Obj] = {}

    async def before(world: SufferingWorld, store: MemoryStore) -> None:
        for kind in watched(scenario.controller):
            cache = world.server.services.registry.cache(kind)
            for case, content, metadata in CASES:
                if kind in SHARED and case not in HOPELESS:
                    continue
                obj = poison(kind, case, content, metadata, MARK)
                key = cache.key(MARK if kind.namespaced else "", obj["metadata"]["name"])
                poisoned[key] = obj
                await store.txn([], [Put(key, json.dumps(obj).encode())])

    async def after(world: SufferingWorld, store: MemoryStore) -> None:
        for key in poisoned:
            await store.txn([], [Delete(key)])
        await world.settle(1)

    with caplog.at_level(logging.CRITICAL):
        expected, _ = run_scenario(scenario, "none")
        left, _ = run_scenario(scenario, "none", before=before, after=after)
    kept = [line for line in left if MARK not in line]
    missing, surplus = sorted(set(expected) - set(kept)), sorted(set(kept) - set(expected))
    text = "\n".join([*(f"- {each}" for each in missing), *(f"+ {each}" for each in surplus)])
    assert kept == expected, text


def test_a_poisoned_object_is_told_of_and_left_as_it_is() -> None:
    kind = kinds.REPLICASET
    obj = poison(kind, "null-spec", {"spec": None}, {}, "default")
    events: list[Obj] = []

    async def before(world: SufferingWorld, store: MemoryStore) -> None:
        key = world.server.services.registry.cache(kind).key("default", obj["metadata"]["name"])
        await store.txn([], [Put(key, json.dumps(obj).encode())])

    async def after(world: SufferingWorld, _store: MemoryStore) -> None:
        events.extend((await world.client.list(kinds.EVENT, "default")).items)
        found = await world.client.get(kind, obj["metadata"]["name"], "default")
        assert found["spec"] is None
        assert "status" not in found

    run_scenario(BY_NAME["replicaset-controller"], "none", before=before, after=after)
    (event,) = [e for e in events if e["reason"] == "FailedSync"]
    assert event["type"] == "Warning"
    assert event["involvedObject"]["name"] == obj["metadata"]["name"]
    assert event["message"].startswith("replicaset-controller cannot handle it as it is: TypeError: ")
