"""Requests per second and latency of the API server over TLS with RBAC, driven from this separate process.

Pods as a Deployment would make them (about 2 KB as stored), 16 connections, durable store. They name no node and carry
a scheduling gate, so that nothing else reacts to them while the server is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from harness import Connection, Running, load, running

CONNECTIONS = 16
PODS = 4000
WATCHERS = (100, 1000)


def pod(number: int) -> bytes:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"p{number}", "labels": {"app": f"a{number % 1000}", "bench": "yes"}},
            "spec": {
                "schedulingGates": [{"name": "bench.example.org/hold"}],
                "containers": [
                    {
                        "name": "main",
                        "image": "docker.io/nginx:latest",
                        "resources": {"requests": {"cpu": "100m", "memory": "100Mi"}},
                        "ports": [{"containerPort": 80}],
                        "env": [{"name": "A", "value": "b"}],
                    }
                ],
            },
        }
    ).encode()


async def verbs(cluster: Running) -> None:
    context = cluster.context()
    pool = [await Connection.open(cluster, context) for _ in range(CONNECTIONS)]
    base = "/api/v1/namespaces/default/pods"

    async def expect(connection: int, wanted: int, *request: object) -> bytes:
        status, body = await pool[connection].request(*request)  # type: ignore[arg-type]
        if status != wanted:
            raise SystemExit(f"{request[:2]}: {status} {body[:300]!r}")
        return body

    async def create(c: int, n: int) -> None:
        await expect(c, 201, "POST", base, pod(n))

    async def get(c: int, n: int) -> None:
        await expect(c, 200, "GET", f"{base}/p{n % PODS}")

    async def patch(c: int, n: int) -> None:
        body = json.dumps({"metadata": {"annotations": {"bench": str(n)}}}).encode()
        await expect(c, 200, "PATCH", f"{base}/p{n % PODS}", body, "application/merge-patch+json")

    await load("create", CONNECTIONS, PODS, create)
    await load("get", CONNECTIONS, PODS * 3, get)
    await load("patch (merge)", CONNECTIONS, PODS, patch)
    for name, query in (
        ("list all", ""),
        ("list label matching 4", "?labelSelector=app%3Da7"),
        ("list label matching none", "?labelSelector=app%3Dnone"),
        ("list by node", "?fieldSelector=spec.nodeName%3Dnode1"),
    ):
        started = time.perf_counter()
        for _ in range(5):
            body = await expect(0, 200, "GET", base + query)
        print(f"{name:<28}{(time.perf_counter() - started) / 5 * 1000:10.1f} ms   {len(body) / 1e6:.2f} MB")
    print(f"{'memory':<28}{cluster.memory_mb():10.0f} MB")


async def fan_out(cluster: Running, watchers: int, events: int = 100) -> None:
    context = cluster.context()
    connections = [await Connection.open(cluster, context) for _ in range(watchers)]
    path = "/api/v1/namespaces/default/configmaps?watch=true"
    done = asyncio.Event()
    seen = 0
    delays: list[float] = []
    sent: dict[str, float] = {}

    async def watch(connection: Connection) -> None:
        nonlocal seen
        async for chunk in connection.chunks():
            now = time.perf_counter()
            for line in chunk.splitlines():
                name = line.partition(b'"name":"fan-')[2].partition(b'"')[0].decode()
                if name in sent:
                    seen += 1
                    delays.append(now - sent[name])
            if seen >= watchers * events:
                done.set()

    tasks = []
    for connection in connections:
        connection.writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await connection.read_head()
        tasks.append(asyncio.create_task(watch(connection)))
    writer = await Connection.open(cluster, context)
    started = time.perf_counter()
    for number in range(events):
        name = f"{watchers}-{number}"
        body = json.dumps({"metadata": {"name": f"fan-{name}"}, "data": {"x": "y" * 200}}).encode()
        sent[name] = time.perf_counter()
        await writer.request("POST", "/api/v1/namespaces/default/configmaps", body)
    await asyncio.wait_for(done.wait(), 120)
    took = time.perf_counter() - started
    delays.sort()
    p99 = delays[int(len(delays) * 0.99)] * 1000
    print(f"{f'watch, {watchers} watchers':<28}{seen / took:>10,.0f} events/s   p99 {p99:.0f} ms")
    for task in tasks:
        task.cancel()
    for connection in connections:
        connection.writer.transport.abort()


async def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        options = ("--node", "hollow", *sys.argv[1:])
        with running(Path(directory) / "state", *options) as cluster:
            await verbs(cluster)
            for watchers in WATCHERS:
                await fan_out(cluster, watchers)


if __name__ == "__main__":
    uvloop.run(main())
