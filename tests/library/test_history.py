"""The past, forks and snapshots."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path

import pytest

from pybernetes import Cluster, ClusterError
from pybernetes.api.errors import Expired, NotFound
from pybernetes.lang import yamlload

from .test_behaviour import PROBE, pod
from .test_library import WEB


def config(name: str, value: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": value}}


def test_the_past_can_be_read_by_revision_and_time() -> None:
    async def main() -> None:
        async with Cluster(nodes=0, time="virtual") as c:
            first = await c.apply(config("a", "1"))
            revision = int(first["metadata"]["resourceVersion"])  # type: ignore[call-overload]
            at = c.now
            await c.advance("1h")
            await c.apply(config("a", "2"))
            await c.apply(config("b", "1"))
            await c.delete("configmap/a")
            for past in (c.at(revision), c.at(at)):
                assert (await past.get("configmap/a"))["data"] == {"k": "1"}
                with pytest.raises(NotFound, match="at revision"):
                    await past.get("configmap/b")
                assert "b" not in [x["metadata"]["name"] for x in await past.list("configmaps")]
            with pytest.raises(NotFound):
                await c.get("configmap/a")
            with pytest.raises(ClusterError, match="has not happened yet"):
                c.at(10**9)
            with pytest.raises(Expired):
                c.at(at - datetime.timedelta(days=1))

    asyncio.run(main())


def test_a_fork_goes_on_alone() -> None:
    async def main() -> None:
        async with Cluster(nodes=2, time="virtual") as c:
            await c.apply(
                [*yamlload.load_documents(WEB), pod("late", annotations="after=1h exit=0", **PROBE)]
            )
            await c.wait("deployment/web", "Available")
            await c.advance("30m")
            before = {p["metadata"]["uid"]: p["status"]["containerStatuses"] for p in await c.list("pods")}
            async with c.fork() as other:
                assert other.now == c.now
                await other.settle()
                same = {
                    p["metadata"]["uid"]: p["status"]["containerStatuses"] for p in await other.list("pods")
                }
                assert same == before  # nothing was restarted
                await other.delete("deployment/web")
                await other.apply(config("only", "here"))
                await other.advance("31m")
                late = await other.get("pod/late")
                assert late["status"]["containerStatuses"][0]["restartCount"] == 1
            assert len(await c.list("pods")) == 3
            with pytest.raises(NotFound):
                await c.get("configmap/only")
            await c.wait("deployment/web", "Available")

    asyncio.run(main())


def test_a_snapshot_is_a_cluster_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "cluster.json"

    async def main() -> None:
        async with Cluster(nodes=2, time="virtual") as c:
            await c.apply(WEB)
            await c.wait("deployment/web", "Available")
            await c.advance("1d")
            uid = (await c.get("deployment/web"))["metadata"]["uid"]
            saved = c.now
            await c.snapshot(path)
        async with Cluster.load(path, time="virtual") as again:
            assert again.now >= saved
            assert (await again.get("deployment/web"))["metadata"]["uid"] == uid
            assert len(await again.list("nodes")) == 2
            await again.scale("deployment/web", 5)
            await again.wait("deployment/web", "status.availableReplicas=5", timeout=120)

    asyncio.run(main())


def test_what_kubectl_printed_becomes_a_cluster(tmp_path: Path) -> None:
    import json

    path = tmp_path / "dump.yaml"

    async def main() -> None:
        async with Cluster(nodes=1, time="virtual") as c:
            await c.apply(WEB)
            await c.wait("deployment/web", "Available")
            items = [
                obj
                for kind in ("namespaces", "nodes", "deployments", "replicasets", "services", "pods")
                for obj in await c.list(kind, namespace="")
            ]
            path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        async with Cluster.load(path, time="virtual") as again:
            await again.wait("deployment/web", "Available", timeout=120)
            pods = await again.list("pods")
            assert {p["metadata"]["uid"] for p in pods} == {
                o["metadata"]["uid"] for o in items if o["kind"] == "Pod"
            }

    asyncio.run(main())
