"""Policies that validate by CEL (upstream: test/e2e/apimachinery/validatingadmissionpolicy.go)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.errors import Invalid
from pybernetes.api.meta import Obj
from tests.conformance.scenario import Raw, api_operations, refused
from tests.conformance.workloads import deployment

POLICY, BINDING = kinds.VALIDATINGADMISSIONPOLICY, kinds.VALIDATINGADMISSIONPOLICYBINDING


def policy(name: str, *validations: Obj, **spec: Any) -> dict[str, Any]:
    """About new and changed Deployments."""
    rule = {
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["deployments"],
    }
    whole = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [*validations],
        **spec,
    }
    return {"metadata": {"name": name}, "spec": whole}


def binding(name: str, ns: str) -> dict[str, Any]:
    selector = {"matchLabels": {"kubernetes.io/metadata.name": ns}}
    spec = {
        "policyName": name,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": selector},
    }
    return {"metadata": {"name": name}, "spec": spec}


@asynccontextmanager
async def in_force(c: Cluster, ns: str, obj: Obj) -> AsyncIterator[None]:
    """The policy is bound to the namespace while the block runs."""
    await c.client.create(POLICY, obj)
    name = obj["metadata"]["name"]
    await c.wait(f"validatingadmissionpolicy/{name}", lambda obj: "typeChecking" in obj.get("status", {}))
    await c.client.create(BINDING, binding(name, ns))
    try:
        yield
    finally:
        await c.client.delete(BINDING, name)
        await c.client.delete(POLICY, name)


async def test_validate_deployments(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should validate against a Deployment [Conformance]"""
    rule = {
        "expression": "object.spec.replicas > 1",
        "messageExpression": "'wants replicas > 1, got ' + string(object.spec.replicas)",
    }
    named = {
        "expression": "namespaceObject.metadata.name == request.namespace",
        "message": "strange namespace",
    }
    async with in_force(c, ns, policy(f"{ns}-replicas", rule, named)):
        await c.client.create(kinds.DEPLOYMENT, deployment("replicated", ns, 2))
        async with refused(
            Invalid, "wants replicas > 1, got 1", f"ValidatingAdmissionPolicy '{ns}-replicas'"
        ):
            await c.client.create(kinds.DEPLOYMENT, deployment("unreplicated", ns, 1))


async def test_variables(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should allow expressions to refer variables. [Conformance]"""
    variables = [
        {"name": "replicas", "expression": "object.spec.replicas"},
        {"name": "oddReplicas", "expression": "variables.replicas % 2 == 1"},
    ]
    rules = ({"expression": "variables.replicas > 1"}, {"expression": "variables.oddReplicas"})
    async with in_force(c, ns, policy(f"{ns}-variables", *rules, variables=variables)):
        await c.client.create(kinds.DEPLOYMENT, deployment("replicated", ns, 3))
        async with refused(Invalid, "failed expression: variables.replicas > 1"):
            await c.client.create(kinds.DEPLOYMENT, deployment("unreplicated", ns, 1))
        async with refused(Invalid, "failed expression: variables.oddReplicas"):
            await c.client.create(kinds.DEPLOYMENT, deployment("even", ns, 2))


async def test_policy_operations(c: Cluster, raw: Raw) -> None:
    """[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicy API operations [Conformance]"""

    def make(name: str) -> Obj:
        return policy(name, {"expression": "object.spec.replicas <= 100"})

    await api_operations(raw, c.client, POLICY, make, subresources=("status",))
    made = await c.client.create(POLICY, make("with-status"))
    name = made["metadata"]["name"]
    read = await c.client.get(POLICY, name, subresource="status")
    condition = {
        "type": "PatchStatusFailed",
        "status": "False",
        "reason": "e2e",
        "message": "by e2e",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    patch = {"status": {"conditions": [condition]}}
    patched = await c.client.patch(POLICY, name, "", patch, subresource="status")
    assert patched["status"]["conditions"] == [condition]
    assert patched["spec"] == read["spec"]
    status = {**patched["status"], "conditions": [{**condition, "message": "updated"}]}
    updated = await c.client.update(POLICY, {**patched, "status": status}, subresource="status")
    assert updated["status"]["conditions"][0]["message"] == "updated"
    await c.client.delete(POLICY, name)


async def test_binding_operations(c: Cluster, raw: Raw) -> None:
    """[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicyBinding API operations [Conformance]"""
    await api_operations(raw, c.client, BINDING, lambda name: binding(name, "nowhere"))
