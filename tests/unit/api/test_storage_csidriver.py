"""CSIDrivers: defaults, rules, fixed fields, the table row."""

from __future__ import annotations

import pytest

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.storage.csidriver import CSIDRIVER

INVALID = "FieldValueInvalid"
UNSUPPORTED = "FieldValueNotSupported"
DUPLICATE = "FieldValueDuplicate"


def driver(**spec: object) -> dict:
    tree = {"metadata": {"name": "d.example.com", "creationTimestamp": "2026-09-21T14:12:20Z"}, "spec": spec}
    CSIDRIVER.default(tree)
    return tree


def test_defaults() -> None:
    assert driver()["spec"] == {
        "attachRequired": True,
        "podInfoOnMount": False,
        "storageCapacity": False,
        "fsGroupPolicy": "ReadWriteOnceWithFSType",
        "requiresRepublish": False,
        "seLinuxMount": False,
        "volumeLifecycleModes": ["Persistent"],
    }
    assert driver(attachRequired=False)["spec"]["attachRequired"] is False


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, []),
        (
            {"fsGroupPolicy": "Some"},
            [
                (
                    UNSUPPORTED,
                    "spec.fsGroupPolicy",
                    'Unsupported value: "Some": supported values: "File", "None", "ReadWriteOnceWithFSType"',
                )
            ],
        ),
        (
            {"volumeLifecycleModes": ["Eternal"]},
            [
                (
                    UNSUPPORTED,
                    "spec.volumeLifecycleModes",
                    'Unsupported value: "Eternal": supported values: "Persistent", "Ephemeral"',
                )
            ],
        ),
        (
            {
                "tokenRequests": [
                    {"audience": "a", "expirationSeconds": 599},
                    {"audience": "a"},
                    {"audience": "", "expirationSeconds": 2**32 + 1},
                ]
            },
            [
                (
                    INVALID,
                    "spec.tokenRequests[0].expirationSeconds",
                    "Invalid value: 599: may not specify a duration less than 10 minutes",
                ),
                (DUPLICATE, "spec.tokenRequests[1].audience", 'Duplicate value: "a"'),
                (
                    INVALID,
                    "spec.tokenRequests[2].expirationSeconds",
                    "Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds",
                ),
            ],
        ),
        (
            {"nodeAllocatableUpdatePeriodSeconds": 9},
            [
                (
                    INVALID,
                    "spec.nodeAllocatableUpdatePeriodSeconds",
                    "Invalid value: 9: must be greater than or equal to 10 seconds",
                )
            ],
        ),
    ],
)
def test_rules(spec: dict, expected: list) -> None:
    errors = FieldErrors()
    CSIDRIVER.validate(driver(**spec), errors)
    assert [(each.reason, each.field, each.message) for each in errors.causes] == expected


def test_updates() -> None:
    errors = FieldErrors()
    CSIDRIVER.validate_update(driver(requiresRepublish=True, fsGroupPolicy="File"), driver(), errors)
    assert not errors
    CSIDRIVER.validate_update(
        driver(attachRequired=False, volumeLifecycleModes=["Ephemeral"]), driver(), errors
    )
    assert list(errors) == [
        "spec.attachedRequired: Invalid value: false: field is immutable",
        'spec.volumeLifecycleModes: Invalid value: ["Ephemeral"]: field is immutable',
    ]


def test_row() -> None:
    tree = driver(
        tokenRequests=[{"audience": "a"}, {"audience": "b"}], volumeLifecycleModes=["Persistent", "Ephemeral"]
    )
    assert [(column.name, column.cell(tree, 1_790_000_060.0)) for column in CSIDRIVER.columns] == [
        ("Name", "d.example.com"),
        ("AttachRequired", True),
        ("PodInfoOnMount", False),
        ("StorageCapacity", False),
        ("TokenRequests", "a,b"),
        ("RequiresRepublish", False),
        ("Modes", "Persistent,Ephemeral"),
        ("Age", "2m"),
    ]
    assert CSIDRIVER.columns[4].cell(driver(), 0.0) == "<unset>"
