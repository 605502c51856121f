"""What a ResourceQuota counts, by upstream's documentation: compute, storage, objects, and every scope, as tables; and when
it is counted again."""

from __future__ import annotations

from typing import Any

import pytest
from world import World, play, pod

from pybernetes.api import kinds
from pybernetes.api.kind import Kind, new_object
from pybernetes.api.meta import Obj
from pybernetes.api.quota import amounts
from pybernetes.controllers.resourcequota import COUNTED, count, pod_frees

NOW = 1_790_000_000.0
RUNNING = "resourcequota-controller,serviceaccount-controller,persistentvolumeclaim-protection-controller"


def container(name: str = "c", **resources: dict[str, str]) -> Obj:
    return {"name": name, "image": "nginx:1", "resources": resources}


def asks(
    name: str = "p", requests: dict[str, str] | None = None, limits: dict[str, str] | None = None, **spec: Any
) -> Obj:
    given = {k: v for k, v in (("requests", requests), ("limits", limits)) if v}
    return pod(name, containers=[container(**given)], **spec)


def with_status(obj: Obj, **status: Any) -> Obj:
    return {**obj, "status": status}


def with_metadata(obj: Obj, **metadata: Any) -> Obj:
    return {**obj, "metadata": {**obj["metadata"], **metadata}}


def claim(name: str = "c", storage: str = "1Gi", **spec: Any) -> Obj:
    full = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}, **spec}
    return new_object(kinds.PERSISTENTVOLUMECLAIM, name, "default", spec=full)


def service(name: str, type_: str, count: int = 1, **spec: Any) -> Obj:
    made = [{"port": 80 + n, "nodePort": 30000 + n} for n in range(count)]
    return new_object(kinds.SERVICE, name, "default", spec={"type": type_, "ports": made, **spec})


def devices(name: str, *requests: Obj) -> Obj:
    return new_object(kinds.RESOURCECLAIM, name, "default", spec={"devices": {"requests": list(requests)}})


def affine(name: str, **term: Any) -> Obj:
    full = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {}, **term}
    rule = {"requiredDuringSchedulingIgnoredDuringExecution": [full]}
    return asks(name, affinity={"podAntiAffinity": rule})


def used(spec: Obj, objects: dict[Kind, list[Obj]]) -> dict[str, str]:
    quota = new_object(kinds.RESOURCEQUOTA, "q", "default", spec=spec)
    return amounts.written(count(quota, objects, NOW))


SMALL = {"cpu": "500m", "memory": "64Mi"}
RESIZING = with_status(
    asks(requests={"cpu": "1"}),
    containerStatuses=[
        {"name": "c", "resources": {"requests": {"cpu": "3"}}, "allocatedResources": {"cpu": "2"}}
    ],
)
REFUSED = with_status(
    asks(requests={"cpu": "9"}, limits={"cpu": "9"}),
    conditions=[{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}],
    containerStatuses=[
        {
            "name": "c",
            "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "2"}},
            "allocatedResources": {"cpu": "2"},
        }
    ],
)
SIDECAR = {**container("s", requests={"cpu": "200m"}), "restartPolicy": "Always"}

