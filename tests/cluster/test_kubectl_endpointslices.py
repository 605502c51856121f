"""EndpointSlices through real kubectl, on a hollow node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pyberup import Kubectl, eventually

MANIFEST = Path(__file__).parents[1] / "manifests" / "nginx.yaml"

pytestmark = pytest.mark.peer


def test_traffic_distribution_becomes_hints(kubectl: Kubectl, namespace: str) -> None:
    kubectl("apply", "-n", namespace, "-f", str(MANIFEST))
    kubectl("rollout", "status", "-n", namespace, "deployment/nginx", "--timeout=30s")
    kubectl("expose", "-n", namespace, "deployment/nginx", "--name=near", "--port=80")

    def patch(value: str) -> str:
        body = json.dumps({"spec": {"trafficDistribution": value}})
        return kubectl("patch", "-n", namespace, "service/near", "-p", body)

    patch("PreferSameNode")

    def hinted() -> bool:
        selector = "kubernetes.io/service-name=near"
        found = json.loads(kubectl("get", "-n", namespace, "endpointslices", "-l", selector, "-o", "json"))
        entries = [entry for piece in found["items"] for entry in piece["endpoints"] or ()]
        return bool(entries) and all(
            (entry.get("hints") or {}).get("forNodes") == [{"name": entry["nodeName"]}] for entry in entries
        )

    eventually("hints for nodes", hinted)


def test_an_unknown_distribution_is_refused_by_name(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "service", "clusterip", "far", "-n", namespace, "--tcp=80")
    body = json.dumps({"spec": {"trafficDistribution": "PreferFar"}})
    refused = kubectl.run("patch", "-n", namespace, "service/far", "-p", body)
    assert refused.returncode == 1
    assert refused.stderr.startswith(
        'The Service "far" is invalid: spec.trafficDistribution: Unsupported value: "PreferFar": '
        'supported values: "PreferClose", "PreferSameZone", "PreferSameNode"'
    )
