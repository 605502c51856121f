"""kr8s: a kubectl-like asynchronous client."""

from __future__ import annotations

from typing import Any

import kr8s
import pytest
from kr8s.objects import ConfigMap, Deployment, Pod

from tests.pyberup import PyberUp, eventually

pytestmark = pytest.mark.peer


@pytest.fixture
def api(hollow: PyberUp) -> Any:
    return kr8s.api(kubeconfig=str(hollow.state / "kubeconfig"))


def test_objects_are_made_found_changed_and_deleted(api: Any, namespace: str) -> None:
    made = ConfigMap({"metadata": {"name": "k", "namespace": namespace}, "data": {"a": "1"}}, api=api)
    made.create()
    assert made.exists()
    made.patch({"data": {"a": "2"}})
    made.label({"team": "x"})
    made.refresh()
    assert (made.raw["data"]["a"], made.labels["team"]) == ("2", "x")
    found = list(api.get("configmaps", namespace=namespace, label_selector={"team": "x"}))
    assert [one.name for one in found] == ["k"]
    made.delete()
    eventually("gone", lambda: not made.exists())


def test_a_deployment_scales_and_its_pods_are_ready(api: Any, namespace: str) -> None:
    labels = {"app": "k"}
    deployment = Deployment(
        {
            "metadata": {"name": "k", "namespace": namespace},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "main", "image": "nginx"}]},
                },
            },
        },
        api=api,
    )
    deployment.create()
    deployment.wait("condition=Available", timeout=30)
    deployment.scale(3)
    eventually("three pods", lambda: len(list(api.get("pods", namespace=namespace))) == 3)
    pod = next(iter(api.get("pods", namespace=namespace)))
    assert isinstance(pod, Pod)
    pod.wait("condition=Ready", timeout=30)
    assert api.version()["minor"].startswith("37")
    assert any(one["name"] == "pods" for one in api.api_resources())
