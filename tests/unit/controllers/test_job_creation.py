"""The pods of a Job as they are made."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.controllers.job.accounting import FINALIZER, take_stock
from pybernetes.controllers.job.creation import creations


def made(name: str, index: int | None, **metadata: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "completions": 5000,
        "template": {"metadata": metadata, "spec": {"containers": [{"name": "c", "image": "i"}]}},
    }
    if index is not None:
        spec["completionMode"] = "Indexed"
    job = {"metadata": {"name": name, "namespace": "n", "uid": "u"}, "spec": spec}
    (step,) = creations(take_stock(job, ()), 1, [] if index is None else [index])
    return dict(step.obj)


def test_the_templates_finalizers_come_first() -> None:
    pod = made("j", None, labels={"a": "b"}, finalizers=["example.com/mine", FINALIZER])
    assert pod["metadata"]["finalizers"] == ["example.com/mine", FINALIZER]
    assert pod["metadata"]["labels"] == {"a": "b"}


@pytest.mark.parametrize(
    ("name", "index", "prefix"),
    [("j", 3, "j-3-"), ("x" * 58, 3, "x" * 55 + "-3-"), ("x" * 57, 4999, "x" * 52 + "-4999-")],
)
def test_a_long_name_does_not_cost_the_index(name: str, index: int, prefix: str) -> None:
    pod = made(name, index)
    assert pod["metadata"]["generateName"] == prefix
    assert pod["spec"]["hostname"] == f"{name}-{index}"
    assert pod["spec"]["containers"][0]["env"][0]["name"] == "JOB_COMPLETION_INDEX"
