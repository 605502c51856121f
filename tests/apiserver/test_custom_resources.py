"""CustomResourceDefinitions and their instances, over both ways into the API server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from pybernetes.api.errors import (
    AlreadyExists,
    BadRequest,
    Invalid,
    MethodNotAllowed,
    NotFound,
    UnsupportedMediaType,
)
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import CUSTOMRESOURCEDEFINITION as CRD
from pybernetes.api.kinds import NAMESPACE
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.interface import Call, Transport
from pybernetes.clock import Env
from pybernetes.wire.http.messages import Headers, Request, Response

from .crontabs import CRONTAB, Run, crontab, crontabs, established, refused
from .transports import ADMIN, body_of, serving


def test_an_instance_is_created_read_changed_watched_and_deleted(api: Run) -> None:
    async def case(_server: ApiServer, transport: Transport) -> None:
        made = await transport.call(Call("create", CRONTAB, "default", body=crontab()))
        assert made["spec"] == {"cronSpec": "* * * * 5", "replicas": 1}
        assert made["metadata"]["generation"] == 1
        revision = made["metadata"]["resourceVersion"]
        async with transport.watch(
            Call("watch", CRONTAB, "default", query={"resourceVersion": revision})
        ) as events:
            changed = await transport.call(
                Call("patch", CRONTAB, "default", "web", body={"spec": {"replicas": 2}}, patch_type="merge")
            )
            assert changed["metadata"]["generation"] == 2
            event = await anext(events)
            assert (event.type, event.object["spec"]["replicas"]) == ("MODIFIED", 2)
            await transport.call(Call("delete", CRONTAB, "default", "web"))
            assert (await anext(events)).type == "DELETED"
        with pytest.raises(NotFound):
            await transport.call(Call("get", CRONTAB, "default", "web"))

    api(case)


def test_what_the_schema_forbids_is_refused_in_upstreams_words(api: Run) -> None:
    async def case(_server: ApiServer, transport: Transport) -> None:
        async def problem(**spec: Any) -> str:
            return await refused(transport, Call("create", CRONTAB, "default", body=crontab(**spec)), Invalid)

        named = 'CronTab.stable.example.com "web" is invalid: '
        assert await problem(replicas="many") == (
            f'{named}[spec.replicas: Invalid value: "string": '
            'spec.replicas in body must be of type integer: "string", '
            ".spec.replicas: Invalid value: 0: .spec.replicas accessor error: many is of the type string, expected int64]"
        )
        assert await problem(replicas=11) == (
            f"{named}spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10"
        )
        assert await problem(mode="Odd") == (
            f'{named}spec.mode: Unsupported value: "Odd": supported values: "Fast", "Slow"'
        )
        assert await problem(port=True) == (
            f'{named}spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"'
        )
        assert await problem(tags=["a", "b", "a"]) == f'{named}spec.tags[2]: Duplicate value: "a"'
        assert await problem(labels={"a": 1}) == (
            f'{named}spec.labels.a: Invalid value: "integer": spec.labels.a in body must be of type string: "integer"'
        )
        assert "spec.cronSpec in body should match" in await problem(cronSpec="never")

    api(case)


def test_unknown_fields_are_dropped_or_refused(api: Run) -> None:
    async def case(_server: ApiServer, transport: Transport) -> None:
        strict = {"fieldValidation": "Strict"}
        body = crontab(unknown=1, free={"kept": {"deep": [1]}})
        call = Call("create", CRONTAB, "default", query=strict, body=body)
        assert await refused(transport, call, BadRequest) == (
            'CronTab in version "v1" cannot be handled as a CronTab: strict decoding error: '
            'unknown field "spec.unknown"'
        )
        made = await transport.call(Call("create", CRONTAB, "default", body=body))
        assert made["spec"] == {"cronSpec": "* * * * 5", "free": {"kept": {"deep": [1]}}, "replicas": 1}
        odd = {**crontab("odd"), "metadata": {"name": "odd", "namespace": "default", "strange": 1}}
        call = Call("create", CRONTAB, "default", query=strict, body=odd)
        assert 'unknown field "metadata.strange"' in await refused(transport, call, BadRequest)

    api(case)


def test_status_and_scale_are_subresources(api: Run) -> None:
    async def case(_server: ApiServer, transport: Transport) -> None:
        body = {**crontab(), "status": {"replicas": 5}}
        made = await transport.call(Call("create", CRONTAB, "default", body=body))
        assert "status" not in made
        status = {**made, "spec": {"cronSpec": "1 1 1 1 1"}, "status": {"replicas": 3, "selector": "a=b"}}
        status["metadata"] = {**made["metadata"], "labels": {"a": "b"}}
        done = await transport.call(
            Call("update", CRONTAB, "default", "web", subresource="status", body=status)
        )
        assert done["status"] == {"replicas": 3, "selector": "a=b"}
        assert done["spec"] == made["spec"]
        assert "labels" not in done["metadata"]
        assert done["metadata"]["generation"] == 1
        scale = await transport.call(Call("get", CRONTAB, "default", "web", subresource="scale"))
        assert (scale["spec"], scale["status"]) == ({"replicas": 1}, {"replicas": 3, "selector": "a=b"})
        scale["spec"]["replicas"] = 4
        await transport.call(Call("update", CRONTAB, "default", "web", subresource="scale", body=scale))
        read = await transport.call(Call("get", CRONTAB, "default", "web"))
        assert (read["spec"]["replicas"], read["metadata"]["generation"]) == (4, 2)

    api(case)


def test_patches(api: Run) -> None:
    async def case(_server: ApiServer, transport: Transport) -> None:
        await transport.call(Call("create", CRONTAB, "default", body=crontab(tags=["a"])))

        async def patched(language: Any, body: Any) -> Any:
            return await transport.call(
                Call("patch", CRONTAB, "default", "web", body=body, patch_type=language)
            )

        steps = [{"op": "replace", "path": "/spec/replicas", "value": 3}]
        assert (await patched("json", steps))["spec"]["replicas"] == 3
        assert "replicas" in (await patched("merge", {"spec": {"replicas": None}}))["spec"]  # the default
        with pytest.raises(UnsupportedMediaType):
            await patched("strategic", {"spec": {"replicas": 2}})

    api(case)


def test_lists_select_by_field(api: Run) -> None:
    async def case(_server: ApiServer, transport: Transport) -> None:
        for name, mode in (("a", "Fast"), ("b", "Slow")):
            await transport.call(Call("create", CRONTAB, "default", body=crontab(name, mode=mode)))
        query = {"fieldSelector": "spec.mode=Slow"}
        found = await transport.call(Call("list", CRONTAB, query=query))
        assert [item["metadata"]["name"] for item in found["items"]] == ["b"]
        assert found["kind"] == "CronTabList"
        with pytest.raises(BadRequest):
            await transport.call(Call("list", CRONTAB, query={"fieldSelector": "spec.image=x"}))

    api(case)


def two_versions() -> dict[str, Any]:
    crd = crontabs()
    first = crd["spec"]["versions"][0]
    first.pop("selectableFields")
    other = {**first, "name": "v1beta1", "storage": False, "deprecated": True}
    crd["spec"]["versions"] = [other, first]
    return crd


def test_one_object_is_served_in_all_versions(api: Run) -> None:
    beta = Kind("stable.example.com", "v1beta1", "CronTab", "crontabs", True)

    async def case(server: ApiServer, transport: Transport) -> None:
        body = {**crontab(), "apiVersion": "stable.example.com/v1beta1"}
        made = await transport.call(Call("create", beta, "default", body=body))
        assert made["apiVersion"] == "stable.example.com/v1beta1"
        async with transport.watch(Call("watch", beta)) as events:
            assert (await anext(events)).object["apiVersion"] == "stable.example.com/v1beta1"
        read = await transport.call(Call("get", CRONTAB, "default", "web"))
        assert read["apiVersion"] == "stable.example.com/v1"
        assert read["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
        group = await document(server, "/apis/stable.example.com")
        assert [version["version"] for version in group["versions"]] == ["v1", "v1beta1"]
        response = await server.handler(get("/apis/stable.example.com/v1beta1/crontabs"))
        warnings = [value for name, value in response.headers if name.lower() == "warning"]
        assert warnings == ['299 - "stable.example.com/v1beta1 CronTab is deprecated"']

    api(case, two_versions())


def get(path: str, accept: str = "application/json") -> Request:
    return Request("GET", path, Headers([("accept", accept), ("x-test-user", ADMIN.name)]), b"")


async def document(server: ApiServer, path: str, accept: str = "application/json") -> Any:
    response = await server.handler(get(path, accept))
    assert isinstance(response, Response)
    assert response.status == 200, response
    return json.loads(await body_of(response))


AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def test_discovery_tables_and_openapi_tell_of_it(api: Run) -> None:
    async def case(server: ApiServer, transport: Transport) -> None:
        resources = await document(server, "/apis/stable.example.com/v1")
        assert [r["name"] for r in resources["resources"]] == [
            "crontabs",
            "crontabs/status",
            "crontabs/scale",
        ]
        assert resources["resources"][0]["shortNames"] == ["ct"]
        groups = await document(server, "/apis", AGGREGATED)
        assert "stable.example.com" in [group["metadata"].get("name") for group in groups["items"]]
        await transport.call(Call("create", CRONTAB, "default", body=crontab()))
        table = await document(
            server,
            "/apis/stable.example.com/v1/namespaces/default/crontabs",
            "application/json;as=Table;v=v1;g=meta.k8s.io",
        )
        shown = [(c["name"], c["priority"]) for c in table["columnDefinitions"]]
        assert shown == [("Name", 0), ("Spec", 0), ("Replicas", 1), ("Age", 0)]
        assert table["rows"][0]["cells"] == ["web", "* * * * 5", 1, "0s"]
        v3 = await document(server, "/openapi/v3/apis/stable.example.com/v1")
        schema = v3["components"]["schemas"]["com.example.stable.v1.CronTab"]
        assert schema["properties"]["spec"]["properties"]["replicas"]["default"] == 1
        assert schema["x-kubernetes-group-version-kind"][0]["kind"] == "CronTab"
        v2 = await document(server, "/openapi/v2")
        assert "com.example.stable.v1.CronTab" in v2["definitions"]
        await transport.call(Call("delete", CRD, name="crontabs.stable.example.com"))
        await gone(transport)
        assert (await server.handler(get("/apis/stable.example.com/v1"))).status == 404
        assert "com.example.stable.v1.CronTab" not in (await document(server, "/openapi/v2"))["definitions"]

    api(case)


async def gone(transport: Transport, name: str = "crontabs.stable.example.com") -> None:
    """Returns when the definition is deleted."""
    async with transport.watch(
        Call("watch", CRD, query={"fieldSelector": f"metadata.name={name}"})
    ) as events:
        found = await transport.call(Call("list", CRD, query={"fieldSelector": f"metadata.name={name}"}))
        if not found["items"]:
            return
        async for event in events:
            if event.type == "DELETED":
                return


def test_a_definition_goes_after_its_instances(api: Run) -> None:
    async def case(_server: ApiServer, transport: Transport) -> None:
        held = {
            **crontab("held"),
            "metadata": {"name": "held", "namespace": "default", "finalizers": ["x/y"]},
        }
        await transport.call(Call("create", CRONTAB, "default", body=crontab()))
        await transport.call(Call("create", CRONTAB, "default", body=held))
        marked = await transport.call(Call("delete", CRD, name="crontabs.stable.example.com"))
        assert marked["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
        async with transport.watch(Call("watch", CRONTAB, query={})) as events:
            async for event in events:
                if event.type == "DELETED" and event.object["metadata"]["name"] == "web":
                    break
            call = Call("create", CRONTAB, "default", body=crontab("late"))
            assert "create not allowed while custom resource definition is terminating" in await refused(
                transport, call, MethodNotAllowed
            )
        read = await transport.call(Call("get", CRD, name="crontabs.stable.example.com"))
        terminating = next(c for c in read["status"]["conditions"] if c["type"] == "Terminating")
        assert terminating["reason"] == "InstanceDeletionInProgress"
        change = {"metadata": {"finalizers": None}}
        await transport.call(Call("patch", CRONTAB, "default", "held", body=change, patch_type="merge"))
        await gone(transport)

    api(case)


def test_watches_end_when_the_definition_goes(api: Run) -> None:
    async def case(server: ApiServer, transport: Transport) -> None:
        await transport.call(Call("create", CRONTAB, "default", body=crontab()))
        async with transport.watch(Call("watch", CRONTAB)) as events:
            await transport.call(Call("delete", CRD, name="crontabs.stable.example.com"))
            seen = [event.type async for event in events]
        # It is served anew while it terminates, so the first watch ends before the instances are deleted, or after.
        assert seen in (["ADDED"], ["ADDED", "DELETED"])
        await gone(transport)
        await asyncio.sleep(0)
        assert server.services.registry.find("stable.example.com", "v1", "crontabs") is None
        await transport.call(Call("create", CRD, body=crontabs()))
        await established(transport)
        assert (await transport.call(Call("list", CRONTAB)))["items"] == []

    api(case)


def test_names_of_another_definition_are_not_accepted(api: Run) -> None:
    async def case(_server: ApiServer, transport: Transport) -> None:
        other = crontabs()
        other["metadata"]["name"] = "others.stable.example.com"
        other["spec"]["names"] = {"plural": "others", "kind": "CronTab", "shortNames": ["ct"]}
        await transport.call(Call("create", CRD, body=other))
        selector = {"fieldSelector": "metadata.name=others.stable.example.com"}
        async with transport.watch(Call("watch", CRD, query=selector)) as events:
            async for event in events:
                found = {c["type"]: c for c in event.object.get("status", {}).get("conditions", [])}
                if found:
                    break
        assert found["NamesAccepted"]["status"] == "False"
        assert found["NamesAccepted"]["reason"] == "ListKindConflict"
        assert found["Established"]["reason"] == "NotAccepted"
        await transport.call(Call("delete", CRD, name="crontabs.stable.example.com"))
        await established(transport, "others.stable.example.com")

    api(case)


def test_a_changed_schema_applies_to_what_is_stored(api: Run) -> None:
    async def case(_server: ApiServer, transport: Transport) -> None:
        await transport.call(Call("create", CRONTAB, "default", body=crontab(image="x")))
        crd = await transport.call(Call("get", CRD, name="crontabs.stable.example.com"))
        body = json.loads(json.dumps(crd))
        spec = body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        del spec["properties"]["image"]
        spec["properties"]["grace"] = {"type": "integer", "default": 30}
        await transport.call(Call("update", CRD, name="crontabs.stable.example.com", body=body))
        async with asyncio.timeout(5):
            while True:
                read = await transport.call(Call("get", CRONTAB, "default", "web"))
                if "grace" in read["spec"]:
                    break
                await asyncio.sleep(0)
        assert read["spec"] == {"cronSpec": "* * * * 5", "grace": 30, "replicas": 1}
        listed = await transport.call(Call("list", CRONTAB))
        assert listed["items"][0]["spec"]["grace"] == 30

    api(case)


def test_a_second_definition_of_the_same_name_exists_already(api: Run) -> None:
    async def case(_server: ApiServer, transport: Transport) -> None:
        with pytest.raises(AlreadyExists):
            await transport.call(Call("create", CRD, body=crontabs()))

    api(case)


def test_another_server_on_the_store_serves_it_from_the_start(env: Env) -> None:
    async def main() -> None:
        async with serving(env) as server:
            transport = server.transport(ADMIN)
            await transport.call(Call("create", CRD, body=crontabs()))
            await established(transport)
            await transport.call(Call("create", CRONTAB, "default", body=crontab()))
            async with ApiServer(server.services.store, env, server.config) as other:
                read = await other.transport(ADMIN).call(Call("get", CRONTAB, "default", "web"))
                assert read["spec"]["replicas"] == 1
                await other.transport(ADMIN).call(Call("delete", CRD, name="crontabs.stable.example.com"))
                async with asyncio.timeout(10):
                    await gone(transport)

    asyncio.run(main())


def test_cluster_scoped(api: Run) -> None:
    async def case(_server: ApiServer, transport: Transport) -> None:
        kind = Kind("stable.example.com", "v1", "CronTab", "crontabs", False)
        body = {**crontab(), "metadata": {"name": "web"}}
        made = await transport.call(Call("create", kind, body=body))
        assert "namespace" not in made["metadata"]
        assert (await transport.call(Call("get", kind, name="web")))["spec"]["replicas"] == 1
        await transport.call(Call("delete", CRD, name="crontabs.stable.example.com"))
        await gone(transport)

    api(case, crontabs("Cluster"))


def test_a_namespace_that_is_not_there_is_refused(api: Run) -> None:
    async def case(_server: ApiServer, transport: Transport) -> None:
        body = {**crontab(), "metadata": {"name": "web", "namespace": "nowhere"}}
        with pytest.raises(NotFound):
            await transport.call(Call("create", CRONTAB, "nowhere", body=body))
        await transport.call(Call("create", NAMESPACE, body={"metadata": {"name": "nowhere"}}))
        await transport.call(Call("create", CRONTAB, "nowhere", body=body))

    api(case)
