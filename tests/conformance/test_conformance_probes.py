"""Probes and hooks of containers on hollow nodes (upstream: test/e2e/common/node/{container_probe,lifecycle_hook}.go)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.meta import Obj
from tests.conformance.scenario import until
from tests.conformance.test_conformance_containers import condition, container, status_of
from tests.conformance.workloads import pod

POD = kinds.POD

# ---- probes


HTTP = {"httpGet": {"path": "/healthz", "port": 8080}}
EXEC = {"exec": {"command": ["cat", "/tmp/health"]}}
TCP = {"tcpSocket": {"port": 8080}}


async def restarts_of(c: Cluster, ns: str, program: str, probe: Obj, wanted: int) -> list[int]:
    """The restart counts that a pod goes through up to `wanted`, or within four minutes."""
    probe = {"initialDelaySeconds": 15, "failureThreshold": 1, "timeoutSeconds": 5, **probe}
    made = pod(
        "probed", ns, containers=[container(program, livenessProbe=probe)], terminationGracePeriodSeconds=0
    )
    await c.client.create(POD, made)
    await c.wait("pod/probed", namespace=ns)
    found = [0]
    for _ in range(240 if wanted <= 1 else 1500):
        [own] = (await status_of(c, ns, "probed"))["containerStatuses"]
        if own["restartCount"] != found[-1]:
            found.append(own["restartCount"])
        if found[-1] >= wanted > 0:
            break
        await asyncio.sleep(1)
    return found


async def test_failing_http_liveness(c: Cluster, ns: str) -> None:
    """[sig-node] Probing container should be restarted with a /healthz http liveness probe [NodeConformance] [Conformance]"""
    assert await restarts_of(c, ns, "sickening", HTTP, 1) == [0, 1]


async def test_failing_exec_liveness(c: Cluster, ns: str) -> None:
    """[sig-node] Probing container should be restarted with a exec "cat /tmp/health" liveness probe [NodeConformance] [Conformance]"""
    assert await restarts_of(c, ns, "sickening", EXEC, 1) == [0, 1]


async def test_good_exec_liveness(c: Cluster, ns: str) -> None:
    """[sig-node] Probing container should *not* be restarted with a exec "cat /tmp/health" liveness probe [NodeConformance] [Conformance]"""
    assert await restarts_of(c, ns, "healthy", EXEC, 0) == [0]


async def test_good_tcp_liveness(c: Cluster, ns: str) -> None:
    """[sig-node] Probing container should *not* be restarted with a tcp:8080 liveness probe [NodeConformance] [Conformance]"""
    assert await restarts_of(c, ns, "sickening", TCP, 0) == [0]


async def test_good_http_liveness(c: Cluster, ns: str) -> None:
    """[sig-node] Probing container should *not* be restarted with a /healthz http liveness probe [NodeConformance] [Conformance]"""
    assert await restarts_of(c, ns, "healthy", HTTP, 0) == [0]


async def test_restarts_count_up(c: Cluster, ns: str) -> None:
    """[sig-node] Probing container should have monotonically increasing restart count [NodeConformance] [Conformance]"""
    assert await restarts_of(c, ns, "sickening", HTTP, 5) == [0, 1, 2, 3, 4, 5]


async def test_delayed_readiness(c: Cluster, ns: str) -> None:
    """[sig-node] Probing container with readiness probe should not be ready before initial delay and never restart [NodeConformance] [Conformance]"""
    probe = {**HTTP, "initialDelaySeconds": 30}
    await c.client.create(POD, pod("ready", ns, containers=[container("healthy", readinessProbe=probe)]))
    await c.wait("pod/ready", "status.phase=Running", namespace=ns)
    began = c.now
    await c.wait("pod/ready", namespace=ns, timeout=120)
    assert 29 <= (c.now - began).total_seconds() <= 45
    [own] = (await status_of(c, ns, "ready"))["containerStatuses"]
    assert own["restartCount"] == 0


async def test_failing_readiness(c: Cluster, ns: str) -> None:
    """[sig-node] Probing container with readiness probe that fails should never be ready and never restart [NodeConformance] [Conformance]"""
    probe = {"httpGet": {"path": "/", "port": 9999}}
    await c.client.create(POD, pod("unready", ns, containers=[container("healthy", readinessProbe=probe)]))
    await asyncio.sleep(120)
    status = await status_of(c, ns, "unready")
    assert condition(status, "Ready")["status"] == "False"
    [own] = status["containerStatuses"]
    assert (own["ready"], own["restartCount"]) == (False, 0)


# ---- hooks


async def hooked(c: Cluster, ns: str, name: str) -> Any:
    """A pod whose hook visits another; who came there."""
    await c.client.create(POD, pod("server", ns, containers=[container("visited")]))
    server = await c.wait("pod/server", namespace=ns)
    address = server["status"]["podIP"]
    hook = {"httpGet": {"host": address, "port": 8080, "path": f"/echo?msg={name}"}}
    made = pod(
        "hooked",
        ns,
        containers=[container("healthy", lifecycle={name: hook})],
        terminationGracePeriodSeconds=15,
    )
    await c.client.create(POD, made)
    await c.wait("pod/hooked", namespace=ns)

    async def came() -> Any:
        reply = await c.request("GET", f"http://{address}:8080/who", namespace=ns)
        return json.loads(reply.body)

    if name == "preStop":
        assert await came() == []
        await c.client.delete(POD, "hooked", ns)
    return await until("the hook was called", came)


async def test_post_start_over_http(c: Cluster, ns: str) -> None:
    """[sig-node] Container Lifecycle Hook when create a pod with lifecycle hook should execute poststart http hook properly [NodeConformance] [Conformance]"""
    assert await hooked(c, ns, "postStart") == ["postStart"]


async def test_pre_stop_over_http(c: Cluster, ns: str) -> None:
    """[sig-node] Container Lifecycle Hook when create a pod with lifecycle hook should execute prestop http hook properly [NodeConformance] [Conformance]"""
    assert await hooked(c, ns, "preStop") == ["preStop"]


# ---- probes over gRPC


async def test_good_grpc_liveness(c: Cluster, ns: str) -> None:
    """[sig-node] Probing container should *not* be restarted with a GRPC liveness probe [NodeConformance] [Conformance]"""
    assert await restarts_of(c, ns, "healthy", {"grpc": {"port": 8080}}, 0) == [0]


async def test_failing_grpc_liveness(c: Cluster, ns: str) -> None:
    """[sig-node] Probing container should be restarted with a GRPC liveness probe [NodeConformance] [Conformance]"""
    assert await restarts_of(c, ns, "healthy", {"grpc": {"port": 2333}}, 1) == [0, 1]
