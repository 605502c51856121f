"""Discovery in both forms, the version, chunked lists, tables (upstream: test/e2e/apimachinery/{discovery,
aggregated_discovery,server_version,chunking,table_conversion}.go)."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.errors import Expired
from pybernetes.api.meta import Obj
from tests.conformance.crds import defined, definition, schema
from tests.conformance.hooks import allow, hook, registered, rule, serving
from tests.conformance.scenario import Raw

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
BUILT_IN = {
    "admissionregistration.k8s.io": {"mutatingwebhookconfigurations", "validatingwebhookconfigurations"},
    "apiextensions.k8s.io": {"customresourcedefinitions"},
    "apiregistration.k8s.io": {"apiservices"},
    "apps": {"controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets"},
    "authentication.k8s.io": {"tokenreviews", "selfsubjectreviews"},
    "authorization.k8s.io": {
        "localsubjectaccessreviews",
        "selfsubjectaccessreviews",
        "selfsubjectrulesreviews",
        "subjectaccessreviews",
    },
    "autoscaling": {"horizontalpodautoscalers"},
    "batch": {"cronjobs", "jobs"},
    "certificates.k8s.io": {"certificatesigningrequests"},
    "coordination.k8s.io": {"leases"},
    "discovery.k8s.io": {"endpointslices"},
    "events.k8s.io": {"events"},
    "networking.k8s.io": {"ingresses", "ingressclasses", "networkpolicies"},
    "node.k8s.io": {"runtimeclasses"},
    "policy": {"poddisruptionbudgets"},
    "scheduling.k8s.io": {"priorityclasses"},
    "storage.k8s.io": {"csinodes", "csidrivers", "storageclasses", "volumeattachments"},
}
"""What upstream's test expects in v1 of each group."""


async def aggregated(raw: Raw, path: str, version: str = "v2") -> Any:
    told = await raw("GET", path, headers={"accept": AGGREGATED.format(version=version)})
    assert told.status == 200
    assert f"g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" in told.headers["content-type"]
    tree = told.json()
    assert (tree["kind"], tree["apiVersion"]) == ("APIGroupDiscoveryList", f"apidiscovery.k8s.io/{version}")
    return tree


def resources_in(tree: Any, group: str, version: str = "v1") -> set[str]:
    found: set[str] = set()
    for item in tree["items"]:
        if item["metadata"].get("name", "") == group:
            for each in item["versions"]:
                if each["version"] == version:
                    assert each["freshness"] == "Current"
                    found = {resource["resource"] for resource in each["resources"]}
    return found


async def test_aggregated_discovery(raw: Raw) -> None:
    """[sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface [Conformance]"""
    tree = await aggregated(raw, "/apis")
    for group, expected in BUILT_IN.items():
        assert expected <= resources_in(tree, group), group
    core = await aggregated(raw, "/api")
    assert {"pods", "services", "nodes", "namespaces", "events"} <= resources_in(core, "")


async def test_raw_aggregated_discovery(raw: Raw) -> None:
    """[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery endpoint Accept headers [Conformance]"""
    for path in ("/api", "/apis"):
        plain = await raw.get(path)
        assert plain["kind"] in ("APIVersions", "APIGroupList")
        both = (
            AGGREGATED.format(version="v2") + "," + AGGREGATED.format(version="v2beta1") + ",application/json"
        )
        assert (await raw.get(path, both))["apiVersion"] == "apidiscovery.k8s.io/v2"
        await aggregated(raw, path)


async def test_aggregated_discovery_of_definitions(c: Cluster, raw: Raw) -> None:
    """[sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface for CRDs [Conformance]"""
    crd = definition("testcrds", group="discovered.example.com", kind="TestCrd")
    async with defined(c, crd):
        assert resources_in(await aggregated(raw, "/apis"), "discovered.example.com") == {"testcrds"}


async def test_raw_aggregated_discovery_of_definitions(c: Cluster, raw: Raw) -> None:
    """[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery request for CRDs [Conformance]"""
    async with defined(c, definition("rawcrds", group="discovered2.example.com", kind="RawCrd")):
        tree = await aggregated(raw, "/apis")
        [group] = [item for item in tree["items"] if item["metadata"]["name"] == "discovered2.example.com"]
        [resource] = group["versions"][0]["resources"]
        assert resource["responseKind"] == {
            "group": "discovered2.example.com",
            "version": "v1",
            "kind": "RawCrd",
        }
        assert (resource["scope"], resource["singularResource"]) == ("Namespaced", "rawcrd")
        assert {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"} == set(
            resource["verbs"]
        )


