"""Virtual time in a loop that runs already: order, upkeep, deadlocks, and the loop as it was before."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import os
import subprocess
import sys
import time

import pytest

from pybernetes import Cluster, Deadlock
from pybernetes.cluster.library import seconds_of
from pybernetes.sim.virtualclock import virtual_time

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p"},
    "spec": {"containers": [{"name": "c", "image": "i"}], "terminationGracePeriodSeconds": 30},
}


def test_a_month_passes_in_a_moment_and_the_nodes_stay_ready() -> None:
    async def main() -> None:
        async with Cluster(nodes=3, time="virtual") as c:
            await c.apply(POD)
            await c.wait("pod/p")
            began, real = c.now, time.monotonic()
            await c.advance("30d")
            assert c.now - began == datetime.timedelta(days=30)
            assert time.monotonic() - real < 10
            for node in await c.list("nodes"):
                ready = next(x for x in node["status"]["conditions"] if x["type"] == "Ready")
                assert ready["status"] == "True"
                assert datetime.datetime.fromisoformat(ready["lastTransitionTime"]) <= began
                lease = await c.get(f"lease/{node['metadata']['name']}", namespace="kube-node-lease")
                renewed = datetime.datetime.fromisoformat(lease["spec"]["renewTime"])
                assert c.now - renewed < datetime.timedelta(seconds=11)
            pod = await c.get("pod/p")
            assert pod["status"]["phase"] == "Running"

    asyncio.run(main())


def test_sleeping_code_moves_the_clock_and_timers_fire_in_order() -> None:
    async def main() -> None:
        fired: list[tuple[str, float]] = []
        async with Cluster(nodes=1, time="virtual") as c:
            loop = asyncio.get_running_loop()
            began = loop.time()

            async def sleeper(name: str, seconds: float) -> None:
                await asyncio.sleep(seconds)
                fired.append((name, round(loop.time() - began)))

            others = [asyncio.create_task(sleeper(n, s)) for n, s in (("b", 7200), ("a", 60), ("c", 10800))]
            await asyncio.sleep(5000)
            assert fired == [("a", 60)]
            await c.advance("2h")
            await asyncio.gather(*others)
        assert fired == [("a", 60), ("b", 7200), ("c", 10800)]

    asyncio.run(main())


def test_the_loop_gets_its_own_time_back() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        selector, before = loop._selector, loop.time()  # type: ignore[attr-defined]
        late = asyncio.create_task(asyncio.sleep(3600))
        soon = asyncio.create_task(asyncio.sleep(0.02))
        async with Cluster(nodes=0, time="virtual") as c:
            await c.advance(0.01)
            assert not soon.done()
        assert loop._selector is selector  # type: ignore[attr-defined]
        assert "time" not in vars(loop)
        assert before <= loop.time() < before + 60
        await soon
        assert not late.done()
        late.cancel()

    asyncio.run(main())


def test_a_deadlock_names_who_waits() -> None:
    async def nobody_sets_this() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        async with Cluster(nodes=1, time="virtual"):
            await nobody_sets_this()

    with pytest.raises(Deadlock, match=r"test_virtual_time.py:\d+ \(nobody_sets_this\)"):
        asyncio.run(main())


def test_a_deadlock_in_a_thread_is_told_to_the_caller() -> None:
    with Cluster.sync(nodes=0, time="virtual") as c:
        with pytest.raises(Deadlock):
            c.run(asyncio.Event().wait())
        assert c.list("pods") == []


def test_a_silent_node_is_noticed_in_time() -> None:
    async def main() -> None:
        async with Cluster(nodes=2, time="virtual") as c:
            await c.advance("1d")
            await c.parts.components.stop("kubelet node2")
            began = c.now
            await c.advance("10m")
            node = await c.get("node/node2")
            ready = next(x for x in node["status"]["conditions"] if x["type"] == "Ready")
            assert ready["status"] == "Unknown"
            changed = datetime.datetime.fromisoformat(ready["lastTransitionTime"]) - began
            assert 30 < changed.total_seconds() < 62
            c.parts.components.start("kubelet node2")
            await c.wait("node/node2", "Ready", timeout=60)

    asyncio.run(main())


def test_a_threads_work_is_waited_for() -> None:
    async def main() -> str:
        async with Cluster(nodes=0, time="virtual") as c:
            began = c.now
            result = await asyncio.to_thread(lambda: "done")
            assert (c.now - began).total_seconds() < 60
            return result

    assert asyncio.run(main()) == "done"


def test_two_clusters_share_the_clock() -> None:
    async def main() -> None:
        async with (
            Cluster(nodes=1, time="virtual", seed=1) as a,
            Cluster(nodes=1, time="virtual", seed=2) as b,
        ):
            await a.advance("1h")
            assert a.now == b.now
            uids = [(await x.get("node/node1"))["metadata"]["uid"] for x in (a, b)]
            assert len({*uids}) == 2

    asyncio.run(main())


@pytest.mark.parametrize(
    ("text", "seconds"), [("30d", 2592000), ("1d12h", 129600), ("1h30m", 5400), (5, 5), ("1.5s", 1.5)]
)
def test_durations(text: str | float, seconds: float) -> None:
    assert seconds_of(text) == seconds


def test_the_clock_alone() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        with virtual_time(loop) as clock:
            await asyncio.sleep(86400)
            return clock.now

    assert asyncio.run(main()) == pytest.approx(86400)


STORY = """
import asyncio, sys
from pybernetes import Cluster
from pybernetes.store.types import prefix_end
async def main():
    async with Cluster(nodes=3, time="virtual", seed=int(sys.argv[1])) as c:
        await c.apply(open(sys.argv[2]).read())
        await c.wait("deployment/web", "Available")
        await c.scale("deployment/web", 5)
        await c.settle()
        await c.delete("deployment/web")
        await c.advance("1h")
        async with c.parts.store.watch("/", prefix_end("/"), revision=2) as batches:
            async for batch in batches:
                for event in batch.events:
                    print(event.type, event.kv.key, event.kv.mod_revision, event.kv.value)
                if batch.revision >= c.parts.server.services.cacher.revision:
                    break
        for entry in c.parts.server.ledger:
            print(entry)
