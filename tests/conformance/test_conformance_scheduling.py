"""LimitRanges, what a node must have, and preemption (upstream: test/e2e/scheduling)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pybernetes import Cluster, NodeSpec
from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, Forbidden, Invalid
from pybernetes.api.meta import Obj, name_of, uid_of
from pybernetes.controllers.pods import condition
from tests.conformance.controllers import ready, workload
from tests.conformance.scenario import changed, gone, refused, until, watching
from tests.conformance.workloads import count, pod

LIMITS, CLASSES = kinds.LIMITRANGE, kinds.PRIORITYCLASS
SCARCE = "example.com/scarce"
"""An extended resource of the nodes of `alone`: five of it on each."""


def alone(scenario: Callable[[Cluster], Awaitable[None]], nodes: int = 2) -> None:
    """Runs a scenario on a cluster of its own, whose nodes nobody else fills."""

    async def main() -> None:
        specs = [NodeSpec(f"node{number}", cpu=4) for number in range(1, nodes + 1)]
        async with Cluster(specs, time="virtual", history=False) as c:
            for spec in specs:
                patch = {"status": {"capacity": {SCARCE: "5"}, "allocatable": {SCARCE: "5"}}}
                await c.client.patch(kinds.NODE, spec.name, "", patch, subresource="status")
            await scenario(c)

    Cluster.run(main())


def asking(
    name: str, ns: str = "default", number: int = 0, priority: str = "", **spec: Any
) -> dict[str, Any]:
    """A pod that asks for so much of the scarce resource."""
    made = pod(name, ns, terminationGracePeriodSeconds=0, **spec)
    if number:
        amount = {SCARCE: str(number)}
        made["spec"]["containers"][0]["resources"] = {"requests": amount, "limits": amount}
    if priority:
        made["spec"]["priorityClassName"] = priority
    return made


async def classes(c: Cluster, **values: int) -> None:
    for name, value in values.items():
        await c.client.create(CLASSES, {"metadata": {"name": name}, "value": value})


async def unschedulable(c: Cluster, name: str, reason: str) -> None:
    """Waits until the scheduler has said why it cannot place the pod, and sees that it does not place it later."""
    told = await c.wait(f"pod/{name}", "PodScheduled=False")
    found = condition(told, "PodScheduled") or {}
    assert found["reason"] == "Unschedulable"
    assert reason in found["message"]
    await c.advance("1m")
    assert not (await c.get(f"pod/{name}"))["spec"].get("nodeName")


async def test_limit_range_defaults(c: Cluster, ns: str) -> None:
    """[sig-scheduling] LimitRange should create a LimitRange with defaults and ensure pod has those defaults applied. [Conformance]"""
    limit = {
        "type": "Container",
        "min": {"cpu": "50m", "memory": "100Mi", "ephemeral-storage": "100Gi"},
        "max": {"cpu": "500m", "memory": "500Mi", "ephemeral-storage": "500Gi"},
        "default": {"cpu": "500m", "memory": "500Mi", "ephemeral-storage": "500Gi"},
        "defaultRequest": {"cpu": "100m", "memory": "200Mi", "ephemeral-storage": "200Gi"},
    }
    made = {"metadata": {"name": "limit-range", "namespace": ns}, "spec": {"limits": [limit]}}
    async with watching(c.client, LIMITS, ns) as seen:
        created = await c.client.create(LIMITS, made)
        assert uid_of(await seen.until("ADDED")) == uid_of(created)
    assert created["spec"]["limits"][0]["defaultRequest"] == limit["defaultRequest"]

    async def resources(name: str, given: Any) -> Obj:
        body = pod(name, ns)
        body["spec"]["containers"][0]["resources"] = given
        made = await c.client.create(kinds.POD, body)
        return made["spec"]["containers"][0]["resources"]  # type: ignore[no-any-return]

    assert await resources("no-resources", {}) == {
        "requests": limit["defaultRequest"],
        "limits": limit["default"],
    }
    partial = {"requests": {"memory": "150Mi"}, "limits": {"cpu": "300m"}}
    assert await resources("partial", partial) == {
        "requests": {"cpu": "300m", "memory": "150Mi", "ephemeral-storage": "200Gi"},
        "limits": {"cpu": "300m", "memory": "500Mi", "ephemeral-storage": "500Gi"},
    }
    async with refused(Forbidden, "minimum cpu usage per Container is 50m"):
        await resources("too-small", {"requests": {"cpu": "10m"}, "limits": {"cpu": "10m"}})
    async with refused(Forbidden, "maximum cpu usage per Container is 500m"):
        await resources("too-big", {"requests": {"cpu": "600m"}, "limits": {"cpu": "600m"}})
    smaller = {**limit, "min": {**limit["min"], "cpu": "9m"}}
    updated = await c.client.update(LIMITS, {**created, "spec": {"limits": [smaller]}})
    assert updated["spec"]["limits"][0]["min"]["cpu"] == "9m"
    await resources("small", {"requests": {"cpu": "10m"}, "limits": {"cpu": "10m"}})
    async with refused(Forbidden, "maximum cpu usage per Container is 500m"):
        await resources("still-too-big", {"requests": {"cpu": "600m"}, "limits": {"cpu": "600m"}})
    await c.client.delete(LIMITS, "limit-range", ns)
    await gone(c.client, LIMITS, "limit-range", ns)
    assert await resources("without", {}) == {}


async def test_limit_range_collection(c: Cluster, ns: str) -> None:
    """[sig-scheduling] LimitRange should list, patch and delete a LimitRange by collection [Conformance]"""
    other = f"{ns}-second"
    await c.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}})
    limit = {"type": "Container", "defaultRequest": {"cpu": "50m"}, "default": {"cpu": "500m"}}
    label = f"e2e-limitrange={ns}"
    for space in (ns, other):
        metadata = {"name": "e2e-limitrange", "namespace": space, "labels": {"e2e-limitrange": ns}}
        await c.client.create(LIMITS, {"metadata": metadata, "spec": {"limits": [limit]}})
    assert len((await c.client.list(LIMITS, labels=label)).items) == 2
    patch = {
        "metadata": {"labels": {"patched": "true"}},
        "spec": {"limits": [{**limit, "defaultRequest": {"cpu": "42m"}}]},
    }
    patched = await c.client.patch(LIMITS, "e2e-limitrange", ns, patch, patch_type="strategic")
    assert patched["metadata"]["labels"]["patched"] == "true"
    assert patched["spec"]["limits"][0]["defaultRequest"]["cpu"] == "42m"
    await c.client.delete_collection(LIMITS, ns, labels="patched=true")
    await count(c, LIMITS, ns, 0)
    await count(c, LIMITS, other, 1)
    await c.client.delete(kinds.NAMESPACE, other)


def test_resources() -> None:
    """[sig-scheduling] SchedulerPredicates [Serial] validates resource limits of pods that are allowed to run [Conformance]"""

    async def scenario(c: Cluster) -> None:
        for node in await c.list("nodes"):
            free = int(node["status"]["allocatable"]["cpu"]) * 1000
            filler = pod(
                f"filler-{name_of(node)}", "default", nodeSelector={"kubernetes.io/hostname": name_of(node)}
            )
            amount = {"cpu": f"{free * 7 // 10}m"}
            filler["spec"]["containers"][0]["resources"] = {"requests": amount, "limits": amount}
            await c.client.create(kinds.POD, filler)
            await c.wait(f"pod/filler-{name_of(node)}")
        more = pod("additional-pod", "default")
        more["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "2"}, "limits": {"cpu": "2"}}
        await c.client.create(kinds.POD, more)
        await unschedulable(c, "additional-pod", "2 Insufficient cpu")

    alone(scenario)


def test_node_selector_that_matches() -> None:
    """[sig-scheduling] SchedulerPredicates [Serial] validates that NodeSelector is respected if matching [Conformance]"""

    async def scenario(c: Cluster) -> None:
        label = {"kubernetes.io/e2e-42": "42"}
        await c.client.patch(kinds.NODE, "node2", "", {"metadata": {"labels": label}})
        await c.client.create(kinds.POD, pod("with-labels", "default", nodeSelector=label))
        placed = await c.wait("pod/with-labels")
        assert placed["spec"]["nodeName"] == "node2"

    alone(scenario)


def test_node_selector_that_does_not_match() -> None:
    """[sig-scheduling] SchedulerPredicates [Serial] validates that NodeSelector is respected if not matching [Conformance]"""

    async def scenario(c: Cluster) -> None:
        await c.client.create(kinds.POD, pod("restricted-pod", "default", nodeSelector={"label": "nonempty"}))
        await unschedulable(c, "restricted-pod", "2 node(s) didn't match Pod's node affinity/selector")

    alone(scenario)


def test_host_ports() -> None:
    """[sig-scheduling] SchedulerPredicates [Serial] validates that there exists conflict between pods with same hostPort and protocol but one using 0.0.0.0 hostIP [Conformance]"""

    async def scenario(c: Cluster) -> None:
        for name, address in (("pod4", ""), ("pod5", "127.0.0.1")):
            made = pod(name, "default", nodeSelector={"kubernetes.io/hostname": "node1"})
            port = {"containerPort": 54322, "hostPort": 54322, "protocol": "TCP"}
            made["spec"]["containers"][0]["ports"] = [{**port, **({"hostIP": address} if address else {})}]
            await c.client.create(kinds.POD, made)
            if name == "pod4":
                await c.wait("pod/pod4")
        await unschedulable(c, "pod5", "1 node(s) didn't have free ports for the requested pod ports")

    alone(scenario)


def test_preemption() -> None:
    """[sig-scheduling] SchedulerPreemption [Serial] validates basic preemption works [Conformance]"""
    preempts("high-priority", "default")


def test_preemption_by_a_critical_pod() -> None:
    """[sig-scheduling] SchedulerPreemption [Serial] validates lower priority pod preemption by critical pod [Conformance]"""
    preempts("system-cluster-critical", "kube-system")


def preempts(priority: str, ns: str) -> None:
    """A pod of that class makes one of low priority go, and the others stay."""

    async def scenario(c: Cluster) -> None:
        await classes(c, **{"low-priority": 1, "medium-priority": 100, "high-priority": 1000})
        for number in range(4):
            # On each node two, together three of five.
            node = {"kubernetes.io/hostname": f"node{number % 2 + 1}"}
            kind = "low-priority" if number == 0 else "medium-priority"
            size = 2 if number < 2 else 1
            await c.client.create(
                kinds.POD, asking(f"pod{number}", number=size, priority=kind, nodeSelector=node)
            )
            await c.wait(f"pod/pod{number}")
        before = {name_of(each): uid_of(each) for each in await c.list("pods")}
        await c.client.create(kinds.POD, asking("preemptor-pod", ns, number=4, priority=priority))
        placed = await c.wait("pod/preemptor-pod", namespace=ns, timeout=60)
        assert placed["spec"]["nodeName"] == "node1", "where only the low one has to go"
        after = {
            name_of(each): uid_of(each) for each in await c.list("pods") if name_of(each) != "preemptor-pod"
        }
        assert "pod0" not in after
        assert after.items() <= before.items()
        assert len(after) == 3

    alone(scenario)


def test_preempted_pods_say_so() -> None:
    """[sig-scheduling] SchedulerPreemption [Serial] validates pod disruption condition is added to the preempted pod [Conformance]"""

    async def scenario(c: Cluster) -> None:
        await classes(c, low=1, high=1000)
        victim = asking("victim-pod", number=5, priority="low")
        victim["metadata"]["finalizers"] = ["example.com/test-finalizer"]
        await c.client.create(kinds.POD, victim)
        await c.wait("pod/victim-pod")
        await c.client.create(kinds.POD, asking("preemptor-pod", number=5, priority="high"))
        going = await c.wait("pod/victim-pod", lambda each: "deletionTimestamp" in each["metadata"])
        told = condition(going, "DisruptionTarget") or {}
        assert (told["status"], told["reason"]) == ("True", "PreemptionByScheduler")
        assert told["message"] == "default-scheduler: preempting to accommodate a higher priority pod"
        await c.client.patch(kinds.POD, "victim-pod", "default", {"metadata": {"finalizers": None}})
        await gone(c.client, kinds.POD, "victim-pod", "default")
        await c.wait("pod/preemptor-pod")

    alone(scenario, nodes=1)


def test_preemption_among_replica_sets() -> None:
    """[sig-scheduling] SchedulerPreemption [Serial] PreemptionExecutionPath runs ReplicaSets to verify preemption running path [Conformance]"""

    async def scenario(c: Cluster) -> None:
        await classes(c, p1=1, p2=2, p3=3, p4=4)

        def replicas(name: str, priority: str, number: int, size: int) -> dict[str, Any]:
            template = {
                "metadata": {"labels": {"name": name}},
                "spec": asking("x", number=size, priority=priority)["spec"],
            }
            return workload(name, "default", template, replicas=number)

        async with watching(c.client, kinds.POD, "default") as seen:
            for index, size in ((1, 1), (2, 1), (3, 1)):
                name = f"rs-pod{index}"
                await c.client.create(kinds.REPLICASET, replicas(name, f"p{index}", 1, size))
                await ready(c, kinds.REPLICASET, name, "default", 1)
            await c.client.create(kinds.REPLICASET, replicas("rs-pod4", "p4", 1, 4))
            await ready(c, kinds.REPLICASET, "rs-pod4", "default", 1)
            added: dict[str, int] = {}
            while not seen.arrived.empty():
                event = await seen.next()
                if event.type == "ADDED":
                    owner = event.object["metadata"]["labels"]["name"]
                    added[owner] = added.get(owner, 0) + 1
        assert added == {"rs-pod1": 2, "rs-pod2": 2, "rs-pod3": 1, "rs-pod4": 1}, "the two lowest had to go"

    alone(scenario, nodes=1)


async def test_priority_classes(c: Cluster) -> None:
    """[sig-scheduling] SchedulerPreemption [Serial] PriorityClass endpoints verify PriorityClass endpoints can be operated with different HTTP methods [Conformance]"""
    names = ("e2e-p1", "e2e-p2")
    for number, name in enumerate(names, start=1):
        made = {"metadata": {"name": name, "labels": {"e2e": "p"}}, "value": number, "description": ""}
        await c.client.create(CLASSES, made)
    try:
        listed = (await c.client.list(CLASSES)).items
        assert {*names} <= {name_of(each) for each in listed}
        for name in names:
            found = await c.client.get(CLASSES, name)
            patched = await c.client.patch(
                CLASSES, name, "", {"description": "patched"}, patch_type="strategic"
            )
            assert patched["description"] == "patched"
            updated = await c.client.update(
                CLASSES, changed({**patched, "description": "updated"}, labels={"x": "y"})
            )
            assert updated["description"] == "updated"
            async with refused(Invalid, "may not be changed in an update"):
                await c.client.update(CLASSES, {**updated, "value": found["value"] * 10})
            with pytest.raises(ApiError, match="field is immutable"):
                await c.client.patch(CLASSES, name, "", {"preemptionPolicy": "Never"})
    finally:
        await c.client.delete_collection(CLASSES, labels="e2e=p")

    async def emptied() -> bool:
        return not (await c.client.list(CLASSES, labels="e2e=p")).items

    await until("they are gone", emptied)
