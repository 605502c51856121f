"""Real kubectl over TLS through the API server's connect to the kubelet's server: logs, exec, attach, port-forward."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import uvloop
from certificates import Pki
from fake_runtime import POD, FakeBackend
from test_connect import ENV, NODE

from pybernetes.api.errors import ApiError
from pybernetes.apiserver.connect.serve import Connector
from pybernetes.apiserver.context import RequestContext
from pybernetes.apiserver.requestinfo import request_info
from pybernetes.kubelet.server.authorize import by_common_name
from pybernetes.kubelet.server.handler import KubeletServer
from pybernetes.wire.http.client import HttpClient
from pybernetes.wire.http.messages import Request, Response, Result
from pybernetes.wire.http.server import HttpServer
from pybernetes.wire.tls import client_context, server_context

pytestmark = pytest.mark.peer

KUBECTL = Path(sys.executable).parent / "kubectl"
JSON = (("Content-Type", "application/json"),)
PODS = {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get"]}
DISCOVERY: dict[str, Any] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [PODS]},
}
SPDY = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"}
WAYS = pytest.mark.parametrize(
    ("environment", "run"),
    [({}, asyncio.run), (SPDY, asyncio.run), ({}, uvloop.run), (SPDY, uvloop.run)],
    ids=["websocket", "spdy", "websocket-uvloop", "spdy-uvloop"],
)
Run = Callable[[Coroutine[Any, Any, None]], None]


class Kubectl:
    def __init__(self, port: int, cache: Path, ca: Path, environment: dict[str, str]) -> None:
        self._options = (
            f"--server=https://127.0.0.1:{port}",
            f"--certificate-authority={ca}",
            f"--cache-dir={cache}",
            "--token=unchecked",  # without one, kubectl asks for a password
        )
        self._environment = {**os.environ, "KUBECONFIG": "/dev/null", **environment}

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            KUBECTL, *self._options, *words, stdin=-1, stdout=-1, stderr=-1, env=self._environment
        )

    async def run(self, *words: str, stdin: bytes = b"") -> tuple[int | None, bytes, str]:
        process = await self.start(*words)
        try:
            out, err = await process.communicate(stdin)
        finally:
            if process.returncode is None:
                process.kill()
        return process.returncode, out, err.decode()


@contextlib.asynccontextmanager
async def cluster(cache: Path, pki: Pki, environment: dict[str, str]) -> AsyncIterator[Kubectl]:
    kubelet = HttpServer(KubeletServer(FakeBackend(), ENV, by_common_name()).handle, now=ENV.now)
    port = await kubelet.listen(tls=server_context(pki.server, pki.server_key, pki.ca))
    endpoint = {"kubeletEndpoint": {"Port": port}}
    pod = {"apiVersion": "v1", "kind": "Pod", **POD}
    objects = {"nodes": {**NODE, "status": {**NODE["status"], "daemonEndpoints": endpoint}}, "pods": pod}
    kubelets = HttpClient(tls=client_context(pki.ca, pki.client, pki.client_key))
    connector = Connector(kubelets, HttpClient())
    registry = SimpleNamespace(core=lambda plural, *_: objects.get(plural), find=lambda *_: None)

    async def handler(request: Request) -> Result:
        info = request_info(request.method, request.path, request.query)
        if not info.subresource:
            return Response(200, JSON, json.dumps(DISCOVERY.get(request.path, pod)).encode())
        services = SimpleNamespace(registry=registry, env=ENV)
        ctx = cast(RequestContext, SimpleNamespace(request=request, info=info, services=services))
        try:
            return await connector.connect(ctx)
        except ApiError as error:
            return Response(error.code, JSON, json.dumps(error.status()).encode())

    api = HttpServer(handler, now=ENV.now)
    try:
        async with asyncio.timeout(20):
            port = await api.listen(tls=server_context(pki.server, pki.server_key, http2=True))
            yield Kubectl(port, cache, pki.ca, environment)
    finally:
        await connector.close()
        await api.close()
        await kubelet.close()


@WAYS
def test_logs_exec_and_attach(tmp_path: Path, pki: Pki, environment: dict[str, str], run: Run) -> None:
    async def main() -> None:
        async with cluster(tmp_path, pki, environment) as kubectl:
            assert await kubectl.run("logs", "web", "-c", "c") == (0, b"line 1\nline 2\n", "")
            code, _, err = await kubectl.run("logs", "web", "-c", "waiting")
            assert (code, err) == (
                1,
                'Error from server (BadRequest): container "waiting" in pod "web" is waiting to start: '
                "ContainerCreating\n",
            )
            command = ("exec", "web", "-c", "c", "--")
            code, out, err = await kubectl.run(*command, "fail", "7")
            assert (code, out, err) == (7, b"", "oops\ncommand terminated with exit code 7\n")
            stdin = b"0123456789" * 50_000
            assert await kubectl.run("exec", "-i", "web", "-c", "c", "--", "cat", stdin=stdin) == (
                0,
                stdin,
                "",
            )
            code, out, _ = await kubectl.run(*command, "big", "5000000")
            assert (code, len(out)) == (0, 5_000_000)
            code, _, err = await kubectl.run(*command, "missing")
            assert (code, err) == (1, "error: Internal error occurred: executable file not found\n")
            code, _, err = await kubectl.run("exec", "web", "-c", "waiting", "--", "cat")
            assert (code, err) == (
                1,
                'error: unable to upgrade connection: container not found ("waiting")\n',
            )
            code, out, _ = await kubectl.run("attach", "-i", "web", "-c", "c", stdin=b"typed")
            assert (code, out) == (0, b"typed")

    run(main())


@WAYS
def test_port_forward(tmp_path: Path, pki: Pki, environment: dict[str, str], run: Run) -> None:
    async def main() -> None:
        async with cluster(tmp_path, pki, environment) as kubectl:
            words = ("port-forward", "--address=127.0.0.1", "pod/web", ":80", ":81")
            process = await kubectl.start(*words)
            assert process.stdout is not None
            try:
                ports = []
                for _ in range(2):
                    line = (await process.stdout.readline()).decode()
                    ports.append(int(line.split("127.0.0.1:")[1].split()[0]))
                good, bad = ports
                for _ in range(3):
                    reader, writer = await asyncio.open_connection("127.0.0.1", good)
                    writer.write(b"abc" * 50_000)
                    assert await reader.readexactly(150_000) == b"ABC" * 50_000
                    writer.write_eof()
                    assert await reader.read() == b""
                    writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", bad)
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
                writer.close()
                assert process.stderr is not None
                told = await process.stderr.readline()
                assert b"error forwarding port 81 to pod web_default, uid u-1: connection refused" in told
            finally:
                if process.returncode is None:
                    process.terminate()
                await process.communicate()

    run(main())
