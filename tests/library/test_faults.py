"""Faults: each hits what it says, nothing else, and the cluster gets over it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pybernetes import Cluster
from pybernetes.api.errors import ApiError, Conflict, Expired, InternalError, Timeout, TooManyRequests
from pybernetes.api.kinds import LEASE

from .test_library import WEB


@pytest.mark.parametrize(
    ("code", "error"),
    [(409, Conflict), (410, Expired), (429, TooManyRequests), (500, InternalError), (504, Timeout)],
)
def test_answers(code: int, error: type[ApiError]) -> None:
    async def main() -> None:
        async with Cluster(nodes=0, time="virtual") as c:
            with c.faults.fail(code, user="kubernetes-admin", verbs=("get",), resource="pods") as fault:
                with pytest.raises(error):
                    await c.get("pod/x")
                await c.get("namespace/default")
            assert fault.happened == 1
            with pytest.raises(ApiError, match="not found"):
                await c.get("pod/x")

    asyncio.run(main())


def test_controllers_get_over_a_share_of_conflicts_and_broken_watches() -> None:
    async def main() -> None:
        async with Cluster(nodes=2, time="virtual", seed=3) as c:
            fault = c.faults.fail(500, share=0.4, user="system:serviceaccount:kube-system:*")
            late = c.faults.delay_watches(0.5, user="system:kube-controller-manager")
            await c.apply(WEB)
            await c.wait("deployment/web", "Available", timeout=300)
            assert fault.happened > 0
            c.faults.clear()
            late.stop()
            assert c.faults.drop_watches(resource="pods") > 2
            await c.scale("deployment/web", 4)
            await c.wait("deployment/web", "status.availableReplicas=4", timeout=60)
            assert len(await c.list("pods")) == 4
            assert not c.parts.server.rules

    asyncio.run(main())


def test_a_controller_that_crashes_between_two_writes_makes_no_more_than_it_should() -> None:
    async def main() -> None:
        for number in (1, 2, 3, 4):
            async with Cluster(nodes=1, time="virtual", seed=number) as c:
                c.faults.crash_before_write("kube-controller-manager", number, after=2)
                await c.apply(WEB)
                await c.wait("deployment/web", "Available", timeout=120)
                await c.settle()
                assert len(await c.list("pods")) == 2
                assert len(await c.list("replicasets")) == 1

    asyncio.run(main())


def test_a_crashed_scheduler_comes_back() -> None:
    async def main() -> None:
        async with Cluster(nodes=1, time="virtual") as c:
            await c.faults.crash("kube-scheduler", after=60)
            began = c.now
            await c.apply(WEB)
            await c.wait("deployment/web", "Available", timeout=120)
            assert 60 <= (c.now - began).total_seconds() < 62

    asyncio.run(main())


@pytest.mark.parametrize("how", ["pause", "partition"])
def test_a_node_that_is_away_loses_its_pods_and_comes_back(how: str) -> None:
    async def main() -> None:
        async with Cluster(nodes=2, time="virtual") as c:
            await c.apply(WEB)
            await c.wait("deployment/web", "Available")
            pods = await c.list("pods")
            node = pods[0]["spec"]["nodeName"]
            fault = await c.faults.pause(node) if how == "pause" else c.faults.partition(node)
            await c.wait(f"node/{node}", "Ready=Unknown", timeout=120)
            await c.advance("6m")
            live = [p for p in await c.list("pods") if "deletionTimestamp" not in p["metadata"]]
            assert len(live) == 2
            assert node not in {p["spec"]["nodeName"] for p in live}
            fault.stop()
            await c.wait(f"node/{node}", "Ready", timeout=120)
            await c.settle()
            assert len(await c.list("pods")) == 2

    asyncio.run(main())


def test_killed_containers_start_again() -> None:
    async def main() -> None:
        async with Cluster(nodes=1, time="virtual") as c:
            await c.apply(WEB)
            await c.wait("deployment/web", "Available")
            pod = (await c.list("pods"))[0]
            await c.faults.kill_container(pod, reason="OOMKilled")
            await c.advance("30s")
            status = (await c.get(pod))["status"]["containerStatuses"][0]
            assert status["restartCount"] == 1
            assert status["lastState"]["terminated"]["reason"] == "OOMKilled"

    asyncio.run(main())


def test_a_nodes_clock_and_a_lost_lease() -> None:
    async def main() -> None:
        async with Cluster(nodes=1, time="virtual") as c:
            with c.faults.jump_clock("node1", -3600):
                await c.advance("20s")
                lease = await c.get("lease/node1", namespace="kube-node-lease")
                assert lease["spec"]["renewTime"] < "2026-01-01T00:00:00"
            body = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": "mine", "namespace": "default"},
                "spec": {"holderIdentity": "me"},
            }
            await c.client.create(LEASE, body)
            await c.faults.lose_lease("mine", "default", to="you")
            assert (await c.get("lease/mine"))["spec"]["holderIdentity"] == "you"
            with pytest.raises(KeyError, match="no node 'node9'; there are node1"):
                c.faults.partition("node9")

    asyncio.run(main())


def test_clients_over_http_are_hit_too() -> None:
    from kubernetes import client, config

    with Cluster.sync(nodes=0) as c:
        api = config.new_client_from_config(c.serve().kubeconfig)
        c.cluster.faults.fail(503, user="kubernetes-admin", verbs=("list",), resource="pods", times=1)
        core = client.CoreV1Api(api)
        with pytest.raises(client.ApiException) as raised:
            core.list_namespaced_pod("default")
        assert raised.value.status == 503
        assert core.list_namespaced_pod("default").items == []
        api.rest_client.pool_manager.clear()
        api.close()


@pytest.mark.parametrize("http2", [False, True])
def test_watches_over_http_break_and_come_late(http2: bool) -> None:
    from pybernetes.api.kinds import SECRET
    from pybernetes.client import kubeconfig
    from pybernetes.client.client import ApiClient
    from pybernetes.client.https import HttpsTransport

    async def main() -> None:
        async with Cluster(nodes=0) as c:
            await c.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "quiet"}})
            served = await c.serve()
            if http2:
                await _broken_over_http2(c, served.kubeconfig)
                return
            client = ApiClient(HttpsTransport(kubeconfig.load(Path(served.kubeconfig))))
            body = {"apiVersion": "v1", "kind": "Secret"}
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):  # noqa: PT012
                async with client.watch(SECRET, "quiet") as events:
                    await c.client.create(SECRET, {**body, "metadata": {"name": "a", "namespace": "quiet"}})
                    assert (await anext(events)).object["metadata"]["name"] == "a"
                    assert c.faults.drop_watches(resource="secrets") >= 1
                    await anext(events)
            with c.faults.delay_watches(0.2, user="kubernetes-admin"):
                async with client.watch(SECRET, "quiet") as events:
                    assert (await anext(events)).object["metadata"]["name"] == "a"
                    loop = asyncio.get_running_loop()
                    began = loop.time()
                    for name in ("b", "c", "d"):
                        await c.client.create(
                            SECRET, {**body, "metadata": {"name": name, "namespace": "quiet"}}
                        )
                    names = [(await anext(events)).object["metadata"]["name"] for _ in range(3)]
                    assert names == ["b", "c", "d"]
                    assert 0.19 < loop.time() - began < 0.55  # each by so much, not one after the other
            await client.close()
            async with asyncio.timeout(5):  # until the server has seen that they are gone
                while [watch for watch in c.parts.server.watches if watch.over_http]:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)

    asyncio.run(main())


async def _broken_over_http2(c: Cluster, path: str) -> None:
    """curl speaks HTTP/2 here; the stream is reset and curl says so."""
    import base64
    import tempfile

    import yaml

    config = yaml.safe_load(await asyncio.to_thread(Path(path).read_text))
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    with tempfile.TemporaryDirectory() as directory:
        for name, data in (("cert", user["client-certificate-data"]), ("key", user["client-key-data"])):
            await asyncio.to_thread((Path(directory) / name).write_bytes, base64.b64decode(data))
        process = await asyncio.create_subprocess_exec(
            "curl", "-sSNk", "--http2", "--cert", f"{directory}/cert", "--key", f"{directory}/key",
            f"{cluster['server']}/api/v1/configmaps?watch=1",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        while not [watch for watch in c.parts.server.watches if watch.over_http]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        c.faults.drop_watches(resource="configmaps")
        _, told = await process.communicate()
        assert process.returncode != 0
        assert b"curl:" in told
