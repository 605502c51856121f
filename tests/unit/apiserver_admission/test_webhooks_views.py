"""What webhooks are shown: a Scale for the scale subresource, other versions of the object, the old object of a deletion."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError

from .conftest import Client
from .test_webhooks import certificate, hook, mutating, patch, validating  # noqa: F401 (a fixture)

TEMPLATE = {"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
DEPLOYMENT = {"replicas": 1, "selector": {"matchLabels": {"app": "w"}}, "template": TEMPLATE}


def rule(
    group: str, *resources: str, version: str = "v1", operations: tuple[str, ...] = ("*",)
) -> dict[str, Any]:
    return {
        "operations": list(operations),
        "apiGroups": [group],
        "apiVersions": [version],
        "resources": list(resources),
    }


def test_scaling_shows_a_scale_and_not_what_is_scaled(run, certificate) -> None:  # noqa: F811
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if request["object"]["spec"]["replicas"] > 5:
            return {"allowed": False, "status": {"message": "too many"}}
        return {}

    async def scenario(client: Client) -> None:
        async with hook(certificate, answer) as served:
            await validating(client, served.config(rules=[rule("apps", "deployments/scale")]))
            await client.create(kinds.DEPLOYMENT, "w", spec=DEPLOYMENT)
            await client.patch(kinds.DEPLOYMENT, "w", {"spec": {"replicas": 3}}, subresource="scale")
            (request,) = served.requests
            assert request["kind"] == {"group": "autoscaling", "version": "v1", "kind": "Scale"}
            assert request["resource"] == {"group": "apps", "version": "v1", "resource": "deployments"}
            assert request["subResource"] == "scale"
            assert (request["object"]["spec"], request["oldObject"]["spec"]) == (
                {"replicas": 3},
                {"replicas": 1},
            )
            with pytest.raises(ApiError, match="denied the request: too many"):
                await client.patch(kinds.DEPLOYMENT, "w", {"spec": {"replicas": 9}}, subresource="scale")
            found = await client.call("get", kinds.DEPLOYMENT, "w")
            assert found["spec"]["replicas"] == 3

    run(scenario)


def test_a_hook_may_change_the_replicas_of_a_scale(run, certificate) -> None:  # noqa: F811
    def answer(_request: dict[str, Any]) -> dict[str, Any]:
        return patch({"op": "replace", "path": "/spec/replicas", "value": 2})

    async def scenario(client: Client) -> None:
        async with hook(certificate, answer) as served:
            await mutating(client, served.config(rules=[rule("apps", "deployments/scale")]))
            await client.create(kinds.DEPLOYMENT, "w", spec=DEPLOYMENT)
            scaled = await client.patch(kinds.DEPLOYMENT, "w", {"spec": {"replicas": 7}}, subresource="scale")
            assert scaled["spec"]["replicas"] == 2
            assert (await client.call("get", kinds.DEPLOYMENT, "w"))["spec"]["replicas"] == 2

    run(scenario)


@pytest.mark.parametrize(("policy", "asked"), [("Equivalent", True), ("Exact", False)])
def test_a_rule_for_another_version_is_asked_in_that_version(
    run,
    certificate,  # noqa: F811
    policy: str,
    asked: bool,
) -> None:
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "w"},
        "maxReplicas": 3,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
            }
        ],
    }

    async def scenario(client: Client) -> None:
        async with hook(certificate, lambda _request: {}) as served:
            only_v1 = rule("autoscaling", "horizontalpodautoscalers", version="v1")
            await validating(client, served.config(rules=[only_v1], matchPolicy=policy))
            await client.create(kinds.HORIZONTALPODAUTOSCALER, "w", spec=spec)
            assert bool(served.requests) is asked
            if asked:
                (request,) = served.requests
                assert request["kind"]["version"] == "v1"
                assert request["requestKind"]["version"] == "v2"
                assert request["object"]["apiVersion"] == "autoscaling/v1"
                assert request["object"]["spec"]["targetCPUUtilizationPercentage"] == 50

    run(scenario)


def test_a_deletion_is_selected_by_the_labels_of_what_goes(run, certificate) -> None:  # noqa: F811
    async def scenario(client: Client) -> None:
        async with hook(certificate, lambda _request: {"allowed": False}) as served:
            await client.create(kinds.CONFIGMAP, "kept", metadata={"labels": {"keep": "yes"}})
            await client.create(kinds.CONFIGMAP, "free")
            deletions = rule("", "configmaps", operations=("DELETE",))
            selector = {"matchLabels": {"keep": "yes"}}
            await validating(client, served.config(rules=[deletions], objectSelector=selector))
            await client.call("delete", kinds.CONFIGMAP, "free")
            with pytest.raises(ApiError, match="denied the request without explanation"):
                await client.call("delete", kinds.CONFIGMAP, "kept")
            (request,) = served.requests
            assert request["object"] is None
            assert request["oldObject"]["metadata"]["name"] == "kept"

    run(scenario)