COMPUTE: list[tuple[str, dict[str, str], list[Obj], dict[str, str]]] = [
    ("requests and limits", {"requests.cpu": "9", "limits.cpu": "9"}, [asks(requests=SMALL, limits={"cpu": "1"})], {"requests.cpu": "500m", "limits.cpu": "1"}),
    ("cpu means requests.cpu", {"cpu": "9", "requests.cpu": "9", "memory": "1Gi"}, [asks(requests=SMALL), asks("q", SMALL)], {"cpu": "1", "requests.cpu": "1", "memory": "128Mi"}),
    ("ephemeral storage", {"requests.ephemeral-storage": "9Gi", "limits.ephemeral-storage": "9Gi"}, [asks(requests={"ephemeral-storage": "1Gi"}, limits={"ephemeral-storage": "2Gi"})], {"requests.ephemeral-storage": "1Gi", "limits.ephemeral-storage": "2Gi"}),
    ("huge pages", {"hugepages-2Mi": "9Gi", "requests.hugepages-2Mi": "9Gi"}, [asks(requests={"hugepages-2Mi": "4Mi"}, limits={"hugepages-2Mi": "4Mi"})], {"hugepages-2Mi": "4Mi", "requests.hugepages-2Mi": "4Mi"}),
    ("extended resources, by their requests", {"requests.example.org/gpu": "9"}, [asks(requests={"example.org/gpu": "2"}, limits={"example.org/gpu": "2"})] * 2, {"requests.example.org/gpu": "4"}),
    ("several containers", {"cpu": "9"}, [pod("p", containers=[container("a", requests={"cpu": "1"}), container("b", requests={"cpu": "250m"})])], {"cpu": "1250m"}),
    ("the largest init container, where it is more", {"cpu": "9"}, [asks(requests={"cpu": "1"}, initContainers=[container("i", requests={"cpu": "3"}), container("j", requests={"cpu": "2"})])], {"cpu": "3"}),
    ("sidecars count with the rest", {"cpu": "9"}, [asks(requests={"cpu": "1"}, initContainers=[SIDECAR])], {"cpu": "1200m"}),
    ("an init container beside the sidecars before it", {"cpu": "9"}, [asks(requests={"cpu": "1"}, initContainers=[SIDECAR, container("i", requests={"cpu": "3"})])], {"cpu": "3200m"}),
    ("overhead", {"cpu": "9", "limits.cpu": "9"}, [asks(requests={"cpu": "1"}, limits={"cpu": "2"}, overhead={"cpu": "100m"})], {"cpu": "1100m", "limits.cpu": "2100m"}),
    ("resources of the whole pod come first", {"cpu": "9"}, [asks(requests={"cpu": "1"}, resources={"requests": {"cpu": "3"}})], {"cpu": "3"}),
    ("made larger or smaller: the most of all", {"cpu": "9"}, [RESIZING], {"cpu": "3"}),
    ("a resize that was refused does not count", {"cpu": "19", "limits.cpu": "19"}, [REFUSED], {"cpu": "2", "limits.cpu": "2"}),
    ("what has ended takes nothing but its place", {"pods": "9", "cpu": "9", "count/pods": "9"}, [with_status(asks(requests={"cpu": "1"}), phase="Succeeded"), with_status(asks("f", {"cpu": "1"}), phase="Failed")], {"pods": "0", "cpu": "0", "count/pods": "2"}),
    ("what should have gone long ago takes nothing", {"pods": "9"}, [with_metadata(asks(), deletionTimestamp="2020-01-01T00:00:00Z", deletionGracePeriodSeconds=30)], {"pods": "0"}),
    ("what is still going does", {"pods": "9"}, [with_metadata(asks(), deletionTimestamp="2026-09-21T17:46:30Z", deletionGracePeriodSeconds=30)], {"pods": "1"}),
]  # fmt: skip


@pytest.mark.parametrize(("hard", "pods", "expected"), [r[1:] for r in COMPUTE], ids=[r[0] for r in COMPUTE])
def test_compute(hard: dict[str, str], pods: list[Obj], expected: dict[str, str]) -> None:
    assert used({"hard": hard}, {kinds.POD: pods}) == expected


GOLD, SILVER = "gold.storageclass.storage.k8s.io/", "silver.storageclass.storage.k8s.io/"
GROWN = with_status(claim(storage="1Gi"), allocatedResources={"storage": "3Gi"})
OLDER = with_metadata(claim("o"), annotations={"volume.beta.kubernetes.io/storage-class": "gold"})

