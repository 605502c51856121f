"""`story` and `why`: what happened, in order, and why things are as they are; in the process and over HTTPS."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from pybernetes import Cluster
from pybernetes.api.errors import Forbidden
from pybernetes.apiserver.ledgerview import differences
from pybernetes.cli.main import main as pyber

from .test_behaviour import pod
from .test_library import WEB


def test_the_way_of_a_deployment_is_told_in_order() -> None:
    async def main() -> None:
        async with Cluster(nodes=2, time="virtual") as c:
            await c.apply(WEB)
            await c.wait("deployment/web", "Available")
            story = await c.story("deployment/web")
            told = [(step.who, step.did.split("/")[0] + " " + step.did.rpartition(" ")[2]) for step in story]
            expected = [
                ("kubernetes-admin", "create deployments"),
                ("deployment-controller", "create replicasets"),
                ("replicaset-controller", "create pods"),
                ("system:kube-scheduler", "create pods"),
                ("system:node:", "patch pods"),
                ("endpointslice-controller", "update endpointslices"),
                ("deployment-controller", "update deployments"),
            ]
            at = 0
            for who, did in expected:
                at = next(
                    n + 1
                    for n, (w, d) in enumerate(told)
                    if n >= at and w.startswith(who) and d.startswith(did)
                )
            revisions = [step.revision for step in story if step.revision]
            assert revisions == sorted(revisions)
            text = str(story)
            assert "because the pod template is new (saw deployment/web@" in text
            assert "of 2 nodes feasible; score" in text
            assert "status.phase: Pending → Running" in text
            assert "condition Available: False → True" in text
            assert not any("events" in step.did or "coredns" in step.who for step in story)
            _assert_the_whole_way(text, (await c.get("svc/web"))["spec"]["clusterIP"])
            first = story.as_json()[0]
            assert first["authentication"] == "in this process, groups system:masters"
            bound = next(step for step in story if step.did.endswith("binding"))
            assert bound.decision is not None
            assert set(bound.decision["nodes"]) == {"node1", "node2"}

    asyncio.run(main())


def _assert_the_whole_way(text: str, ip: str) -> None:
    """From the request to the DNS record."""
    at = 0
    for wanted in (
        "authenticated by in this process, groups system:masters; group system:masters may do everything",
        "programs services/web",
        "→ refused: no endpoint",
        f"web.default.svc.cluster.local. A {ip}",
        "_http._tcp.web.default.svc.cluster.local. SRV 0 100 80 web.default.svc.cluster.local",
        'RBAC: allowed by ClusterRoleBinding "system:controller:deployment-controller"',
        "admission ServiceAccount: ",
        "spec.serviceAccountName: none → default",
        "admission DefaultTolerationSeconds: spec.tolerations: none → ",
        "node1: ",
        "event Started of pod/web-",
        f"{ip}:80/tcp → 10.244.",
    ):
        found = text.find(wanted, at)
        assert found >= 0, f"{wanted!r} is not in\n{text[at:]}"
        at = found if wanted not in ("event Started of pod/web-",) else at


def why_of(*objects: dict[str, Any], about: str, after: str = "30s") -> str:
    async def main() -> str:
        async with Cluster(nodes=2, time="virtual") as c:
            for obj in objects:
                await c.apply(obj)
            await c.advance(after)
            return await c.why(about)

    return asyncio.run(main())


def test_why_a_pod_is_pending() -> None:
    huge = pod("p", resources={"requests": {"cpu": "99"}})
    assert "It has no node: 0/2 nodes are available: 2 Insufficient cpu." in why_of(huge, about="pod/p")
    other = pod("p")
    other["spec"]["schedulerName"] = "mine"
    assert "no scheduler has looked at it yet (its scheduler is mine)" in why_of(other, about="pod/p")


def test_why_a_pod_restarts_or_waits() -> None:
    told = why_of(pod("p", annotations="exit=3 after=1s"), about="pod/p", after="1m")
    assert "Container c waits: CrashLoopBackOff" in told
    assert "ended last with exit code 3 (Error)" in told
    unready = pod("p", annotations="ready=10m", readinessProbe={"tcpSocket": {"port": 1}})
    assert "its readiness probe has not succeeded" in why_of(unready, about="po/p")


def test_why_something_does_not_go_away() -> None:
    async def main() -> str:
        async with Cluster(nodes=0, time="virtual") as c:
            held = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "x", "finalizers": ["example.com/hold"]},
            }
            await c.apply(held)
            await c.delete("configmap/x", wait=False)
            return await c.why("configmap/x")

    told = asyncio.run(main())
    assert (
        "until finalizer example.com/hold is removed: it was set by pybernetes, which is to remove it" in told
    )


def test_why_a_deployment_or_a_service_does_not_work() -> None:
    from pybernetes.lang import yamlload

    deployment, service = yamlload.load_documents(WEB)
    deployment["spec"]["template"]["metadata"]["annotations"] = {
        "hollow.pybernetes.io/script": "exit=1 after=1s"
    }
    told = why_of(deployment, service, about="deployment/web", after="1m")
    assert "Condition Available is False" in told
    assert "Container c waits: CrashLoopBackOff" in told
    assert "2 of 2 pods that it selects are not ready" in why_of(
        deployment, service, about="svc/web", after="1m"
    )
    service["spec"]["selector"] = {"app": "wep"}
    assert "No pod has the labels of its selector, app=wep" in why_of(deployment, service, about="svc/web")


def test_why_something_is_not_there() -> None:
    async def main() -> tuple[str, str]:
        async with Cluster(nodes=0, time="virtual") as c:
            with pytest.raises(Forbidden):
                await c.client_as("someone").create(c.kind("configmaps"), {
                    "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "default"}})  # fmt: skip
            refused = await c.why("configmap/x")
            await c.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "y"}})
            await c.delete("configmap/y")
            return refused, await c.why("configmap/y")

    refused, gone = asyncio.run(main())
    assert (
        'someone was refused to create it (403): configmaps is forbidden: User "someone" cannot create'
        in refused
    )
    assert "kubernetes-admin deleted it at revision" in gone


def test_the_command_line_asks_a_running_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    with Cluster.sync(nodes=1) as c:
        c.apply(WEB)
        c.apply(pod("p", resources={"requests": {"cpu": "99"}}))
        c.wait("deployment/web", "Available")
        c.settle()
        kubeconfig = c.serve().kubeconfig
        assert pyber(["story", "deployment/web", "--kubeconfig", kubeconfig]) == 0
        text = capsys.readouterr().out
        assert "replicaset-controller            create pods/web-" in text
        assert "status.phase: Pending → Running" in text
        assert pyber(["why", "pod/p", "--kubeconfig", kubeconfig, "-o", "json"]) == 0
        assert "Insufficient cpu" in json.loads(capsys.readouterr().out)["why"][0]
        someone = c.serve().kubeconfig_for("someone", "system:masterz")
        assert pyber(["story", "deployment/web", "--kubeconfig", someone]) == 1
        assert "keeps no ledger" in capsys.readouterr().out
        with pytest.raises(SystemExit, match="no kind of this cluster is called 'nonsense'"):
            pyber(["why", "nonsense/x", "--kubeconfig", kubeconfig])


def test_differences() -> None:
    before = {"a": 1, "b": {"c": [1]}, "status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    after = {
        "a": 1,
        "b": {"c": [2]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        "d": "x",
    }
    assert [*differences(before, after)] == ["b.c: [1] → [2]", "condition Ready: False → True", "d: none → x"]
