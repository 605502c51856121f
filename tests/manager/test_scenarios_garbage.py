"""Who goes with whom, and in which order: upstream's rules of owners and dependents (and the deletion of namespaces), as
tables of small graphs in a real API server and virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from test_manager_garbage import config_map, names, reference
from world import World, play, pod

from pybernetes.api import kinds
from pybernetes.api.kind import Kind, new_object
from pybernetes.api.meta import Obj, is_deleting, name_of, uid_of

HOLD = "example.com/hold"
ONLY = "garbage-collector-controller"
SCHEMA = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
WIDGET = Kind("example.org", "v1", "Widget", "widgets", namespaced=True)
WIDGETS = new_object(
    kinds.CUSTOMRESOURCEDEFINITION,
    "widgets.example.org",
    spec={
        "group": "example.org",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": SCHEMA}],
    },
)


async def order(world: World, into: list[str]) -> None:
    """Notes the names of ConfigMaps as they go."""
    async with world.client.watch(kinds.CONFIGMAP, "default", resource_version="0") as events:
        async for event in events:
            into += [name_of(event.object)] if event.type == "DELETED" else []


@dataclass(frozen=True)
class Graph:
    """Objects by name with their owners ("a" blocks a's foreground deletion, "a?" does not), those that a finalizer
    holds, what is deleted and how; who is left then, and in which order the others went (where it matters)."""

    owners: Mapping[str, str]
    deleted: Mapping[str, str]
    left: str
    order: str = ""
    held: str = ""
    left_after_release: str = ""


BACK, FORE, ORPHAN = "Background", "Foreground", "Orphan"
GRAPHS: dict[str, Graph] = {
    "background: a chain": Graph({"a": "", "b": "a", "c": "b"}, {"a": BACK}, "", "abc"),
    "background does not wait": Graph({"a": "", "b": "a"}, {"a": BACK}, "b", "a", held="b"),
    "foreground: a chain, the last first": Graph({"a": "", "b": "a", "c": "b"}, {"a": FORE}, "", "cba"),
    "foreground: a fan": Graph({"a": "", "b": "a", "c": "a", "d": "a"}, {"a": FORE}, ""),
    "foreground waits for what blocks": Graph({"a": "", "b": "a"}, {"a": FORE}, "ab", held="b"),
    "foreground waits through a chain": Graph({"a": "", "b": "a", "c": "b"}, {"a": FORE}, "abc", held="c"),
    "foreground does not wait for what does not block": Graph(
        {"a": "", "b": "a?"}, {"a": FORE}, "b", "a", held="b"
    ),
    "foreground: another owner keeps it": Graph({"a": "", "z": "", "b": "az"}, {"a": FORE}, "bz", "a"),
    "foreground of both owners": Graph({"a": "", "z": "", "b": "az"}, {"a": FORE, "z": FORE}, "", "b"),
    "foreground of one owner and background of the other": Graph(
        {"a": "", "z": "", "b": "az"}, {"a": FORE, "z": BACK}, ""
    ),
    "orphan: dependents stay, and theirs": Graph({"a": "", "b": "a", "c": "b"}, {"a": ORPHAN}, "bc"),
    "orphan: another owner is kept": Graph({"a": "", "z": "", "b": "az"}, {"a": ORPHAN}, "bz"),
    "a circle lives": Graph({"a": "b", "b": "a"}, {}, "ab"),
    "a circle goes in background": Graph({"a": "b", "b": "a"}, {"a": BACK}, ""),
    "a circle goes in foreground": Graph({"a": "b", "b": "a"}, {"a": FORE}, ""),
    "a circle of three goes in foreground": Graph({"a": "c", "b": "a", "c": "b"}, {"a": FORE}, ""),
    "what owns itself": Graph({"a": "a"}, {"a": FORE}, ""),
    "a diamond in foreground, the last first": Graph(
        {"a": "", "b": "a", "c": "a", "d": "bc"}, {"a": FORE}, "", "d"
    ),
    "a diamond in background": Graph({"a": "", "b": "a", "c": "a", "d": "bc"}, {"a": BACK}, "", "a"),
    "one side of a diamond": Graph({"b": "", "c": "", "d": "bc"}, {"b": BACK}, "cd", "b"),
}


async def built(world: World, graph: Graph) -> None:
    """Makes the objects, then their references: circles need both ends."""
    made = {}
    for name in graph.owners:
        finalizers = {"finalizers": [HOLD]} if name in graph.held else {}
        made[name] = await world.client.create(kinds.CONFIGMAP, config_map(name, **finalizers))
    for name, owners in graph.owners.items():
        references = []
        for index, owner in enumerate(owners):
            if owner != "?":
                blocks = owners[index + 1 : index + 2] != "?"
                references.append({**reference(made[owner]), "blockOwnerDeletion": blocks})
        if references:
            patch = {"metadata": {"ownerReferences": references}}
            await world.client.patch(kinds.CONFIGMAP, name, "default", patch)


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs(name: str) -> None:
    graph, gone = GRAPHS[name], list[str]()

    async def story(world: World) -> None:
        await built(world, graph)
        await world.settle(2)
        world.start(order(world, gone))
        await world.settle(1)
        for doomed, how in graph.deleted.items():
            await world.client.delete(kinds.CONFIGMAP, doomed, "default", propagation=how)
        await world.settle(60)
        assert "".join(await names(world)) == graph.left
        assert "".join(gone).startswith(graph.order)
        for held in graph.held:
            found = await world.get(kinds.CONFIGMAP, held)
            assert found is not None
            assert is_deleting(found)
            await world.client.patch(kinds.CONFIGMAP, held, "default", {"metadata": {"finalizers": None}})
        await world.settle(60)
        if graph.held:
            assert "".join(await names(world)) == graph.left_after_release

    play(story, ONLY)


def test_references_that_are_left_are_as_they_were() -> None:
    async def story(world: World) -> None:
        await built(world, GRAPHS["orphan: another owner is kept"])
        await world.settle(2)
        await world.client.delete(kinds.CONFIGMAP, "a", "default", propagation=ORPHAN)
        await world.settle(5)
        b, z = await world.get(kinds.CONFIGMAP, "b"), await world.get(kinds.CONFIGMAP, "z")
        assert b is not None
        assert z is not None
        assert b["metadata"]["ownerReferences"] == [{**reference(z), "blockOwnerDeletion": True}]

    play(story, ONLY)


def test_an_owner_of_the_whole_cluster() -> None:
    async def story(world: World) -> None:
        made = {**new_object(kinds.PRIORITYCLASS, "top"), "value": 1}
        top = await world.client.create(kinds.PRIORITYCLASS, made)
        await world.client.create(kinds.CONFIGMAP, config_map("inside", reference(top)))
        below = {**new_object(kinds.PRIORITYCLASS, "below"), "value": 2}
        below["metadata"]["ownerReferences"] = [reference(top)]
        await world.client.create(kinds.PRIORITYCLASS, below)
        await world.settle(30)
        assert await names(world) == ["inside"]
        await world.client.delete(kinds.PRIORITYCLASS, "top")
        await world.settle(30)
        assert await names(world) == []
        assert await world.get(kinds.PRIORITYCLASS, "below", "") is None

    play(story, ONLY)


async def define(world: World) -> None:
    await world.client.create(kinds.CUSTOMRESOURCEDEFINITION, WIDGETS)
    await world.settle(2)


def widget(name: str, **metadata: Any) -> Obj:
    made = new_object(WIDGET, name, "default")
    return {**made, "metadata": {**made["metadata"], **metadata}}


def test_a_custom_owner_that_is_deleted() -> None:
    async def story(world: World) -> None:
        await define(world)
        owner = await world.client.create(WIDGET, widget("w"))
        blocking = {**reference(owner), "blockOwnerDeletion": True}
        await world.client.create(kinds.CONFIGMAP, config_map("c", blocking, finalizers=[HOLD]))
        await world.settle(2)
        await world.client.delete(WIDGET, "w", "default", propagation=FORE)
        await world.settle(10)
        assert await world.get(WIDGET, "w") is not None
        await world.client.patch(kinds.CONFIGMAP, "c", "default", {"metadata": {"finalizers": None}})
        await world.settle(10)
        assert await world.get(WIDGET, "w") is None
        assert await names(world) == []

    play(story, ONLY)


def test_a_custom_kind_that_goes_takes_what_its_objects_own() -> None:
    async def story(world: World) -> None:
        await define(world)
        owner = await world.client.create(WIDGET, widget("w"))
        await world.client.create(kinds.CONFIGMAP, config_map("c", reference(owner)))
        await world.settle(2)
        await world.client.delete(kinds.CUSTOMRESOURCEDEFINITION, "widgets.example.org")
        await world.settle(30)
        assert await names(world) == []

    play(story, ONLY)


def test_an_owner_of_a_kind_that_comes_later() -> None:
    """While the kind is not there nobody can say whether the owner is; when it comes, it can be asked for."""

    async def story(world: World) -> None:
        unknown = {"apiVersion": "example.org/v1", "kind": "Widget", "name": "w", "uid": "1-2-3"}
        await world.client.create(kinds.CONFIGMAP, config_map("c", unknown))
        await world.settle(120)
        assert await names(world) == ["c"]
        await define(world)
        await world.settle(60)
        assert await names(world) == []

    play(story, ONLY)


def test_a_dependent_of_a_custom_kind() -> None:
    async def story(world: World) -> None:
        await define(world)
        owner = await world.client.create(kinds.CONFIGMAP, config_map("c"))
        await world.client.create(WIDGET, widget("w", ownerReferences=[reference(owner)]))
        await world.settle(2)
        await world.client.delete(kinds.CONFIGMAP, "c", "default")
        await world.settle(10)
        assert await world.get(WIDGET, "w") is None

    play(story, ONLY)


# Namespaces.

EMPTYING = "namespace-controller,serviceaccount-controller"


async def namespace(world: World, name: str = "team") -> None:
    made = new_object(kinds.NAMESPACE, name, spec={"finalizers": ["kubernetes"]})
    await world.client.create(kinds.NAMESPACE, made)


async def told(world: World, name: str = "team") -> dict[str, tuple[str, str, str]]:
    found = await world.get(kinds.NAMESPACE, name, "")
    assert found is not None
    return {c["type"]: (c["status"], c["reason"], c["message"]) for c in found["status"]["conditions"]}


def test_what_is_left_is_told_custom_kinds_included() -> None:
    async def story(world: World) -> None:
        await define(world)
        await namespace(world)
        for number in range(3):
            held = {**new_object(WIDGET, f"w{number}", "team")}
            held["metadata"]["finalizers"] = [HOLD, *(["example.com/more"] if number else [])]
            await world.client.create(WIDGET, held)
        await world.client.create(WIDGET, new_object(WIDGET, "free", "team"))
        secret = new_object(kinds.SECRET, "s", "team")
        secret["metadata"]["finalizers"] = [HOLD]
        await world.client.create(kinds.SECRET, secret)
        await world.settle(2)
        await world.client.delete(kinds.NAMESPACE, "team")
        await world.settle(20)
        assert await told(world) == {
            "NamespaceDeletionDiscoveryFailure": ("False", "ResourcesDiscovered", "All resources successfully discovered"),
            "NamespaceDeletionGroupVersionParsingFailure": ("False", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
            "NamespaceDeletionContentFailure": ("False", "ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
            "NamespaceContentRemaining": ("True", "SomeResourcesRemain", "Some resources are remaining: secrets. has 1 resource instances, widgets.example.org has 3 resource instances"),
            "NamespaceFinalizersRemaining": ("True", "SomeFinalizersRemain", "Some content in the namespace has finalizers remaining: example.com/hold in 4 resource instances, example.com/more in 2 resource instances"),
        }  # fmt: skip
        for number in range(3):
            await world.client.patch(WIDGET, f"w{number}", "team", {"metadata": {"finalizers": None}})
        await world.settle(10)
        assert (await told(world))["NamespaceFinalizersRemaining"][2].endswith(
            "remaining: example.com/hold in 1 resource instances"
        )
        await world.client.patch(kinds.SECRET, "s", "team", {"metadata": {"finalizers": None}})
        await world.settle(10)
        assert await world.get(kinds.NAMESPACE, "team", "") is None

    play(story, EMPTYING)


def test_pods_go_first() -> None:
    """A pod that ends may still need what its namespace holds (KEP-5080): all else waits for it."""

    async def story(world: World) -> None:
        await define(world)
        await namespace(world)
        await world.settle(2)
        await world.client.create(WIDGET, new_object(WIDGET, "w", "team"))
        await world.client.create(kinds.CONFIGMAP, new_object(kinds.CONFIGMAP, "c", "team"))
        made = pod("held", namespace="team")
        made["metadata"]["finalizers"] = [HOLD]
        await world.client.create(kinds.POD, made)
        await world.settle(2)
        await world.client.delete(kinds.NAMESPACE, "team")
        await world.settle(20)
        assert await world.get(kinds.CONFIGMAP, "c", "team") is not None
        assert await world.get(WIDGET, "w", "team") is not None
        found = await told(world)
        assert found["NamespaceContentRemaining"][2] == (
            "Some resources are remaining: pods. has 1 resource instances"
        )
        assert found["NamespaceDeletionContentFailure"][0] == "False"
        await world.client.patch(kinds.POD, "held", "team", {"metadata": {"finalizers": None}})
        await world.settle(20)
        assert await world.get(kinds.NAMESPACE, "team", "") is None

    play(story, EMPTYING)


def test_a_pod_that_outstays_its_grace_is_told() -> None:
    async def story(world: World) -> None:
        world.stop_after = 100.0
        await namespace(world)
        await world.settle(2)
        made = pod("slow", namespace="team", nodeName="n1", terminationGracePeriodSeconds=40)
        await world.client.create(kinds.POD, made)
        await world.settle(2)
        await world.client.delete(kinds.NAMESPACE, "team")
        await world.settle(30)
        assert (await told(world))["NamespaceDeletionContentFailure"][0] == "False"
        await world.settle(30)
        assert (await told(world))["NamespaceDeletionContentFailure"] == (
            "True",
            "ContentDeletionFailed",
            "Failed to delete all resource types, 1 remaining: "
            "unexpected items still remain in namespace: team for gvr: /v1, Resource=pods",
        )
        await world.settle(60)
        assert await world.get(kinds.NAMESPACE, "team", "") is None

    play(story, EMPTYING)


def test_a_namespace_waits_for_an_api_that_does_not_answer() -> None:
    async def story(world: World) -> None:
        spec = {
            "group": "silent.example.org",
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "service": {"name": "gone", "namespace": "default"},
            "insecureSkipTLSVerify": True,
        }
        await world.client.create(
            kinds.APISERVICE, new_object(kinds.APISERVICE, "v1.silent.example.org", spec=spec)
        )
        down = {
            "type": "Available",
            "status": "False",
            "reason": "ServiceNotFound",
            "message": 'service/gone in "default" is not present',
        }
        await world.client.patch(
            kinds.APISERVICE,
            "v1.silent.example.org",
            "",
            {"status": {"conditions": [down]}},
            subresource="status",
        )
        await namespace(world)
        await world.client.create(kinds.CONFIGMAP, new_object(kinds.CONFIGMAP, "c", "team"))
        await world.settle(2)
        await world.client.delete(kinds.NAMESPACE, "team")
        await world.settle(30)
        assert await world.get(kinds.CONFIGMAP, "c", "team") is None
        assert (await told(world))["NamespaceDeletionDiscoveryFailure"] == (
            "True",
            "DiscoveryFailed",
            "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: "
            "silent.example.org/v1: stale GroupVersion discovery: silent.example.org/v1",
        )
        await world.client.delete(kinds.APISERVICE, "v1.silent.example.org")
        await world.settle(30)
        assert await world.get(kinds.NAMESPACE, "team", "") is None

    play(story, EMPTYING)


def test_what_cannot_be_deleted_is_told_and_does_not_stop_the_rest() -> None:
    policy = {
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "operations": ["DELETE"],
                    "resources": ["configmaps"],
                }
            ]
        },
        "validations": [{"expression": "oldObject.metadata.name != 'kept'", "message": "this one stays"}],
    }

    async def story(world: World) -> None:
        await world.client.create(
            kinds.VALIDATINGADMISSIONPOLICY, new_object(kinds.VALIDATINGADMISSIONPOLICY, "keep", spec=policy)
        )
        binding = new_object(
            kinds.VALIDATINGADMISSIONPOLICYBINDING,
            "keep",
            spec={"policyName": "keep", "validationActions": ["Deny"]},
        )
        await world.client.create(kinds.VALIDATINGADMISSIONPOLICYBINDING, binding)
        await namespace(world)
        await world.client.create(kinds.CONFIGMAP, new_object(kinds.CONFIGMAP, "kept", "team"))
        await world.client.create(kinds.SECRET, new_object(kinds.SECRET, "s", "team"))
        await world.settle(5)
        await world.client.delete(kinds.NAMESPACE, "team")
        await world.settle(20)
        assert await world.get(kinds.SECRET, "s", "team") is None
        status, reason, message = (await told(world))["NamespaceDeletionContentFailure"]
        assert (status, reason) == ("True", "ContentDeletionFailed")
        assert message.startswith("Failed to delete all resource types, 1 remaining: ")
        assert message.endswith("this one stays")
        await world.client.delete(kinds.VALIDATINGADMISSIONPOLICYBINDING, "keep")
        await world.settle(60)
        assert await world.get(kinds.NAMESPACE, "team", "") is None

    play(story, EMPTYING)


def test_other_finalizers_of_a_namespace_hold_it_when_it_is_empty() -> None:
    async def story(world: World) -> None:
        made = new_object(kinds.NAMESPACE, "team", spec={"finalizers": ["kubernetes", HOLD]})
        await world.client.create(kinds.NAMESPACE, made)
        await world.settle(2)
        await world.client.delete(kinds.NAMESPACE, "team")
        await world.settle(30)
        found = await world.get(kinds.NAMESPACE, "team", "")
        assert found is not None
        assert found["spec"]["finalizers"] == [HOLD]
        await world.client.update(
            kinds.NAMESPACE, {**found, "spec": {"finalizers": []}}, subresource="finalize"
        )
        await asyncio.sleep(5)
        assert await world.get(kinds.NAMESPACE, "team", "") is None

    play(story, EMPTYING)


def test_pods_get_their_time_and_the_namespace_waits_for_them() -> None:
    async def story(world: World) -> None:
        world.stop_after = 20.0
        await namespace(world)
        await world.settle(2)
        one = new_object(
            kinds.POD, "p", "team", spec={"containers": [{"name": "c", "image": "i"}], "nodeName": "n1"}
        )
        uid = uid_of(await world.client.create(kinds.POD, one))
        assert uid
        await world.settle(5)
        await world.client.delete(kinds.NAMESPACE, "team")
        await world.settle(15)
        assert await world.get(kinds.POD, "p", "team") is not None
        assert (await told(world))["NamespaceContentRemaining"][
            2
        ] == "Some resources are remaining: pods. has 1 resource instances"
        await world.settle(15)
        assert await world.get(kinds.NAMESPACE, "team", "") is None

    play(story, EMPTYING)
