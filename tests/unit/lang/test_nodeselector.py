"""Node selectors: one node against labels, names and expressions."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.lang.nodeselector import allows, matches

LABELS = {"zone": "a", "cores": "8"}


def term(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ([], False),
        ([{}], False),
        ([term("zone", "In", "a", "b")], True),
        ([term("zone", "In", "b")], False),
        ([term("zone", "NotIn", "b")], True),
        ([term("rack", "NotIn", "b")], True),
        ([term("zone", "Exists")], True),
        ([term("rack", "Exists")], False),
        ([term("rack", "DoesNotExist")], True),
        ([term("cores", "Gt", "4")], True),
        ([term("cores", "Gt", "8")], False),
        ([term("cores", "Lt", "9")], True),
        ([term("zone", "Gt", "1")], False),
        ([term("rack", "Lt", "1")], False),
        ([term("zone", "In", "b"), term("cores", "In", "8")], True),
        ([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}], True),
        ([{"matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["n1"]}]}], False),
        (
            [
                {
                    **term("zone", "In", "a"),
                    "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n2"]}],
                }
            ],
            False,
        ),
    ],
)
def test_terms(terms: list[Any], expected: bool) -> None:
    assert matches({"nodeSelectorTerms": terms}, LABELS, "n1") is expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, True),
        ({"nodeSelector": {"zone": "a"}}, True),
        ({"nodeSelector": {"zone": "a", "rack": "1"}}, False),
        ({"affinity": {"nodeAffinity": {}}}, True),
        (
            {
                "nodeSelector": {"zone": "a"},
                "affinity": {
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": [term("cores", "In", "4")]
                        }
                    }
                },
            },
            False,
        ),
    ],
)
def test_what_a_pod_asks_of_its_node(spec: dict[str, Any], expected: bool) -> None:
    assert allows(spec, LABELS, "n1") is expected
