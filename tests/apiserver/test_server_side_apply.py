"""Server-side apply and managedFields, over both ways into the API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, BadRequest, Conflict, Forbidden, Invalid, NotFound
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, evolve
from pybernetes.apiserver.user import User
from pybernetes.client.client import ApiClient
from pybernetes.client.interface import Call
from pybernetes.clock import Env
from pybernetes.wire.http.messages import Headers, Request, Response

from .transports import body_of, serving, transport_of

Scenario = Callable[[ApiClient], Awaitable[None]]


@pytest.fixture(params=["inprocess", "http"])
def run(request: pytest.FixtureRequest, env: Env) -> Callable[..., None]:
    def runner(scenario: Any, *users: User) -> None:
        async def main() -> None:
            async with serving(env, users) as server:
                async with asyncio.timeout(20):
                    clients = [ApiClient(transport_of(request.param, server, user)) for user in users]
                    await scenario(ApiClient(transport_of(request.param, server)), *clients)

        asyncio.run(main())

    return runner


def configmap(data: Any, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "default", **metadata},
        "data": data,
    }


def deployment(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "x"}]},
            },
            **spec,
        },
    }


def owners(obj: Obj) -> dict[tuple[str, str, str], Any]:
    return {
        (entry.get("manager", ""), entry["operation"], entry.get("subresource", "")): entry["fieldsV1"]
        for entry in obj["metadata"].get("managedFields", ())
    }


async def call(client: ApiClient, verb: Any, kind: Kind, body: Obj, manager: str, **rest: Any) -> Obj:
    name = "" if verb == "create" else body["metadata"]["name"]
    namespace = body["metadata"].get("namespace", "")
    query = {"fieldManager": manager, **rest.pop("query", {})}
    return await client.transport.call(Call(verb, kind, namespace, name, query=query, body=body, **rest))


def test_apply_creates_changes_and_prunes(run: Any) -> None:
    async def scenario(client: ApiClient) -> None:
        made = await client.apply(kinds.CONFIGMAP, configmap({"k": "1", "l": "1"}), field_manager="me")
        assert made["metadata"]["managedFields"] == [
            {
                "manager": "me",
                "operation": "Apply",
                "apiVersion": "v1",
                "time": "2026-09-21T14:13:20Z",
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:data": {"f:k": {}, "f:l": {}}},
            }
        ]
        again = await client.apply(kinds.CONFIGMAP, configmap({"k": "1", "l": "1"}), field_manager="me")
        assert again == made, "nothing to change is no write"
        after = await client.apply(kinds.CONFIGMAP, configmap({"l": "2"}), field_manager="me")
        assert after["data"] == {"l": "2"}
        assert after["metadata"]["uid"] == made["metadata"]["uid"]
        shared = await client.apply(kinds.CONFIGMAP, configmap({"l": "2"}), field_manager="you")
        assert set(owners(shared)) == {("me", "Apply", ""), ("you", "Apply", "")}
        assert shared["metadata"]["resourceVersion"] != after["metadata"]["resourceVersion"]

    run(scenario)


def test_conflicts_are_told_and_can_be_forced(run: Any) -> None:
    async def scenario(client: ApiClient) -> None:
        await call(client, "create", kinds.DEPLOYMENT, deployment(replicas=1), "kubectl-create")
        with pytest.raises(Conflict) as caught:
            await client.apply(kinds.DEPLOYMENT, deployment(replicas=2), field_manager="me")
        status = caught.value.status()
        assert (status["code"], status["reason"]) == (409, "Conflict")
        assert status["message"] == (
            'Apply failed with 1 conflict: conflict with "kubectl-create" using apps/v1: .spec.replicas'
        )
        assert status["details"] == {
            "causes": [
                {
                    "reason": "FieldManagerConflict",
                    "message": 'conflict with "kubectl-create" using apps/v1',
                    "field": ".spec.replicas",
                }
            ]
        }
        after = await client.apply(kinds.DEPLOYMENT, deployment(replicas=2), field_manager="me", force=True)
        assert after["spec"]["replicas"] == 2
        assert after["metadata"]["generation"] == 2
        assert "f:replicas" not in owners(after)["kubectl-create", "Update", ""]["f:spec"]

    run(scenario)


def test_what_is_refused(run: Any) -> None:
    async def scenario(client: ApiClient) -> None:
        async def refused(error: Any, config: Any, name: str = "a", **query: str) -> str:
            with pytest.raises(error) as caught:
                await client.transport.call(
                    Call(
                        "patch",
                        kinds.CONFIGMAP,
                        "default",
                        name,
                        query=query,
                        body=config,
                        patch_type="apply",
                    )
                )
            return str(caught.value)

        good = configmap({"k": "v"})
        assert await refused(Invalid, good) == (
            'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
        )
        text = await refused(Invalid, good, fieldManager="x" * 129)
        assert text.endswith("fieldManager: Too long: may not be more than 128 bytes")
        text = await refused(Invalid, good, fieldManager="a\tb")
        assert 'fieldManager: Invalid value: "a\\tb": invalid character U+0009 (at position 1)' in text
        me = {"fieldManager": "me"}
        assert await refused(Invalid, good, **me, dryRun="Some") == (
            'PatchOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"'
        )
        text = await refused(BadRequest, {**good, "kind": "Secret"}, **me)
        assert text == "invalid object type: /v1, Kind=Secret"
        text = await refused(BadRequest, configmap({}, managedFields=[{"manager": "x"}]), **me)
        assert text == "metadata.managedFields must be nil"
        text = await refused(BadRequest, good, name="b", **me)
        assert text == "the name of the object (a) does not match the name on the URL (b)"
        text = await refused(BadRequest, configmap({}, namespace="other"), **me)
        assert text == (
            "the namespace of the object (other) does not match the namespace on the request (default)"
        )
        nameless = {**good, "metadata": {}}
        text = await refused(BadRequest, nameless, **me)
        assert text == "the name of the object (a based on URL) was undeterminable: name must be provided"
        text = await refused(ApiError, {**good, "dat": {}}, **me)
        assert text == (
            "failed to create typed patch object (default/a; /v1, Kind=ConfigMap): "
            ".dat: field not declared in schema"
        )
        text = await refused(Conflict, configmap({}, uid="1-2-3"), **me)
        assert (
            "uid mismatch: the provided object specified uid 1-2-3, and no existing object was found" in text
        )
        with pytest.raises(Invalid, match="force: Forbidden: may not be specified for non-apply patch"):
            await client.patch(kinds.CONFIGMAP, "a", "default", {}, force=True)
        with pytest.raises(NotFound):
            await client.apply(kinds.DEPLOYMENT, deployment(), field_manager="me", subresource="status")
        made = await client.apply(kinds.CONFIGMAP, good, field_manager="me")
        stale = configmap({"k": "w"}, resourceVersion=str(int(made["metadata"]["resourceVersion"]) - 1))
        with pytest.raises(Conflict, match="the object has been modified"):
            await client.apply(kinds.CONFIGMAP, stale, field_manager="me")
        with pytest.raises(Conflict, match="UID in precondition: other"):
            await client.apply(kinds.CONFIGMAP, configmap({}, uid="other"), field_manager="me")

    run(scenario)


def test_creating_by_apply_needs_the_right_to_create(run: Any) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "r", "namespace": "default"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch"]}],
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "r", "namespace": "default"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ann"}],
    }

    async def scenario(admin: ApiClient, ann: ApiClient) -> None:
        await admin.create(kinds.ROLE, role)
        await admin.create(kinds.ROLEBINDING, binding)
        with pytest.raises(Forbidden, match=r'User "ann" cannot create resource "configmaps"'):
            await ann.apply(kinds.CONFIGMAP, configmap({"k": "v"}), field_manager="ann")
        await admin.apply(kinds.CONFIGMAP, configmap({"k": "v"}), field_manager="admin")
        after = await ann.apply(kinds.CONFIGMAP, configmap({"l": "v"}), field_manager="ann")
        assert after["data"] == {"k": "v", "l": "v"}

    run(scenario, User("ann", groups=("system:authenticated",)))


def test_dry_run_shows_and_stores_nothing(run: Any) -> None:
    async def scenario(client: ApiClient) -> None:
        query = {"dryRun": "All"}
        shown = await call(
            client, "patch", kinds.CONFIGMAP, configmap({"k": "v"}), "me", patch_type="apply", query=query
        )
        assert set(owners(shown)) == {("me", "Apply", "")}
        with pytest.raises(NotFound):
            await client.get(kinds.CONFIGMAP, "a", "default")
        await client.apply(kinds.CONFIGMAP, configmap({"k": "v"}), field_manager="me")
        shown = await call(
            client, "patch", kinds.CONFIGMAP, configmap({"k": "w"}), "me", patch_type="apply", query=query
        )
        assert shown["data"] == {"k": "w"}
        assert (await client.get(kinds.CONFIGMAP, "a", "default"))["data"] == {"k": "v"}

    run(scenario)


def test_every_write_notes_its_manager(run: Any) -> None:
    async def scenario(client: ApiClient) -> None:
        made = await call(client, "create", kinds.DEPLOYMENT, deployment(replicas=1), "one")
        found = owners(made)["one", "Update", ""]
        assert found["f:spec"]["f:strategy"] == {
            "f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}},
            "f:type": {},
        }
        assert found["f:spec"]["f:selector"] == {}
        assert "f:metadata" not in found
        assert "f:status" not in found
        changed = await call(client, "update", kinds.DEPLOYMENT, evolve(made, "spec", "paused", True), "two")
        assert owners(changed)["two", "Update", ""] == {"f:spec": {"f:paused": {}}}
        status = evolve(changed, "status", {"observedGeneration": 1, "replicas": 1})
        after = await client.transport.call(
            Call("update", kinds.DEPLOYMENT, "default", "web", "status", {"fieldManager": "ctl"}, status)
        )
        assert owners(after)["ctl", "Update", "status"] == {
            "f:status": {"f:observedGeneration": {}, "f:replicas": {}}
        }
        scale = {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"replicas": 4},
        }
        await client.transport.call(
            Call("update", kinds.DEPLOYMENT, "default", "web", "scale", {"fieldManager": "hpa"}, scale)
        )
        got = await client.get(kinds.DEPLOYMENT, "web", "default")
        assert owners(got)["hpa", "Update", "scale"] == {"f:spec": {"f:replicas": {}}}
        assert "f:replicas" not in owners(got)["one", "Update", ""]["f:spec"]
        patched = await client.patch(
            kinds.DEPLOYMENT, "web", "default", {"spec": {"paused": None}}, field_manager="three"
        )
        assert ("two", "Update", "") not in owners(patched)
        assert ("three", "Update", "") not in owners(patched)

    run(scenario)


def test_status_and_scale_can_be_applied(run: Any) -> None:
    async def scenario(client: ApiClient) -> None:
        await client.apply(kinds.DEPLOYMENT, deployment(replicas=1), field_manager="me")
        config = {**deployment(replicas=9), "status": {"observedGeneration": 1}}
        after = await client.apply(kinds.DEPLOYMENT, config, field_manager="ctl", subresource="status")
        assert after["spec"]["replicas"] == 1
        assert owners(after)["ctl", "Apply", "status"] == {"f:status": {"f:observedGeneration": {}}}
        scale = {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"replicas": 3},
        }
        with pytest.raises(Conflict, match=r'conflict with "me": \.spec\.replicas'):
            await client.transport.call(
                Call(
                    "patch",
                    kinds.DEPLOYMENT,
                    "default",
                    "web",
                    "scale",
                    {"fieldManager": "hpa"},
                    scale,
                    "apply",
                )
            )
        forced = {"fieldManager": "hpa", "force": "true"}
        shown = await client.transport.call(
            Call("patch", kinds.DEPLOYMENT, "default", "web", "scale", forced, scale, "apply")
        )
        assert shown["spec"] == {"replicas": 3}
        got = await client.get(kinds.DEPLOYMENT, "web", "default")
        assert owners(got)["hpa", "Apply", "scale"] == {"f:spec": {"f:replicas": {}}}
        ignored = await client.apply(
            kinds.DEPLOYMENT, {**deployment(), "status": {"replicas": 7}}, field_manager="me"
        )
        assert "replicas" not in ignored["status"]
        assert ignored["spec"]["replicas"] == 3

    run(scenario)


def test_managed_fields_can_be_cleared_and_set(run: Any) -> None:
    async def scenario(client: ApiClient) -> None:
        made = await call(client, "create", kinds.CONFIGMAP, configmap({"k": "v"}), "one")
        entries = made["metadata"]["managedFields"]
        kept = await client.patch(
            kinds.CONFIGMAP, "a", "default", {"metadata": {"managedFields": []}}, field_manager="two"
        )
        assert kept == made, "an empty list is no reset"
        renamed = [{**entries[0], "manager": "renamed"}]
        change = [{"op": "replace", "path": "/metadata/managedFields", "value": renamed}]
        after = await client.patch(kinds.CONFIGMAP, "a", "default", change, patch_type="json")
        assert after["metadata"]["managedFields"] == renamed
        wrong = [{**entries[0], "fieldsV1": {"data": {}}}]
        same = await client.patch(
            kinds.CONFIGMAP, "a", "default", {"metadata": {"managedFields": wrong}}, field_manager="two"
        )
        assert same["metadata"]["managedFields"] == renamed
        cleared = await client.patch(
            kinds.CONFIGMAP, "a", "default", {"metadata": {"managedFields": [{}]}}, field_manager="two"
        )
        assert "managedFields" not in cleared["metadata"]
        untracked = await client.patch(
            kinds.CONFIGMAP, "a", "default", {"data": {"l": "v"}}, field_manager="two"
        )
        assert "managedFields" not in untracked["metadata"]
        with pytest.raises(Conflict, match=r'conflict with "before-first-apply" using v1: \.data\.k'):
            await client.apply(kinds.CONFIGMAP, configmap({"k": "w"}), field_manager="me")
        after = await client.apply(kinds.CONFIGMAP, configmap({"k": "v"}), field_manager="me")
        assert owners(after) == {
            ("before-first-apply", "Update", ""): {"f:data": {".": {}, "f:k": {}, "f:l": {}}},
            ("me", "Apply", ""): {"f:data": {"f:k": {}}},
        }

    run(scenario)


def test_kubectl_changes_over_from_client_side_apply(run: Any) -> None:
    key = "kubectl.kubernetes.io/last-applied-configuration"
    last = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"default"},"data":{"k":"1"}}\n'

    async def scenario(client: ApiClient) -> None:
        made = configmap({"k": "1", "l": "1"}, annotations={key: last})
        await call(client, "create", kinds.CONFIGMAP, made, "kubectl-client-side-apply")
        with pytest.raises(Conflict):
            await client.apply(kinds.CONFIGMAP, configmap({"k": "2"}), field_manager="other")
        with pytest.raises(Conflict, match=r"1 conflict: .*\.data\.l$"):
            await client.apply(kinds.CONFIGMAP, configmap({"k": "2", "l": "2"}), field_manager="kubectl")
        after = await client.apply(kinds.CONFIGMAP, configmap({"k": "2"}), field_manager="kubectl")
        assert after["data"] == {"k": "2", "l": "1"}
        assert after["metadata"]["annotations"][key] == (
            '{"apiVersion":"v1","data":{"k":"2"},"kind":"ConfigMap",'
            '"metadata":{"name":"a","namespace":"default"}}\n'
        )

    run(scenario)


WIDGET_SPEC = {
    "type": "object",
    "properties": {
        "size": {"type": "integer"},
        "parts": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "count": {"type": "integer"}},
            },
        },
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "open": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"known": {"type": "string"}},
        },
        "plain": {"type": "array", "items": {"type": "string"}},
    },
}


def test_custom_resources_merge_by_their_own_schema(env: Env) -> None:
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.org"},
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": WIDGET_SPEC}}},
                }
            ],
        },
    }

    def widget(**spec: Any) -> dict[str, Any]:
        metadata = {"name": "w", "namespace": "default", "labels": {"a": "b"}}
        return {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": metadata, "spec": spec}

    async def main() -> None:
        async with serving(env) as server, asyncio.timeout(20):
            client = ApiClient(transport_of("http", server))
            await client.create(kinds.CUSTOMRESOURCEDEFINITION, definition)
            for _ in range(1000):
                if (found := server.services.registry.find("example.org", "v1", "widgets")) is not None:
                    break
                await asyncio.sleep(0)
            kind = found.kind
            one = widget(
                parts=[{"name": "x", "count": 1}], free={"m": {"n": 1}}, open={"other": 1}, plain=["a"]
            )
            made = await client.apply(kind, one, field_manager="one")
            assert owners(made)["one", "Apply", ""] == {
                "f:metadata": {"f:labels": {"f:a": {}}},
                "f:spec": {
                    "f:free": {"f:m": {".": {}, "f:n": {}}},
                    "f:open": {"f:other": {}},
                    "f:parts": {'k:{"name":"x"}': {".": {}, "f:count": {}, "f:name": {}}},
                    "f:plain": {},
                },
            }
            both = await client.apply(kind, widget(parts=[{"name": "y", "count": 2}]), field_manager="two")
            assert both["spec"]["parts"] == [{"name": "x", "count": 1}, {"name": "y", "count": 2}]
            with pytest.raises(Conflict, match=r'"one": \.spec\.plain$'):
                await client.apply(kind, widget(plain=["b"]), field_manager="two")
            left = await client.apply(kind, widget(plain=["a"]), field_manager="one")
            assert left["spec"] == {"parts": [{"name": "y", "count": 2}], "plain": ["a"]}
            with pytest.raises(ApiError, match=r"\.spec\.siz: field not declared in schema"):
                await client.apply(kind, widget(siz=1), field_manager="one")
            patched = await client.patch(kind, "w", "default", {"spec": {"size": 3}}, field_manager="three")
            assert owners(patched)["three", "Update", ""] == {"f:spec": {"f:size": {}}}

    asyncio.run(main())


def test_yaml_and_the_user_agent_over_http(env: Env) -> None:
    async def main() -> None:
        async with serving(env) as server:

            async def send(method: str, path: str, body: bytes, **headers: str) -> tuple[int, str]:
                pairs = [("x-test-user", "admin"), *((k.replace("_", "-"), v) for k, v in headers.items())]
                response = await server.handler(Request(method, path, Headers(pairs), body))
                assert isinstance(response, Response)
                return response.status, (await body_of(response)).decode()

            base = "/api/v1/namespaces/default/configmaps"
            yaml = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  k: v\n"
            media = "application/apply-patch+yaml"
            status, _ = await send("PATCH", f"{base}/a?fieldManager=me", yaml, content_type=media)
            assert status == 201
            status, _ = await send("PATCH", f"{base}/a?fieldManager=me", yaml, content_type=media)
            assert status == 200
            agent = "kube\x01ctl/v1.37.0 (linux/amd64)"
            status, text = await send(
                "POST", base, b'{"metadata":{"name":"b"},"data":{"k":"v"}}', user_agent=agent
            )
            assert status == 201
            assert '"manager":"kubectl","operation":"Update"' in text
            status, text = await send("PATCH", f"{base}/a?fieldManager=me", b"a: [", content_type=media)
            assert status == 400
            assert "error decoding YAML" in text

    asyncio.run(main())
