"""Kinds of few rules: Lease, RuntimeClass, PriorityClass, StorageVersionMigration, ComponentStatus."""

from __future__ import annotations

import pytest
from kindrules import (
    CREATED,
    DUPLICATE,
    FORBIDDEN,
    INVALID,
    REQUIRED,
    UNSUPPORTED,
    changed,
    new_errors,
    row,
    status_errors,
    update_errors,
)

from pybernetes.api.kinds import (
    COMPONENTSTATUS,
    LEASE,
    PRIORITYCLASS,
    RUNTIMECLASS,
    STORAGEVERSIONMIGRATION,
)

META = {"name": "x", "creationTimestamp": CREATED}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"holderIdentity": "a", "leaseDurationSeconds": 15, "leaseTransitions": 0}, []),
        (
            {"leaseDurationSeconds": 0},
            [(INVALID, "spec.leaseDurationSeconds", "Invalid value: 0: must be greater than 0")],
        ),
        (
            {"leaseTransitions": -1},
            [
                (
                    INVALID,
                    "spec.leaseTransitions",
                    "Invalid value: -1: must be greater than or equal to 0",
                )
            ],
        ),
        (
            {"preferredHolder": "b"},
            [
                (
                    FORBIDDEN,
                    "spec.preferredHolder",
                    "Forbidden: may only be specified if `strategy` is defined",
                )
            ],
        ),
        (
            {"strategy": "Newest"},
            [
                (
                    UNSUPPORTED,
                    "spec.strategy.strategy",
                    'Unsupported value: "Newest": supported values: "OldestEmulationVersion"',
                )
            ],
        ),
    ],
)
def test_leases(spec: dict, expected: list) -> None:
    assert new_errors(LEASE, {"metadata": META, "spec": spec}) == expected


def test_runtime_classes() -> None:
    good = {"metadata": META, "handler": "runc"}
    assert new_errors(RUNTIMECLASS, good) == []
    assert new_errors(RUNTIMECLASS, {**good, "handler": "Not_A_Label"})[0][:2] == (INVALID, "handler")
    assert update_errors(RUNTIMECLASS, {**good, "handler": "other"}, good) == [
        (INVALID, "handler", 'Invalid value: "other": field is immutable')
    ]
    assert new_errors(RUNTIMECLASS, changed(good, overhead__podFixed={"cpu": "-1"})) == [
        (INVALID, "overhead.limits[cpu]", 'Invalid value: "-1": must be greater than or equal to 0')
    ]
    toleration = {"key": "k", "operator": "Exists"}
    twice = changed(good, scheduling={"tolerations": [toleration, toleration]})
    assert new_errors(RUNTIMECLASS, twice)[0][:2] == (DUPLICATE, "scheduling.tolerations[1]")
    assert row(RUNTIMECLASS, good) == {"Name": "x", "Handler": "runc", "Age": "60s"}


def test_priority_classes() -> None:
    good = {"metadata": META, "value": 5}
    tree = changed(good)
    PRIORITYCLASS.default(tree)
    assert tree["preemptionPolicy"] == "PreemptLowerPriority"
    assert new_errors(PRIORITYCLASS, good) == []
    assert new_errors(PRIORITYCLASS, {**good, "value": 1_000_000_001}) == [
        (FORBIDDEN, "value", "Forbidden: maximum allowed value of a user defined priority is 1000000000")
    ]
    system = {"metadata": {"name": "system-node-critical"}, "value": 2_000_001_000}
    assert new_errors(PRIORITYCLASS, system) == []
    assert new_errors(PRIORITYCLASS, {"metadata": {"name": "system-mine"}, "value": 1}) == [
        (
            FORBIDDEN,
            "metadata.name",
            "Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: "
            "system-mine is not a known system priority class",
        )
    ]
    assert new_errors(PRIORITYCLASS, {**good, "preemptionPolicy": "Often"})[0][0] == UNSUPPORTED
    assert update_errors(PRIORITYCLASS, {**good, "value": 6, "preemptionPolicy": "Never"}, good) == [
        (FORBIDDEN, "value", "Forbidden: may not be changed in an update."),
        (INVALID, "preemptionPolicy", 'Invalid value: "Never": field is immutable'),
    ]
    assert row(PRIORITYCLASS, {**tree, "globalDefault": True}) == {
        "Name": "x",
        "Value": 5,
        "Global-Default": True,
        "Age": "60s",
        "PreemptionPolicy": "PreemptLowerPriority",
    }


def test_storage_version_migrations() -> None:
    def migration(*conditions: str, **status: str) -> dict:
        listed = [
            {"type": kind, "status": "True", "reason": "R", "lastTransitionTime": CREATED}
            for kind in conditions
        ]
        return {
            "metadata": META,
            "spec": {"resource": {"group": "apps", "resource": "deployments"}},
            "status": {"conditions": listed, **status},
        }

    kind, good = STORAGEVERSIONMIGRATION, migration("Running", resourceVersion="7")
    assert new_errors(kind, good) == []
    assert new_errors(kind, changed(good, spec__resource={})) == [
        (REQUIRED, "spec.resource.resource", "Required value: resource is required to be set")
    ]
    named_badly = new_errors(kind, changed(good, spec__resource={"group": "A", "resource": "Pods"}))
    assert [error[:2] for error in named_badly] == [
        (INVALID, "spec.resource.resource"),
        (INVALID, "spec.resource.group"),
    ]
    assert update_errors(kind, changed(good, spec__resource__resource="pods"), good)[0][:2] == (
        INVALID,
        "spec",
    )
    assert status_errors(kind, migration("Succeeded", resourceVersion="7"), good) == []
    running = status_errors(kind, migration("Succeeded", "Running"), migration())
    assert running[0][2].endswith("Running condition cannot be true when success condition is true")
    assert status_errors(kind, migration(resourceVersion="07"), migration()) == [
        (
            INVALID,
            "status.resourceVersion",
            'Invalid value: "07": resource version is not well formed: 07',
        )
    ]
    both = status_errors(kind, migration("Succeeded", "Failed"), migration())
    assert both[0][2].endswith("Both success and failed conditions cannot be true at the same time")
    assert status_errors(kind, migration(), migration("Failed"))[0][2].endswith(
        "Failed condition cannot be set to false once it is true"
    )
    assert status_errors(kind, migration(resourceVersion="8"), good)[0][1] == "status.resourceVersion"
    assert row(kind, good) == {"Name": "x", "Resource": "deployments.apps"}


def test_component_statuses() -> None:
    def status(**condition: str) -> dict:
        return {"metadata": META, "conditions": [{"type": "Healthy", **condition}]}

    assert row(COMPONENTSTATUS, status(status="True", message="ok")) == {
        "Name": "x",
        "Status": "Healthy",
        "Message": "ok",
        "Error": "",
    }
    assert row(COMPONENTSTATUS, status(status="False", error="gone"))["Error"] == "gone"
    assert row(COMPONENTSTATUS, {"metadata": META})["Status"] == "Unknown"