asyncio.run(main())
"""


def test_one_seed_one_history_to_the_byte(tmp_path: object) -> None:
    from .test_library import WEB

    manifest = f"{tmp_path}/web.yaml"
    with open(manifest, "w") as file:
        file.write(WEB)

    def history(seed: int, hash_seed: int) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
        command = [sys.executable, "-c", STORY, str(seed), manifest]
        done = subprocess.run(command, capture_output=True, env=environment, check=True)
        assert done.stdout.count(b"\n") > 300
        return hashlib.sha256(done.stdout).hexdigest()

    assert history(7, 1) == history(7, 2)
    assert history(8, 1) != history(7, 1)


@pytest.mark.parametrize("seed", range(6))
def test_the_cluster_works_in_whatever_order_its_tasks_run(seed: int) -> None:
    from .test_library import WEB

    async def main() -> list[str]:
        async with Cluster(nodes=3, time="virtual", seed=seed, shuffle=True) as c:
            await c.apply(WEB)
            await c.wait("deployment/web", "Available")
            await c.scale("deployment/web", 5)
            await c.wait("deployment/web", "status.availableReplicas=5", timeout=60)
            await c.patch(
                "deployment/web", {"spec": {"template": {"metadata": {"labels": {"app": "web", "v": "2"}}}}}
            )
            await c.settle()
            pods = await c.list("pods")
            assert {pod["metadata"]["labels"]["v"] for pod in pods} == {"2"}
            assert len(pods) == 5
            await c.delete("deployment/web")
            await c.wait("pods", "deleted", timeout=120)
            assert not c.parts.components.failures
            return [f"{entry.revision} {entry.user} {entry.verb}" for entry in c.parts.server.ledger]

    assert asyncio.run(main()) == asyncio.run(main())
