"""An API server beside the cluster's, which the cluster's asks (upstream: test/e2e/apimachinery/aggregator.go)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.errors import NotFound, ServiceUnavailable
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.wire.http.messages import Request, Response
from tests.conformance.hooks import certificate, listening
from tests.conformance.scenario import Raw, changed, until

GROUP, VERSION = "wardle.example.com", "v1alpha1"
FLUNDER = Kind(group=GROUP, version=VERSION, kind="Flunder", plural="flunders", namespaced=True)
NAME = f"{VERSION}.{GROUP}"


class Sample:
    """A small API server of one resource, which lets in whom the front proxy names."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self.users: set[str] = set()

    async def handle(self, request: Request) -> Response:
        self.users.add(request.headers.get("x-remote-user", ""))
        status, tree = self.answer(request)
        return Response(status, (("Content-Type", "application/json"),), json.dumps(tree).encode())

    def answer(self, request: Request) -> tuple[int, Any]:
        root = f"/apis/{GROUP}/{VERSION}"
        if request.path == root:
            verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
            row = {"name": "flunders", "singularName": "flunder", "namespaced": True, "kind": "Flunder"}
            head = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/{VERSION}"}
            return 200, {**head, "resources": [{**row, "verbs": verbs}]}
        if not request.path.startswith(f"{root}/namespaces/"):
            return 404, {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "reason": "NotFound",
                "code": 404,
            }
        name = request.path.rpartition("/")[2]
        head = {"apiVersion": f"{GROUP}/{VERSION}"}
        if name == "flunders":
            if request.method == "POST":
                made = {"kind": "Flunder", **head, **json.loads(request.body)}
                self.objects[made["metadata"]["name"]] = made
                return 201, made
            listed = {"kind": "FlunderList", **head, "metadata": {"resourceVersion": "1"}}
            return 200, {**listed, "items": [*self.objects.values()]}
        if name not in self.objects:
            return 404, {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "reason": "NotFound",
                "code": 404,
            }
        found = self.objects[name]
        if request.method == "DELETE":
            del self.objects[name]
        return 200, found


async def test_sample_api_server(c: Cluster, ns: str, raw: Raw) -> None:
    """[sig-api-machinery] Aggregator Should be able to support the 1.17 Sample API Server using the current Aggregator [Conformance]"""
    served, sample, client = await c.serve(), Sample(), c.client
    kind = kinds.APISERVICE
    proxy_ca = (served.pki.directory / "front-proxy-ca.crt").read_text()
    async with listening(c, sample.handle, proxy_ca) as port:
        external = {"type": "ExternalName", "externalName": "localhost"}
        service = {"metadata": {"name": "sample-api", "namespace": "kube-system"}, "spec": external}
        await client.create(kinds.SERVICE, service)
        spec = {
            "service": {"namespace": "kube-system", "name": "sample-api", "port": port},
            "group": GROUP,
            "version": VERSION,
            "caBundle": certificate().bundle,
            "groupPriorityMinimum": 2000,
            "versionPriority": 200,
        }
        await client.create(kind, {"metadata": {"name": NAME}, "spec": spec})
        await c.wait(f"apiservice/{NAME}", "Available")
        assert NAME in [obj["metadata"]["name"] for obj in (await client.list(kind)).items]
        assert GROUP in [group["name"] for group in (await raw.get("/apis"))["groups"]]
        assert (await raw.get(f"/apis/{GROUP}/{VERSION}"))["resources"][0]["name"] == "flunders"

        async def created() -> Obj | None:
            try:
                return await client.create(FLUNDER, {"metadata": {"name": "test-flunder", "namespace": ns}})
            except ServiceUnavailable:
                return None  # a real server is slower than virtual time: it may count as away for a moment

        made = await until("the sample server has made a flunder", created)
        assert made["apiVersion"] == f"{GROUP}/{VERSION}"
        assert (await client.get(FLUNDER, "test-flunder", ns))["metadata"]["name"] == "test-flunder"
        assert len((await client.list(FLUNDER, ns)).items) == 1
        await client.delete(FLUNDER, "test-flunder", ns)
        with pytest.raises(NotFound):
            await client.get(FLUNDER, "test-flunder", ns)
        assert "kubernetes-admin" in sample.users

        status = await client.get(kind, NAME, subresource="status")
        assert [each["type"] for each in status["status"]["conditions"]] == ["Available"]
        patched = await client.patch(kind, NAME, "", {"spec": {"versionPriority": 400}})
        assert patched["spec"]["versionPriority"] == 400
        more = {
            "type": "StatusUpdated",
            "status": "True",
            "reason": "E2E",
            "message": "Set from e2e test",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        both = {**patched, "status": {"conditions": [*patched["status"]["conditions"], more]}}
        updated = await client.update(kind, both, subresource="status")
        assert "StatusUpdated" in [each["type"] for each in updated["status"]["conditions"]]
        current = await client.get(kind, NAME)
        labelled = await client.update(kind, changed(current, labels={"apiservice": "updated"}))
        assert labelled["metadata"]["labels"]["apiservice"] == "updated"
        await client.delete_collection(kind, labels="apiservice=updated")

        async def removed() -> bool:
            return GROUP not in [group["name"] for group in (await raw.get("/apis"))["groups"]]

        await until("the group is gone", removed)
        assert (await raw("GET", f"/apis/{GROUP}/{VERSION}")).status == 404
        await client.delete(kinds.SERVICE, "sample-api", "kube-system")
