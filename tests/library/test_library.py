"""`Cluster` in the running loop: what it can do, and that it leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from pybernetes import Cluster, ClusterError, NodeSpec, WaitTimeout
from pybernetes.api.errors import Forbidden, NotFound
from pybernetes.cluster.naming import UnknownKind

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: nginx}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, name: http}]}
"""


def tasks() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]


def test_a_deployment_runs_on_hollow_nodes_in_real_time() -> None:
    async def main() -> None:
        async with Cluster(nodes=2) as c:
            await c.apply(WEB)
            await c.wait("deployment/web", "Available", timeout=10)
            await c.settle()
            pods = await c.list("pods", labels="app=web")
            assert {pod["status"]["phase"] for pod in pods} == {"Running"}
            assert {pod["spec"]["nodeName"] for pod in pods} <= {"node1", "node2"}
            service = await c.get("svc/web")
            assert c.resolve("web") == [service["spec"]["clusterIP"]]
            assert c.resolve("web.default.svc.cluster.local.") == c.resolve("web")
            assert c.resolve("_http._tcp.web", "SRV") == ["0 100 80 web.default.svc.cluster.local"]
            assert c.resolve("nobody") == []
        assert not tasks()

    asyncio.run(main())


def test_apply_takes_text_trees_lists_files_and_directories(tmp_path: Path) -> None:
    def config(name: str, value: str) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": value}}

    async def main() -> None:
        async with Cluster(nodes=0, time="virtual") as c:
            one = await c.apply(config("a", "1"))
            assert one["metadata"]["namespace"] == "default"  # type: ignore[call-overload]
            assert len(await c.apply([config("b", "1"), config("c", "1")])) == 2
            (tmp_path / "x.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n")
            (tmp_path / "y.yaml").write_text(
                "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n"
                "  metadata: {name: d, namespace: other}\n"
            )
            await c.apply(tmp_path)
            await c.get("configmap/d", namespace="other")
            again = await c.apply({**config("a", "2"), "data": {"other": "2"}})
            assert again["data"] == {"other": "2"}  # type: ignore[call-overload]
            with pytest.raises(UnknownKind, match='no matches for kind "Thing"'):
                await c.apply({"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "x"}})
            with pytest.raises(TypeError, match="not a manifest"):
                await c.apply("just text\nof two lines\n")

    asyncio.run(main())


def test_nodes_are_as_they_were_asked_for() -> None:
    async def main() -> None:
        specs = [NodeSpec("big", cpu=64, labels={"disk": "ssd"}), NodeSpec(cpu=1)]
        async with Cluster(specs, time="virtual") as c:
            big, small = await c.list("nodes")
            assert big["status"]["capacity"]["cpu"] == "64"
            assert big["metadata"]["labels"]["disk"] == "ssd"
            assert small["metadata"]["name"] == "node2"

    asyncio.run(main())


def test_waiting_tells_what_was_there_instead() -> None:
    async def main() -> None:
        async with Cluster(nodes=1, time="virtual") as c:
            before = c.now
            huge = {"requests": {"cpu": "500"}}
            pod = {"containers": [{"name": "c", "image": "x", "resources": huge}]}
            await c.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": pod})
            with pytest.raises(WaitTimeout, match=r"PodScheduled=False \(Unschedulable: .*Insufficient cpu"):
                await c.wait("pod/p", timeout=20)
            assert (c.now - before).total_seconds() == pytest.approx(20)
            with pytest.raises(WaitTimeout, match="there is none"):
                await c.wait("pod/nobody", "exists", timeout=1)
            assert (await c.wait("pod/p", "status.phase=Pending"))["metadata"]["name"] == "p"
            await c.delete("pod/p")
            with pytest.raises(NotFound):
                await c.get("pod/p")

    asyncio.run(main())


def test_clients_have_the_rights_of_their_users() -> None:
    async def main() -> None:
        async with Cluster(nodes=0, time="virtual") as c:
            nobody = c.client_as("someone")
            with pytest.raises(Forbidden, match='User "someone" cannot list resource "pods"'):
                await nobody.list(c.kind("pods"), "default")

    asyncio.run(main())


def test_bad_use_is_told() -> None:
    async def main() -> None:
        c = Cluster(nodes=0)
        with pytest.raises(ClusterError, match="async with"):
            await c.get("pod/x")
        async with c:
            with pytest.raises(ClusterError, match='time="virtual"'):
                await c.advance("1h")
            with pytest.raises(ClusterError, match="entered once"):
                await c.__aenter__()
            elsewhere: list[str] = []

            def other() -> None:
                try:
                    asyncio.run(c.settle())
                except ClusterError as error:
                    elsewhere.append(str(error))

            await asyncio.to_thread(other)
            assert elsewhere == ["called from another event loop than the one the cluster was made in"]
        with pytest.raises(ClusterError, match="has ended"):
            await c.settle()
        with pytest.raises(ValueError, match='"real" or "virtual"'):
            Cluster(time="fast")  # type: ignore[arg-type]

    asyncio.run(main())


@pytest.mark.parametrize("time", ["real", "virtual"])
def test_nothing_is_left_after_an_error_or_a_cancellation(time: Any) -> None:
    async def failing() -> None:
        async with Cluster(nodes=1, time=time) as c:
            await c.serve()
            raise ZeroDivisionError

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await failing()
        assert not tasks()
        began = asyncio.Event()
        served: list[Path] = []

        async def cancelled() -> None:
            async with Cluster(nodes=1, time=time) as c:
                served.append((await c.serve()).directory)
                began.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(cancelled())
        await began.wait()
        assert served[0].exists()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not tasks()
        assert not served[0].exists()

    asyncio.run(main())


def test_a_cancelled_start_leaves_nothing() -> None:
    async def main() -> None:
        for turns in (1, 5, 20, 60):
            task = asyncio.create_task(Cluster(nodes=1).__aenter__())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not tasks()

    asyncio.run(main())


def test_code_without_asyncio_uses_it_from_any_thread() -> None:
    with Cluster.sync(nodes=1, time="virtual") as c:
        c.apply(WEB)
        c.wait("deployment/web", "Available")
        stands_still = c.now
        found: list[int] = []
        thread = threading.Thread(target=lambda: found.append(len(c.list("pods"))))
        thread.start()
        thread.join()
        assert found == [2]
        assert c.now == stands_still
        c.advance("1h")
        assert (c.now - stands_still).total_seconds() == pytest.approx(3600)
        assert c.client.get(c.cluster.kind("pods"), c.list("pods")[0]["metadata"]["name"], "default")
    with pytest.raises(ClusterError, match="has ended"):
        c.list("pods")
    assert not [thread for thread in threading.enumerate() if thread.name == "pybernetes cluster"]


def test_the_official_client_talks_to_a_served_cluster() -> None:
    from kubernetes import client, config

    with Cluster.sync(nodes=1) as c:
        served = c.serve()
        assert c.serve() is served
        api = config.new_client_from_config(served.kubeconfig)
        core = client.CoreV1Api(api)
        assert [node.metadata.name for node in core.list_node().items] == ["node1"]
        body = {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        core.create_namespaced_pod("default", body)
        c.wait("pod/x", "Ready")
        assert core.read_namespaced_pod_log("x", "default") == ""
        someone = client.CoreV1Api(config.new_client_from_config(served.kubeconfig_for("someone")))
        with pytest.raises(client.ApiException, match="someone"):
            someone.list_node()
        for each in (core, someone):
            each.api_client.rest_client.pool_manager.clear()
            each.api_client.close()
    assert not os.path.exists(served.kubeconfig)


def test_the_package_stays_light() -> None:
    code = "import sys, pybernetes; print(sorted(m for m in sys.modules if m.startswith('pybernetes')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['pybernetes']"
