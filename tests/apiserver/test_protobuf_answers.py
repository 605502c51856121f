"""Answers in protobuf, asked for as Go clients ask: objects, lists, watches, errors, and what falls back to JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from pybernetes.api.kind import Kind
from pybernetes.api.kinds import KINDS
from pybernetes.apiserver import encode_protobuf, protobuf
from pybernetes.apiserver.server import ApiServer
from pybernetes.clock import Env
from pybernetes.wire.http.messages import Headers, Request, Response

from .gomessages import messages
from .transports import body_of, serving

GO = "application/vnd.kubernetes.protobuf,application/json"
BINARY = "application/vnd.kubernetes.protobuf"
CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
WIDGET = Kind("example.com", "v1", "Widget", "widgets", True)


class Client:
    def __init__(self, server: ApiServer) -> None:
        self.server = server

    async def __call__(
        self, method: str, path: str, tree: Any = None, accept: str = GO, sent_as: str = BINARY
    ) -> Response:
        body = b""
        if tree is not None:
            body = protobuf.encode(tree) if sent_as == BINARY else json.dumps(tree).encode()
        headers = Headers([("accept", accept), ("content-type", sent_as), ("x-test-user", "admin")])
        response = await self.server.handler(Request(method, path, headers, body))
        assert isinstance(response, Response)
        return response

    async def tree(self, method: str, path: str, tree: Any = None, accept: str = GO) -> Any:
        response = await self(method, path, tree, accept)
        assert content_type(response) == BINARY
        return protobuf.decode(await body_of(response))


def content_type(response: Response) -> str:
    return dict(response.headers)["Content-Type"]


def scenario(env: Env, steps: Callable[[Client], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        async with serving(env, **options) as server:
            await steps(Client(server))

    asyncio.run(main())


def configmap(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def frames(data: bytes) -> list[tuple[str, Any]]:
    """The events of a watch, read by Google's library."""
    of = messages().message_class("io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent")
    assert of is not None
    events = []
    while data:
        length = int.from_bytes(data[:4], "big")
        event: Any = of.FromString(data[4 : 4 + length])
        events.append((event.type, protobuf.decode(event.object.Raw)))
        data = data[4 + length :]
    return events


def test_create_get_update_patch_delete(env: Env) -> None:
    async def steps(client: Client) -> None:
        made = await client.tree("POST", CONFIGMAPS, configmap("a", k="v"))
        assert made["data"] == {"k": "v"}
        read = await client.tree("GET", f"{CONFIGMAPS}/a")
        assert read == made
        assert (read["apiVersion"], read["kind"]) == ("v1", "ConfigMap")
        changed = await client.tree("PUT", f"{CONFIGMAPS}/a", {**read, "data": {"k": "w"}})
        assert changed["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]
        patched = await client(
            "PATCH", f"{CONFIGMAPS}/a", {"data": {"x": "y"}}, sent_as="application/strategic-merge-patch+json"
        )
        assert protobuf.decode(await body_of(patched))["data"] == {"k": "w", "x": "y"}
        as_json = await client("GET", f"{CONFIGMAPS}/a", accept="application/json")
        assert json.loads(await body_of(as_json)) == await client.tree("GET", f"{CONFIGMAPS}/a")
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": made["metadata"]["uid"]},
        }
        gone = await client.tree("DELETE", f"{CONFIGMAPS}/a", options)
        assert (gone["kind"], gone["status"], gone["details"]["name"]) == ("Status", "Success", "a")

    scenario(env, steps)


def test_errors_are_statuses_in_protobuf(env: Env) -> None:
    async def steps(client: Client) -> None:
        missing = await client.tree("GET", f"{CONFIGMAPS}/none")
        assert (missing["kind"], missing["reason"], missing["code"]) == ("Status", "NotFound", 404)
        assert missing["details"] == {"name": "none", "kind": "configmaps"}
        bad = await client.tree("POST", CONFIGMAPS, configmap("Not A Name"))
        assert bad["details"]["causes"][0]["field"] == "metadata.name"
        anonymous = Request("GET", CONFIGMAPS, Headers([("accept", BINARY)]))
        refused = await client.server.handler(anonymous)
        assert isinstance(refused, Response)
        assert protobuf.decode(await body_of(refused))["reason"] == "Forbidden"

    scenario(env, steps)


def test_lists_short_long_and_paged(env: Env) -> None:
    async def steps(client: Client) -> None:
        empty = await client.tree("GET", CONFIGMAPS)
        assert (empty["kind"], empty.get("items")) == ("ConfigMapList", None)
        for number in range(encode_protobuf.CHUNK * 5 + 1):
            await client("POST", CONFIGMAPS, configmap(f"c-{number:04d}", n=str(number)))
        whole = await client("GET", CONFIGMAPS)
        tree = protobuf.decode(await body_of(whole))
        assert [item["data"]["n"] for item in tree["items"]] == [str(n) for n in range(251)]
        page = await client.tree("GET", f"{CONFIGMAPS}?limit=2")
        assert page["metadata"]["remainingItemCount"] == 249
        rest = await client.tree("GET", f"{CONFIGMAPS}?limit=2&continue={page['metadata']['continue']}")
        assert [item["metadata"]["name"] for item in rest["items"]] == ["c-0002", "c-0003"]

    scenario(env, steps)


