"""ResourceQuota: what counts, scopes, sentences, and that nothing is given out twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import AlreadyExists, Forbidden
from pybernetes.api.quota import amounts
from pybernetes.api.quota.scopes import applies
from pybernetes.api.quota.usage import concerns, usage_of

from .conftest import Client, kind


def cpu(requests: str = "", limits: str = "") -> dict[str, Any]:
    resources: dict[str, Any] = {}
    if requests:
        resources["requests"] = {"cpu": requests}
    if limits:
        resources["limits"] = {"cpu": limits}
    return {"resources": resources}


def shown(kind_: Any, tree: Any) -> str:
    return amounts.shown(usage_of(kind_, {"metadata": {"name": "x"}, **tree}, 0.0))


def pod_tree(**spec: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "c", **cpu("100m", "1")}], **spec}}


USAGE = [
    (kinds.POD, pod_tree(), "count/pods=1,cpu=100m,limits.cpu=1,pods=1,requests.cpu=100m"),
    (kinds.POD, {**pod_tree(), "status": {"phase": "Succeeded"}}, "count/pods=1"),
    (kinds.POD, pod_tree(overhead={"cpu": "1"}), "count/pods=1,cpu=1100m,limits.cpu=2,pods=1,requests.cpu=1100m"),
    (kinds.POD, pod_tree(initContainers=[{"name": "i", **cpu("2")}]), "count/pods=1,cpu=2,limits.cpu=1,pods=1,requests.cpu=2"),
    (kinds.SERVICE, {"spec": {"type": "LoadBalancer", "ports": [{}, {}]}}, "count/services=1,services=1,services.loadbalancers=1,services.nodeports=2"),
    (kinds.SERVICE, {"spec": {"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False, "ports": [{}, {"nodePort": 1}]}}, "count/services=1,services=1,services.loadbalancers=1,services.nodeports=1"),
    (kinds.SERVICE, {"spec": {"ports": [{}]}}, "count/services=1,services=1,services.loadbalancers=0,services.nodeports=0"),
    (kinds.PERSISTENTVOLUMECLAIM, {"spec": {"storageClassName": "gold", "resources": {"requests": {"storage": "1Gi"}}}}, "count/persistentvolumeclaims=1,gold.storageclass.storage.k8s.io/persistentvolumeclaims=1,gold.storageclass.storage.k8s.io/requests.storage=1Gi,persistentvolumeclaims=1,requests.storage=1Gi"),
    (kinds.SECRET, {}, "count/secrets=1,secrets=1"),
    (kinds.DEPLOYMENT, {}, "count/deployments.apps=1"),
]  # fmt: skip


@pytest.mark.parametrize(("kind_", "tree", "expected"), USAGE)
def test_usage(kind_: Any, tree: Any, expected: str) -> None:
    assert shown(kind_, tree) == expected
    assert all(concerns(kind_, name) for name in usage_of(kind_, {"metadata": {"name": "x"}, **tree}, 0.0))


def scope(name: str, operator: str = "Exists", values: Any = ()) -> dict[str, Any]:
    return {
        "scopeSelector": {
            "matchExpressions": [{"scopeName": name, "operator": operator, "values": list(values)}]
        }
    }


BEST_EFFORT = {"spec": {"containers": [{"name": "c"}]}}
SCOPES = [
    ({"scopes": ["BestEffort"]}, BEST_EFFORT, True),
    ({"scopes": ["BestEffort"]}, pod_tree(), False),
    ({"scopes": ["NotBestEffort"]}, pod_tree(), True),
    ({"scopes": ["Terminating"]}, pod_tree(activeDeadlineSeconds=1), True),
    ({"scopes": ["Terminating"]}, pod_tree(), False),
    ({"scopes": ["NotTerminating", "NotBestEffort"]}, pod_tree(), True),
    (scope("PriorityClass", "In", ["high"]), pod_tree(priorityClassName="high"), True),
    (scope("PriorityClass", "In", ["high"]), pod_tree(), False),
    (scope("PriorityClass", "NotIn", ["high"]), pod_tree(), True),
    (scope("PriorityClass", "DoesNotExist"), pod_tree(), True),
    (scope("PriorityClass"), pod_tree(), False),
    (scope("CrossNamespacePodAffinity"), pod_tree(affinity={"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"namespaces": ["x"]}]}}), True),
    (scope("CrossNamespacePodAffinity"), pod_tree(affinity={"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{}]}}), False),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "tree", "expected"), SCOPES)
def test_scopes(spec: Any, tree: Any, expected: bool) -> None:
    quota = {"spec": {"hard": {"pods": "1"}, **spec}}
    assert applies(quota, kinds.POD, {"metadata": {}, **tree}) is expected


def test_volume_attributes_classes_are_a_scope_of_claims() -> None:
    quota = {
        "spec": {"hard": {"persistentvolumeclaims": "1"}, **scope("VolumeAttributesClass", "In", ["fast"])}
    }
    claim = {"metadata": {}, "spec": {"volumeAttributesClassName": "fast"}}
    assert applies(quota, kinds.PERSISTENTVOLUMECLAIM, claim)
    assert not applies(quota, kinds.PERSISTENTVOLUMECLAIM, {"metadata": {}, "spec": {}})
    assert not applies({"spec": {"hard": {"pods": "1"}, "scopes": ["BestEffort"]}}, kinds.SECRET, claim)


def test_the_sentence_and_the_status(run) -> None:
    async def scenario(client: Client) -> None:
        await client.create(kinds.RESOURCEQUOTA, "q", spec={"hard": {"pods": "2", "requests.cpu": "1"}})
        await client.pod("a", container=cpu("600m"))
        quota = await client.call("get", kinds.RESOURCEQUOTA, "q")
        assert quota["status"] == {
            "hard": {"pods": "2", "requests.cpu": "1"},
            "used": {"pods": "1", "requests.cpu": "600m"},
        }
        with pytest.raises(Forbidden) as caught:
            await client.pod("b", container=cpu("500m"))
        assert caught.value.message == (
            'pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=600m, '
            "limited: requests.cpu=1"
        )
        with pytest.raises(Forbidden) as caught:
            await client.pod("c")
        assert (
            caught.value.message == 'pods "c" is forbidden: failed quota: q: must specify requests.cpu for: c'
        )
        await client.pod("d", container=cpu("100m"), query={"dryRun": "All"})
        await client.pod("d", container=cpu("100m"))
        with pytest.raises(Forbidden) as caught:
            await client.pod("e", container=cpu("1m"), query={"dryRun": "All"})
        assert "exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2" in caught.value.message

    run(scenario)


def test_what_fails_after_all_is_given_back(run) -> None:
    async def scenario(client: Client) -> None:
        await client.create(kinds.RESOURCEQUOTA, "q", spec={"hard": {"count/configmaps": "2"}})
        await client.create(kinds.CONFIGMAP, "a")
        with pytest.raises(AlreadyExists):
            await client.create(kinds.CONFIGMAP, "a")
        await client.create(kinds.CONFIGMAP, "b")
        with pytest.raises(Forbidden):
            await client.create(kinds.CONFIGMAP, "c")

    run(scenario)


def test_no_quota_is_given_out_twice(run) -> None:
    async def scenario(client: Client) -> None:
        await client.create(kinds.RESOURCEQUOTA, "q", spec={"hard": {"pods": "7"}})
        await client.create(kinds.RESOURCEQUOTA, "r", spec={"hard": {"count/pods": "5"}})
        made = await asyncio.gather(*(client.pod(f"p{i}") for i in range(40)), return_exceptions=True)
        assert sum(isinstance(pod, dict) for pod in made) == 5
        assert all(isinstance(pod, dict | Forbidden) for pod in made)
        for name, resource in (("q", "pods"), ("r", "count/pods")):
            quota = await client.call("get", kinds.RESOURCEQUOTA, name)
            assert quota["status"]["used"] == {resource: "5"}

    run(scenario)


def test_updates_pay_for_what_they_add(run) -> None:
    async def scenario(client: Client) -> None:
        hard = {"services.nodeports": "1", "requests.storage": "2Gi"}
        await client.create(kinds.RESOURCEQUOTA, "q", spec={"hard": hard})
        ports = [{"name": "a", "port": 80}, {"name": "b", "port": 81}]
        await client.create(kinds.SERVICE, "s", spec={"ports": ports})
        with pytest.raises(Forbidden) as caught:
            await client.patch(kinds.SERVICE, "s", {"spec": {"type": "NodePort"}})
        assert "requested: services.nodeports=2, used: services.nodeports=0" in caught.value.message
        await client.patch(kinds.SERVICE, "s", {"spec": {"type": "NodePort", "ports": ports[:1]}})
        quota = await client.call("get", kinds.RESOURCEQUOTA, "q")
        assert quota["status"]["used"]["services.nodeports"] == "1"

    run(scenario)


def test_generated_names_pay_once(run) -> None:
    async def scenario(client: Client) -> None:
        await client.create(
            kinds.RESOURCEQUOTA, "q", spec={"hard": {"count/deployments.apps": "1", "secrets": "3"}}
        )
        for _ in range(3):
            await client.call("create", kinds.SECRET, body={"metadata": {"generateName": "s-"}})
        quota = await client.call("get", kinds.RESOURCEQUOTA, "q")
        assert quota["status"]["used"] == {"count/deployments.apps": "0", "secrets": "3"}
        assert kind("", "v1", "secrets") is kinds.SECRET

    run(scenario)
