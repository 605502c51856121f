"""VolumeAttributesClasses: rules, fixed fields, the table row."""

from __future__ import annotations

import pytest

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.storage.volumeattributesclass import VOLUMEATTRIBUTESCLASS


def attributes(**fields: object) -> dict:
    return {
        "metadata": {"name": "gold", "creationTimestamp": "2026-09-21T14:12:20Z"},
        "driverName": "d.example.com",
        "parameters": {"iops": "100"},
        **fields,
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"driverName": ""}, [("driverName", "Required value")]),
        (
            {"parameters": {}},
            [("parameters", "Required value: must contain at least one key/value pair")],
        ),
    ],
)
def test_rules(fields: dict, expected: list) -> None:
    errors = FieldErrors()
    VOLUMEATTRIBUTESCLASS.validate(attributes(**fields), errors)
    assert [(each.field, each.message) for each in errors.causes] == expected


def test_nothing_changes() -> None:
    errors = FieldErrors()
    VOLUMEATTRIBUTESCLASS.validate_update(
        attributes(driverName="e.example.com", parameters={"iops": "200"}), attributes(), errors
    )
    assert list(errors) == [
        "driverName: Forbidden: updates to driverName are forbidden.",
        "parameters: Forbidden: updates to parameters are forbidden.",
    ]


def test_row() -> None:
    columns = VOLUMEATTRIBUTESCLASS.columns
    assert [(column.name, column.cell(attributes(), 1_790_000_060.0)) for column in columns] == [
        ("Name", "gold"),
        ("DriverName", "d.example.com"),
        ("Age", "2m"),
    ]
    assert VOLUMEATTRIBUTESCLASS.short_names == ("vac",)
