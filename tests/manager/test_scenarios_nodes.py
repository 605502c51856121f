"""Nodes that fall silent, and their pods: upstream's documented times and rules (taints, zones, out of service, garbage)
as tables and in real durations."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from test_manager_attachdetach import ALL, UNIQUE, USES, attach, attachments, bound
from test_manager_attachdetach import make_pod as with_volumes
from test_manager_attachdetach import put as made
from test_manager_nodes import keep_renewing, ready, taints
from test_node_zones import alive, emptied
from world import World, play, pod

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, name_of
from pybernetes.control.definition import Settings
from pybernetes.control.plan import Delete, Patch
from pybernetes.controllers import podgc, tainteviction
from pybernetes.lang.timestamps import parse, rfc3339

START = 1_790_000_000.0
NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
OUT_OF_SERVICE = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}


def toleration(key: str = "", seconds: int | None = None, **more: str) -> Obj:
    found: dict[str, Any] = {"operator": "Exists", **more}
    if key:
        found["key"] = key
    return found if seconds is None else {**found, "tolerationSeconds": seconds}


def taint(key: str, since: float = 0.0, value: str = "") -> Obj:
    found = {"key": key, "effect": "NoExecute", "timeAdded": rfc3339(START + since)}
    return {**found, "value": value} if value else found


# (tolerations, taints, the pod came to its node so many seconds after START, when it goes; None: never)
EVICTIONS: list[tuple[str, list[Obj], list[Obj], float, float | None]] = [
    ("no taint", [], [], 0, None),
    ("nothing tolerates it: at once", [], [taint("a")], -100, 0),
    ("for ever", [toleration("a")], [taint("a")], -100, None),
    ("for a while", [toleration("a", 60)], [taint("a")], -100, 60),
    ("for no time", [toleration("a", 0)], [taint("a")], -100, 0),
    ("less than nothing is nothing", [toleration("a", -5)], [taint("a")], -100, 0),
    ("of several that match, the least", [toleration("a", 60), toleration("a", 30)], [taint("a")], -100, 30),
    ("for ever and for a while: for a while", [toleration("a"), toleration("a", 30)], [taint("a")], -100, 30),
    ("of several taints, the first", [toleration("a", 60), toleration("b", 20)], [taint("a"), taint("b", 10)], -100, 30),
    ("one of several is not tolerated", [toleration("a")], [taint("a"), taint("b")], -100, 0),
    ("every key", [toleration()], [taint("a"), taint("b")], -100, None),
    ("every key for a while", [toleration("", 45)], [taint("a")], -100, 45),
    ("the value has to match", [{"key": "a", "value": "x", "effect": "NoExecute"}], [taint("a", value="x")], -100, None),
    ("another value", [{"key": "a", "value": "x"}], [taint("a", value="y")], -100, 0),
    ("Equal is the default", [{"key": "a", "operator": "Equal", "value": "x"}], [taint("a", value="x")], -100, None),
    ("every effect", [{"key": "a", "operator": "Exists"}], [taint("a")], -100, None),
    ("another effect", [toleration("a", effect="NoSchedule")], [taint("a")], -100, 0),
    ("a taint that was there first counts from the pod's coming", [toleration("a", 60)], [taint("a", -900)], 0, 60),
]  # fmt: skip


@pytest.mark.parametrize(
    ("tolerations", "found", "came", "goes"),
    [row[1:] for row in EVICTIONS],
    ids=[row[0] for row in EVICTIONS],
)
def test_evictions(tolerations: list[Obj], found: list[Obj], came: float, goes: float | None) -> None:
    one = pod("p", nodeName="n1", tolerations=tolerations)
    scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": rfc3339(START + came)}
    one = {**one, "metadata": {**one["metadata"], "uid": "u"}, "status": {"conditions": [scheduled]}}
    seen = tainteviction.Seen(one, found)

    def deletes(at: float) -> bool:
        steps = tainteviction.plan(seen, START + at, Settings()).steps
        return any(isinstance(step, Delete) for step in steps)

    if goes is None:
        assert tainteviction.plan(seen, START + 10_000, Settings()).steps == ()
        return
    assert deletes(goes)
    assert not deletes(goes - 1) or goes == 0
    if goes > 0:
        assert tainteviction.plan(seen, START, Settings()).after == goes


def test_a_node_silent_for_forty_seconds_and_then_for_three_hundred() -> None:
    """With the grace period that a cluster had for long, and the tolerations that every pod is given."""

    async def story(world: World) -> None:
        await world.node("n1")
        await world.node("well")
        world.start(keep_renewing(world, "well", 3600))
        await world.client.create(kinds.POD, pod("p", nodeName="n1"))
        await keep_renewing(world, "n1", 100)
        world.stop_after = 1e9
        await world.settle(38)
        assert ready(await world.get(kinds.NODE, "n1", "")) == "True"
        await world.settle(4)
        node = await world.get(kinds.NODE, "n1", "")
        assert ready(node) == "Unknown"
        assert taints(node) == {(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")}
        assert ready(await world.get(kinds.POD, "p")) == "False"
        await world.settle(296)
        assert not is_deleting(await world.client.get(kinds.POD, "p", "default"))
        await world.settle(4)
        gone = await world.client.get(kinds.POD, "p", "default")
        assert is_deleting(gone)
        (told,) = [c for c in gone["status"]["conditions"] if c["type"] == "DisruptionTarget"]
        assert (told["reason"], told["message"]) == (
            "DeletionByTaintManager",
            "Taint manager: deleting due to NoExecute taint",
        )

    play(story, node_monitor_grace_seconds=40.0)


def test_a_zone_that_is_wholly_down_is_emptied_as_long_as_another_is_up() -> None:
    async def story(world: World) -> None:
        for number in range(8):
            name = f"n{number}"
            await world.node(name)
            zone = {"topology.kubernetes.io/zone": "a" if number < 4 else "b"}
            await world.client.patch(kinds.NODE, name, "", {"metadata": {"labels": zone}})
        world.start(alive(world, "n4", "n5", "n6", "n7"))
        await world.settle(200)
        times = sorted(at for n in await world.all(kinds.NODE, "") if (at := emptied(n)) is not None)
        assert len(times) == 4
        assert all(9 <= later - sooner <= 12 for sooner, later in pairwise(times))

    play(story, "node-lifecycle-controller")


def test_a_node_that_reports_that_it_is_not_ready() -> None:
    """It is heard of, so it is tainted as not ready, not as unreachable; when it is well again, all is as before."""

    async def report(world: World, status: str) -> None:
        now = rfc3339(world.env.now())
        entry = {"type": "Ready", "status": status, "lastHeartbeatTime": now, "lastTransitionTime": now}
        await world.client.patch(
            kinds.NODE, "n1", "", {"status": {"conditions": [entry]}}, subresource="status"
        )

    async def story(world: World) -> None:
        await world.node("n1")
        await world.node("well")
        world.start(alive(world, "n1", "well"))
        await world.settle(10)
        await report(world, "False")
        await world.settle(10)
        assert taints(await world.get(kinds.NODE, "n1", "")) == {
            (NOT_READY, "NoSchedule"),
            (NOT_READY, "NoExecute"),
        }
        await report(world, "True")
        await world.settle(10)
        assert taints(await world.get(kinds.NODE, "n1", "")) == set()

    play(story, "node-lifecycle-controller")


def test_older_names_of_labels_follow_the_newer_ones() -> None:
    async def story(world: World) -> None:
        await world.node("n1")
        labels = {
            "kubernetes.io/os": "linux",
            "beta.kubernetes.io/os": "other",
            "kubernetes.io/arch": "arm64",
            "a": "b",
        }
        await world.client.patch(kinds.NODE, "n1", "", {"metadata": {"labels": labels}})
        await world.settle(5)
        found = (await world.client.get(kinds.NODE, "n1"))["metadata"]["labels"]
        assert found == {**labels, "beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": "arm64"}

    play(story, "node-lifecycle-controller")


# Pods that nobody ends.


def lost(name: str, node: str = "gone", phase: str = "Running", **metadata: Any) -> Obj:
    one = pod(name, **({"nodeName": node} if node else {}))
    return {**one, "metadata": {**one["metadata"], "uid": name, **metadata}, "status": {"phase": phase}}


def ended(name: str, made_at: str, **status: str) -> Obj:
    one = lost(name, "n1", "Succeeded", creationTimestamp=made_at)
    return {**one, "status": {**one["status"], **status}}


FAILED = {"phase": "Failed"}
OLD, OLDER, NEW = (
    ended(name, f"2026-01-0{day}T00:00:00Z") for name, day in (("old", 2), ("older", 1), ("new", 3))
)
EVICTED = ended("evicted", "2026-01-04T00:00:00Z", phase="Failed", reason="Evicted")
GARBAGE: list[tuple[str, podgc.Seen, int, list[str], list[str]]] = [
    ("a node that has just gone", podgc.Seen([lost("p")], [], [], []), 100, [], []),
    ("one that was missed 39 s ago", podgc.Seen([lost("p")], [], [], [], {"gone": START - 39}), 100, [], []),
    ("one that was missed 40 s ago", podgc.Seen([lost("p")], [], [], [], {"gone": START - 40}), 100, ["p"], ["p"]),
    ("and its pod had ended", podgc.Seen([lost("p", phase="Succeeded")], [], [], [], {"gone": START - 40}), 100, ["p"], []),
    ("being deleted on a node out of service", podgc.Seen([], [lost("p", "n1")], [], []), 100, ["p"], ["p"]),
    ("deleted before it had a node", podgc.Seen([], [], [lost("p", "", "Pending")], []), 100, ["p"], ["p"]),
    ("as many ended ones as may be", podgc.Seen([], [], [], [OLD, OLDER, NEW]), 3, [], []),
    ("one too many: the oldest", podgc.Seen([], [], [], [OLD, OLDER, NEW]), 2, ["older"], []),
    ("evicted ones first", podgc.Seen([], [], [], [OLD, OLDER, NEW, EVICTED]), 2, ["evicted", "older"], []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "threshold", "deleted", "failed"), [row[1:] for row in GARBAGE], ids=[row[0] for row in GARBAGE]
)
def test_garbage(seen: podgc.Seen, threshold: int, deleted: list[str], failed: list[str]) -> None:
    steps = podgc.plan(seen, START, Settings(terminated_pod_gc_threshold=threshold)).steps
    assert [step.name for step in steps if isinstance(step, Delete)] == deleted
    assert {step.grace_period_seconds for step in steps if isinstance(step, Delete)} <= {0}
    assert [step.name for step in steps if isinstance(step, Patch)] == failed


def test_pods_of_a_node_that_is_gone_fail_after_forty_seconds() -> None:
    async def story(world: World) -> None:
        await world.node("n1")
        await made(world, pod("p", nodeName="n1"))
        await world.settle(300)
        await world.client.delete(kinds.NODE, "n1")
        await world.settle(35)
        assert await world.get(kinds.POD, "p") is not None
        await world.settle(10)
        assert await world.get(kinds.POD, "p") is None
        (last,) = [tree for _, kind, tree in world.history if kind == "DELETED"]
        assert last["status"]["phase"] == "Failed"
        (told,) = [c for c in last["status"]["conditions"] if c["type"] == "DisruptionTarget"]
        assert (told["reason"], told["message"]) == ("DeletionByPodGC", "PodGC: node no longer exists")

    play(story, "pod-garbage-collector-controller,serviceaccount-controller")


def test_a_node_out_of_service_gives_up_its_pods_and_their_volumes() -> None:
    """KEP-2268: its kubelet answers no more and volumes are in use there; the taint says that they are not."""

    async def story(world: World) -> None:
        await bound(world)
        await made(world, with_volumes("app", volumes=USES, nodeName="n1"))
        await world.settle(2)
        await attach(world)
        world.stop_after = 1e9
        assert len(await attachments(world)) == 1
        down = {"type": "Ready", "status": "Unknown", "lastTransitionTime": rfc3339(world.env.now())}
        status = {"conditions": [down], "volumesInUse": [UNIQUE]}
        await world.client.patch(kinds.NODE, "n1", "", {"status": status}, subresource="status")
        await world.client.delete(kinds.POD, "app", "default")
        await world.settle(60)
        assert is_deleting(await world.client.get(kinds.POD, "app", "default"))
        assert len(await attachments(world)) == 1
        await world.change(kinds.NODE, "n1", {"taints": [OUT_OF_SERVICE]}, "")
        await world.settle(5)
        assert await world.get(kinds.POD, "app") is None
        assert await attachments(world) == []

    play(
        story,
        f"{ALL},pod-garbage-collector-controller,serviceaccount-controller",
    )


def test_the_taint_alone_does_not_end_a_pod_of_a_node_that_is_well() -> None:
    async def story(world: World) -> None:
        await world.node("n1")
        await made(world, pod("p", nodeName="n1"))
        world.stop_after = 1e9
        await world.client.delete(kinds.POD, "p", "default")
        await world.change(kinds.NODE, "n1", {"taints": [OUT_OF_SERVICE]}, "")
        await world.settle(60)
        assert [name_of(each) for each in await world.all(kinds.POD)] == ["p"]
        assert parse((await world.all(kinds.POD))[0]["metadata"]["deletionTimestamp"])

    play(story, "pod-garbage-collector-controller,serviceaccount-controller")
