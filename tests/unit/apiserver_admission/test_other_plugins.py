"""Plugins with one rule each: PodTopologyLabels, PodResizeValidator, ServiceAccount's refusals, and those that are off
unless enabled."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Forbidden

from .conftest import Client

ZONE, REGION = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"


def test_bound_pods_get_their_nodes_topology(run) -> None:
    async def scenario(client: Client) -> None:
        labels = {ZONE: "a", REGION: "r", "other": "x"}
        await client.create(kinds.NODE, "n1", metadata={"labels": labels})
        await client.pod("p", metadata={"labels": {REGION: "own"}})
        binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n1"}}
        await client.call("create", kinds.POD, "p", binding, subresource="binding")
        bound = await client.call("get", kinds.POD, "p")
        assert bound["metadata"]["labels"] == {REGION: "own", ZONE: "a"}
        made = await client.pod("q", nodeName="n1")
        assert made["metadata"]["labels"] == {REGION: "r", ZONE: "a"}

    run(scenario)


def test_pods_are_not_resized_beyond_their_node(run) -> None:
    async def scenario(client: Client) -> None:
        await client.create(kinds.NODE, "n1", metadata={"labels": {"kubernetes.io/os": "linux"}})
        await client.patch(
            kinds.NODE, "n1", {"status": {"allocatable": {"cpu": "2", "memory": "1Gi"}}}, "status"
        )
        resources = {"requests": {"cpu": "1", "memory": "1Mi"}}
        await client.pod("p", nodeName="n1", container={"resources": resources})

        async def resize(cpu: str) -> Any:
            container = {
                "name": "c",
                "image": "nginx",
                "resources": {"requests": {"cpu": cpu, "memory": "1Mi"}},
            }
            return await client.patch(kinds.POD, "p", {"spec": {"containers": [container]}}, "resize")

        await resize("1500m")
        with pytest.raises(Forbidden) as caught:
            await resize("3")
        assert caught.value.message == (
            'pods "p" is forbidden: Node didn\'t have enough allocatable resources: cpu, requested: 3000, '
            "allocatable: 2000"
        )

    run(scenario)


MIRROR = {"annotations": {"kubernetes.io/config.mirror": "x"}}
MIRRORS = [
    ({"serviceAccountName": "default"}, "a mirror pod may not reference service accounts"),
    ({"imagePullSecrets": [{"name": "s"}]}, "a mirror pod may not reference secrets"),
    (
        {"volumes": [{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]},
        "a mirror pod may not use ServiceAccountToken volume projections",
    ),
]


@pytest.mark.parametrize(("spec", "message"), MIRRORS)
def test_mirror_pods(run, spec: Any, message: str) -> None:
    async def scenario(client: Client) -> None:
        with pytest.raises(Forbidden) as caught:
            await client.pod("p", metadata=MIRROR, nodeName="n1", **spec)
        assert caught.value.message == f'pods "p" is forbidden: {message}'

    run(scenario)


@pytest.mark.parametrize("yes", ["1", "t", "TRUE", "True"])
def test_an_account_limits_secrets_with_any_word_for_yes(run, yes: str) -> None:
    async def scenario(client: Client) -> None:
        metadata = {"annotations": {"kubernetes.io/enforce-mountable-secrets": yes}}
        await client.create(kinds.SERVICEACCOUNT, "tight", metadata=metadata)
        with pytest.raises(Forbidden) as caught:
            await client.pod(
                "p", serviceAccountName="tight", container={"envFrom": [{"secretRef": {"name": "other"}}]}
            )
        assert caught.value.message == (
            'pods "p" is forbidden: container c with envFrom referencing secret.secretName="other" is not allowed '
            "because service account tight does not reference that secret"
        )

    run(scenario)


def test_an_account_may_limit_the_secrets_of_its_pods(run) -> None:
    async def scenario(client: Client) -> None:
        metadata = {"annotations": {"kubernetes.io/enforce-mountable-secrets": "true"}}
        await client.create(kinds.SERVICEACCOUNT, "tight", metadata=metadata, secrets=[{"name": "mine"}])

        async def mounting(secret: str) -> Any:
            volume = {"name": "v", "secret": {"secretName": secret}}
            return await client.pod("p", serviceAccountName="tight", volumes=[volume])

        with pytest.raises(Forbidden) as caught:
            await mounting("other")
        assert (
            'volume with secret.secretName="other" is not allowed because service account tight does not reference '
            "that secret"
        ) in caught.value.message
        await mounting("mine")

    run(scenario)


def test_always_pull_images(run) -> None:
    async def scenario(client: Client) -> None:
        volumes = [{"name": "v", "image": {"reference": "i", "pullPolicy": "Never"}}]
        made = await client.pod("p", container={"imagePullPolicy": "Never"}, volumes=volumes)
        assert made["spec"]["containers"][0]["imagePullPolicy"] == "Always"
        assert made["spec"]["volumes"][0]["image"]["pullPolicy"] == "Always"

    run(scenario, enable_admission_plugins=("AlwaysPullImages",))


def test_deny_service_external_ips(run) -> None:
    async def scenario(client: Client) -> None:
        spec = {"ports": [{"port": 80}], "externalIPs": ["1.2.3.4"]}
        with pytest.raises(Forbidden) as caught:
            await client.create(kinds.SERVICE, "s", spec=spec)
        assert "Use of external IPs is denied by admission control" in caught.value.message
        await client.create(kinds.SERVICE, "s", spec={"ports": [{"port": 80}]})

    run(scenario, enable_admission_plugins=("DenyServiceExternalIPs",))


def test_extended_resource_toleration(run) -> None:
    async def scenario(client: Client) -> None:
        limits = {"limits": {"example.com/gpu": "1"}, "requests": {"example.com/gpu": "1"}}
        made = await client.pod("p", container={"resources": limits})
        assert {"key": "example.com/gpu", "operator": "Exists"} in made["spec"]["tolerations"]

    run(scenario, enable_admission_plugins=("ExtendedResourceToleration",))


def test_anti_affinity_by_host_only(run) -> None:
    async def scenario(client: Client) -> None:
        term = {"labelSelector": {"matchLabels": {"a": "b"}}, "topologyKey": ZONE}
        affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
        with pytest.raises(Forbidden) as caught:
            await client.pod("p", affinity=affinity)
        assert (
            f"has TopologyKey {ZONE} but only key kubernetes.io/hostname is allowed" in caught.value.message
        )

    run(scenario, enable_admission_plugins=("LimitPodHardAntiAffinityTopology",))


def test_a_plugin_that_is_switched_off_does_nothing(run) -> None:
    async def scenario(client: Client) -> None:
        made = await client.pod("p")
        assert "tolerations" not in made["spec"]

    run(scenario, disable_admission_plugins=("DefaultTolerationSeconds",))


def test_a_namespace_is_made_on_the_way(run) -> None:
    async def scenario(client: Client) -> None:
        await client.create(kinds.CONFIGMAP, "c", namespace="fresh")
        made = await client.call("get", kinds.NAMESPACE, "fresh")
        assert made["status"]["phase"] == "Active"
        assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": "fresh"}

    run(scenario, enable_admission_plugins=("NamespaceAutoProvision",))


def test_a_namespace_chooses_the_nodes_of_its_pods(run) -> None:
    async def scenario(client: Client) -> None:
        change = {
            "metadata": {"annotations": {"scheduler.alpha.kubernetes.io/node-selector": "env=dev, a=b"}}
        }
        await client.patch(kinds.NAMESPACE, "default", change)
        made = await client.pod("p", nodeSelector={"a": "b"})
        assert made["spec"]["nodeSelector"] == {"a": "b", "env": "dev"}
        with pytest.raises(Forbidden) as caught:
            await client.pod("q", nodeSelector={"env": "prod"})
        assert "conflicts with its namespace node label selector" in caught.value.message

    run(scenario, enable_admission_plugins=("PodNodeSelector",))


def test_a_namespace_bounds_the_tolerations_of_its_pods(run) -> None:
    async def scenario(client: Client) -> None:
        prefix = "scheduler.alpha.kubernetes.io"
        annotations = {
            f"{prefix}/defaultTolerations": '[{"key": "a", "operator": "Exists"}]',
            f"{prefix}/tolerationsWhitelist": '[{"key": "a", "operator": "Exists"}]',
        }
        await client.patch(kinds.NAMESPACE, "default", {"metadata": {"annotations": annotations}})
        made = await client.pod("p")
        assert {"key": "a", "operator": "Exists"} in made["spec"]["tolerations"]
        with pytest.raises(Forbidden) as caught:
            await client.pod("q", tolerations=[{"key": "b", "operator": "Exists"}])
        assert "conflict with its namespace whitelist" in caught.value.message

    off = ("DefaultTolerationSeconds",)
    run(scenario, enable_admission_plugins=("PodTolerationRestriction",), disable_admission_plugins=off)
