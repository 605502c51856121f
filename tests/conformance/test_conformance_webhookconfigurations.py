"""Configurations of admission webhooks: found, listed, changed, with match conditions (upstream:
test/e2e/apimachinery/webhook.go)."""

from __future__ import annotations

from typing import Any

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.errors import BadRequest, Invalid
from tests.conformance.hooks import hook, registered, rule, serving
from tests.conformance.scenario import Raw, discovered, refused
from tests.conformance.test_conformance_admissionwebhook import (
    FIRST,
    MUTATING,
    VALIDATING,
    config_map,
    no_unwanted_data,
)


async def test_discovery_documents(raw: Raw) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should include webhook resources in discovery documents [Conformance]"""
    resources = await discovered(raw, VALIDATING)
    for kind in (VALIDATING, MUTATING):
        assert resources[kind.plural]["kind"] == kind.kind
        assert not resources[kind.plural]["namespaced"]


async def test_patch_and_update_validating(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] patching/updating a validating webhook should work [Conformance]"""
    bad = {"webhook_e2e_test": "webhook-disallow"}
    async with serving(c, {"/maps": no_unwanted_data}) as hooks:
        maps = hook("maps.k8s.io", hooks.client_config("/maps"), ns, rule("configmaps"))
        async with registered(c, VALIDATING, ns, maps):
            async with refused(BadRequest, "the configmap contains unwanted key and value"):
                await c.client.create(kinds.CONFIGMAP, config_map("a", ns, **bad))
            current = await c.client.get(VALIDATING, ns)
            await c.client.update(
                VALIDATING,
                {**current, "webhooks": [{**maps, "rules": [rule("configmaps", operations=("UPDATE",))]}]},
            )
            await c.client.create(kinds.CONFIGMAP, config_map("b", ns, **bad))
            operations = [{"op": "replace", "path": "/webhooks/0/rules/0/operations", "value": ["CREATE"]}]
            await c.client.patch(VALIDATING, ns, "", operations, patch_type="json")
            async with refused(BadRequest, "the configmap contains unwanted key and value"):
                await c.client.create(kinds.CONFIGMAP, config_map("c", ns, **bad))


async def test_patch_and_update_mutating(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] patching/updating a mutating webhook should work [Conformance]"""
    async with serving(c, {"/one": FIRST}) as hooks:
        maps = hook("maps.k8s.io", hooks.client_config("/one"), ns, rule("configmaps"))
        async with registered(c, MUTATING, ns, maps) as current:
            await c.client.update(
                MUTATING,
                {**current, "webhooks": [{**maps, "rules": [rule("configmaps", operations=("UPDATE",))]}]},
            )
            plain = await c.client.create(kinds.CONFIGMAP, config_map("a", ns, mutation_start="yes"))
            assert plain["data"] == {"mutation-start": "yes"}
            operations = [{"op": "replace", "path": "/webhooks/0/rules/0/operations", "value": ["CREATE"]}]
            await c.client.patch(MUTATING, ns, "", operations, patch_type="json")
            made = await c.client.create(kinds.CONFIGMAP, config_map("b", ns, mutation_start="yes"))
            assert made["data"] == {"mutation-start": "yes", "mutation-stage-1": "yes"}


async def test_list_validating(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] listing validating webhooks should work [Conformance]"""
    bad = {"webhook_e2e_test": "webhook-disallow"}
    async with serving(c, {"/maps": no_unwanted_data}) as hooks:
        maps = hook("maps.k8s.io", hooks.client_config("/maps"), ns, rule("configmaps"))
        for number in range(10):
            metadata = {"name": f"{ns}-{number}", "labels": {"e2e-list-test": ns}}
            await c.client.create(VALIDATING, {"metadata": metadata, "webhooks": [maps]})
        assert len((await c.client.list(VALIDATING, labels=f"e2e-list-test={ns}")).items) == 10
        async with refused(BadRequest, "the configmap contains unwanted key and value"):
            await c.client.create(kinds.CONFIGMAP, config_map("a", ns, **bad))
        await c.client.delete_collection(VALIDATING, labels=f"e2e-list-test={ns}")
        await c.client.create(kinds.CONFIGMAP, config_map("b", ns, **bad))


