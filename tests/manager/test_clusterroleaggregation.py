"""clusterrole-aggregation-controller: what is gathered, and that it settles."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.control.definition import Settings
from pybernetes.control.plan import Update
from pybernetes.controllers.clusterroleaggregation import Seen, gathered, plan


def role(name: str, *rules: str, **labels: str) -> dict[str, Any]:
    found = [{"apiGroups": [""], "resources": [resource], "verbs": ["get"]} for resource in rules]
    return {"metadata": {"name": name, "labels": labels}, "rules": found}


def aggregated(*selectors: dict[str, str], rules: Any = ()) -> dict[str, Any]:
    rule = {"clusterRoleSelectors": [{"matchLabels": labels} for labels in selectors]}
    return {"metadata": {"name": "all"}, "aggregationRule": rule, "rules": list(rules)}


B, A, C = role("b", "pods", "secrets", x="1"), role("a", "pods", x="1"), role("c", "nodes", y="1")
CASES = [
    (aggregated({"x": "1"}), [B, A, C], ["pods", "secrets"]),
    (aggregated({"y": "1"}, {"x": "1"}), [B, A, C], ["nodes", "pods", "secrets"]),
    (aggregated({"z": "1"}), [B, A, C], []),
    (aggregated(), [B, A, C], []),
]


@pytest.mark.parametrize(("target", "others", "expected"), CASES)
def test_gathered(target: Any, others: Any, expected: list[str]) -> None:
    assert [rule["resources"][0] for rule in gathered(target, others)] == expected


def test_the_plan_writes_only_what_differs() -> None:
    target = aggregated({"x": "1"})
    (step,) = plan(Seen(target, (B, A)), 0.0, Settings()).steps
    assert isinstance(step, Update)
    assert step.obj["rules"] == gathered(target, (B, A))
    assert plan(Seen(step.obj, (B, A)), 0.0, Settings()).steps == ()
