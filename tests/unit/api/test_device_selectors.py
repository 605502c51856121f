"""Expressions that select devices are compiled when they are written."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kinds import DEVICECLASS, RESOURCECLAIM

WRONG = [
    ("device.", "compilation failed: ERROR: <input>:1:8: "),
    (
        "nothing",
        "compilation failed: ERROR: <input>:1:1: undeclared reference to 'nothing' (in container '')",
    ),
    ("device.driver", "must evaluate to bool or the unknown type, not the string type"),
    ("device.color == 1", "compilation failed: ERROR: <input>:1:7: undefined field 'color'"),
]
RIGHT = [
    'device.driver == "gpu.example.com"',
    'device.attributes["gpu.example.com"].version.compareTo(semver("1.2.3")) > 0',
    'device.capacity["gpu.example.com"].memory.compareTo(quantity("80Gi")) == 0',
    'cel.bind(gpu, device.attributes["gpu.example.com"], gpu.fast && gpu.count > 1)',
    'device.attributes["gpu.example.com"].fast',
]


def problems(kind: Any, tree: dict[str, Any]) -> list[str]:
    errors = FieldErrors()
    kind.validate(tree, errors)
    kind.validate_create(tree, errors)
    return list(errors)


def claim(expression: str) -> dict[str, Any]:
    exactly = {
        "deviceClassName": "gpu",
        "allocationMode": "ExactCount",
        "count": 1,
        "selectors": [{"cel": {"expression": expression}}],
    }
    return {
        "metadata": {"name": "c"},
        "spec": {"devices": {"requests": [{"name": "gpu", "exactly": exactly}]}},
    }


def device_class(expression: str) -> dict[str, Any]:
    return {"metadata": {"name": "gpu"}, "spec": {"selectors": [{"cel": {"expression": expression}}]}}


@pytest.mark.parametrize(("expression", "message"), WRONG)
def test_what_does_not_compile(expression: str, message: str) -> None:
    (problem,) = problems(DEVICECLASS, device_class(expression))
    assert problem.startswith("spec.selectors[0].cel.expression: Invalid value: ")
    assert message in problem
    (problem,) = problems(RESOURCECLAIM, claim(expression))
    assert problem.startswith("spec.devices.requests[0].exactly.selectors[0].cel.expression: Invalid value: ")
    assert message in problem


@pytest.mark.parametrize("expression", RIGHT)
def test_what_compiles(expression: str) -> None:
    assert problems(DEVICECLASS, device_class(expression)) == []
    assert problems(RESOURCECLAIM, claim(expression)) == []