OBJECTS: list[tuple[str, Kind, list[Obj], dict[str, str]]] = [
    ("claims", kinds.PERSISTENTVOLUMECLAIM, [claim(), claim("d", "2Gi")], {"persistentvolumeclaims": "2", "requests.storage": "3Gi", "count/persistentvolumeclaims": "2"}),
    ("claims of a class", kinds.PERSISTENTVOLUMECLAIM, [claim(storageClassName="gold"), claim("d", storageClassName="silver"), claim("e")], {f"{GOLD}requests.storage": "1Gi", f"{GOLD}persistentvolumeclaims": "1", f"{SILVER}persistentvolumeclaims": "1"}),
    ("the older annotation names a class too", kinds.PERSISTENTVOLUMECLAIM, [OLDER], {f"{GOLD}persistentvolumeclaims": "1"}),
    ("a claim that grows takes what it was given", kinds.PERSISTENTVOLUMECLAIM, [GROWN], {"requests.storage": "3Gi"}),
    ("services of each type", kinds.SERVICE, [service("a", "ClusterIP"), service("b", "NodePort", 2), service("c", "LoadBalancer", 3)], {"services": "3", "services.nodeports": "5", "services.loadbalancers": "1"}),
    ("a load balancer without node ports", kinds.SERVICE, [service("c", "LoadBalancer", 0, ports=[{"port": 80}], allocateLoadBalancerNodePorts=False)], {"services.nodeports": "0", "services.loadbalancers": "1"}),
    ("config maps by both names", kinds.CONFIGMAP, [new_object(kinds.CONFIGMAP, "a", "default")], {"configmaps": "1", "count/configmaps": "1"}),
    ("secrets", kinds.SECRET, [new_object(kinds.SECRET, "a", "default")], {"secrets": "1", "count/secrets": "1"}),
    ("quotas themselves", kinds.RESOURCEQUOTA, [new_object(kinds.RESOURCEQUOTA, "a", "default")], {"resourcequotas": "1"}),
    ("kinds of other groups only by count/", kinds.DEPLOYMENT, [new_object(kinds.DEPLOYMENT, "a", "default")], {"count/deployments.apps": "1"}),
    ("devices of a class", kinds.RESOURCECLAIM, [devices("a", {"name": "r", "exactly": {"deviceClassName": "gpu", "count": 2}}), devices("b", {"name": "r", "exactly": {"deviceClassName": "gpu"}})], {"gpu.deviceclass.resource.k8s.io/devices": "3"}),
    ("of alternatives the most", kinds.RESOURCECLAIM, [devices("a", {"name": "r", "firstAvailable": [{"deviceClassName": "gpu", "count": 2}, {"deviceClassName": "gpu", "count": 4}]})], {"gpu.deviceclass.resource.k8s.io/devices": "4"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "objects", "expected"), [r[1:] for r in OBJECTS], ids=[r[0] for r in OBJECTS]
)
def test_objects(kind: Kind, objects: list[Obj], expected: dict[str, str]) -> None:
    assert kind in COUNTED
    assert used({"hard": dict.fromkeys(expected, "100Gi")}, {kind: objects}) == expected


PODS = [
    asks("plain"),
    asks("small", SMALL),
    asks("exact", SMALL, SMALL),
    asks("short", activeDeadlineSeconds=60),
    asks("high", SMALL, priorityClassName="high"),
    asks("low", priorityClassName="low"),
    affine("near"),
    affine("far", namespaces=["other"]),
    affine("anywhere", namespaceSelector={}),
]


def scoped(name: str, operator: str, *values: str) -> Obj:
    term = {"scopeName": name, "operator": operator, **({"values": list(values)} if values else {})}
    return {"scopeSelector": {"matchExpressions": [term]}}


SCOPES: list[tuple[Obj, int]] = [
    ({}, 9),
    ({"scopes": ["BestEffort"]}, 6),
    ({"scopes": ["NotBestEffort"]}, 3),
    ({"scopes": ["Terminating"]}, 1),
    ({"scopes": ["NotTerminating"]}, 8),
    ({"scopes": ["NotTerminating", "BestEffort"]}, 5),
    ({"scopes": ["PriorityClass"]}, 2),
    ({"scopes": ["CrossNamespacePodAffinity"]}, 2),
    (scoped("PriorityClass", "In", "high"), 1),
    (scoped("PriorityClass", "In", "high", "low"), 2),
    (scoped("PriorityClass", "NotIn", "high"), 8),
    (scoped("PriorityClass", "Exists"), 2),
    (scoped("PriorityClass", "DoesNotExist"), 7),
    (scoped("BestEffort", "Exists"), 6),
    (scoped("CrossNamespacePodAffinity", "Exists"), 2),
    ({"scopes": ["BestEffort"], **scoped("PriorityClass", "In", "low")}, 1),
]


@pytest.mark.parametrize(("spec", "expected"), SCOPES)
def test_scopes_of_pods(spec: Obj, expected: int) -> None:
    assert used({"hard": {"pods": "99"}, **spec}, {kinds.POD: PODS}) == {"pods": str(expected)}


CLAIMS = [
    claim("none"),
    claim("wants", volumeAttributesClassName="fast"),
    with_status(claim("has", volumeAttributesClassName="slow"), currentVolumeAttributesClassName="fast"),
    with_status(
        claim("gets"), modifyVolumeStatus={"targetVolumeAttributesClassName": "slow", "status": "Pending"}
    ),
]


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (("In", "fast"), "2"),
        (("In", "slow"), "2"),
        (("NotIn", "fast"), "3"),
        (("Exists",), "3"),
        (("DoesNotExist",), "1"),
    ],
)
def test_scopes_of_claims(term: tuple[str, ...], expected: str) -> None:
    spec = {"hard": {"persistentvolumeclaims": "9"}, **scoped("VolumeAttributesClass", *term)}
    assert used(spec, {kinds.PERSISTENTVOLUMECLAIM: CLAIMS}) == {"persistentvolumeclaims": expected}


