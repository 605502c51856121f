"""Updates that must name their version, and what of the metadata a write of the status may change."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import BadRequest, Invalid
from pybernetes.api.kind import Kind
from pybernetes.client.interface import Call, Transport
from pybernetes.clock import Env

from .transports import ADMIN, serving

CONDITIONAL = (
    kinds.LEASE,
    kinds.PODDISRUPTIONBUDGET,
    kinds.CSINODE,
    kinds.VALIDATINGADMISSIONPOLICYBINDING,
    kinds.CUSTOMRESOURCEDEFINITION,
)
SPECS: dict[str, Any] = {
    "PodDisruptionBudget": {"spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"a": "b"}}}},
    "CSINode": {"spec": {"drivers": []}},
    "ValidatingAdmissionPolicyBinding": {"spec": {"policyName": "p", "validationActions": ["Deny"]}},
    "CustomResourceDefinition": {
        "spec": {
            "group": "example.com",
            "scope": "Cluster",
            "names": {"plural": "xs", "singular": "x", "kind": "X", "listKind": "XList"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }
            ],
        }
    },
    "Deployment": {
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        }
    },
    "Pod": {"spec": {"containers": [{"name": "c", "image": "i"}]}},
}


def scenario(env: Env, case: Any) -> None:
    async def main() -> None:
        async with serving(env) as server, asyncio.timeout(20):
            t = server.transport(ADMIN)
            await t.call(
                Call("create", kinds.SERVICEACCOUNT, "default", body={"metadata": {"name": "default"}})
            )
            await case(t)

    asyncio.run(main())


async def made(t: Transport, kind: Kind, name: str = "") -> Any:
    name = name or ("xs.example.com" if kind is kinds.CUSTOMRESOURCEDEFINITION else "x")
    body = {"metadata": {"name": name, "labels": {"old": "1"}}, **SPECS.get(kind.kind, {})}
    return await t.call(Call("create", kind, "default" if kind.namespaced else "", body=body))


@pytest.mark.parametrize("kind", CONDITIONAL, ids=lambda kind: kind.kind)
def test_an_update_must_name_its_version(env: Env, kind: Kind) -> None:
    async def case(t: Transport) -> None:
        tree = await made(t, kind)
        name, namespace = tree["metadata"]["name"], "default" if kind.namespaced else ""
        bare = {**tree, "metadata": {k: v for k, v in tree["metadata"].items() if k != "resourceVersion"}}
        for version in (None, "0"):
            body = (
                bare
                if version is None
                else {**bare, "metadata": {**bare["metadata"], "resourceVersion": "0"}}
            )
            with pytest.raises(Invalid) as caught:
                await t.call(Call("update", kind, namespace, name, body=body))
            assert caught.value.message == (
                f'{kind.group_resource} "{name}" is invalid: metadata.resourceVersion: Invalid value: 0x0: '
                "must be specified for an update"
            )
            assert caught.value.kind == kind.plural
        await t.call(Call("update", kind, namespace, name, body=tree))

    scenario(env, case)


def test_other_kinds_may_be_replaced_whatever_is_there(env: Env) -> None:
    async def case(t: Transport) -> None:
        await made(t, kinds.CONFIGMAP)
        body = {"metadata": {"name": "x"}, "data": {"k": "v"}}
        changed = await t.call(Call("update", kinds.CONFIGMAP, "default", "x", body=body))
        assert changed["data"] == {"k": "v"}

    scenario(env, case)


@pytest.mark.parametrize(
    ("kind", "labels", "annotations"),
    [
        (kinds.POD, True, True),
        (kinds.DEPLOYMENT, False, True),
        (kinds.CUSTOMRESOURCEDEFINITION, False, False),
    ],
    ids=lambda each: getattr(each, "kind", str(each)),
)
def test_what_a_write_of_the_status_may_change_besides(
    env: Env, kind: Kind, labels: bool, annotations: bool
) -> None:
    async def case(t: Transport) -> None:
        tree = await made(t, kind)
        name, namespace = tree["metadata"]["name"], "default" if kind.namespaced else ""
        change = {"metadata": {"labels": {"new": "2"}, "annotations": {"note": "3"}}}
        call = Call("patch", kind, namespace, name, "status", body=change, patch_type="merge")
        metadata = (await t.call(call))["metadata"]
        assert metadata["labels"] == ({"old": "1", "new": "2"} if labels else {"old": "1"})
        assert metadata.get("annotations") == ({"note": "3"} if annotations else None)

    scenario(env, case)


def test_a_namespace_means_nothing_outside_of_namespaces(env: Env) -> None:
    """Upstream clears it wherever an object of the whole cluster comes with one."""

    async def case(t: Transport) -> None:
        role = kinds.CLUSTERROLE
        body: dict[str, Any] = {"metadata": {"name": "r", "namespace": "x"}, "rules": []}
        made = await t.call(Call("create", role, body=body))
        assert "namespace" not in made["metadata"]
        body["metadata"]["labels"] = {"a": "b"}
        assert "namespace" not in (await t.call(Call("update", role, name="r", body=body)))["metadata"]
        change = {"metadata": {"namespace": "x", "labels": {"a": "c"}}}
        patched = await t.call(Call("patch", role, name="r", body=change, patch_type="merge"))
        assert "namespace" not in patched["metadata"]
        assert patched["metadata"]["labels"] == {"a": "c"}

    scenario(env, case)


SCALE = {"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": 1}}
NAMES = [
    ({"name": "other"}, "the name of the object (other) does not match the name on the URL (x)"),
    ({}, "the name of the object (x based on URL) was undeterminable: name must be provided"),
    (
        {"name": "x", "namespace": "other"},
        "the namespace of the provided object does not match the namespace sent on the request",
    ),
]


@pytest.mark.parametrize(("metadata", "message"), NAMES)
def test_a_scale_is_of_what_the_url_names(env: Env, metadata: dict[str, str], message: str) -> None:
    async def case(t: Transport) -> None:
        await made(t, kinds.DEPLOYMENT)
        body = {**SCALE, "metadata": metadata}
        with pytest.raises(BadRequest) as caught:
            await t.call(Call("update", kinds.DEPLOYMENT, "default", "x", subresource="scale", body=body))
        assert caught.value.message == message

    scenario(env, case)
