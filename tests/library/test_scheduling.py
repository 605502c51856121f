"""Plugins of one's own and configurations in a cluster of the library: exchanged while it runs, kept over crashes and in
copies."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pybernetes import Cluster, NodeSpec, what_if
from pybernetes.scheduler.configuration.types import ConfigurationError
from pybernetes.scheduler.framework import Plugin
from pybernetes.scheduler.pernode import per_node_filter, per_node_score

NODES = [NodeSpec(name=name) for name in ("a", "b", "c")]
CONFIGURATION = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles: [{schedulerName: default-scheduler}, {schedulerName: other}]
"""


def likes(name: str) -> Plugin:
    score = per_node_score(lambda _pod, node: 100 if node["metadata"]["name"] == name else 0)
    return Plugin(f"Likes{name}", score=score, weight=100)


NO = Plugin("No", filter=per_node_filter(lambda _pod, _node: "node(s) were not for this"))


def pod(name: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "img"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container], **spec},
    }


async def node_of(cluster: Cluster, name: str, **spec: Any) -> str:
    await cluster.apply(pod(name, **spec))
    return str((await cluster.wait(f"pod/{name}"))["spec"]["nodeName"])


def test_why_tells_of_a_placed_pod_what_each_node_scored() -> None:
    async def main() -> None:
        async with Cluster(NODES, time="virtual") as c:
            c.scheduler_plugins(likes("b"))
            assert await node_of(c, "p") == "b"
            told = (await c.why("pod/p")).splitlines()
            assert any(line.startswith("The scheduler chose node b at ") for line in told)
            assert any(line.startswith("node b") and "Likesb 10000" in line for line in told)

    asyncio.run(main())


def test_plugins_are_exchanged_while_it_runs() -> None:
    async def main() -> None:
        async with Cluster(NODES, time="virtual") as c:
            for number, name in enumerate("abcab"):
                c.scheduler_plugins(likes(name))
                assert await node_of(c, f"p{number}") == name
            c.scheduler_plugins(NO)
            await c.apply(pod("waits"))
            await c.wait("pod/waits", "PodScheduled=False")
            assert "node(s) were not for this" in await c.why("pod/waits")
            c.scheduler_plugins()
            await c.wait("pod/waits")

    asyncio.run(main())


def test_they_outlive_a_crash_of_the_scheduler_and_go_into_copies() -> None:
    async def main() -> None:
        async with Cluster(NODES, time="virtual") as c:
            c.scheduler_plugins(likes("c"))
            await c.faults.crash("kube-scheduler", after=5)
            assert await node_of(c, "after") == "c"
            async with c.fork() as other:
                assert await node_of(other, "copy") == "c"
                other.scheduler_plugins(likes("a"))
                assert await node_of(other, "changed") == "a"
            assert await node_of(c, "same") == "c"

    asyncio.run(main())


def test_a_configuration_brings_profiles_whose_pods_are_there_already(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.yaml"
    file.write_text(CONFIGURATION)

    async def main() -> None:
        async with Cluster(NODES, time="virtual") as c:
            await c.apply(pod("early", schedulerName="other"))
            await c.settle()
            assert "nodeName" not in (await c.get("pod/early"))["spec"]
            c.scheduler_plugins(likes("b"), configuration=file)
            assert (await c.wait("pod/early"))["spec"]["nodeName"] == "b"
            c.scheduler_plugins(configuration=CONFIGURATION.replace("other", "third"))
            await c.apply(pod("late", schedulerName="other"))
            await c.settle()
            assert "nodeName" not in (await c.get("pod/late"))["spec"]

    asyncio.run(main())


def test_what_is_wrong_changes_nothing() -> None:
    async def main() -> None:
        async with Cluster(NODES, time="virtual") as c:
            c.scheduler_plugins(likes("b"))
            with pytest.raises(ConfigurationError, match="'Empty' is at no extension point"):
                c.scheduler_plugins(Plugin("Empty"))
            with pytest.raises(ConfigurationError, match="configuration: profile: unknown field"):
                c.scheduler_plugins(configuration=CONFIGURATION.replace("profiles", "profile"))
            assert await node_of(c, "web") == "b"

    asyncio.run(main())


def test_what_if_is_asked_of_a_running_cluster() -> None:
    async def main() -> None:
        async with Cluster(NODES, time="virtual") as c:
            there = [*await c.list("nodes"), *await c.list("pods", namespace="")]
            (found,) = what_if(
                there, [pod("web", nodeName="b", nodeSelector={"kubernetes.io/hostname": "c"})]
            )
            assert found.node == "c"
            assert await c.list("pods") == []

    asyncio.run(main())
