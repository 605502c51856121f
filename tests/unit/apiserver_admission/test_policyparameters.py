"""Who writes an admission policy or a binding must be able to read its parameters."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Invalid
from pybernetes.api.kind import Kind
from pybernetes.apiserver.user import User

from .conftest import Client

ANN = User("ann", groups=("system:authenticated",))
ANN_SHOWN = "&{ann  [system:authenticated] map[]}"
GROUP = "admissionregistration.k8s.io"


def granted(*rules: dict[str, Any]) -> list[dict[str, Any]]:
    everything = {"apiGroups": [GROUP], "resources": ["*"], "verbs": ["*"]}
    return [everything, *rules]


READS = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}


def policy(**spec: Any) -> dict[str, Any]:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
    return {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "true"}],
        **spec,
    }


async def give(client: Client, *rules: dict[str, Any]) -> None:
    await client.create(kinds.CLUSTERROLE, "policies", rules=granted(*rules))
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "policies"}
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ann"}]
    await client.create(kinds.CLUSTERROLEBINDING, "policies", roleRef=role, subjects=subjects)


async def refused(client: Client, kind: Kind, spec: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(Invalid) as caught:
        await client.as_(ANN).create(kind, "p", spec=spec)
    (cause,) = caught.value.causes
    assert cause.reason == "FieldValueForbidden"
    return cause.field, cause.message


CONFIGMAP = {"apiVersion": "v1", "kind": "ConfigMap"}


def test_policies(run) -> None:
    async def scenario(client: Client) -> None:
        await give(client)
        assert await refused(client, kinds.VALIDATINGADMISSIONPOLICY, policy(paramKind=CONFIGMAP)) == (
            "spec.paramKind",
            f'Forbidden: user {ANN_SHOWN} must have "get" permission on all objects of the referenced paramKind '
            "(kind=ConfigMap, apiVersion=v1)",
        )
        await client.as_(ANN).create(kinds.VALIDATINGADMISSIONPOLICY, "plain", spec=policy())
        await client.create(kinds.VALIDATINGADMISSIONPOLICY, "p", spec=policy(paramKind=CONFIGMAP))
        await client.as_(ANN).patch(
            kinds.VALIDATINGADMISSIONPOLICY, "p", {"spec": {"failurePolicy": "Ignore"}}
        )

    run(scenario)


def test_policies_of_who_may_read(run) -> None:
    async def scenario(client: Client) -> None:
        await give(client, READS)
        await client.as_(ANN).create(kinds.VALIDATINGADMISSIONPOLICY, "p", spec=policy(paramKind=CONFIGMAP))

    run(scenario)


REF = {"name": "c", "namespace": "default"}


def binding(**ref: Any) -> dict[str, Any]:
    return {"policyName": "p", "paramRef": ref, "validationActions": ["Deny"]}


def test_bindings(run) -> None:
    async def scenario(client: Client) -> None:
        kind, policies = kinds.VALIDATINGADMISSIONPOLICYBINDING, kinds.VALIDATINGADMISSIONPOLICY
        await give(client)
        minimum = (
            f'to determine minimum required permissions and user {ANN_SHOWN} does not have "get" permission for all '
            "groups, versions and resources"
        )
        assert await refused(client, kind, binding(**REF)) == (
            "spec.paramRef",
            f"Forbidden: unable to get policy p {minimum}",
        )
        unserved = {"apiVersion": "example.com/v1", "kind": "Thing"}
        await client.create(policies, "p", spec=policy(paramKind=unserved))
        assert await refused(client, kind, binding(**REF)) == (
            "spec.paramRef",
            f"Forbidden: unable to resolve paramKind &{{example.com/v1 Thing}} {minimum}",
        )
        await client.patch(policies, "p", {"spec": {"paramKind": CONFIGMAP}})
        assert await refused(client, kind, binding(selector={"matchLabels": {"a": "b"}})) == (
            "spec.paramRef",
            f'Forbidden: user {ANN_SHOWN} does not have "list" permission on the object referenced by paramRef',
        )

    run(scenario)


def test_bindings_of_who_may_read(run) -> None:
    async def scenario(client: Client) -> None:
        await give(client, READS)
        await client.create(kinds.VALIDATINGADMISSIONPOLICY, "p", spec=policy(paramKind=CONFIGMAP))
        await client.as_(ANN).create(kinds.VALIDATINGADMISSIONPOLICYBINDING, "b", spec=binding(**REF))

    run(scenario)
