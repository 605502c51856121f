"""Upstream's own Go code reads our protobuf: kubectl's typed clients speak it by themselves."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pybernetes.api.kinds import KINDS, by_kind
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.interface import Call
from pybernetes.clock import Env
from pybernetes.wire.http.messages import Request, Response, Result
from pybernetes.wire.http.server import HttpServer

from .transports import ADMIN, serving

pytestmark = pytest.mark.peer

KUBECTL = Path(sys.executable).parent / "kubectl"
BINARY = "application/vnd.kubernetes.protobuf"


class Judged:
    """A server that notes what it says in protobuf, and kubectl against it."""

    def __init__(self, server: ApiServer, cache: Path) -> None:
        self.server = server
        self.cache = cache
        self.port = 0
        self.answered: list[tuple[str, str]] = []
        """(method and path, content type) of what was asked for in protobuf."""

    async def handler(self, request: Request) -> Result:
        request.headers["x-test-user"] = ADMIN.name
        result = await self.server.handler(request)
        if BINARY in request.headers.get("accept", "") and isinstance(result, Response):
            self.answered.append((f"{request.method} {request.path}", dict(result.headers)["Content-Type"]))
        return result

    async def run(self, *words: str) -> str:
        process = await self.start(*words)
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return out.decode()

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        options = (f"--server=http://127.0.0.1:{self.port}", f"--cache-dir={self.cache}")
        environment = {**os.environ, "KUBECONFIG": "/dev/null"}
        return await asyncio.create_subprocess_exec(
            KUBECTL, *options, *words, stdin=-1, stdout=-1, stderr=-1, env=environment
        )


@asynccontextmanager
async def judged(env: Env, cache: Path) -> AsyncIterator[Judged]:
    async with serving(env) as server, asyncio.timeout(40):
        judge = Judged(server, cache)
        http = HttpServer(judge.handler, now=env.now)
        judge.port = await http.listen()
        try:
            yield judge
        finally:
            await http.close()


POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "web",
        "namespace": "default",
        "labels": {"app": "web"},
        "annotations": {"note": "ä€"},
    },
    "spec": {
        "containers": [
            {
                "name": "web",
                "image": "nginx:1.27",
                "command": ["nginx", "-g"],
                "ports": [{"containerPort": 8080, "name": "http"}],
                "resources": {"requests": {"cpu": "250m", "memory": "64Mi"}},
                "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 7},
                "env": [
                    {"name": "A", "value": "b"},
                    {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                ],
            }
        ],
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 9}],
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}}],
    },
}


def test_describe_reads_objects_and_lists(env: Env, tmp_path: Path) -> None:
    async def main() -> None:
        async with judged(env, tmp_path) as judge:
            own = judge.server.transport(ADMIN)
            await create(own, {**ACCOUNT, "metadata": {"name": "default", "namespace": "default"}})
            await create(own, POD)
            event = {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": "web.1", "namespace": "default"},
                "involvedObject": {
                    "kind": "Pod",
                    "namespace": "default",
                    "name": "web",
                    "uid": (await get(own, "pods", "web"))["metadata"]["uid"],
                },
                "reason": "Scheduled",
                "message": "Successfully assigned default/web",
                "type": "Normal",
                "count": 3,
                "firstTimestamp": "2026-11-21T07:00:00Z",
                "lastTimestamp": "2026-11-21T07:09:26Z",
                "source": {"component": "default-scheduler"},
            }
            await create(own, event)
            text = " ".join((await judge.run("describe", "pod", "web")).split())
            for expected in (
                "Labels: app=web",
                "Annotations: note: ä€",
                "Image: nginx:1.27",
                "Port: 8080/TCP",
                "cpu: 250m memory: 64Mi",
                "Liveness: http-get http://:http/healthz delay=0s timeout=1s period=7s",
                "IP: (v1:status.podIP)",
                "SizeLimit: 1Gi",
                "Node-Selectors: disk=ssd",
                "gpu:NoExecute op=Exists for 9s",
                "(x3 over",
                "default-scheduler Successfully assigned default/web",
            ):
                assert expected in text, text
            used = dict(judge.answered)
            assert used["GET /api/v1/namespaces/default/pods/web"] == BINARY
            assert used["GET /api/v1/namespaces/default/events"] == BINARY

    asyncio.run(main())


def test_events_are_listed_and_watched(env: Env, tmp_path: Path) -> None:
    async def main() -> None:
        async with judged(env, tmp_path) as judge:
            own = judge.server.transport(ADMIN)
            process = await judge.start("events", "--watch")
            try:
                while not any("watch" in kind for _, kind in judge.answered):  # noqa: ASYNC110  its watch is open
                    await asyncio.sleep(0.05)
                for number in range(3):
                    await create(own, {**EVENT, "metadata": {"name": f"e{number}", "namespace": "default"}})
                assert process.stdout is not None
                lines: list[str] = []
                while sum("Pod/web" in line for line in lines) < 3:
                    lines.append((await process.stdout.readline()).decode())
            finally:
                process.kill()
                await process.wait()
            assert judge.answered[-1] == (
                "GET /api/v1/namespaces/default/events",
                f"{BINARY};stream=watch",
            )

    asyncio.run(main())


ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount"}
EVENT: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Event",
    "involvedObject": {"kind": "Pod", "namespace": "default", "name": "web"},
    "reason": "Pulled",
    "message": "pulled",
    "type": "Normal",
}


def test_reviews_and_errors(env: Env, tmp_path: Path) -> None:
    async def main() -> None:
        async with judged(env, tmp_path) as judge:
            assert await judge.run("auth", "can-i", "create", "pods") == "yes\n"
            assert "admin" in await judge.run("auth", "whoami")
            await judge.run("create", "configmap", "a", "--from-literal=k=v")
            process = await judge.start("create", "configmap", "a")
            _, err = await process.communicate()
            assert b'error: failed to create configmap: configmaps "a" already exists' in err
            assert {kind for _, kind in judge.answered} == {BINARY}

    asyncio.run(main())


async def create(own: Any, tree: dict[str, Any]) -> None:
    kind = by_kind(tree["apiVersion"], tree["kind"])
    await own.call(Call("create", kind, tree["metadata"]["namespace"], body=tree))


async def get(own: Any, plural: str, name: str) -> Any:
    kind = next(kind for kind in KINDS if kind.plural == plural)
    return await own.call(Call("get", kind, "default", name))