async def test_a_resource_in_each_group(raw: Raw) -> None:
    """[sig-api-machinery] Discovery should locate the groupVersion and a resource within each APIGroup [Conformance]"""
    expected = {
        "apiregistration.k8s.io": ("v1", "apiservices"),
        "apps": ("v1", "deployments"),
        "authentication.k8s.io": ("v1", "tokenreviews"),
        "authorization.k8s.io": ("v1", "selfsubjectaccessreviews"),
        "autoscaling": ("v2", "horizontalpodautoscalers"),
        "batch": ("v1", "jobs"),
        "certificates.k8s.io": ("v1", "certificatesigningrequests"),
        "networking.k8s.io": ("v1", "ingresses"),
        "policy": ("v1", "poddisruptionbudgets"),
        "rbac.authorization.k8s.io": ("v1", "clusterroles"),
        "storage.k8s.io": ("v1", "storageclasses"),
        "admissionregistration.k8s.io": ("v1", "mutatingwebhookconfigurations"),
        "apiextensions.k8s.io": ("v1", "customresourcedefinitions"),
        "scheduling.k8s.io": ("v1", "priorityclasses"),
        "coordination.k8s.io": ("v1", "leases"),
        "node.k8s.io": ("v1", "runtimeclasses"),
        "discovery.k8s.io": ("v1", "endpointslices"),
        "flowcontrol.apiserver.k8s.io": ("v1", "prioritylevelconfigurations"),
        "events.k8s.io": ("v1", "events"),
    }
    groups = {group["name"]: group for group in (await raw.get("/apis"))["groups"]}
    for name, (version, resource) in expected.items():
        served = [each["groupVersion"] for each in groups[name]["versions"]]
        assert f"{name}/{version}" in served
        listed = await raw.get(f"/apis/{name}/{version}")
        assert listed["groupVersion"] == f"{name}/{version}"
        assert resource in {each["name"] for each in listed["resources"]}


async def test_preferred_versions(raw: Raw) -> None:
    """[sig-api-machinery] Discovery should validate PreferredVersion for each APIGroup [Conformance]"""
    listed = await raw.get("/apis")
    assert listed["groups"]
    for group in listed["groups"]:
        alone = await raw.get(f"/apis/{group['name']}")
        preferred = alone["preferredVersion"]
        assert preferred == group["preferredVersion"]
        assert preferred["groupVersion"] == f"{group['name']}/{preferred['version']}"
        assert preferred in alone["versions"]


async def test_server_version(raw: Raw) -> None:
    """[sig-api-machinery] server version should find the server version [Conformance]"""
    version = await raw.get("/version")
    assert version["major"].isdigit()
    assert version["minor"].isdigit()
    assert version["gitVersion"].startswith(f"v{version['major']}.{version['minor']}.")


# ---- lists in chunks


def template(ns: str, number: int) -> Obj:
    spec = {"containers": [{"name": "test", "image": "test2"}]}
    return {
        "metadata": {"name": f"template-{number:04d}", "namespace": ns},
        "template": {"metadata": {}, "spec": spec},
    }


async def page(raw: Raw, ns: str, **query: Any) -> Any:
    words = "&".join(f"{name.rstrip('_')}={value}" for name, value in query.items())
    told = await raw("GET", f"/api/v1/namespaces/{ns}/podtemplates?{words}")
    return told.json()


async def test_chunked_lists(c: Cluster, ns: str, raw: Raw) -> None:
    """[sig-api-machinery] Servers with support for API chunking should return chunks of results for list calls [Conformance]"""
    count = 100
    for number in range(count):
        await c.client.create(kinds.PODTEMPLATE, template(ns, number))
    for limit in (17, 33):
        found, token, last = 0, "", ""
        while True:
            tree = await page(raw, ns, limit=limit, **{"continue": token})
            metadata = tree["metadata"]
            assert len(tree["items"]) <= limit
            last = last or metadata["resourceVersion"]
            assert metadata["resourceVersion"] == last
            for item in tree["items"]:
                assert item["metadata"]["name"] == f"template-{found:04d}"
                found += 1
            token = metadata.get("continue", "")
            if not token:
                assert "remainingItemCount" not in metadata
                break
            assert metadata["remainingItemCount"] == count - found
        assert found == count
    whole = await page(raw, ns, resourceVersion=0)
    assert len(whole["items"]) == count
    assert "continue" not in whole["metadata"]


