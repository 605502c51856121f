"""Definitions in groups of the Kubernetes community: who approved them."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.apiextensions.approval import ANNOTATION, CONDITION, state_of, with_approval
from pybernetes.api.apiextensions.conditions import condition


def crd(said: str = "", group: str = "x.k8s.io") -> dict[str, Any]:
    annotations = {ANNOTATION: said} if said else {}
    return {"metadata": {"name": "things", "annotations": annotations}, "spec": {"group": group}}


@pytest.mark.parametrize(
    ("said", "state", "status", "reason"),
    [
        ("", "missing", "False", "MissingAnnotation"),
        ("unapproved, an experiment", "bypassed", "False", "UnapprovedAnnotation"),
        ("https://github.com/kubernetes/enhancements/pull/1", "approved", "True", "ApprovedAnnotation"),
        ("by me", "invalid", "False", "InvalidAnnotation"),
    ],
)
def test_the_condition(said: str, state: str, status: str, reason: str) -> None:
    found, message = state_of(crd(said))
    assert found == state
    marked = with_approval(crd(said), 0.0)
    known = condition(marked, CONDITION)
    assert known is not None
    assert (known["status"], known["reason"], known["message"]) == (status, reason, message)
    assert with_approval(marked, 9.0) is marked


def test_other_groups_need_no_approval() -> None:
    other = crd(group="stable.example.com")
    assert with_approval(other, 0.0) is other
