"""ResourceQuotas through a real API server in virtual time: what is counted, and when it is counted again."""

from __future__ import annotations

from typing import Any

import pytest
from world import World, play, pod

from pybernetes.api import kinds
from pybernetes.api.errors import Forbidden
from pybernetes.api.kind import Kind, new_object
from pybernetes.api.meta import Obj
from pybernetes.control.definition import Settings
from pybernetes.control.plan import Update
from pybernetes.controllers import resourcequota, ttl

WIDGETS = Kind(group="example.org", version="v1", kind="Widget", plural="widgets", namespaced=True)


def quota(hard: Obj, **spec: Any) -> Obj:
    return new_object(kinds.RESOURCEQUOTA, "q", "default", spec={"hard": hard, **spec})


def busy(name: str, cpu: str, **spec: Any) -> Obj:
    container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}, "limits": {"cpu": cpu}}}
    return pod(name, containers=[container], **spec)


async def used(world: World) -> Obj:
    found = await world.client.get(kinds.RESOURCEQUOTA, "q", "default")
    return found["status"].get("used")  # type: ignore[no-any-return]


def test_a_new_quota_counts_what_is_there() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.POD, busy("a", "500m"))
        await world.client.create(kinds.POD, busy("b", "1"))
        await world.client.create(kinds.CONFIGMAP, new_object(kinds.CONFIGMAP, "c", "default"))
        hard = {
            "pods": "5",
            "requests.cpu": "4",
            "limits.memory": "1Gi",
            "count/configmaps": "9",
            "services": "2",
        }
        await world.client.create(kinds.RESOURCEQUOTA, quota(hard))
        await world.settle(2)
        found = await world.client.get(kinds.RESOURCEQUOTA, "q", "default")
        assert found["status"] == {
            "hard": hard,
            "used": {
                "pods": "2",
                "requests.cpu": "1500m",
                "limits.memory": "0",
                "count/configmaps": "2",
                "services": "1",  # the API server's own
            },
        }

    play(story)


def test_what_goes_or_ends_is_given_back() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.RESOURCEQUOTA, quota({"pods": "2", "cpu": "2"}))
        await world.settle(2)
        await world.client.create(kinds.POD, busy("a", "1"))
        second = await world.client.create(kinds.POD, busy("b", "1"))
        with pytest.raises(Forbidden, match="exceeded quota"):
            await world.client.create(kinds.POD, busy("c", "1"))
        await world.settle(2)
        assert await used(world) == {"pods": "2", "cpu": "2"}
        await world.client.delete(kinds.POD, "a", "default")
        await world.settle(2)
        assert await used(world) == {"pods": "1", "cpu": "1"}
        await world.set_pod_status(second, {"phase": "Succeeded"}, ready=False)
        await world.settle(2)
        assert await used(world) == {"pods": "0", "cpu": "0"}
        await world.client.create(kinds.POD, busy("c", "1"))

    play(story)


def test_a_changed_quota_is_counted_anew() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.POD, busy("a", "1"))
        await world.client.create(kinds.RESOURCEQUOTA, quota({"pods": "5"}))
        await world.settle(2)
        await world.change(kinds.RESOURCEQUOTA, "q", {"hard": {"pods": None, "cpu": "3"}})
        await world.settle(2)
        assert await used(world) == {"cpu": "1"}

    play(story)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"scopes": ["BestEffort"]}, "1"),
        ({"scopes": ["NotBestEffort"]}, "2"),
        ({"scopes": ["Terminating"]}, "1"),
        ({"scopes": ["NotTerminating", "NotBestEffort"]}, "1"),
    ],
)
def test_scopes_choose_pods(spec: Obj, expected: str) -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.POD, pod("plain"))
        await world.client.create(kinds.POD, busy("long", "1"))
        await world.client.create(kinds.POD, busy("short", "1", activeDeadlineSeconds=60))
        await world.client.create(kinds.RESOURCEQUOTA, quota({"pods": "5"}, **spec))
        await world.settle(2)
        assert await used(world) == {"pods": expected}

    play(story)


def test_drift_is_mended_within_five_minutes() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.RESOURCEQUOTA, quota({"pods": "5"}))
        await world.settle(60)
        drifted = {"status": {"used": {"pods": "4"}}}
        await world.client.patch(kinds.RESOURCEQUOTA, "q", "default", drifted, subresource="status")
        await world.settle(300)
        assert await used(world) == {"pods": "0"}

    play(story)


def test_custom_resources_are_counted() -> None:
    async def story(world: World) -> None:
        schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
        spec = {
            "group": "example.org",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        }
        definition = new_object(kinds.CUSTOMRESOURCEDEFINITION, "widgets.example.org", spec=spec)
        await world.client.create(kinds.CUSTOMRESOURCEDEFINITION, definition)
        await world.settle(2)
        await world.client.create(WIDGETS, new_object(WIDGETS, "w", "default"))
        await world.client.create(kinds.RESOURCEQUOTA, quota({"count/widgets.example.org": "3"}))
        await world.settle(2)
        assert await used(world) == {"count/widgets.example.org": "1"}
        await world.client.delete(WIDGETS, "w", "default")
        await world.settle(15)
        assert await used(world) == {"count/widgets.example.org": "0"}

    play(story)


def test_many_that_go_at_once_are_not_counted_each() -> None:
    counted = {**quota({"pods": "9"}), "status": {"hard": {"pods": "9"}, "used": {"pods": "5"}}}
    first = resourcequota.plan(resourcequota.Seen(counted, {kinds.POD: ()}), 100.0, Settings())
    assert first.memory == 100.0
    (update,) = first.steps
    assert isinstance(update, Update)
    assert update.obj["status"]["used"] == {"pods": "0"}
    soon = resourcequota.plan(resourcequota.Seen(counted, {kinds.POD: ()}, (), 100.0), 100.25, Settings())
    assert (soon.steps, soon.after, soon.memory) == ((), 0.75, 100.0)
    changed = {**counted, "spec": {"hard": {"pods": "8"}}}
    assert resourcequota.plan(
        resourcequota.Seen(changed, {kinds.POD: ()}, (), 100.0), 100.25, Settings()
    ).steps


def test_each_kind_is_counted_once() -> None:
    names = [kind.group_resource for kind in resourcequota.COUNTED]
    assert len(names) == len({*names})
    assert {"pods", "services", "deployments.apps", "leases.coordination.k8s.io"} <= {*names}
    assert "events" not in names


@pytest.mark.parametrize(
    ("count", "current", "expected"),
    [
        (1, "", 0),
        (100, "", 0),
        (101, "0", 15),
        (95, "15", 15),
        (89, "15", 0),
        (5000, "", 300),
        (1801, "60", 60),
        (2001, "60", 300),
        (20000, "x", 600),
        (3, "600", 0),
    ],
)
def test_how_long_kubelets_may_keep_what_they_know(count: int, current: str, expected: int) -> None:
    assert ttl.seconds(count, current) == expected


def test_nodes_are_told() -> None:
    async def story(world: World) -> None:
        await world.node("n1")
        await world.settle(2)
        node = await world.client.get(kinds.NODE, "n1")
        assert node["metadata"]["annotations"][ttl.ANNOTATION] == "0"

    play(story)
