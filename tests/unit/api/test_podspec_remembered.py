"""Skipping what was found valid before never lets anything invalid through."""

from __future__ import annotations

from typing import Any

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.podspec.defaults import default_pod_spec
from pybernetes.api.podspec.remembered import validate_remembered


def spec(volume: str, mounted: str = "") -> dict[str, Any]:
    mount = {"name": mounted or volume, "mountPath": "/token"}
    tree = {
        "containers": [{"name": "main", "image": "nginx", "volumeMounts": [mount]}],
        "volumes": [{"name": volume, "emptyDir": {}}],
    }
    default_pod_spec(tree)
    return tree


def found(tree: dict[str, Any]) -> list[str]:
    errors = FieldErrors()
    validate_remembered(tree, errors.at("spec"))
    return list(errors)


def test_valid_specs_stay_valid_and_invalid_ones_invalid() -> None:
    for _ in range(2):
        assert found(spec("kube-api-access-abcde")) == []
        assert found(spec("kube-api-access-fghij")) == []
        wrong = found(spec("kube-api-access-abcde", "kube-api-access-other"))
        assert wrong == ['spec.containers[0].volumeMounts[0].name: Not found: "kube-api-access-other"']
        # Two names of that form are told apart.
        assert found(spec("kube-api-access-abcde", "kube-api-access-fghij")) != []