@pytest.mark.parametrize(
    ("old", "new", "frees"),
    [
        (asks(), None, True),
        (None, asks(), False),
        (asks(), with_status(asks(), phase="Running"), False),
        (asks(), with_status(asks(), phase="Succeeded"), True),
        (RESIZING, {**RESIZING, "status": {}}, True),
        (asks(), with_metadata(asks(), labels={"a": "b"}), False),
    ],
)
def test_which_changes_of_pods_are_counted_again(old: Obj | None, new: Obj | None, frees: bool) -> None:
    assert pod_frees(old, new) is frees


async def shown(world: World) -> dict[str, str]:
    found = await world.client.get(kinds.RESOURCEQUOTA, "q", "default")
    return dict(found["status"]["used"])


def test_what_goes_is_given_back_at_once() -> None:
    async def story(world: World) -> None:
        hard = {"pods": "9", "cpu": "9", "count/configmaps": "9", "requests.storage": "9Gi"}
        quota = new_object(kinds.RESOURCEQUOTA, "q", "default", spec={"hard": hard})
        await world.client.create(kinds.RESOURCEQUOTA, quota)
        await world.settle(2)
        await world.client.create(kinds.POD, asks("a", {"cpu": "1"}))
        await world.client.create(kinds.POD, asks("b", {"cpu": "2"}))
        await world.client.create(kinds.CONFIGMAP, new_object(kinds.CONFIGMAP, "m", "default"))
        await world.client.create(kinds.PERSISTENTVOLUMECLAIM, claim())
        await world.settle(5)
        full = {"pods": "2", "cpu": "3", "count/configmaps": "1", "requests.storage": "1Gi"}
        assert await shown(world) == full
        await world.client.delete(kinds.POD, "a", "default")
        await world.client.delete(kinds.CONFIGMAP, "m", "default")
        await world.client.delete(kinds.PERSISTENTVOLUMECLAIM, "c", "default")
        await world.settle(5)
        assert await shown(world) == {
            "pods": "1",
            "cpu": "2",
            "count/configmaps": "0",
            "requests.storage": "0",
        }
        await world.set_pod_status(
            await world.client.get(kinds.POD, "b", "default"), {"phase": "Failed"}, ready=False
        )
        await world.settle(2)
        assert (await shown(world))["cpu"] == "0"

    play(story, RUNNING)


def test_a_pod_that_is_made_smaller_gives_back_when_its_node_has_done_it() -> None:
    async def story(world: World) -> None:
        quota = new_object(kinds.RESOURCEQUOTA, "q", "default", spec={"hard": {"cpu": "9"}})
        await world.client.create(kinds.RESOURCEQUOTA, quota)
        await world.settle(2)
        await world.node("n1")
        linux = {"metadata": {"labels": {"kubernetes.io/os": "linux"}}}
        await world.client.patch(kinds.NODE, "n1", "", linux)
        room = {
            "status": {"allocatable": {"cpu": "8", "pods": "9"}, "nodeInfo": {"operatingSystem": "linux"}}
        }
        await world.client.patch(kinds.NODE, "n1", "", room, subresource="status")
        await world.client.create(kinds.POD, asks("a", {"cpu": "4"}, nodeName="n1"))
        await world.settle(5)
        had = {"name": "c", "resources": {"requests": {"cpu": "4"}}, "allocatedResources": {"cpu": "4"}}
        report = {"status": {"containerStatuses": [had]}}
        await world.client.patch(kinds.POD, "a", "default", report, subresource="status")
        smaller = {"spec": {"containers": [container(requests={"cpu": "1"})]}}
        await world.client.patch(kinds.POD, "a", "default", smaller, subresource="resize")
        await world.settle(2)
        assert await shown(world) == {"cpu": "4"}
        has = {**had, "resources": {"requests": {"cpu": "1"}}, "allocatedResources": {"cpu": "1"}}
        await world.client.patch(
            kinds.POD, "a", "default", {"status": {"containerStatuses": [has]}}, subresource="status"
        )
        await world.settle(2)
        assert await shown(world) == {"cpu": "1"}

    play(story, RUNNING)