async def test_list_mutating(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] listing mutating webhooks should work [Conformance]"""
    async with serving(c, {"/one": FIRST}) as hooks:
        maps = hook("maps.k8s.io", hooks.client_config("/one"), ns, rule("configmaps"))
        for number in range(10):
            metadata = {"name": f"{ns}-{number}", "labels": {"e2e-list-test": ns}}
            await c.client.create(MUTATING, {"metadata": metadata, "webhooks": [maps]})
        assert len((await c.client.list(MUTATING, labels=f"e2e-list-test={ns}")).items) == 10
        made = await c.client.create(kinds.CONFIGMAP, config_map("a", ns, mutation_start="yes"))
        assert "mutation-stage-1" in made["data"]
        await c.client.delete_collection(MUTATING, labels=f"e2e-list-test={ns}")
        made = await c.client.create(kinds.CONFIGMAP, config_map("b", ns, mutation_start="yes"))
        assert "mutation-stage-1" not in made["data"]


CONDITIONS = [{"name": "expression-1", "expression": "object.metadata.namespace == 'production'"}]
MORE = [*CONDITIONS, {"name": "expression-2", "expression": "object.metadata.namespace == 'staging'"}]


async def keep_conditions(c: Cluster, kind: Any, ns: str) -> None:
    tree = hook(
        "x.k8s.io", {"url": "https://127.0.0.1:1/x"}, ns, rule("configmaps"), matchConditions=CONDITIONS
    )
    async with registered(c, kind, ns, tree):
        current = await c.client.get(kind, ns)
        assert current["webhooks"][0]["matchConditions"] == CONDITIONS
        await c.client.update(kind, {**current, "webhooks": [{**tree, "matchConditions": MORE}]})
        assert (await c.client.get(kind, ns))["webhooks"][0]["matchConditions"] == MORE


async def refuse_conditions(c: Cluster, kind: Any, ns: str) -> None:
    bad = [{"name": "invalid-expression-1", "expression": "... [] bad expression"}]
    tree = hook("x.k8s.io", {"url": "https://127.0.0.1:1/x"}, ns, rule("configmaps"), matchConditions=bad)
    async with refused(Invalid, "compilation failed"):
        await c.client.create(kind, {"metadata": {"name": ns}, "webhooks": [tree]})


async def test_validating_match_conditions(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to create and update validating webhook configurations with match conditions [Conformance]"""
    await keep_conditions(c, VALIDATING, ns)


async def test_mutating_match_conditions(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to create and update mutating webhook configurations with match conditions [Conformance]"""
    await keep_conditions(c, MUTATING, ns)


async def test_invalid_validating_match_conditions(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should reject validating webhook configurations with invalid match conditions [Conformance]"""
    await refuse_conditions(c, VALIDATING, ns)


async def test_invalid_mutating_match_conditions(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should reject mutating webhook configurations with invalid match conditions [Conformance]"""
    await refuse_conditions(c, MUTATING, ns)


async def test_skip_by_match_condition(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate everything except 'skip-me' configmaps [Conformance]"""
    async with serving(c, {"/one": FIRST}) as hooks:
        condition = [{"name": "skip-me", "expression": "object.metadata.name != 'skip-me'"}]
        maps = hook(
            "maps.k8s.io", hooks.client_config("/one"), ns, rule("configmaps"), matchConditions=condition
        )
        async with registered(c, MUTATING, ns, maps):
            skipped = await c.client.create(kinds.CONFIGMAP, config_map("skip-me", ns, mutation_start="yes"))
            assert skipped["data"] == {"mutation-start": "yes"}
            made = await c.client.create(kinds.CONFIGMAP, config_map("not-skipped", ns, mutation_start="yes"))
            assert made["data"] == {"mutation-start": "yes", "mutation-stage-1": "yes"}
