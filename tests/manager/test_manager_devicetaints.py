"""Device taints through the whole manager: pods that use a tainted device go, unless their claims tolerate it."""

from __future__ import annotations

from typing import Any

import pytest
from test_manager_persistentvolumebinder import told
from test_manager_resourceclaim import SPEC, wanting
from world import World, play

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, is_deleting, name_of, uid_of
from pybernetes.controllers.devicetainteviction import selects, tolerated
from pybernetes.lang.timestamps import rfc3339

ONLY = "serviceaccount-controller,device-taint-eviction-controller"
TAINT = {"key": "broken", "value": "fan", "effect": "NoExecute"}
FOR_EVER = {"key": "broken", "operator": "Exists", "effect": "NoExecute"}
A_MINUTE = {**FOR_EVER, "tolerationSeconds": 60}


def slice_of(*taints: Obj, generation: int = 1, name: str = "pool-1") -> Obj:
    """A ResourceSlice with the devices d0 (which has the taints) and d1."""
    tainted: dict[str, Any] = {"name": "d0", **({"taints": list(taints)} if taints else {})}
    spec = {
        "driver": "example.org",
        "nodeName": "n1",
        "pool": {"name": "pool", "generation": generation, "resourceSliceCount": 1},
        "devices": [tainted, {"name": "d1"}],
    }
    return new_object(kinds.RESOURCESLICE, name, spec=spec)


def rule(effect: str = "NoExecute", name: str = "maintenance", **selector: str) -> Obj:
    spec = {"deviceSelector": selector, "taint": {**TAINT, "effect": effect}}
    return new_object(kinds.DEVICETAINTRULE, name, spec=spec)


async def using(world: World, name: str, *tolerations: Obj, device: str = "d0", node: str = "n1") -> Obj:
    """A pod that runs with a claim of its own, which has a device."""
    claim = await world.client.create(
        kinds.RESOURCECLAIM, new_object(kinds.RESOURCECLAIM, f"of-{name}", "default", spec=SPEC)
    )
    pod = await world.client.create(kinds.POD, wanting(name, node, f"of-{name}"))
    result: dict[str, Any] = {"request": "gpu", "driver": "example.org", "pool": "pool", "device": device}
    if tolerations:
        result["tolerations"] = list(tolerations)
    status = {
        "allocation": {"devices": {"results": [result]}},
        "reservedFor": [{"resource": "pods", "name": name, "uid": uid_of(pod)}],
    }
    await world.client.update(kinds.RESOURCECLAIM, {**claim, "status": status}, subresource="status")
    return pod


async def left(world: World) -> list[str]:
    return [name_of(pod) for pod in await world.all(kinds.POD) if not is_deleting(pod)]


def test_a_taint_of_a_slice_evicts_what_does_not_tolerate_it() -> None:
    async def story(world: World) -> None:
        world.stop_after = 1e9
        await world.client.create(kinds.RESOURCESLICE, slice_of())
        await using(world, "plain")
        await using(world, "minute", A_MINUTE)
        await using(world, "ever", FOR_EVER)
        await using(world, "other", device="d1")
        await using(world, "wrong", {**FOR_EVER, "effect": "NoSchedule"})
        await world.settle(5)
        assert await left(world) == ["ever", "minute", "other", "plain", "wrong"]
        before = await world.client.get(kinds.RESOURCESLICE, "pool-1")
        tainted = {**TAINT, "timeAdded": rfc3339(world.env.now())}
        await world.client.update(kinds.RESOURCESLICE, {**before, "spec": slice_of(tainted)["spec"]})
        await world.settle(5)
        assert await left(world) == ["ever", "minute", "other"]
        plain = await world.client.get(kinds.POD, "plain", "default")
        (announced,) = [c for c in plain["status"]["conditions"] if c["type"] == "DisruptionTarget"]
        assert (announced["status"], announced["reason"], announced["message"]) == (
            "True",
            "DeletionByDeviceTaintManager",
            "Device Taint manager: deleting due to NoExecute taint",
        )
        assert await told(world, "plain") == [
            ("Normal", "DeviceTaintManagerEviction", "Marking for deletion")
        ]
        await world.settle(50)
        assert "minute" in await left(world)
        await world.settle(10)
        assert await left(world) == ["ever", "other"]

    play(story, ONLY)


