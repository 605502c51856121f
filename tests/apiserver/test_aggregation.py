"""Aggregated API servers, over real HTTPS: availability, proxying, discovery, OpenAPI, and front proxies of our own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import NotFound, ServiceUnavailable
from pybernetes.api.kind import Kind
from pybernetes.apiserver.aggregation import merging
from pybernetes.apiserver.aggregation.identity import HeaderNames, headers_of, user_of
from pybernetes.apiserver.authn.chain import Authenticator
from pybernetes.apiserver.authn.clientcert import ClientCertificates
from pybernetes.apiserver.authn.frontproxy import front_proxies
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.apiserver.user import User
from pybernetes.client.interface import Call
from pybernetes.clock import Env
from pybernetes.cluster.pki import Pki, Subject
from pybernetes.wire.http.messages import Headers, Request, Response
from tests.httpspeer import Answer, Asked, Certificate, Peer, as_json, self_signed

from .transports import ADMIN, body_of, serving
from .waiting import until

GROUP = "metrics.k8s.io"
PATH = f"/apis/{GROUP}/v1beta1"
NAME = f"v1beta1.{GROUP}"
RESOURCES = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": f"{GROUP}/v1beta1",
    "resources": [
        {
            "name": "nodes",
            "singularName": "",
            "namespaced": False,
            "kind": "NodeMetrics",
            "verbs": ["get", "list"],
        },
        {
            "name": "pods",
            "singularName": "",
            "namespaced": True,
            "kind": "PodMetrics",
            "verbs": ["get", "list"],
        },
        {"name": "pods/log", "singularName": "", "namespaced": True, "kind": "PodLog", "verbs": ["get"]},
    ],
}
SPEC = {
    "swagger": "2.0",
    "paths": {
        f"{PATH}/nodes": {
            "get": {"responses": {"200": {"schema": {"$ref": "#/definitions/NodeMetricsList"}}}}
        },
        "/apis/other/v1/things": {"get": {}},
    },
    "definitions": {
        "NodeMetricsList": {"properties": {"items": {"$ref": "#/definitions/io.k8s.api.core.v1.Pod"}}},
        "io.k8s.api.core.v1.Pod": {"description": "quite another"},
        "Unused": {},
    },
}
NODE_METRICS = Kind(group=GROUP, version="v1beta1", kind="NodeMetrics", plural="nodes", namespaced=False)


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return self_signed("metrics.kube-system.svc")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), Env.real().now())


def answer(asked: Asked) -> Answer:
    path = asked.path.partition("?")[0]
    if path == PATH:
        return as_json(RESOURCES)
    if path == "/openapi/v3":
        return as_json({"paths": {PATH[1:]: {"serverRelativeURL": f"/openapi/v3{PATH}?hash=7"}}})
    if path == f"/openapi/v3{PATH}":
        return as_json({"openapi": "3.0.0", "here": "theirs"})
    if path == "/openapi/v2":
        return as_json(SPEC)
    if path == f"{PATH}/nodes" and "watch=true" in asked.path:
        return Answer(200, headers={"Content-Type": "application/json"}, chunks=events())
    if path == f"{PATH}/nodes":
        return as_json({"kind": "NodeMetricsList", "items": [{"metadata": {"name": "node1"}}]})
    status = {
        "kind": "Status",
        "status": "Failure",
        "reason": "NotFound",
        "code": 404,
        "message": "no such thing",
    }
    return as_json(status, 404)


def events() -> Iterator[bytes]:
    for number in range(3):
        yield json.dumps({"type": "ADDED", "object": {"number": number}}).encode() + b"\n"


def service(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "metrics", "namespace": "kube-system"},
        "spec": spec or {"type": "ExternalName", "externalName": "localhost"},
    }


def apiservice(port: int, **spec: Any) -> dict[str, Any]:
    reference = {"namespace": "kube-system", "name": "metrics", "port": port}
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": NAME},
        "spec": {
            "group": GROUP,
            "version": "v1beta1",
            "service": reference,
            "groupPriorityMinimum": 16650,
            "versionPriority": 100,
            **spec,
        },
    }


@asynccontextmanager
async def aggregating(
    peer: Peer, certificate: Certificate, pki: Pki | None = None, **config: Any
) -> AsyncIterator[ApiServer]:
    if pki is not None:
        front = pki.front_proxy()
        issued = front.issue("front-proxy-client", Subject("front-proxy-client"))
        config |= {
            "proxy_client_certificate": issued.certificate.read_bytes(),
            "proxy_client_key": issued.key.read_bytes(),
            "requestheader_client_ca": front.ca.read_bytes(),
            "requestheader_allowed_names": ("front-proxy-client",),
        }
    async with serving(Env.real(), **config) as server:
        own = server.transport(ADMIN)
        await own.call(Call("create", kinds.SERVICE, "kube-system", body=service()))
        body = apiservice(peer.port, caBundle=certificate.bundle)
        await own.call(Call("create", kinds.APISERVICE, body=body))
        await until(lambda: condition(server))
        yield server


def condition(server: ApiServer) -> dict[str, Any] | None:
    version = server.services.registry.cache(kinds.APISERVICE).get("", NAME)
    conditions = ((version.tree().get("status") or {}).get("conditions") or ()) if version else ()
    return conditions[0] if conditions else None


async def get(
    server: ApiServer, target: str, accept: str = "application/json", method: str = "GET"
) -> Response:
    headers = Headers([("accept", accept), ("x-test-user", "admin"), ("authorization", "Bearer secret")])
    response = await server.handler(Request(method, target, headers))
    assert isinstance(response, Response)
    return response


async def document(server: ApiServer, target: str, accept: str = "application/json") -> Any:
    response = await get(server, target, accept)
    assert response.status == 200, response
    return json.loads(await body_of(response))


def test_a_request_goes_on_under_its_users_name(certificate: Certificate, pki: Pki) -> None:
    async def main() -> None:
        with Peer(answer, certificate, pki.front_proxy().ca.read_text()) as peer:
            async with aggregating(peer, certificate, pki) as server:
                found = condition(server)
                assert found is not None
                assert (found["status"], found["reason"], found["message"]) == (
                    "True",
                    "Passed",
                    "all checks passed",
                )
                looked = peer.asked[0]
                assert (looked.path, looked.headers["x-remote-user"]) == (PATH, "system:kube-aggregator")
                listed = await document(server, f"{PATH}/nodes?limit=5")
                assert listed["items"][0]["metadata"]["name"] == "node1"
                asked = next(each for each in peer.asked if each.path == f"{PATH}/nodes?limit=5")
                assert asked.headers["x-remote-user"] == "admin"
                assert asked.headers["x-remote-group"] == "system:masters"
                assert "authorization" not in asked.headers
                assert asked.certificate is not None
                assert (("commonName", "front-proxy-client"),) in asked.certificate["subject"]
                missing = await get(server, f"{PATH}/pods/nothing")
                assert missing.status == 404
                assert json.loads(await body_of(missing))["message"] == "no such thing"
                watched = await get(server, f"{PATH}/nodes?watch=true")
                assert watched.endless
                lines = (await body_of(watched)).splitlines()
                assert [json.loads(line)["object"]["number"] for line in lines] == [0, 1, 2]
                core = server.services.registry.core
                name = "extension-apiserver-authentication"
                info = await until(lambda: core("configmaps", "kube-system", name))
                assert info is not None
                assert json.loads(info["data"]["requestheader-allowed-names"]) == ["front-proxy-client"]
                assert info["data"]["requestheader-client-ca-file"].startswith("-----BEGIN")

    asyncio.run(main())


def test_callers_in_the_process_are_served_too(certificate: Certificate) -> None:
    async def main() -> None:
        with Peer(answer, certificate) as peer:
            async with aggregating(peer, certificate) as server:
                own = server.transport(ADMIN)
                listed = await own.call(Call("list", NODE_METRICS))
                assert listed["kind"] == "NodeMetricsList"
                with pytest.raises(NotFound, match="no such thing"):
                    await own.call(Call("get", NODE_METRICS, name="node9"))

    asyncio.run(main())


def test_documents_tell_of_both(certificate: Certificate) -> None:
    async def main() -> None:
        with Peer(answer, certificate) as peer:
            async with aggregating(peer, certificate) as server:
                names = [group["name"] for group in (await document(server, "/apis"))["groups"]]
                at = names.index(GROUP)
                assert names[at - 1 : at + 2] == ["apiextensions.k8s.io", GROUP, "scheduling.k8s.io"]
                group = await document(server, f"/apis/{GROUP}")
                assert group["preferredVersion"] == {"groupVersion": f"{GROUP}/v1beta1", "version": "v1beta1"}
                assert await document(server, PATH) == RESOURCES
                accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
                all_of_it = await document(server, "/apis", accept)
                [theirs] = [item for item in all_of_it["items"] if item["metadata"].get("name") == GROUP]
                [version] = theirs["versions"]
                assert version["freshness"] == "Current"
                assert [each["resource"] for each in version["resources"]] == ["nodes", "pods"]
                assert version["resources"][1]["subresources"][0]["subresource"] == "log"
                aggregator = server.services.aggregator
                await until(lambda: aggregator.generation)
                spec = await document(server, "/openapi/v2")
                assert f"{PATH}/nodes" in spec["paths"]
                assert "/apis/other/v1/things" not in spec["paths"]
                reference = spec["definitions"]["NodeMetricsList"]["properties"]["items"]["$ref"]
                assert reference == "#/definitions/io.k8s.api.core.v1.Pod_v2"
                assert "Unused" not in spec["definitions"]
                assert spec["definitions"]["io.k8s.api.core.v1.Pod_v2"]["description"] == "quite another"
                index = await document(server, "/openapi/v3")
                assert index["paths"][PATH[1:]] == {"serverRelativeURL": f"/openapi/v3{PATH}?hash=7"}
                assert (await document(server, f"/openapi/v3{PATH}?hash=7"))["here"] == "theirs"
                await server.transport(ADMIN).call(Call("delete", kinds.APISERVICE, name=NAME))
                assert GROUP not in [group["name"] for group in (await document(server, "/apis"))["groups"]]
                assert f"{PATH}/nodes" not in (await document(server, "/openapi/v2"))["paths"]
                assert (await get(server, f"{PATH}/nodes")).status == 404

    asyncio.run(main())


def test_a_server_that_goes_away(certificate: Certificate) -> None:
    async def main() -> None:
        state = {"down": False}

        def moody(asked: Asked) -> Answer:
            return Answer(500, b"no") if state["down"] else answer(asked)

        with Peer(moody, certificate) as peer:
            async with aggregating(peer, certificate) as server:
                state["down"] = True
                body = {
                    "spec": {
                        "versionPriority": 90,
                        "service": {"namespace": "kube-system", "name": "metrics2"},
                    }
                }
                own = server.transport(ADMIN)
                await own.call(Call("patch", kinds.APISERVICE, name=NAME, body=body, patch_type="merge"))
                found = await until(
                    lambda: c if (c := condition(server)) and c["status"] == "False" else None
                )
                assert found["reason"] == "ServiceNotFound"
                assert found["message"] == 'service/metrics2 in "kube-system" is not present'
                body = {"spec": {"service": {"namespace": "kube-system", "name": "metrics"}}}
                await own.call(Call("patch", kinds.APISERVICE, name=NAME, body=body, patch_type="merge"))
                found = await until(
                    lambda: c if (c := condition(server)) and c["reason"] == "FailedDiscoveryCheck" else None
                )
                url = f"https://localhost:{peer.port}{PATH}"
                assert found["message"] == (
                    f"failing or missing response from {url}: bad status from {url}: 500"
                )
                refused = await get(server, f"{PATH}/nodes")
                assert (refused.status, await body_of(refused)) == (503, b"service unavailable\n")
                with pytest.raises(ServiceUnavailable):
                    await own.call(Call("list", NODE_METRICS))
                accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
                items = (await document(server, "/apis", accept))["items"]
                [theirs] = [item for item in items if item["metadata"].get("name") == GROUP]
                assert theirs["versions"][0]["freshness"] == "Stale"
                assert theirs["versions"][0]["resources"]
                metrics = (await body_of(await get(server, "/metrics"))).decode()
                assert f'aggregator_unavailable_apiservice{{name="{NAME}"}} 1' in metrics
                state["down"] = False
                found = await until(lambda: c if (c := condition(server)) and c["status"] == "True" else None)
                assert found["reason"] == "Passed"

    asyncio.run(main())


def test_what_is_wrong_with_the_service() -> None:
    async def main() -> None:
        async with serving(Env.real()) as server:
            own = server.transport(ADMIN)
            await own.call(Call("create", kinds.APISERVICE, body=apiservice(443, insecureSkipTLSVerify=True)))

            async def reason(wanted: str) -> str:
                found = await until(lambda: c if (c := condition(server)) and c["reason"] == wanted else None)
                return str(found["message"])

            where = 'service/metrics in "kube-system"'
            assert await reason("ServiceNotFound") == f"{where} is not present"
            body = service(ports=[{"name": "https", "port": 8443}])
            await own.call(Call("create", kinds.SERVICE, "kube-system", body=body))
            assert await reason("ServicePortError") == f"{where} is not listening on port 443"
            body = {"spec": {"ports": [{"name": "https", "port": 443}]}}
            await own.call(
                Call("patch", kinds.SERVICE, "kube-system", "metrics", body=body, patch_type="merge")
            )
            assert await reason("EndpointsNotFound") == f"cannot find endpoints for {where}"
            empty: dict[str, Any] = {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {"name": "metrics-1", "labels": {"kubernetes.io/service-name": "metrics"}},
                "addressType": "IPv4",
                "endpoints": [],
                "ports": [{"name": "https", "port": 1}],
            }
            await own.call(Call("create", kinds.ENDPOINTSLICE, "kube-system", body=empty))
            assert await reason("MissingEndpoints") == (
                f'endpoints for {where} have no addresses with port name "https"'
            )

    asyncio.run(main())


def test_a_version_that_comes_home_is_local() -> None:
    async def main() -> None:
        async with serving(Env.real()) as server:
            own = server.transport(ADMIN)
            await own.call(Call("create", kinds.APISERVICE, body=apiservice(443, insecureSkipTLSVerify=True)))
            await until(lambda: condition(server))
            body = {"spec": {"service": None, "insecureSkipTLSVerify": None}}
            await own.call(Call("patch", kinds.APISERVICE, name=NAME, body=body, patch_type="merge"))
            found = await until(lambda: c if (c := condition(server)) and c["reason"] == "Local" else None)
            assert (found["status"], found["message"]) == ("True", "Local APIServices are always available")
            assert not server.services.aggregator.remotes

    asyncio.run(main())


def test_a_certificate_of_another_name_is_not_trusted() -> None:
    other = self_signed("other.kube-system.svc")

    async def main() -> None:
        with Peer(answer, other) as peer:
            async with aggregating(peer, other) as server:
                found = condition(server)
                assert found is not None
                assert found["reason"] == "FailedDiscoveryCheck"
                assert "certificate is not valid for 'metrics.kube-system.svc'" in found["message"]

    asyncio.run(main())


def test_front_proxies_are_believed_and_others_are_not(pki: Pki) -> None:
    front = pki.front_proxy()
    config = ApiServerConfig(
        client_ca=pki.ca.read_bytes(),
        requestheader_client_ca=front.ca.read_bytes(),
        requestheader_allowed_names=("front-proxy-client",),
    )
    authenticator = Authenticator(certificates=ClientCertificates(), front_proxies=front_proxies(config))

    def der(path: Path) -> bytes:
        import ssl

        return ssl.PEM_cert_to_DER_cert(path.read_text())

    proxy = der(front.issue("front-proxy-client", Subject("front-proxy-client")).certificate)
    stranger = der(front.issue("stranger", Subject("stranger")).certificate)
    client = der(pki.issue("client", Subject("alice", ("dev",))).certificate)
    headers = Headers(
        [
            ("x-remote-user", "bob"),
            ("x-remote-group", "a"),
            ("x-remote-group", "b"),
            ("x-remote-uid", "7"),
            ("x-remote-extra-example.org%2fscope", "one"),
        ]
    )

    async def ask(certificate: bytes, given: Headers) -> User:
        return authenticator.authenticate(Request("GET", "/", given, peer_certificate=certificate))

    async def main() -> None:
        user = await ask(proxy, headers)
        assert (user.name, user.uid, user.groups) == ("bob", "7", ("a", "b", "system:authenticated"))
        assert user.extra == {"example.org/scope": ("one",)}
        assert (await ask(proxy, Headers())).name == "system:anonymous"
        assert (await ask(stranger, headers)).name == "system:anonymous"
        assert (await ask(client, headers)).name == "alice"

    asyncio.run(main())


def test_headers_of_a_user_are_read_back() -> None:
    user = User("eve", "9", ("x", "y"), {"example.org/a b%": ("1", "2"), "plain": ("3",)})
    pairs = [(name.lower(), value) for name, value in headers_of(user)]
    assert user_of(Headers(pairs), HeaderNames()) == user
    assert user_of(Headers(), HeaderNames()) is None


def test_an_unreadable_answer_is_no_discovery() -> None:
    from pybernetes.apiserver.aggregation.remotes import remote_of

    remote = remote_of(apiservice(443))
    assert remote is not None
    with pytest.raises(ValueError, match="no APIResourceList"):
        merging.discovered(b"[]", remote)
    assert remote_of({"metadata": {"name": "v1."}, "spec": {"version": "v1"}}) is None
