"""Custom resources whose versions a webhook converts, over real HTTPS: every verb, lists in one question, refusals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pybernetes.api.errors import ApiError, Conflict
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import CUSTOMRESOURCEDEFINITION as CRD
from pybernetes.apiserver.customresources import conversionreview
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.interface import Call, Transport
from pybernetes.clock import Env
from tests.httpspeer import Answer, Asked, Certificate, Peer, as_json, self_signed

from .transports import serving, transport_of
from .waiting import until

GROUP = "stable.example.com"
V1, V2 = f"{GROUP}/v1", f"{GROUP}/v2"


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return self_signed("hook.default.svc")


@pytest.fixture(params=["inprocess", "http"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def definition(peer: Peer, certificate: Certificate, storage: str = "v1") -> dict[str, Any]:
    """v1 has `spec.hostPort`, v2 `spec.host` and `spec.port`."""

    def version(name: str, properties: dict[str, Any]) -> dict[str, Any]:
        spec = {"type": "object", "properties": properties}
        schema = {"type": "object", "properties": {"spec": spec, "status": {"type": "object"}}}
        return {
            "name": name,
            "served": True,
            "storage": name == storage,
            "schema": {"openAPIV3Schema": schema},
            "subresources": {"status": {}},
        }

    text, number = {"type": "string"}, {"type": "string"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"hosts.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": "Host", "plural": "hosts"},
            "versions": [
                version("v1", {"hostPort": text}),
                version("v2", {"host": text, "port": number, "tier": {"type": "string", "default": "low"}}),
            ],
            "conversion": {
                "strategy": "Webhook",
                "webhook": {
                    "clientConfig": {"url": f"{peer.url}/convert", "caBundle": certificate.bundle},
                    "conversionReviewVersions": ["v1"],
                },
            },
        },
    }


def convert(tree: dict[str, Any], desired: str) -> dict[str, Any]:
    spec = tree.get("spec") or {}
    if desired == V2:
        host, _, port = spec.get("hostPort", "").partition(":")
        changed = {"host": host, "port": port}
    else:
        changed = {"hostPort": f"{spec.get('host', '')}:{spec.get('port', '')}"}
    return {**tree, "apiVersion": desired, "spec": changed}


def reviewing(change: Callable[[dict[str, Any]], Any] | None = None) -> Callable[[Asked], Answer]:
    """Answers ConversionReviews; `change` may spoil the response."""

    def answer(asked: Asked) -> Answer:
        request = asked.json()["request"]
        response: Any = {
            "uid": request["uid"],
            "result": {"status": "Success"},
            "convertedObjects": [convert(tree, request["desiredAPIVersion"]) for tree in request["objects"]],
        }
        if change is not None:
            response = change(response)
        tree = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "response": response}
        return as_json(tree)

    return answer


@asynccontextmanager
async def defined(
    way: str, peer: Peer, certificate: Certificate, storage: str = "v1"
) -> AsyncIterator[tuple[ApiServer, Transport]]:
    async with serving(Env.real()) as server:
        transport = transport_of(way, server)
        await transport.call(Call("create", CRD, body=definition(peer, certificate, storage)))
        await served(server)
        yield server, transport


async def served(server: ApiServer, version: str = "v2") -> Kind:
    return (await until(lambda: server.services.registry.find(GROUP, version, "hosts"))).kind


def host(name: str, version: str = "v2") -> dict[str, Any]:
    spec = {"hostPort": "a:1"} if version == "v1" else {"host": "a", "port": "1"}
    return {
        "apiVersion": f"{GROUP}/{version}",
        "kind": "Host",
        "metadata": {"name": name, "labels": {"x": "y"}},
        "spec": spec,
    }


def test_every_verb_in_every_version(way: str, certificate: Certificate) -> None:
    async def main() -> None:
        with Peer(reviewing(), certificate) as peer:
            async with defined(way, peer, certificate) as (server, transport):
                v1, v2 = await served(server, "v1"), await served(server)
                made = await transport.call(Call("create", v2, "default", body=host("one")))
                assert (made["apiVersion"], made["spec"]) == (V2, {"host": "a", "port": "1", "tier": "low"})
                [stored] = server.services.registry.find(GROUP, "v1", "hosts").stored().in_namespace("")
                assert json.loads(stored.value)["spec"] == {"hostPort": "a:1"}
                seen = await transport.call(Call("get", v1, "default", "one"))
                assert (seen["apiVersion"], seen["spec"]) == (V1, {"hostPort": "a:1"})
                assert seen["metadata"]["uid"] == made["metadata"]["uid"]
                seen = await transport.call(Call("get", v2, "default", "one"))
                assert seen == made

                patch = {"spec": {"port": "2"}}
                changed = await transport.call(
                    Call("patch", v2, "default", "one", body=patch, patch_type="merge")
                )
                assert changed["spec"] == {"host": "a", "port": "2", "tier": "low"}
                assert changed["metadata"]["generation"] == 2
                stale = {**made, "spec": {"host": "b"}}
                with pytest.raises(Conflict):
                    await transport.call(Call("update", v2, "default", "one", body=stale))
                fresh = {**changed, "spec": {"host": "b", "port": "3"}}
                changed = await transport.call(Call("update", v2, "default", "one", body=fresh))
                assert changed["spec"]["host"] == "b"

                applied = {**host("one"), "spec": {"host": "c"}}
                query = {"fieldManager": "me", "force": "true"}
                changed = await transport.call(
                    Call("patch", v2, "default", "one", body=applied, patch_type="apply", query=query)
                )
                assert changed["spec"]["host"] == "c"
                owners = {
                    entry.get("manager"): entry["apiVersion"]
                    for entry in changed["metadata"]["managedFields"]
                }
                assert owners["me"] == V2

                dry = {"spec": {"port": "9"}}
                tried = await transport.call(
                    Call("patch", v2, "default", "one", body=dry, patch_type="merge", query={"dryRun": "All"})
                )
                assert (tried["apiVersion"], tried["spec"]["port"]) == (V2, "9")
                gone = await transport.call(Call("delete", v2, "default", "one"))
                assert gone["status"] == "Success"

    asyncio.run(main())


def test_a_list_is_one_question_and_is_asked_once(way: str, certificate: Certificate) -> None:
    async def main() -> None:
        with Peer(reviewing(), certificate) as peer:
            async with defined(way, peer, certificate) as (server, transport):
                v1, v2 = await served(server, "v1"), await served(server)
                for number in range(5):
                    await transport.call(Call("create", v1, "default", body=host(f"h{number}", "v1")))
                assert not peer.asked
                listed = await transport.call(Call("list", v2, "default"))
                assert [item["apiVersion"] for item in listed["items"]] == [V2] * 5
                assert [item["spec"]["host"] for item in listed["items"]] == ["a"] * 5
                [asked] = peer.asked
                assert asked.path == "/convert?timeout=30s"
                review = asked.json()
                assert review["kind"] == "ConversionReview"
                assert review["request"]["desiredAPIVersion"] == V2
                assert len(review["request"]["objects"]) == 5
                assert review["request"]["objects"][0]["metadata"]["resourceVersion"]
                await transport.call(Call("list", v2, "default"))
                assert len(peer.asked) == 1
                text = "\n".join(server.services.metrics.lines(server.services))
                assert (
                    f'apiserver_crd_conversion_webhook_duration_seconds_count{{crd_name="hosts.{GROUP}",'
                    'from_version="v1",to_version="v2",succeeded="true"} 1'
                ) in text

    asyncio.run(main())


def test_a_watch_sees_its_own_version(way: str, certificate: Certificate) -> None:
    async def main() -> None:
        with Peer(reviewing(), certificate) as peer:
            async with defined(way, peer, certificate) as (server, transport):
                v1, v2 = await served(server, "v1"), await served(server)
                await transport.call(Call("create", v1, "default", body=host("one", "v1")))
                async with transport.watch(Call("watch", v2, "default")) as events, asyncio.timeout(5):
                    first = await anext(events)
                    assert (first.type, first.object["spec"]["host"]) == ("ADDED", "a")
                    await transport.call(
                        Call(
                            "patch",
                            v1,
                            "default",
                            "one",
                            body={"spec": {"hostPort": "z:8"}},
                            patch_type="merge",
                        )
                    )
                    second = await anext(events)
                    assert (second.type, second.object["apiVersion"]) == ("MODIFIED", V2)
                    assert second.object["spec"] == {"host": "z", "port": "8", "tier": "low"}
                    await transport.call(Call("delete", v1, "default", "one"))
                    third = await anext(events)
                    assert (third.type, third.object["spec"]["host"]) == ("DELETED", "z")
                    assert int(third.object["metadata"]["resourceVersion"]) > int(
                        second.object["metadata"]["resourceVersion"]
                    )

    asyncio.run(main())


def test_a_new_storage_version_takes_over_what_is_stored(way: str, certificate: Certificate) -> None:
    async def main() -> None:
        with Peer(reviewing(), certificate) as peer:
            async with defined(way, peer, certificate) as (server, transport):
                v1 = await served(server, "v1")
                await transport.call(Call("create", v1, "default", body=host("one", "v1")))
                crd = await transport.call(Call("get", CRD, name=f"hosts.{GROUP}"))
                spec = definition(peer, certificate, "v2")["spec"]
                await transport.call(
                    Call("update", CRD, name=crd["metadata"]["name"], body={**crd, "spec": spec})
                )
                registry = server.services.registry
                await until(lambda: registry.find(GROUP, "v1", "hosts").kind.storage_version == V2)
                crd = await transport.call(Call("get", CRD, name=f"hosts.{GROUP}"))
                assert crd["status"]["storedVersions"] == ["v1", "v2"]
                v1, v2 = await served(server, "v1"), await served(server)
                cache = server.services.registry.find(GROUP, "v1", "hosts").stored()
                [stored] = cache.in_namespace("")
                assert json.loads(stored.value)["apiVersion"] == V1
                seen = await transport.call(Call("get", v2, "default", "one"))
                assert (seen["apiVersion"], seen["spec"]["host"]) == (V2, "a")
                # A write that changes nothing migrates what is stored.
                await transport.call(Call("update", v2, "default", "one", body=seen))
                [stored] = cache.in_namespace("")
                assert json.loads(stored.value)["apiVersion"] == V2
                assert (await transport.call(Call("get", v1, "default", "one")))["spec"] == {
                    "hostPort": "a:1"
                }
                await transport.call(
                    Call(
                        "patch",
                        CRD,
                        name=f"hosts.{GROUP}",
                        subresource="status",
                        body={"status": {"storedVersions": ["v2"]}},
                        patch_type="merge",
                    )
                )

    asyncio.run(main())


def refusals() -> Iterator[tuple[str, Callable[[dict[str, Any]], Any], str]]:
    subject = f"{V1}, Kind=Host"

    def objects(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[dict[str, Any]], Any]:
        return lambda r: {**r, "convertedObjects": [change(tree) for tree in r["convertedObjects"]]}

    def metadata(**fields: Any) -> Callable[[dict[str, Any]], Any]:
        return objects(lambda tree: {**tree, "metadata": {**tree["metadata"], **fields}})

    start = f"conversion webhook for {subject}"
    yield "none", lambda _r: None, f"{start} failed: no response provided"
    yield (
        "failed",
        lambda r: {**r, "result": {"status": "Failure", "message": "no way"}},
        f"{start} failed: no way",
    )
    yield (
        "odd",
        lambda r: {**r, "result": {}},
        f"{start} failed: response.result.status was '', not 'Success'",
    )
    yield "few", lambda r: {**r, "convertedObjects": []}, f"{start} returned 0 objects, expected 1"
    yield (
        "version",
        objects(lambda tree: {**tree, "apiVersion": V1}),
        f"{start} failed: invalid groupVersion (expected {V2}, received {V1})",
    )
    yield (
        "kind",
        objects(lambda tree: {**tree, "kind": "Guest"}),
        f"{start} failed: invalid kind (expected Host, received Guest)",
    )
    yield "name", metadata(name="two"), f"{start} failed: must have the same name: one != two"
    yield (
        "namespace",
        metadata(namespace="other"),
        f"{start} failed: must have the same namespace: default != other",
    )
    yield (
        "labels",
        metadata(labels={"a b": "c"}),
        f"{start} failed: invalid metadata: metadata.labels: Invalid value",
    )


@pytest.mark.parametrize(("change", "message"), [pytest.param(c, m, id=n) for n, c, m in refusals()])
def test_a_bad_answer_is_told_in_upstreams_words(
    change: Callable[[dict[str, Any]], Any], message: str, certificate: Certificate
) -> None:
    async def main() -> None:
        with Peer(reviewing(change), certificate) as peer:
            async with defined("http", peer, certificate) as (server, transport):
                v1, v2 = await served(server, "v1"), await served(server)
                await transport.call(Call("create", v1, "default", body=host("one", "v1")))
                for call in (
                    Call("get", v2, "default", "one"),
                    Call("patch", v2, "default", "one", body={"spec": {"host": "b"}}, patch_type="merge"),
                ):
                    with pytest.raises(ApiError) as caught:
                        await transport.call(call)
                    assert caught.value.code == 500
                    assert caught.value.message.startswith(message)

    asyncio.run(main())


def test_what_may_change_and_what_is_given_back(certificate: Certificate) -> None:
    def answer(response: dict[str, Any]) -> dict[str, Any]:
        [tree] = response["convertedObjects"]
        metadata = {**tree["metadata"], "labels": {"new": "label"}, "generation": 77, "finalizers": ["a/b"]}
        return {**response, "convertedObjects": [{**tree, "metadata": metadata}]}

    async def main() -> None:
        with Peer(reviewing(answer), certificate) as peer:
            async with defined("http", peer, certificate) as (server, transport):
                v1, v2 = await served(server, "v1"), await served(server)
                await transport.call(Call("create", v1, "default", body=host("one", "v1")))
                seen = await transport.call(Call("get", v2, "default", "one"))
                assert seen["metadata"]["labels"] == {"new": "label"}
                assert seen["metadata"]["generation"] == 1
                assert "finalizers" not in seen["metadata"]

    asyncio.run(main())


def test_a_webhook_that_is_away(certificate: Certificate) -> None:
    async def main() -> None:
        with Peer(reviewing(), certificate) as peer:
            async with defined("http", peer, certificate) as (server, transport):
                v1, v2 = await served(server, "v1"), await served(server)
                await transport.call(Call("create", v1, "default", body=host("one", "v1")))
                peer.__exit__()
                with pytest.raises(ApiError) as caught:
                    await transport.call(Call("list", v2, "default"))
                assert caught.value.message.startswith(
                    f'conversion webhook for {V1}, Kind=Host failed: Post "{peer.url}/convert?timeout=30s": '
                )
                assert (await transport.call(Call("get", v1, "default", "one")))["spec"]["hostPort"] == "a:1"

    asyncio.run(main())


def test_reviews_are_read_strictly() -> None:
    sent = [host("one", "v1")]
    with pytest.raises(conversionreview.BadConversion, match="json parse error"):
        conversionreview.read(b"{", sent, V2, "u", "v1")
    body = json.dumps({"kind": "ConversionReview", "apiVersion": "apiextensions.k8s.io/v1beta1"}).encode()
    with pytest.raises(conversionreview.BadConversion, match="expected webhook response of"):
        conversionreview.read(body, sent, V2, "u", "v1")
    assert conversionreview.review_version(["v9", "v1beta1", "v1"]) == "v1beta1"
    assert conversionreview.review_version(["v9"]) == ""
