"""Workloads: templates of groups of groups, who controls them; PodGroups: claims in their status."""

from __future__ import annotations

from typing import Any

import pytest
from kindrules import DUPLICATE, INVALID, REQUIRED, changed, new_errors, status_errors

from pybernetes.api.kinds import PODGROUP, WORKLOAD

POLICY = {"schedulingPolicy": {"basic": {}}}


def group(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, **POLICY, **fields}


def composite(name: str, *groups: Any, below: tuple[Any, ...] = (), **fields: Any) -> dict[str, Any]:
    tree = {"name": name, **POLICY, **fields}
    if groups:
        tree["podGroupTemplates"] = list(groups)
    if below:
        tree["compositePodGroupTemplates"] = list(below)
    return tree


def workload(*groups: Any, composites: tuple[Any, ...] = (), **spec: Any) -> dict[str, Any]:
    tree: dict[str, Any] = {"metadata": {"name": "w", "namespace": "default"}, "spec": {**spec}}
    if groups:
        tree["spec"]["podGroupTemplates"] = list(groups)
    if composites:
        tree["spec"]["compositePodGroupTemplates"] = list(composites)
    return tree


def nested(levels: int) -> dict[str, Any]:
    made = composite("c1", group("g"))
    for level in range(2, levels + 1):
        made = composite(f"c{level}", below=(made,))
    return made


COMPOSITES = "spec.compositePodGroupTemplates"
CASES: list[tuple[dict[str, Any], list[tuple[str, str, str]]]] = [
    (workload(group("g")), []),
    (workload(composites=(composite("c", group("g")),)), []),
    (workload(composites=(nested(3),)), []),
    (
        workload(group("g"), composites=(composite("g", group("other")),)),
        [(DUPLICATE, f"{COMPOSITES}[0].name", 'Duplicate value: "g"')],
    ),
    (
        workload(group("g"), composites=(composite("c", group("g")),)),
        [(DUPLICATE, f"{COMPOSITES}[0].podGroupTemplates[0].name", 'Duplicate value: "g"')],
    ),
    (
        workload(composites=(composite("c"),)),
        [
            (
                INVALID,
                f"{COMPOSITES}[0]",
                'Invalid value: "c": must have at least one child PodGroupTemplate or CompositePodGroupTemplate',
            )
        ],
    ),
    (
        workload(group("a", priorityClassName="high"), group("b")),
        [(INVALID, "spec", 'Invalid value: "null": detected multiple priority configurations')],
    ),
    (
        workload(group("a", priority=1), composites=(composite("c", group("b")),)),
        [
            (
                INVALID,
                "spec",
                'Invalid value: "null": all priority and priorityClassName values must be identical, detected multiple '
                "values",
            )
        ],
    ),
    (
        workload(group("g"), controllerRef={"apiGroup": "batch", "kind": "Job", "name": ""}),
        [(REQUIRED, "spec.controllerRef.name", "Required value")],
    ),
    (
        workload(group("g"), controllerRef={"apiGroup": "batch", "kind": "a/b", "name": "x"}),
        [(INVALID, "spec.controllerRef.kind", "Invalid value: \"a/b\": may not contain '/'")],
    ),
]


@pytest.mark.parametrize(("tree", "expected"), CASES)
def test_workloads(tree: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert new_errors(WORKLOAD, tree) == expected


def test_a_hierarchy_has_a_depth() -> None:
    ((reason, field, message),) = new_errors(WORKLOAD, workload(composites=(nested(4),)))
    assert (reason, field) == (INVALID, f"{COMPOSITES}[0]")
    assert message.endswith("maximum template hierarchy depth is 4")


def test_statuses_of_claims_are_of_claims_of_the_group() -> None:
    old: dict[str, Any] = {
        "metadata": {"name": "g", "namespace": "default"},
        "spec": {**POLICY, "resourceClaims": [{"name": "gpu", "resourceClaimName": "c"}]},
    }
    new = changed(old, status__resourceClaimStatuses=[{"name": "gpu"}, {"name": "other"}])
    assert status_errors(PODGROUP, new, old) == [
        (
            INVALID,
            "status.resourceClaimStatuses[1].name",
            'Invalid value: "other": must match the name of an entry in `spec.resourceClaims`',
        )
    ]
