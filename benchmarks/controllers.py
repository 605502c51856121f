"""The controller manager at scale, on hollow nodes: a Deployment of 10,000 pods, a rolling update, deletions, 5,000 nodes.

Each measurement prints wall time, CPU time of the cluster's one process and its memory. Run one alone by its name:

    python benchmarks/controllers.py deployment
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from harness import Connection, Running, running

PODS = 10_000
UPDATED = 1_000
OBJECTS = 10_000
NODES = 5_000


def deployment(name: str, replicas: int, image: str = "nginx:1", **strategy: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "main", "image": image}], "terminationGracePeriodSeconds": 1},
        },
    }
    if strategy:
        spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": strategy}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


class Client:
    """One connection that speaks JSON and takes only good answers."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def __call__(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        status, answer = await self.connection.request(method, path, content, kind)
        if status >= 300:
            raise SystemExit(f"{method} {path}: {status} {answer[:300]!r}")
        return json.loads(answer)

    async def count(self, path: str) -> int:
        """How many objects are below `path`, without reading them."""
        page = await self("GET", f"{path}{'&' if '?' in path else '?'}limit=1")
        return len(page["items"]) + int(page["metadata"].get("remainingItemCount", 0))


class Measure:
    """Prints what a step cost."""

    def __init__(self, cluster: Running, what: str) -> None:
        self.cluster, self.what = cluster, what
        self.began, self.cpu = time.perf_counter(), cluster.cpu_seconds()

    def milliseconds(self, count: int) -> float:
        """CPU time per object so far."""
        return 1000 * (self.cluster.cpu_seconds() - self.cpu) / count

    def done(self, note: str = "") -> None:
        wall, cpu = time.perf_counter() - self.began, self.cluster.cpu_seconds() - self.cpu
        print(
            f"{self.what:<52}{wall:>8.2f} s  CPU {cpu:>7.2f} s  {self.cluster.memory_mb():>6.0f} MB  {note}",
            flush=True,
        )


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 600.0) -> None:
    """Asks every 0.1 s. The question must be cheap: it is part of the load."""
    deadline = time.perf_counter() + seconds
    while not await condition():
        if time.perf_counter() > deadline:
            raise SystemExit(f"not done after {seconds:.0f} s")
        await asyncio.sleep(0.1)


async def until_available(client: Client, name: str, replicas: int) -> None:
    async def available() -> bool:
        seen = await client("GET", f"/apis/apps/v1/namespaces/default/deployments/{name}")
        status = seen.get("status", {})
        return (
            status.get("observedGeneration") == seen["metadata"]["generation"]
            and status.get("updatedReplicas", 0) == status.get("replicas", 0) == replicas
            and status.get("availableReplicas", 0) == replicas
        )

    await until(available)


async def until_quiet(cluster: Running, seconds: int = 60) -> None:
    """Until the cluster uses less than a tenth of a core, for at most so long."""
    for _ in range(seconds):
        before = cluster.cpu_seconds()
        await asyncio.sleep(1.0)
        if cluster.cpu_seconds() - before < 0.1:
            return


async def until_ready_nodes(client: Client, nodes: int) -> None:
    async def there() -> bool:
        return await client.count("/api/v1/nodes") >= nodes

    await until(there)


async def deploy(cluster: Running, client: Client) -> None:
    """A Deployment from 0 to 10,000 pods, then to 0 again."""
    await until_ready_nodes(client, 100)
    measure = Measure(cluster, f"Deployment from 0 to {PODS} pods, Ready")
    await client("POST", "/apis/apps/v1/namespaces/default/deployments", deployment("big", PODS))
    await until_available(client, "big", PODS)
    measure.done(f"{measure.milliseconds(PODS):.2f} ms of CPU each")
    await until_quiet(cluster)
    measure.done(f"{measure.milliseconds(PODS):.2f} ms of CPU each, with the last of their events written")
    measure = Measure(cluster, f"{PODS} pods to 0")
    path = "/apis/apps/v1/namespaces/default/deployments/big"
    await client("PATCH", path, {"spec": {"replicas": 0}}, "application/merge-patch+json")

    async def gone() -> bool:
        return await client.count("/api/v1/namespaces/default/pods") == 0

    await until(gone)
    measure.done()


