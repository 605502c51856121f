"""What containers of hollow nodes do: rules, annotations, Python programs."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

import pytest

from pybernetes import Cluster, Rule, Run
from pybernetes.api.meta import Obj

from .programs import IMAGE


def pod(name: str, image: str = "i", annotations: str = "", **container: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {"app": name},
            "annotations": {"hollow.pybernetes.io/script": annotations} if annotations else {},
        },
        "spec": {"containers": [{"name": "c", "image": image, **container}]},
    }


def state(obj: Obj) -> Obj:
    found: Obj = obj["status"]["containerStatuses"][0]
    return found


def condition_time(obj: Obj, name: str) -> datetime.datetime:
    entry = next(c for c in obj["status"]["conditions"] if c["type"] == name)
    return datetime.datetime.fromisoformat(entry["lastTransitionTime"])


PROBE = {"readinessProbe": {"httpGet": {"port": 80}, "periodSeconds": 10}}


def test_rules_by_image_labels_and_attempt() -> None:
    rules = [
        Rule(Run(seconds=3, exit_code=2), image="flaky:*", attempts=2),
        Rule(Run(seconds=60, exit_code=137, reason="OOMKilled"), labels="app in (hungry)"),
        Rule(image="slow:*", pull=30),
        Rule(image="missing:*", pull_error="manifest unknown"),
    ]

    async def main() -> None:
        async with Cluster(nodes=1, time="virtual", rules=rules) as c:
            began = c.now
            await c.apply([pod("flaky", "flaky:1"), pod("hungry")])
            await c.apply([pod("missing", "missing:1"), pod("plain")])
            await c.wait("pod/plain")
            assert c.now == began
            await c.apply(pod("slow", "slow:1"))
            slow = await c.wait("pod/slow", timeout=60)
            assert 30 <= (condition_time(slow, "Ready") - began).total_seconds() < 32
            missing = await c.get("pod/missing")
            assert state(missing)["state"]["waiting"]["reason"] in ("ErrImagePull", "ImagePullBackOff")
            await c.advance("5m")
            flaky, hungry = await c.get("pod/flaky"), await c.get("pod/hungry")
            assert state(flaky)["restartCount"] == 2
            assert state(flaky)["lastState"]["terminated"]["exitCode"] == 2
            assert "running" in state(flaky)["state"]
            assert state(hungry)["restartCount"] >= 2
            assert state(hungry)["lastState"]["terminated"]["reason"] == "OOMKilled"

    asyncio.run(main())


def test_readiness_follows_the_script_to_the_second() -> None:
    async def main() -> None:
        async with Cluster(nodes=1, time="virtual") as c:
            await c.advance("1d")
            began = c.now
            await c.apply(pod("p", annotations="ready=25s unready=10h..11h", **PROBE))
            ready = await c.wait("pod/p", timeout=60)
            assert 25 <= (condition_time(ready, "Ready") - began).total_seconds() <= 35
            unready = await c.wait("pod/p", "Ready=False", timeout=86400)
            at = (condition_time(unready, "Ready") - began).total_seconds()
            assert 36000 + 20 <= at <= 36000 + 31  # three failures, ten seconds apart
            again = await c.wait("pod/p", timeout=86400)
            assert 39600 <= (condition_time(again, "Ready") - began).total_seconds() <= 39611

    asyncio.run(main())


def test_spans_are_drawn_from_the_seed() -> None:
    async def ended(seed: int) -> list[str]:
        async with Cluster(nodes=1, time="virtual", seed=seed) as c:
            names = [f"p{number}" for number in range(6)]
            for name in names:
                await c.apply({**pod(name, annotations="after=1s..100s fail=0.5"), "spec": {
                    "restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}})  # fmt: skip
            await c.advance("2m")
            pods = [await c.get(f"pod/{name}") for name in names]
            return [f"{p['status']['phase']} {state(p)['state']['terminated']['finishedAt']}" for p in pods]

    first = asyncio.run(ended(3))
    assert first == asyncio.run(ended(3)) != asyncio.run(ended(4))
    assert len(set(first)) > 3


def test_a_python_program_is_a_container() -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cfg"}, "data": {"key": "value"}}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    web = pod("web", f"{IMAGE}web", args=["now"], env=[{"name": "GREETING", "value": "hi"}], **PROBE)
    web["spec"]["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": "/etc/config"}]
    web["spec"]["volumes"] = [{"name": "v", "configMap": {"name": "cfg"}}]

    async def main() -> None:
        async with Cluster(nodes=2, time="virtual") as c:
            await c.apply([config, service, web])
            await c.wait("pod/web", "status.phase=Running")
            with pytest.raises(ConnectionRefusedError, match="no endpoints"):
                await c.request("GET", "http://web/")
            await c.wait("pod/web")
            reply = await c.request("GET", "http://web.default.svc.cluster.local/x?y=1")
            assert (reply.status, reply.body) == (200, b"web says hello to /x")
            assert (await c.request("GET", "http://web/env")).body == b'{"greeting":"hi","file":"value"}'
            job = pod("caller", f"{IMAGE}caller")
            job["spec"]["restartPolicy"] = "Never"
            await c.apply(job)
            await c.wait("pod/caller", "status.phase=Succeeded")
            assert await c.logs("caller") == "200 web says hello to /path\n"
            assert await c.logs("web") == "starting now\n"
            began = c.now
            await c.delete("pod/web")
            assert 2 <= (c.now - began).total_seconds() < 4
            with pytest.raises(OSError, match="lookup nowhere: no such host"):
                await c.request("GET", "http://nowhere/")

    asyncio.run(main())


def test_exit_codes_of_programs() -> None:
    async def main() -> None:
        async with Cluster(nodes=1, time="virtual") as c:
            for name in ("crash", "endless", "count"):
                made = pod(name, f"{IMAGE}{name}")
                made["spec"]["restartPolicy"] = "Never"
                await c.apply(made)
            await c.wait("pod/endless")
            await c.advance("1m")
            crash, count = await c.get("pod/crash"), await c.get("pod/count")
            assert state(crash)["state"]["terminated"]["exitCode"] == 1
            assert "LookupError: nothing here" in await c.logs("crash")
            # its service account may not list pods
            assert 'cannot list resource "pods"' in await c.logs("count")
            assert count["status"]["phase"] == "Failed"
            began = c.now
            await c.delete("pod/endless")
            assert (c.now - began).total_seconds() < 2
            await c.apply(pod("typo", f"{IMAGE}nothing_such"))
            await c.advance("1s")
            waiting = state(await c.get("pod/typo"))["state"]["waiting"]
            assert waiting["reason"] in ("ErrImagePull", "ImagePullBackOff")

    asyncio.run(main())


def test_use_of_cpu_and_memory_is_scripted() -> None:
    async def main() -> None:
        async with Cluster(nodes=1, time="virtual") as c:
            await c.apply(pod("p", annotations="cpu=250m memory=64Mi"))
            await c.wait("pod/p")
            (told,) = (await c.parts.nodes["node1"].backend.stats_summary())["pods"]
            assert told["podRef"]["name"] == "p"
            (container,) = told["containers"]
            assert container["cpu"]["usageNanoCores"] == 250_000_000
            assert container["memory"]["workingSetBytes"] == 64 << 20

    asyncio.run(main())
