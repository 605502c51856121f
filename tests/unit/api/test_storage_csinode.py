"""CSINodes: rules of drivers, what may change of one that stays, the table row."""

from __future__ import annotations

import pytest

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.storage.csinode import CSINODE

REQUIRED = "FieldValueRequired"
INVALID = "FieldValueInvalid"
DUPLICATE = "FieldValueDuplicate"
DRIVER = {"name": "d.example.com", "nodeID": "n1", "topologyKeys": ["zone"]}


def node(*drivers: dict) -> dict:
    return {
        "metadata": {"name": "node-1", "creationTimestamp": "2026-09-21T14:12:20Z"},
        "spec": {"drivers": [*drivers]},
    }


@pytest.mark.parametrize(
    ("drivers", "expected"),
    [
        ([], []),
        ([DRIVER], []),
        (
            [{**DRIVER, "nodeID": ""}, DRIVER],
            [
                (REQUIRED, "spec.drivers[0].nodeID", "Required value"),
                (DUPLICATE, "spec.drivers[1].name", 'Duplicate value: "d.example.com"'),
            ],
        ),
        (
            [{**DRIVER, "nodeID": "x" * 257}],
            [
                (
                    INVALID,
                    "spec.drivers[0].nodeID",
                    f'Invalid value: "{"x" * 257}": must be 256 characters or less',
                )
            ],
        ),
        (
            [{**DRIVER, "allocatable": {"count": -1}}],
            [
                (
                    INVALID,
                    "spec.drivers[0].allocatable.count",
                    "Invalid value: -1: must be greater than or equal to 0",
                )
            ],
        ),
        (
            [{**DRIVER, "topologyKeys": ["a", "a"]}],
            [(DUPLICATE, "spec.drivers[0]", 'Duplicate value: "a"')],
        ),
    ],
)
def test_rules(drivers: list, expected: list) -> None:
    errors = FieldErrors()
    CSINODE.validate(node(*drivers), errors)
    assert [(each.reason, each.field, each.message) for each in errors.causes] == expected


def test_updates() -> None:
    errors = FieldErrors()
    old = node(DRIVER)
    CSINODE.validate_update(node({**DRIVER, "allocatable": {"count": 3}}), old, errors)
    CSINODE.validate_update(node({**DRIVER, "name": "e.example.com", "nodeID": "n2"}), old, errors)
    assert not errors
    CSINODE.validate_update(node({**DRIVER, "nodeID": "n2"}), old, errors)
    assert [(each.field, each.message.endswith(": field is immutable")) for each in errors.causes] == [
        ("spec.drivers", True)
    ]


def test_row() -> None:
    assert [(column.name, column.cell(node(DRIVER), 1_790_000_060.0)) for column in CSINODE.columns] == [
        ("Name", "node-1"),
        ("Drivers", 1),
        ("Age", "2m"),
    ]
