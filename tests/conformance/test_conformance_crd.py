"""CustomResourceDefinitions, their watches and conversions (upstream: test/e2e/apimachinery/{custom_resource_definition,
crd_watch,crd_conversion_webhook}.go)."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.errors import NotFound
from pybernetes.api.meta import Obj
from tests.conformance.crds import ANYTHING, defined, definition, kind_of, schema
from tests.conformance.hooks import serving
from tests.conformance.scenario import Raw, changed, discovered, gone, until, watching

CRD = kinds.CUSTOMRESOURCEDEFINITION


async def test_create_and_delete(c: Cluster) -> None:
    """[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition creating/deleting custom resource definition objects works [Conformance]"""
    crd = definition("simples")
    async with defined(c, crd):
        current = await c.client.get(CRD, "simples.conformance.example.com")
        conditions = {each["type"]: each["status"] for each in current["status"]["conditions"]}
        assert conditions == {"NamesAccepted": "True", "Established": "True"}
        assert current["status"]["storedVersions"] == ["v1"]
        assert current["spec"]["names"]["listKind"] == "SimplesList"
    with pytest.raises(NotFound):
        await c.client.get(CRD, "simples.conformance.example.com")


async def test_status(c: Cluster) -> None:
    """[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition getting/updating/patching custom resource definition status sub-resource works [Conformance]"""
    crd = definition("statuses")
    name = crd["metadata"]["name"]
    async with defined(c, crd):
        current = await c.client.get(CRD, name, subresource="status")
        assert current["spec"] == (await c.client.get(CRD, name))["spec"]
        conditions = [*current["status"]["conditions"], {"type": "", "status": "", "message": "updated"}]
        status = {**current["status"], "conditions": conditions}
        updated = await c.client.update(CRD, {**current, "status": status}, subresource="status")
        assert "updated" in [each.get("message") for each in updated["status"]["conditions"]]
        patch = [{"op": "add", "path": "/status/conditions", "value": [{"message": "patched"}]}]
        patched = await c.client.patch(CRD, name, "", patch, patch_type="json", subresource="status")
        assert "patched" in [each.get("message") for each in patched["status"]["conditions"]]


async def test_list(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition listing custom resource definition objects works [Conformance]"""
    async with defined(c, definition("unlabelled")):
        label = {"e2e-list-test-uuid": ns}
        made = {}
        for number in range(10):
            crd = changed(definition(f"listed{number}s"), labels=label)
            made[crd["metadata"]["name"]] = await c.client.create(CRD, crd)
        selector = f"e2e-list-test-uuid={ns}"
        listed = (await c.client.list(CRD, labels=selector)).items
        assert {obj["metadata"]["name"]: obj["spec"] for obj in listed} == {
            name: obj["spec"] for name, obj in made.items()
        }
        await c.client.delete_collection(CRD, labels=selector)

        async def emptied() -> bool:
            return not (await c.client.list(CRD, labels=selector)).items

        await until("the labelled definitions are gone", emptied)
        await c.client.get(CRD, "unlabelled.conformance.example.com")


async def test_defaulting(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] custom resource defaulting for requests and from storage works [Conformance]"""
    crd = definition("defaulted", schema({"a": {"type": "string"}, "b": {"type": "string"}}))
    name = crd["metadata"]["name"]
    properties = "/spec/versions/0/schema/openAPIV3Schema/properties"

    async with defined(c, crd) as kind:

        def instance(name: str) -> Obj:
            return {"metadata": {"name": name, "namespace": ns}}

        assert "a" not in await c.client.create(kind, instance("cr-1"))
        patch = [{"op": "add", "path": f"{properties}/a/default", "value": "A"}]
        await c.client.patch(CRD, name, "", patch, patch_type="json")

        async def first() -> Any:
            return (await c.client.get(kind_of(c, crd), "cr-1", ns)).get("a")

        assert await until("a is defaulted", first) == "A"
        assert (await c.client.create(kind_of(c, crd), instance("cr-2")))["a"] == "A"
        patch = [
            {"op": "remove", "path": f"{properties}/a/default"},
            {"op": "add", "path": f"{properties}/b/default", "value": "B"},
        ]
        await c.client.patch(CRD, name, "", patch, patch_type="json")

        async def second() -> Any:
            return (await c.client.get(kind_of(c, crd), "cr-2", ns)).get("b")

        assert await until("b is defaulted", second) == "B"
        assert (await c.client.get(kind_of(c, crd), "cr-2", ns))["a"] == "A"
        assert "a" not in await c.client.get(kind_of(c, crd), "cr-1", ns)


async def test_discovery_of_definitions(raw: Raw) -> None:
    """[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] should include custom resource definition resources in discovery documents [Conformance]"""
    resources = await discovered(raw, CRD, "customresourcedefinitions/status")
    assert resources["customresourcedefinitions"]["shortNames"] == ["crd", "crds"]


async def test_watch_of_instances(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] CustomResourceDefinition Watch [Privileged:ClusterAdmin] CustomResourceDefinition Watch watch on custom resource definition objects [Conformance]"""
    async with defined(c, definition("watched", ANYTHING)) as kind:
        for name in ("name1", "name2"):
            selector = f"metadata.name={name}"
            async with watching(c.client, kind, ns, fields=selector) as seen:
                made = {"metadata": {"name": name, "namespace": ns}, "content": {"key": "value"}}
                await c.client.create(kind, made)
                assert (await seen.until("ADDED"))["content"] == {"key": "value"}
                await c.client.patch(kind, name, ns, {"dummy": "test"})
                assert (await seen.until("MODIFIED"))["dummy"] == "test"
                await c.client.delete(kind, name, ns)
                last = await seen.until("DELETED")
                assert (last["metadata"]["name"], last["dummy"]) == (name, "test")


# ---- conversion


async def convert(request: Any) -> dict[str, Any]:
    """v1 has `hostPort: "host:port"`, v2 has `host` and `port`."""
    wanted, made = request["desiredAPIVersion"], []
    for tree in request["objects"]:
        new = {**tree, "apiVersion": wanted}
        if wanted.endswith("/v2") and "hostPort" in new:
            new["host"], new["port"] = new.pop("hostPort").split(":")
        elif wanted.endswith("/v1") and "host" in new:
            new["hostPort"] = f"{new.pop('host')}:{new.pop('port')}"
        made.append(new)
    return {"result": {"status": "Success"}, "convertedObjects": made}


def converted_definition(plural: str, client_config: Obj) -> dict[str, Any]:
    strings: dict[str, Any] = {"type": "string"}
    first = schema({"hostPort": strings, "kind": strings, "apiVersion": strings})
    second = schema({"host": strings, "port": strings})
    webhook = {"clientConfig": client_config, "conversionReviewVersions": ["v1", "v1beta1"]}
    crd = definition(plural, versions=("v1", "v2"), conversion={"strategy": "Webhook", "webhook": webhook})
    for version, own in zip(crd["spec"]["versions"], (first, second), strict=True):
        version["schema"] = {"openAPIV3Schema": own}
    return crd


async def test_convert_one(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] CustomResourceConversionWebhook [Privileged:ClusterAdmin] should be able to convert from CR v1 to CR v2 [Conformance]"""
    async with serving(c, {"/crdconvert": convert}) as hooks:
        crd = converted_definition("converted", hooks.client_config("/crdconvert"))
        async with defined(c, crd) as kind:
            made = {"metadata": {"name": "cr", "namespace": ns}, "hostPort": "localhost:8080"}
            await c.client.create(kind, made)
            second = await c.client.get(kind_of(c, crd, "v2"), "cr", ns)
            assert (second["host"], second["port"]) == ("localhost", "8080")
            assert second["apiVersion"] == "conformance.example.com/v2"
            await c.client.delete(kind, "cr", ns)
            await gone(c.client, kind, "cr", ns)


async def test_convert_a_mixed_list(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] CustomResourceConversionWebhook [Privileged:ClusterAdmin] should be able to convert a non homogeneous list of CRs [Conformance]"""
    async with serving(c, {"/crdconvert": convert}) as hooks:
        crd = converted_definition("mixed", hooks.client_config("/crdconvert"))
        name = crd["metadata"]["name"]
        async with defined(c, crd) as first:
            old = {"metadata": {"name": "cr-v1", "namespace": ns}, "hostPort": "localhost:8080"}
            await c.client.create(first, old)
            rows = [{**row, "storage": row["name"] == "v2"} for row in crd["spec"]["versions"]]
            await c.client.patch(CRD, name, "", {"spec": {"versions": rows}})

            async def both() -> bool:
                return (await c.client.get(CRD, name))["status"]["storedVersions"] == ["v1", "v2"]

            await until("both are stored versions", both)
            second = kind_of(c, crd, "v2")
            await c.client.create(
                second, {"metadata": {"name": "cr-v2", "namespace": ns}, "host": "example.com", "port": "80"}
            )
            later = (await c.client.list(second, ns)).items
            assert [(obj["host"], obj["port"]) for obj in later] == [
                ("localhost", "8080"),
                ("example.com", "80"),
            ]
            earlier = (await c.client.list(kind_of(c, crd, "v1"), ns)).items
            assert [obj["hostPort"] for obj in earlier] == ["localhost:8080", "example.com:80"]
            await c.client.delete_collection(second, ns)
