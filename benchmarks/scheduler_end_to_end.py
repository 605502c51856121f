"""Pods per second from their creation to the news of their binding, through the API server and the store.

`pyber up` runs in a process of its own (journal, all components); nodes and pods are created through its HTTPS
port, and a watch on pods that have a node counts the bindings.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import time
from pathlib import Path

import orjson
from harness import Connection, Running, running
from scheduler_workloads import Tree, Workload, affinity, basic, node, spreading

CONNECTIONS = 16
QUIET_SECONDS_MOST = 15
WORKLOADS = (
    Workload("SchedulingBasic", (basic, 0), floor=680),
    Workload("TopologySpreading", (spreading, 0), zones=3, floor=460),
    Workload("SchedulingPodAffinity", (affinity, 0), floor=35),
)


async def measure(nodes: int, pods: int) -> None:
    """Prints a line for each workload, each against a cluster of its own."""
    for workload in WORKLOADS:
        with (
            tempfile.TemporaryDirectory() as directory,
            running(Path(directory) / "state", "--node", "hollow", "--nodes", "1") as cluster,
        ):
            await _measure(cluster, workload, nodes, pods)


async def _measure(cluster: Running, workload: Workload, nodes: int, pods: int) -> None:
    context = cluster.context()
    trees = [node(f"node-{number}", workload.zones, number) for number in range(nodes)]
    for tree in trees:
        place = int(tree["metadata"]["name"].removeprefix("node-"))
        tree["spec"]["podCIDR"] = f"10.{128 + place // 256}.{place % 256}.0/24"
        tree["spec"]["podCIDRs"] = [tree["spec"]["podCIDR"]]
        tree["status"]["conditions"] = [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]
    await _create(cluster, context, "/api/v1/nodes", trees)
    await _create(cluster, context, "/api/v1/namespaces", [{"metadata": {"name": "sched-1"}}])
    await _until_quiet(cluster, context)
    bound = asyncio.Event()
    counting = asyncio.create_task(_count(cluster, context, pods, bound))
    await asyncio.sleep(1.0)
    made = [workload.measured[0]() for _ in range(pods)]
    for number, pod in enumerate(made):
        pod["metadata"]["name"] = f"pod-{number}"
        pod["spec"]["tolerations"] = [{"operator": "Exists"}]
    before, started = cluster.cpu_seconds(), time.perf_counter()
    await _create(cluster, context, "/api/v1/namespaces/sched-1/pods", made)
    created = time.perf_counter() - started
    await bound.wait()
    took, cpu = time.perf_counter() - started, cluster.cpu_seconds() - before
    counting.cancel()
    print(
        f"{workload.name:<28}{pods / took:>8,.0f} pods/s (wall)  {pods / cpu:>8,.0f} pods/s of CPU"
        f"  created in {created:.1f} s, bound in {took:.1f} s, {cpu:.1f} s of CPU, floor {workload.floor}",
        flush=True,
    )


async def _until_quiet(cluster: Running, context: ssl.SSLContext) -> None:
    """Until the namespace's service account is there, without which pods are refused, and the controllers have done
    with the nodes (but for at most so long that these, which nobody keeps alive, are not given up)."""
    connection = await Connection.open(cluster, context)
    account = "/api/v1/namespaces/sched-1/serviceaccounts/default"
    while (await connection.request("GET", account))[0] != 200:  # noqa: ASYNC110  (polls a server)
        await asyncio.sleep(0.05)
    for _ in range(QUIET_SECONDS_MOST):
        before = cluster.cpu_seconds()
        await asyncio.sleep(1.0)
        if cluster.cpu_seconds() - before < 0.1:
            return


async def _create(cluster: Running, context: ssl.SSLContext, path: str, objects: list[Tree]) -> None:
    waiting = iter(objects)

    async def worker() -> None:
        connection = await Connection.open(cluster, context)
        for each in waiting:
            status, body = await connection.request("POST", path, orjson.dumps(each))
            if status != 201:
                raise SystemExit(f"POST {path}: {status} {body[:500].decode()}")

    await asyncio.gather(*(worker() for _ in range(min(CONNECTIONS, len(objects)))))


async def _count(cluster: Running, context: ssl.SSLContext, pods: int, bound: asyncio.Event) -> None:
    connection = await Connection.open(cluster, context)
    path = "/api/v1/namespaces/sched-1/pods?watch=true&fieldSelector=spec.nodeName%21%3D"
    connection.writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    status, _, chunked = await connection.read_head()
    if status != 200 or not chunked:
        raise SystemExit(f"watch: {status}")
    seen = 0
    async for chunk in connection.chunks():
        seen += chunk.count(b'"type":"ADDED"')
        if seen >= pods:
            bound.set()