async def rolling_update(cluster: Running, client: Client) -> None:
    """A new image for 1,000 pods with upstream's default of 25 % surge and unavailable."""
    await until_ready_nodes(client, 100)
    await client("POST", "/apis/apps/v1/namespaces/default/deployments", deployment("web", UPDATED))
    await until_available(client, "web", UPDATED)
    measure = Measure(cluster, f"rolling update of {UPDATED} pods")
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "nginx:2"}]}}}}
    path = "/apis/apps/v1/namespaces/default/deployments/web"
    await client("PATCH", path, patch, "application/strategic-merge-patch+json")
    await until_available(client, "web", UPDATED)
    measure.done()


async def fill(cluster: Running, path: str, make: Callable[[int], Any], count: int) -> None:
    """Creates `count` objects over eight connections."""
    context = cluster.context()
    numbers = iter(range(count))

    async def worker() -> None:
        client = Client(await Connection.open(cluster, context))
        for number in numbers:
            await client("POST", path, make(number))

    await asyncio.gather(*(worker() for _ in range(8)))


def config_map(number: int, owners: list[Any] | None = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": f"object-{number}"}
    if owners:
        metadata["ownerReferences"] = owners
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"number": str(number)}}


async def delete_namespace(cluster: Running, client: Client) -> None:
    """A namespace with 10,000 ConfigMaps."""
    await client("POST", "/api/v1/namespaces", {"metadata": {"name": "full"}})
    await fill(cluster, "/api/v1/namespaces/full/configmaps", config_map, OBJECTS)
    measure = Measure(cluster, f"deletion of a namespace with {OBJECTS} objects")
    await client("DELETE", "/api/v1/namespaces/full")

    async def gone() -> bool:
        names = await client("GET", "/api/v1/namespaces")
        return all(item["metadata"]["name"] != "full" for item in names["items"])

    await until(gone)
    measure.done()


async def collect_garbage(cluster: Running, client: Client) -> None:
    """10,000 dependents of one deleted owner."""
    owner = await client("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "owner"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    await fill(
        cluster, "/api/v1/namespaces/default/configmaps", lambda n: config_map(n, [reference]), OBJECTS
    )
    measure = Measure(cluster, f"garbage collection of {OBJECTS} dependents")
    await client("DELETE", "/api/v1/namespaces/default/configmaps/owner")

    async def gone() -> bool:
        return await client.count("/api/v1/namespaces/default/configmaps") <= 1

    await until(gone)
    measure.done()


async def steady(cluster: Running, client: Client) -> None:
    """5,000 hollow nodes: to join, then a minute with nothing but their leases (5,000 renewals each 10 s)."""
    measure = Measure(cluster, f"{NODES} hollow nodes join")
    await until_ready_nodes(client, NODES)
    measure.done("(since the API server was ready)")
    await asyncio.sleep(20)
    measure = Measure(cluster, f"a minute of {NODES} idle nodes")
    await asyncio.sleep(60)
    used = cluster.cpu_seconds() - measure.cpu
    measure.done(f"({100 * used / (time.perf_counter() - measure.began):.0f} % of a core)")


MEASUREMENTS: dict[str, tuple[int, Callable[[Running, Client], Awaitable[None]]]] = {
    "deployment": (100, deploy),
    "rolling-update": (100, rolling_update),
    "namespace": (1, delete_namespace),
    "garbage": (1, collect_garbage),
    "nodes": (NODES, steady),
}


async def run(name: str) -> None:
    nodes, measurement = MEASUREMENTS[name]
    with tempfile.TemporaryDirectory() as directory:
        options = ("--node", "hollow", "--nodes", str(nodes), "--pod-cidr", "10.128.0.0/9")
        with running(Path(directory, "state"), *options) as cluster:
            await measurement(cluster, Client(await Connection.open(cluster, cluster.context())))


def main() -> None:
    for name in sys.argv[1:] or MEASUREMENTS:
        if name not in MEASUREMENTS:
            raise SystemExit(f"{name!r} is none of {', '.join(MEASUREMENTS)}")
        asyncio.run(run(name))


if __name__ == "__main__":
    main()