def test_a_message_is_encoded_once_for_all_readers(env: Env) -> None:
    async def steps(client: Client) -> None:
        await client("POST", CONFIGMAPS, configmap("a", k="v"))
        await client("GET", CONFIGMAPS)
        kind = next(kind for kind in KINDS if kind.plural == "configmaps")
        version = client.server.services.registry.cache(kind).get("default", "a")
        assert version is not None
        first = version.protobuf
        assert first is not None
        body = await body_of(await client("GET", f"{CONFIGMAPS}/a"))
        assert first in body
        assert version.protobuf is first

    scenario(env, steps)


def test_watches_send_length_delimited_frames(env: Env) -> None:
    async def steps(client: Client) -> None:
        made = await client.tree("POST", CONFIGMAPS, configmap("a", k="v"))
        watches = [
            await client("GET", f"{CONFIGMAPS}?watch=true&resourceVersion=0&allowWatchBookmarks=true"),
            await client(
                "GET",
                f"{CONFIGMAPS}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
                "&allowWatchBookmarks=true",
            ),
        ]
        for watch in watches:
            assert content_type(watch) == f"{BINARY};stream=watch"
        first = [frames(await anext(watch.body)) for watch in watches]  # type: ignore[arg-type]
        assert first[0] == first[1] == [("ADDED", made)]
        ((kind, end),) = frames(await anext(watches[1].body))  # type: ignore[arg-type]
        assert (kind, end["metadata"]["annotations"]) == ("BOOKMARK", {"k8s.io/initial-events-end": "true"})
        await client("PUT", f"{CONFIGMAPS}/a", {**made, "data": {"k": "w"}})
        await client("DELETE", f"{CONFIGMAPS}/a")
        for watch in watches:
            data = b""
            while len(frames(data)) < 2:
                data += await asyncio.wait_for(anext(watch.body), 5)  # type: ignore[arg-type]
            (changed, new), (removed, last) = frames(data)
            assert (changed, new["data"], removed) == ("MODIFIED", {"k": "w"}, "DELETED")
            assert int(last["metadata"]["resourceVersion"]) > int(new["metadata"]["resourceVersion"])
            await watch.body.aclose()  # type: ignore[union-attr]

    scenario(env, steps)


def test_metadata_only(env: Env) -> None:
    async def steps(client: Client) -> None:
        await client("POST", CONFIGMAPS, configmap("a", k="v"))
        accept = f"{BINARY};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
        listed = await body_of(await client("GET", CONFIGMAPS, accept=accept))
        assert b"meta.k8s.io/v1\x12\x19PartialObjectMetadataList" in listed
        accept = f"{BINARY};as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
        one = await client("GET", f"{CONFIGMAPS}/a", accept=accept)
        assert content_type(one) == BINARY
        assert b"meta.k8s.io/v1\x12\x15PartialObjectMetadata" in await body_of(one)
        watch = await client("GET", f"{CONFIGMAPS}?watch=true", accept=accept)
        event = await anext(watch.body)  # type: ignore[arg-type]
        assert b"PartialObjectMetadata" in event
        assert b"\x01k\x12\x01v" not in event
        await watch.body.aclose()  # type: ignore[union-attr]

    scenario(env, steps)


def test_what_is_no_protobuf_falls_to_the_next_choice(env: Env) -> None:
    async def steps(client: Client) -> None:
        table = f"{BINARY};as=Table;g=meta.k8s.io;v=v1"
        assert (await client("GET", CONFIGMAPS, accept=table)).status == 406
        response = await client(
            "GET", CONFIGMAPS, accept=f"{table},application/json;as=Table;g=meta.k8s.io;v=v1"
        )
        assert json.loads(await body_of(response))["kind"] == "Table"
        widgets = "/apis/example.com/v1/namespaces/default/widgets"
        response = await client("GET", widgets)
        assert (response.status, content_type(response)) == (200, "application/json")
        assert json.loads(await body_of(response))["kind"] == "WidgetList"
        refused = await client("GET", widgets, accept=BINARY)
        assert refused.status == 406
        assert json.loads(await body_of(refused))["message"] == (
            "only the following media types are accepted: application/json, application/yaml"
        )
        missing = await client("GET", f"{widgets}/a")
        assert (missing.status, content_type(missing)) == (404, "application/json")

    scenario(env, steps, kinds=(*KINDS, WIDGET))


def test_preferences(env: Env) -> None:
    async def steps(client: Client) -> None:
        for accept, expected in (
            (f"{BINARY}, */*", BINARY),
            (f"*/*, {BINARY}", BINARY),
            (f"{BINARY};q=0.5, application/json", "application/json"),
            (f"application/json;q=0.5, {BINARY};q=0.8", BINARY),
            (f"application/json, {BINARY}", "application/json"),
            (f"{BINARY};q=0, application/yaml", "application/yaml"),
        ):
            response = await client("GET", CONFIGMAPS, accept=accept)
            assert content_type(response) == expected, accept

    scenario(env, steps)


def test_discovery_in_protobuf(env: Env) -> None:
    async def steps(client: Client) -> None:
        core = await client.tree("GET", "/api/v1")
        pods = next(resource for resource in core["resources"] if resource["name"] == "pods")
        assert "watch" in pods["verbs"]
        assert core["kind"] == "APIResourceList"
        groups = await client.tree("GET", "/apis", accept=BINARY)
        assert "apps" in [group["name"] for group in groups["groups"]]
        assert (await client.tree("GET", "/api", accept=BINARY))["versions"] == ["v1"]
        assert (await client.tree("GET", "/apis/apps"))["preferredVersion"]["version"] == "v1"

    scenario(env, steps)


def test_subresources_and_reviews(env: Env) -> None:
    async def steps(client: Client) -> None:
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "metadata": {},
            "spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}},
        }
        answer = await client.tree("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        assert answer["status"]["allowed"] is True

    scenario(env, steps)
