"""From a pod's subresource to a kubelet and back: targets, forwarding, refusals, both servers over sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fake_runtime import POD, FakeBackend
from turns import until

from pybernetes.api.errors import ApiError, BadRequest, Invalid, ServiceUnavailable
from pybernetes.apiserver.connect.forward import answer_headers, forwarded_headers
from pybernetes.apiserver.connect.pod_targets import (
    chosen_container,
    kubelet_base,
    log_path,
    port_forward_path,
    stream_path,
)
from pybernetes.apiserver.connect.proxy_targets import ProxyName, node_url, pod_url, service_url, split_name
from pybernetes.apiserver.connect.serve import Connector
from pybernetes.apiserver.context import RequestContext
from pybernetes.apiserver.requestinfo import request_info
from pybernetes.clock import Env
from pybernetes.kubelet.server.handler import KubeletServer
from pybernetes.wire.channels import V5, Channel, ChannelSocket
from pybernetes.wire.http.client import HttpClient
from pybernetes.wire.http.messages import Headers, MultiDict, Request, Response, Result
from pybernetes.wire.http.server import HttpServer
from pybernetes.wire.websocket import open_websocket

ENV = Env(now=lambda: 1_790_000_000.0, rng=random.Random(1))
NODE: dict[str, Any] = {
    "metadata": {"name": "n1"},
    "status": {
        "addresses": [{"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 1}},
    },
}


def query(**values: str) -> MultiDict:
    return MultiDict(values.items())


def pod(**changes: Any) -> dict[str, Any]:
    return {**POD, **changes}


def test_kubelet_base_prefers_internal_addresses() -> None:
    assert kubelet_base(NODE) == "https://127.0.0.1:1"
    assert (
        kubelet_base({"status": {"addresses": [{"type": "InternalIP", "address": "fd00::1"}]}})
        == "https://[fd00::1]:10250"
    )
    with pytest.raises(BadRequest):
        kubelet_base({"status": {}})


def test_log_path() -> None:
    asked = query(container="c", follow="true", tailLines="3", sinceSeconds="9", timestamps="false")
    assert log_path(POD, asked) == "/containerLogs/default/web/c?follow=true&sinceSeconds=9&tailLines=3"
    assert log_path(pod(spec={"containers": [{"name": "c"}]}), query()) is None
    with pytest.raises(BadRequest, match="strconv"):
        log_path(POD, query(container="c", tailLines="x"))
    with pytest.raises(Invalid) as invalid:
        log_path(POD, query(container="c", tailLines="-1", limitBytes="0"))
    assert invalid.value.message == (
        'PodLogOptions "web" is invalid: [tailLines: Invalid value: -1: must be greater than or equal to 0, '
        "limitBytes: Invalid value: 0: must be greater than 0]"
    )


def test_stream_paths() -> None:
    asked = MultiDict(
        [
            ("container", "c"),
            ("stdin", "true"),
            ("stdout", "true"),
            ("tty", "false"),
            ("command", "a b"),
            ("command", "&c"),
        ]
    )
    assert stream_path(POD, "exec", asked) == "/exec/default/web/c?input=1&output=1&command=a+b&command=%26c"
    assert (
        stream_path(POD, "attach", query(container="c", stderr="false")) == "/attach/default/web/c?output=1"
    )
    assert port_forward_path(POD, query(ports="80")) == "/portForward/default/web?port=80"
    with pytest.raises(BadRequest, match="completed pod; current phase is Succeeded"):
        stream_path(pod(status={"phase": "Succeeded"}), "exec", asked)
    with pytest.raises(BadRequest, match="pod web does not have a host assigned"):
        port_forward_path(pod(spec={"containers": []}), query())


def test_chosen_container() -> None:
    one = pod(spec={"containers": [{"name": "only"}], "initContainers": [{"name": "i"}]})
    assert chosen_container(one, "") == "only"
    assert chosen_container(one, "i") == "i"
    with pytest.raises(
        BadRequest, match=r"a container name must be specified for pod web, choose one of: \[c waiting\]$"
    ):
        chosen_container(POD, "")
    with pytest.raises(BadRequest, match="container x is not valid for pod web"):
        chosen_container(POD, "x")


def test_proxy_targets() -> None:
    assert split_name("web") == ProxyName("", "web", "")
    assert split_name("web:80") == ProxyName("", "web", "80")
    assert split_name("https:web:") == ProxyName("https", "web", "")
    for bad in ("ftp:web:1", "a:b:c:d", ":80"):
        with pytest.raises(BadRequest):
            split_name(bad)
    assert node_url(NODE, split_name("n1")) == "https://127.0.0.1:1"
    assert node_url(NODE, split_name("n1:1")) == "https://127.0.0.1:1"
    assert node_url(NODE, split_name("n1:80")) == "http://127.0.0.1:80"
    ported = {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"ports": [{"containerPort": 8080}]}]},
        "status": {"podIP": "10.0.0.1"},
    }
    assert pod_url(ported, split_name("p")) == "http://10.0.0.1:8080"
    assert pod_url(ported, split_name("https:p:9")) == "https://10.0.0.1:9"
    with pytest.raises(BadRequest):
        pod_url({**ported, "status": {}}, split_name("p"))
    service = {"metadata": {"name": "s"}, "spec": {"ports": [{"name": "http", "port": 80}]}}
    slices = [
        {
            "ports": [{"name": "http", "port": 8080}],
            "endpoints": [
                {"addresses": ["10.0.0.1"]},
                {"addresses": ["10.0.0.2"], "conditions": {"ready": False}},
                {"addresses": ["10.0.0.3"], "conditions": {"ready": True}},
            ],
        }
    ]
    for name in ("s", "s:80", "s:http"):
        assert {service_url(service, slices, split_name(name), n) for n in range(4)} == {
            "http://10.0.0.1:8080",
            "http://10.0.0.3:8080",
        }
    with pytest.raises(ServiceUnavailable, match='no service port "81" found for service "s"'):
        service_url(service, slices, split_name("s:81"), 0)
    with pytest.raises(ServiceUnavailable, match='no endpoints available for service "s"'):
        service_url(service, [], split_name("s"), 0)


def test_forwarded_headers_keep_no_credentials() -> None:
    request = Request(
        "GET",
        "/p?q",
        Headers(
            [
                ("authorization", "Bearer x"),
                ("cookie", "c"),
                ("impersonate-user", "root"),
                ("connection", "close, x-hop"),
                ("x-hop", "1"),
                ("accept", "a"),
                ("accept", "b"),
                ("x-forwarded-for", "9.9.9.9"),
            ]
        ),
        remote="127.0.0.9",
    )
    assert forwarded_headers(request) == [
        ("accept", "a"),
        ("accept", "b"),
        ("X-Forwarded-For", "9.9.9.9, 127.0.0.9"),
        ("X-Forwarded-Uri", "/p"),
    ]
    kept = answer_headers(Headers([("date", "d"), ("transfer-encoding", "chunked"), ("etag", "e")]))
    assert kept == [("etag", "e")]


# -- over sockets ------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def cluster() -> AsyncIterator[tuple[FakeBackend, HttpClient, dict[str, Any]]]:
    """An API server that knows only connecting, before a kubelet; objects can be changed."""
    backend = FakeBackend()

    async def everyone(_: Request) -> bool:
        return True

    kubelet = HttpServer(KubeletServer(backend, ENV, everyone).handle, now=ENV.now)
    kubelet_port = await kubelet.listen()
    node = {
        **NODE,
        "status": {**NODE["status"], "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet_port}}},
    }
    objects: dict[str, Any] = {"nodes": node, "pods": POD}
    plain = PlainKubelets()
    connector = Connector(plain, HttpClient())
    registry = SimpleNamespace(core=lambda plural, *_: objects.get(plural), find=lambda *_: None)
    services = SimpleNamespace(registry=registry, env=ENV)

    async def handler(request: Request) -> Result:
        info = request_info(request.method, request.path, request.query)
        ctx = cast(RequestContext, SimpleNamespace(request=request, info=info, services=services))
        try:
            return await connector.connect(ctx)
        except ApiError as error:
            return Response(error.code, (), json.dumps(error.status()).encode())

    api = HttpServer(handler, now=ENV.now)
    client = HttpClient(f"http://127.0.0.1:{await api.listen()}/api/v1")
    try:
        async with asyncio.timeout(20):
            yield backend, client, objects
    finally:
        await client.close()
        await connector.close()
        await api.close()
        await kubelet.close()


class PlainKubelets(HttpClient):
    """Kubelets without TLS, so that these tests need no certificates."""

    def _locate(self, url: str) -> Any:
        return super()._locate(url.replace("https://", "http://"))


async def asked(client: HttpClient, path: str, **options: Mapping[str, str]) -> tuple[int, Any]:
    reply = await client.request("GET", path, **options)  # type: ignore[arg-type]
    return reply.status, json.loads(reply.body)


def test_exec_through_the_api_server() -> None:
    async def main() -> None:
        async with cluster() as (backend, client, _):
            path = "/namespaces/default/pods/web/exec?container=c&stdin=true&stdout=true&command="
            socket = ChannelSocket(await open_websocket(client, path + "cat", bytes(16), subprotocols=(V5,)))
            assert socket.subprotocol == V5
            big = b"0123456789" * 100_000
            await socket.send(Channel.STDIN, big)
            assert await socket.receive() == (Channel.STDOUT, big)
            await socket.end(Channel.STDIN)
            assert (await socket.receive() or (9, b""))[0] == Channel.ERROR
            assert await socket.receive() is None
            await socket.close()
            socket = ChannelSocket(
                await open_websocket(client, path + "sleep", bytes(16), subprotocols=(V5,))
            )
            await until(lambda: len(backend.streaming.sessions) == 2)
            await socket.close()
            await backend.streaming.sessions[1].closed.wait()
            upgrade = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
            waiting = path.replace("container=c", "container=waiting")
            reply = await client.request("POST", waiting + "x", headers=upgrade)
            assert (reply.status, reply.body) == (500, b'container not found ("waiting")\n')
            assert (await asked(client, path + "cat"))[1]["message"] == "Upgrade request required"

    asyncio.run(main())


def test_logs_through_the_api_server() -> None:
    async def main() -> None:
        async with cluster() as (_, client, objects):
            path = "/namespaces/default/pods/web/log?container="
            reply = await client.request("GET", path + "c")
            assert (reply.status, reply.body) == (200, b"line 1\nline 2\n")
            assert reply.headers["content-type"] == "text/plain"
            async with client.stream("GET", path + "c&follow=true") as followed:
                assert await anext(aiter(followed)) == b"line 1\n"
            status, told = await asked(client, path + "waiting")
            assert (status, told["reason"]) == (400, "BadRequest")
            assert (
                told["message"] == 'container "waiting" in pod "web" is waiting to start: ContainerCreating'
            )
            objects["pods"] = {**POD, "metadata": {**POD["metadata"], "name": "gone"}}
            status, told = await asked(client, path + "c")
            assert (status, told["message"]) == (
                404,
                "the server could not find the requested resource ( pods/log web)",
            )
            objects["pods"] = {**POD, "spec": {"containers": [{"name": "c"}]}}
            assert (await client.request("GET", path)).status == 204
            objects["pods"] = None
            assert (await asked(client, path))[0] == 404

    asyncio.run(main())


def test_a_kubelet_that_does_not_answer() -> None:
    async def main() -> None:
        async with cluster() as (_, client, objects):
            objects["nodes"] = NODE
            status, told = await asked(client, "/namespaces/default/pods/web/log?container=c")
            assert (status, told["reason"]) == (500, "InternalError")
            upgrade = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
            path = "/namespaces/default/pods/web/portforward"
            status, told = await asked(client, path, headers=upgrade)
            assert status == 500
            assert told["message"].startswith("error dialing backend: ")

    asyncio.run(main())


def test_node_and_pod_proxy() -> None:
    async def main() -> None:
        async with cluster() as (_, client, objects):
            reply = await client.request("GET", "/nodes/n1/proxy/stats/summary")
            assert json.loads(reply.body)["node"]["nodeName"] == "n1"
            port = objects["nodes"]["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"]
            objects["pods"] = {**POD, "status": {"podIP": "127.0.0.1"}}
            reply = await client.request(
                "GET", f"/namespaces/default/pods/web:{port}/proxy/metrics/x%20y?a=b"
            )
            assert (reply.status, reply.body) == (200, b"# /metrics/x y\n")
            assert (await client.request("HEAD", "/nodes/n1/proxy/healthz")).status == 200

    asyncio.run(main())
