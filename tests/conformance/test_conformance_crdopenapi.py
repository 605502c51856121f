"""What OpenAPI and kubectl make of custom resources (upstream: test/e2e/apimachinery/crd_publish_openapi.go)."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.meta import Obj
from tests.conformance.commands import Kubectl
from tests.conformance.crds import ANYTHING, defined, definition, schema
from tests.conformance.scenario import Raw, until

pytestmark = pytest.mark.peer

CRD = kinds.CUSTOMRESOURCEDEFINITION
STRING = {"type": "string"}
BAR = schema(
    {
        "name": {**STRING, "description": "Name of Bar."},
        "age": {**STRING, "description": "Age of Bar."},
        "feeling": {**STRING, "description": "Whether Bar is feeling great.", "enum": ["Great", "Down"]},
        "bazs": {"type": "array", "description": "List of Bazs.", "items": STRING},
    },
    required=["name"],
)
FOO = schema(
    {
        "spec": schema(
            {"bars": {"type": "array", "description": "List of Bars and their specs.", "items": BAR}},
            description="Specification of Foo",
        ),
        "status": schema({"bars": {"type": "array", "items": STRING}}, description="Status of Foo"),
    },
    description="Foo CRD for Testing",
)
WALDO = schema(
    {"spec": schema({"dummy": STRING}, description="Specification of Waldo")}, description="Waldo CRD"
)


def name_of(crd: Obj, version: str) -> str:
    """The name of the definition in the document."""
    spec = crd["spec"]
    return f"{'.'.join(reversed(spec['group'].split('.')))}.{version}.{spec['names']['kind']}"


async def published(raw: Raw, name: str) -> Any:
    """The definition of that name in the document of version 2, or None."""
    return (await raw.get("/openapi/v2"))["definitions"].get(name)


async def expect(raw: Raw, crd: Obj, version: str, wanted: Obj) -> None:
    """The schema is in both documents, as it was given."""
    found = await until(f"{version} is published", lambda: published(raw, name_of(crd, version)))
    spec = crd["spec"]
    assert found["x-kubernetes-group-version-kind"] == [
        {"group": spec["group"], "kind": spec["names"]["kind"], "version": version}
    ]
    assert found.get("description", "") == wanted.get("description", "")
    for field, below in wanted["properties"].items():
        assert found["properties"][field] == below
    index = await raw.get("/openapi/v3")
    address = index["paths"][f"apis/{spec['group']}/{version}"]["serverRelativeURL"]
    document = await raw.get(address)
    third = document["components"]["schemas"][name_of(crd, version)]
    assert third["properties"].keys() == {*wanted["properties"], "apiVersion", "kind", "metadata"}
    assert (
        f"/apis/{spec['group']}/{version}/namespaces/{{namespace}}/{spec['names']['plural']}"
        in document["paths"]
    )


async def create_and_apply(kubectl: Kubectl, plural: str, instance: Obj) -> None:
    text = json.dumps(instance)
    name = instance["metadata"]["name"]
    for verb in ("create", "apply"):
        await kubectl(verb, "-f", "-", stdin=text)
        await kubectl("delete", plural, name)


async def explains(kubectl: Kubectl, path: str, pattern: str) -> None:
    told = await kubectl("explain", path)
    assert re.search(pattern, told, re.DOTALL), told


def instance_of(crd: Obj, **fields: Any) -> Obj:
    spec = crd["spec"]
    version = f"{spec['group']}/{spec['versions'][0]['name']}"
    return {"apiVersion": version, "kind": spec["names"]["kind"], "metadata": {"name": "test-cr"}, **fields}


async def test_with_schema(c: Cluster, kubectl: Kubectl, raw: Raw) -> None:
    """[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD with validation schema [Conformance]"""
    crd = definition("foos", FOO, group="foo.example.com", kind="Foo")
    async with defined(c, crd):
        await expect(raw, crd, "v1", FOO)
        await create_and_apply(kubectl, "foos", instance_of(crd, spec={"bars": [{"name": "test-bar"}]}))
        unknown = json.dumps(instance_of(crd, spec={"foo": True}))
        incomplete = json.dumps(instance_of(crd, spec={"bars": [{"age": "10"}]}))
        strange = json.dumps(instance_of(crd, spec={"bars": [{"name": "x", "feeling": "NonExistentValue"}]}))
        for verb in ("create", "apply"):
            assert 'unknown field "spec.foo"' in await kubectl.fails(verb, "-f", "-", stdin=unknown)
            told = await kubectl.fails(verb, "-f", "-", stdin=incomplete)
            assert "spec.bars[0].name: Required value" in told
        assert 'Unsupported value: "NonExistentValue"' in await kubectl.fails(
            "create", "-f", "-", stdin=strange
        )
        pattern = "DESCRIPTION:.*Foo CRD for Testing.*FIELDS:.*apiVersion.*<string>.*APIVersion defines.*spec.*<Object>.*Specification of Foo"
        await explains(kubectl, "foos", pattern)
        pattern = "DESCRIPTION:.*Standard object's metadata.*FIELDS:.*creationTimestamp.*<string>.*CreationTimestamp is a timestamp"
        await explains(kubectl, "foos.metadata", pattern)
        pattern = (
            r"DESCRIPTION:.*Specification of Foo.*FIELDS:.*bars.*<\[\]Object>.*List of Bars and their specs"
        )
        await explains(kubectl, "foos.spec", pattern)
        pattern = r"bars.*<\[\]Object>.*DESCRIPTION:.*List of Bars and their specs.*FIELDS:.*bazs.*<\[\]string>.*List of Bazs.*name.*<string>.*Name of Bar"
        await explains(kubectl, "foos.spec.bars", pattern)
        assert 'field "bars2" does not exist' in await kubectl.fails("explain", "foos.spec.bars2")


async def test_without_schema(c: Cluster, kubectl: Kubectl) -> None:
    """[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD without validation schema [Conformance]"""
    crd = definition("empties", ANYTHING, group="empty.example.com", kind="Empty")
    async with defined(c, crd):
        await create_and_apply(kubectl, "empties", instance_of(crd, a={"b": [{"c": "d"}]}))
        await explains(kubectl, "empties", "DESCRIPTION:.*<empty>")


async def test_preserving_at_the_root(c: Cluster, kubectl: Kubectl, raw: Raw) -> None:
    """[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD preserving unknown fields at the schema root [Conformance]"""
    crd = definition(
        "roots", {**FOO, "x-kubernetes-preserve-unknown-fields": True}, group="root.example.com", kind="Root"
    )
    async with defined(c, crd):
        await create_and_apply(kubectl, "roots", instance_of(crd, a={"b": [{"c": "d"}]}))
        await explains(kubectl, "roots", "KIND:.*Root")
        found = await published(raw, name_of(crd, "v1"))
        assert found["x-kubernetes-preserve-unknown-fields"] is True


async def test_preserving_below(c: Cluster, kubectl: Kubectl) -> None:
    """[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD preserving unknown fields in an embedded object [Conformance]"""
    nested = {**ANYTHING, "description": "Specification of Waldo"}
    whole = schema({"spec": nested}, description="preserve-unknown-properties in nested field for Testing")
    crd = definition("nesteds", whole, group="nested.example.com", kind="Nested")
    async with defined(c, crd):
        await create_and_apply(kubectl, "nesteds", instance_of(crd, spec={"a": None, "b": [{"c": "d"}]}))
        pattern = "DESCRIPTION:.*preserve-unknown-properties in nested field for Testing"
        await explains(kubectl, "nesteds", pattern)


async def test_groups(c: Cluster, raw: Raw) -> None:
    """[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of different groups [Conformance]"""
    foo = definition("foos", FOO, group="foo.example.com", kind="Foo")
    waldo = definition("waldos", WALDO, group="waldo.example.com", kind="Waldo", versions=("v1beta1",))
    async with defined(c, foo), defined(c, waldo):
        await expect(raw, waldo, "v1beta1", WALDO)
        await expect(raw, foo, "v1", FOO)

    async def removed() -> bool:
        return await published(raw, name_of(foo, "v1")) is None

    await until("the definition is gone from the document", removed)


async def test_versions(c: Cluster, raw: Raw) -> None:
    """[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of same group but different versions [Conformance]"""
    many = definition("foos", FOO, group="multi-ver.example.com", kind="Foo", versions=("v2", "v3"))
    other = definition("waldos", WALDO, group="multi-ver.example.com", kind="Waldo", versions=("v5",))
    async with defined(c, many), defined(c, other):
        for version in ("v2", "v3"):
            await expect(raw, many, version, FOO)
        await expect(raw, other, "v5", WALDO)


async def test_kinds(c: Cluster, raw: Raw) -> None:
    """[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of same group and version but different kinds [Conformance]"""
    foo = definition("foos", FOO, group="common.example.com", kind="Foo", versions=("v6",))
    waldo = definition("waldos", WALDO, group="common.example.com", kind="Waldo", versions=("v6",))
    async with defined(c, foo), defined(c, waldo):
        await expect(raw, waldo, "v6", WALDO)
        await expect(raw, foo, "v6", FOO)


async def test_renamed_version(c: Cluster, raw: Raw) -> None:
    """[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] updates the published spec when one version gets renamed [Conformance]"""
    crd = definition("foos", FOO, group="rename.example.com", kind="Foo", versions=("v2", "v3"))
    async with defined(c, crd):
        await expect(raw, crd, "v3", FOO)
        patch = [
            {"op": "test", "path": "/spec/versions/1/name", "value": "v3"},
            {"op": "replace", "path": "/spec/versions/1/name", "value": "v4"},
        ]
        await c.client.patch(CRD, crd["metadata"]["name"], "", patch, patch_type="json")
        await expect(raw, crd, "v4", FOO)
        await expect(raw, crd, "v2", FOO)

        async def removed() -> bool:
            return await published(raw, name_of(crd, "v3")) is None

        await until("v3 is gone from the document", removed)


async def test_version_no_longer_served(c: Cluster, raw: Raw) -> None:
    """[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] removes definition from spec when one version gets changed to not be served [Conformance]"""
    crd = definition("foos", FOO, group="unserved.example.com", kind="Foo", versions=("v5", "v6alpha1"))
    async with defined(c, crd):
        await expect(raw, crd, "v5", FOO)
        await expect(raw, crd, "v6alpha1", FOO)
        patch = [{"op": "replace", "path": "/spec/versions/1/served", "value": False}]
        await c.client.patch(CRD, crd["metadata"]["name"], "", patch, patch_type="json")

        async def removed() -> bool:
            return await published(raw, name_of(crd, "v6alpha1")) is None

        await until("v6alpha1 is gone from the document", removed)
        await expect(raw, crd, "v5", FOO)