async def test_inconsistent_continuation(c: Cluster, ns: str, raw: Raw) -> None:
    """[sig-api-machinery] Servers with support for API chunking should support continue listing from the last key if the original version has been compacted away, though the list is inconsistent [Slow] [Conformance]"""
    count, limit = 40, 13
    for number in range(count):
        await c.client.create(kinds.PODTEMPLATE, template(ns, number))
    first = await page(raw, ns, limit=limit)
    token, began = first["metadata"]["continue"], first["metadata"]["resourceVersion"]
    await c.client.patch(kinds.PODTEMPLATE, "template-0000", ns, {"metadata": {"labels": {"a": "b"}}})
    for _ in range(3):  # each time the history is compacted up to the round before
        await c.advance("6m")
    with pytest.raises(Expired) as caught:
        await c.client.list(kinds.PODTEMPLATE, ns, limit=limit, continue_token=token)
    expired = await page(raw, ns, limit=limit, **{"continue": token})
    assert (expired["code"], expired["reason"]) == (410, "Expired")
    inconsistent = expired["metadata"]["continue"]
    assert inconsistent == caught.value.continue_token
    assert json.loads(base64.urlsafe_b64decode(inconsistent + "=="))["rv"] == -1
    second = await page(raw, ns, limit=limit, **{"continue": inconsistent})
    assert len(second["items"]) == limit
    assert second["metadata"]["resourceVersion"] != began
    assert second["metadata"]["remainingItemCount"] == count - 2 * limit
    assert second["items"][0]["metadata"]["name"] == f"template-{limit:04d}"
    found, token, version = 2 * limit, second["metadata"]["continue"], second["metadata"]["resourceVersion"]
    while token:
        tree = await page(raw, ns, limit=limit, **{"continue": token})
        assert tree["metadata"]["resourceVersion"] == version
        assert tree["items"][0]["metadata"]["name"] == f"template-{found:04d}"
        found += len(tree["items"])
        token = tree["metadata"].get("continue", "")
        assert tree["metadata"].get("remainingItemCount", 0) == count - found
    assert found == count


async def test_no_table_of_a_review(raw: Raw) -> None:
    """[sig-api-machinery] Servers with support for Table transformation should return a 406 for a backend which does not implement metadata [Conformance]"""
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"nonResourceAttributes": {"verb": "get", "path": "/"}},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    told = await raw("POST", path, body, headers={"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})
    assert told.status == 406
    assert told.json()["reason"] == "NotAcceptable"


async def test_tables_of_custom_resources(c: Cluster, ns: str, raw: Raw) -> None:
    """A definition's own columns are those of its table, and metadata alone can be asked for."""
    columns = [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}]
    crd = definition(
        "tabled", schema({"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}})
    )
    crd["spec"]["versions"][0]["additionalPrinterColumns"] = columns
    async with defined(c, crd) as kind:
        await c.client.create(kind, {"metadata": {"name": "x", "namespace": ns}, "spec": {"size": 3}})
        path = f"/apis/{kind.group}/v1/namespaces/{ns}/tabled"
        table = await raw.get(path, "application/json;as=Table;v=v1;g=meta.k8s.io")
        assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Size"]
        assert table["rows"][0]["cells"] == ["x", 3]
        partial = await raw.get(path, "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")
        assert partial["kind"] == "PartialObjectMetadataList"
        assert "spec" not in partial["items"][0]


# ---- beyond the list


async def test_timeouts_of_clients(c: Cluster, ns: str, raw: Raw) -> None:
    """A request's own timeout must be a duration; it ends the request, where it is shorter than the server's."""
    path = f"/api/v1/namespaces/{ns}/configmaps"
    told = await raw("GET", f"{path}?timeout=invalid")
    assert told.status == 400
    assert told.json()["message"].startswith(
        "invalid timeout specified in the request URL: time: invalid duration"
    )
    for good in ("10h", "0s", "5s"):
        assert (await raw("GET", f"{path}?timeout={good}")).status == 200

    async def slow(_request: Any) -> dict[str, Any]:
        await asyncio.sleep(8)
        return allow()

    async with serving(c, {"/slow": slow}) as hooks:
        delayed = hook("slow.k8s.io", hooks.client_config("/slow"), ns, rule("configmaps"))
        async with registered(c, kinds.VALIDATINGWEBHOOKCONFIGURATION, f"{ns}-slow", delayed):
            began = c.now
            told = await raw("POST", f"{path}?timeout=2s", {"metadata": {"name": "x"}})
            assert (told.status, told.json()["reason"]) == (504, "Timeout")
            assert (c.now - began).total_seconds() < 5
            assert (await raw("POST", path, {"metadata": {"name": "y"}})).status == 201