def test_an_eviction_that_was_to_come_is_cancelled_when_the_rule_goes() -> None:
    async def story(world: World) -> None:
        await using(world, "p", A_MINUTE)
        await world.client.create(kinds.DEVICETAINTRULE, rule(driver="example.org"))
        await world.settle(30)
        await world.client.delete(kinds.DEVICETAINTRULE, "maintenance")
        await world.settle(90)
        assert await left(world) == ["p"]
        assert await told(world, "p") == [("Normal", "DeviceTaintManagerEviction", "Cancelling deletion")]

    play(story, ONLY)


@pytest.mark.parametrize(
    ("made", "stays"),
    [
        (rule(driver="example.org"), False),
        (rule(pool="pool", device="d0"), False),
        (rule(driver="other.org"), True),
        (rule(device="d1"), True),
        (rule("NoSchedule", driver="example.org"), True),
        (rule("None", driver="example.org"), True),
        (new_object(kinds.DEVICETAINTRULE, "r", spec={"taint": TAINT}), True),
        (slice_of(TAINT), False),
        (slice_of({**TAINT, "effect": "NoSchedule"}), True),
    ],
)
def test_what_a_pod_is_evicted_for(made: Obj, stays: bool) -> None:
    async def story(world: World) -> None:
        await using(world, "p")
        kind = kinds.RESOURCESLICE if made["kind"] == "ResourceSlice" else kinds.DEVICETAINTRULE
        await world.client.create(kind, made)
        await world.settle(5)
        assert await left(world) == (["p"] if stays else [])

    play(story, ONLY)


def test_only_the_newest_slices_of_a_pool_count() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.RESOURCESLICE, slice_of(generation=2, name="new"))
        await world.client.create(kinds.RESOURCESLICE, slice_of(TAINT, name="old"))
        await using(world, "p")
        await world.settle(5)
        assert await left(world) == ["p"]

    play(story, ONLY)


def test_a_pod_that_does_not_hold_its_claim_or_has_no_node_stays() -> None:
    async def story(world: World) -> None:
        await using(world, "waiting", node="")
        await using(world, "holder")
        await world.client.create(kinds.POD, wanting("onlooker", "n1", "of-holder"))
        await world.client.create(kinds.DEVICETAINTRULE, rule(driver="example.org"))
        await world.settle(5)
        assert await left(world) == ["onlooker", "waiting"]

    play(story, ONLY)


@pytest.mark.parametrize(
    ("tolerations", "seconds"),
    [
        ([], 0.0),
        ([FOR_EVER], None),
        ([A_MINUTE], 60.0),
        ([A_MINUTE, {**FOR_EVER, "tolerationSeconds": 5}], 5.0),
        ([A_MINUTE, FOR_EVER], None),
        ([{**FOR_EVER, "tolerationSeconds": -3}], 0.0),
        ([{"key": "broken", "operator": "Equal", "value": "fan", "effect": "NoExecute"}], None),
        ([{"key": "broken", "operator": "Equal", "value": "disk", "effect": "NoExecute"}], 0.0),
        ([{"operator": "Exists", "effect": "NoExecute"}], None),
        ([{"operator": "Exists"}], 0.0),
        ([{"key": "other", "operator": "Exists", "effect": "NoExecute"}], 0.0),
    ],
)
def test_how_long_a_taint_is_tolerated(tolerations: list[Obj], seconds: float | None) -> None:
    assert tolerated(tolerations, TAINT) == seconds


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        (None, False),
        ({}, True),
        ({"driver": "a"}, True),
        ({"driver": "a", "pool": "b", "device": "c"}, True),
        ({"driver": "a", "pool": "x"}, False),
    ],
)
def test_which_devices_a_rule_selects(selector: Obj | None, matches: bool) -> None:
    spec = {"taint": TAINT, **({} if selector is None else {"deviceSelector": selector})}
    assert selects({"spec": spec}, {"driver": "a", "pool": "b", "device": "c"}) is matches
