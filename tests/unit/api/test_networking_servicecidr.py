"""ServiceCIDRs: rules of the ranges, growing to two families, the table row."""

from __future__ import annotations

import pytest

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.networking.servicecidr import SERVICECIDR

FOUR, SIX = "10.96.0.0/12", "fd00:10:96::/112"


def ranges(*cidrs: str) -> dict:
    return {
        "metadata": {"name": "kubernetes", "creationTimestamp": "2026-09-21T14:12:20Z"},
        "spec": {"cidrs": [*cidrs]},
    }


@pytest.mark.parametrize(
    ("cidrs", "expected"),
    [
        ([FOUR], []),
        ([FOUR, SIX], []),
        ([], ["spec.cidrs: Required value: at least one CIDR required"]),
        (
            [FOUR, SIX, FOUR],
            [
                f'spec.cidrs: Invalid value: {{"cidrs":["{FOUR}","{SIX}","{FOUR}"]}}: may only hold up to 2 values'
            ],
        ),
        (
            ["10.0.0.1/8"],
            ['spec.cidrs[0]: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length'],
        ),
        (
            ["FD00::/64"],
            ['spec.cidrs[0]: Invalid value: "FD00::/64": must be in canonical form ("fd00::/64")'],
        ),
        (
            [FOUR, "10.0.0.0/16"],
            [
                f'spec.cidrs: Invalid value: ["{FOUR}","10.0.0.0/16"]: may specify no more than one IP for each IP '
                "family, i.e 192.168.0.0/24 and 2001:db8::/64"
            ],
        ),
    ],
)
def test_rules_of_new_ones(cidrs: list, expected: list) -> None:
    errors = FieldErrors()
    SERVICECIDR.validate_create(ranges(*cidrs), errors)
    assert list(errors) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([FOUR], [FOUR], []),
        ([FOUR], [FOUR, SIX], []),
        ([FOUR], [SIX], [f'spec.cidrs[0]: Invalid value: "{SIX}": field is immutable']),
        ([FOUR], [SIX, FOUR], [f'spec.cidrs[0]: Invalid value: "{SIX}": field is immutable']),
        ([FOUR, SIX], [FOUR], [f'spec.cidrs: Invalid value: ["{FOUR}"]: field is immutable']),
    ],
)
def test_updates(before: list, after: list, expected: list) -> None:
    errors = FieldErrors()
    SERVICECIDR.validate_update(ranges(*after), ranges(*before), errors)
    assert list(errors) == expected


def test_row() -> None:
    columns = SERVICECIDR.columns
    assert [(column.name, column.cell(ranges(FOUR, SIX), 1_790_000_060.0)) for column in columns] == [
        ("Name", "kubernetes"),
        ("CIDRs", f"{FOUR},{SIX}"),
        ("Age", "2m"),
    ]
