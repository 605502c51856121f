"""ResourceSlices: where devices are, what they are and how they are shared."""

from __future__ import annotations

import pytest
from kindrules import (
    CREATED,
    DUPLICATE,
    FORBIDDEN,
    INVALID,
    REQUIRED,
    changed,
    new_errors,
    row,
    update_errors,
)

from pybernetes.api.kinds import RESOURCESLICE as KIND

PLACES = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"


def piece(*devices: dict, **spec: object) -> dict:
    return {
        "metadata": {"name": "s", "creationTimestamp": CREATED},
        "spec": {
            "driver": "d.example.com",
            "pool": {"name": "node-1", "generation": 1, "resourceSliceCount": 1},
            "nodeName": "node-1",
            "devices": list(devices or ({"name": "gpu-0"},)),
            **spec,
        },
    }


def device(**fields: object) -> dict:
    return piece({"name": "gpu-0", **fields})


@pytest.mark.parametrize(
    ("tree", "reason", "field", "message"),
    [
        (changed(piece(), spec__nodeName=None), REQUIRED, "", f"Required value: {PLACES}"),
        (
            piece(allNodes=True),
            INVALID,
            "",
            f'Invalid value: "{{`nodeName`, `allNodes`}}": {PLACES}, but multiple fields are set',
        ),
        (piece(driver=""), REQUIRED, ".driver", "Required value"),
        (
            changed(piece(), spec__pool__resourceSliceCount=0),
            INVALID,
            ".pool.resourceSliceCount",
            "Invalid value: 0: must be greater than zero",
        ),
        (
            piece({"name": "a"}, {"name": "a"}),
            DUPLICATE,
            ".devices[1]",
            'Duplicate value: "a"',
        ),
        (
            device(attributes={"model": {}}),
            INVALID,
            ".devices[0].attributes[model]",
            'Invalid value: "": exactly one value must be specified',
        ),
        (
            device(attributes={"version": {"version": "1.2"}}),
            INVALID,
            ".devices[0].attributes[version].version",
            'Invalid value: "1.2": must be a string compatible with semver.org spec 2.0.0',
        ),
        (
            device(attributes={"a/b/c": {"bool": True}}),
            INVALID,
            ".devices[0].attributes[a/b/c]",
            'Invalid value: "a/b/c": must not contain more than one slash',
        ),
        (
            device(capacity={"memory": {"value": "1Gi", "requestPolicy": {}}}),
            FORBIDDEN,
            ".devices[0].capacity[memory].requestPolicy",
            "Forbidden: allowMultipleAllocations must be true",
        ),
        (
            device(allNodes=True),
            INVALID,
            ".devices[0]",
            'Invalid value: "null": `nodeName`, `nodeSelector` and `allNodes` can only be set if '
            "`perDeviceNodeSelection` is set to true in the ResourceSlice spec",
        ),
        (
            device(bindingConditions=["ready"]),
            INVALID,
            ".devices[0].bindingFailureConditions",
            'Invalid value: "null": bindingFailureConditions are required to use bindingConditions',
        ),
        (
            device(consumesCounters=[{"counterSet": "all"}]),
            REQUIRED,
            ".devices[0].consumesCounters[0].counters",
            "Required value",
        ),
        (
            device(nodeAllocatableResources={"cpu": {}}),
            REQUIRED,
            ".devices[0].nodeAllocatableResources[cpu]",
            "Required value: at least one of mapping or overhead must be set",
        ),
        (
            piece(skipNodeOperations=["NodePrepareResources"]),
            INVALID,
            ".skipNodeOperations",
            'Invalid value: ["NodePrepareResources"]: NodePrepareResources cannot be skipped unless '
            "NodeUnprepareResources is also skipped",
        ),
    ],
)
def test_rules(tree: dict, reason: str, field: str, message: str) -> None:
    assert new_errors(KIND, tree) == [(reason, f"spec{field}", message)]


def test_good_ones() -> None:
    assert new_errors(KIND, piece()) == []
    full = device(
        attributes={"model": {"string": "big"}, "d.example.com/version": {"version": "1.2.3-rc.1"}},
        capacity={"memory": {"value": "40Gi"}},
        taints=[{"key": "slow", "effect": "NoSchedule"}],
        consumesCounters=[{"counterSet": "all", "counters": {"memory": {"value": "1Gi"}}}],
    )
    assert new_errors(KIND, full) == []
    assert new_errors(KIND, changed(full, spec__partitionTypeAttribute="d.example.com/model")) == []
    counters = piece(sharedCounters=[{"name": "all", "counters": {"memory": {"value": "80Gi"}}}])
    assert new_errors(KIND, changed(counters, spec__devices=None)) == []
    assert new_errors(KIND, counters)[0][2].endswith("only one of `sharedCounters` or `devices` is allowed")


def shared(**policy: object) -> list:
    capacity = {"memory": {"value": "40Gi", "requestPolicy": policy}}
    return new_errors(KIND, device(allowMultipleAllocations=True, capacity=capacity))


def test_request_policies() -> None:
    assert shared(default="1Gi", validRange={"min": "1Gi", "max": "8Gi", "step": "1Gi"}) == []
    assert shared(default="1Gi", validValues=["1Gi", "2Gi"]) == []
    at = "spec.devices[0].capacity[memory].requestPolicy"
    assert shared(default="3Gi", validValues=["1Gi", "2Gi"]) == [
        (
            INVALID,
            f"{at}.validValues",
            'Invalid value: "3Gi": default value is not valid according to the requestPolicy',
        )
    ]
    assert shared(default="1Gi", validValues=["2Gi", "1Gi"])[0][1] == f"{at}.validValues[1]"
    assert shared(validRange={"min": "1Gi"}) == [
        (REQUIRED, f"{at}.default", "Required value: required when validRange is defined")
    ]
    assert shared(default="50Gi", validRange={"min": "50Gi"})[0][2] == (
        'Invalid value: "50Gi": min is larger than capacity value: 40Gi'
    )
    assert shared(default="1536Mi", validRange={"min": "1Gi", "step": "1Gi"}) == [
        (
            INVALID,
            f"{at}.validRange.step",
            'Invalid value: "1536Mi": value is not a multiple of a given step (1Gi) from (1Gi)',
        )
    ]


def test_what_a_slice_is_of_stays() -> None:
    assert update_errors(KIND, changed(piece(), spec__driver="e.example.com"), piece()) == [
        (INVALID, "spec.driver", 'Invalid value: "e.example.com": field is immutable')
    ]
    assert update_errors(KIND, changed(piece(), spec__pool__generation=2), piece()) == []


def test_taints_have_times_and_columns() -> None:
    tree = device(taints=[{"key": "slow", "effect": "NoSchedule"}])
    KIND.prepare_create(tree)
    assert tree["spec"]["devices"][0]["taints"][0]["timeAdded"] == CREATED
    assert row(KIND, tree) == {
        "Name": "s",
        "Node": "node-1",
        "Driver": "d.example.com",
        "Pool": "node-1",
        "Age": "60s",
    }
    assert KIND.selectable["spec.nodeName"](tree) == "node-1"
