"""Deletion through the whole manager: background, foreground, orphan; namespaces; nothing that still has an owner."""

from __future__ import annotations

from typing import Any

import pytest
from world import World, deployment, play, pod

from pybernetes.api import kinds
from pybernetes.api.errors import Conflict, NotFound
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, is_deleting, name_of, uid_of


def config_map(name: str, *owners: Obj, **metadata: Any) -> Obj:
    made = new_object(kinds.CONFIGMAP, name, "default")
    references = list(owners)
    return {**made, "metadata": {**made["metadata"], "ownerReferences": references, **metadata}}


def reference(owner: Obj, **more: Any) -> Obj:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name_of(owner),
        "uid": uid_of(owner),
        **more,
    }


async def names(world: World) -> list[str]:
    return [n for o in await world.all(kinds.CONFIGMAP) if (n := name_of(o)) != "kube-root-ca.crt"]


def test_a_deleted_deployment_takes_everything_with_it() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.DEPLOYMENT, deployment())
        await world.settle()
        await world.client.delete(kinds.DEPLOYMENT, "web", "default", propagation="Background")
        assert await world.get(kinds.DEPLOYMENT, "web") is None
        await world.settle()
        assert await world.all(kinds.REPLICASET) == []
        assert await world.all(kinds.POD) == []

    play(story)


def test_foreground_deletion_ends_with_the_owner() -> None:
    async def story(world: World) -> None:
        world.stop_after = 5.0
        await world.client.create(kinds.DEPLOYMENT, deployment())
        await world.settle()
        await world.client.delete(kinds.DEPLOYMENT, "web", "default", propagation="Foreground")
        web = await world.get(kinds.DEPLOYMENT, "web")
        assert web is not None
        assert is_deleting(web)
        assert "foregroundDeletion" in web["metadata"]["finalizers"]
        await world.settle()
        assert await world.get(kinds.DEPLOYMENT, "web") is None
        assert await world.all(kinds.REPLICASET) == []
        assert await world.all(kinds.POD) == []

    play(story)


def test_orphaned_dependents_stay_and_are_adopted_again() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.DEPLOYMENT, deployment())
        await world.settle()
        before = {uid_of(p) for p in await world.all(kinds.POD)}
        await world.client.delete(kinds.DEPLOYMENT, "web", "default", propagation="Orphan")
        await world.settle()
        assert await world.get(kinds.DEPLOYMENT, "web") is None
        (rs,) = await world.all(kinds.REPLICASET)
        assert not rs["metadata"].get("ownerReferences")
        await world.client.create(kinds.DEPLOYMENT, deployment())
        await world.settle()
        (rs,) = await world.all(kinds.REPLICASET)
        web = await world.get(kinds.DEPLOYMENT, "web")
        assert web is not None
        assert [r["uid"] for r in rs["metadata"]["ownerReferences"]] == [uid_of(web)]
        assert {uid_of(p) for p in await world.all(kinds.POD)} == before

    play(story)


def test_an_object_goes_when_its_last_owner_goes_and_not_before() -> None:
    async def story(world: World) -> None:
        first = await world.client.create(kinds.CONFIGMAP, config_map("first"))
        second = await world.client.create(kinds.CONFIGMAP, config_map("second"))
        kept = reference(second, controller=True, blockOwnerDeletion=True)
        await world.client.create(kinds.CONFIGMAP, config_map("owned", reference(first), kept))
        await world.settle()
        await world.client.delete(kinds.CONFIGMAP, "first", "default")
        await world.settle()
        owned = await world.get(kinds.CONFIGMAP, "owned")
        assert owned is not None
        assert owned["metadata"]["ownerReferences"] == [kept]
        await world.client.delete(kinds.CONFIGMAP, "second", "default")
        await world.settle()
        assert await names(world) == []

    play(story)


def test_an_object_made_for_an_owner_that_is_gone_goes() -> None:
    async def story(world: World) -> None:
        gone: Obj = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "11-22"}
        await world.client.create(kinds.CONFIGMAP, config_map("late", gone))
        await world.settle()
        assert await names(world) == []

    play(story)


def test_an_owner_of_the_same_name_but_another_uid_is_another_object() -> None:
    async def story(world: World) -> None:
        owner = await world.client.create(kinds.CONFIGMAP, config_map("owner"))
        await world.client.create(
            kinds.CONFIGMAP, config_map("of-former", {**reference(owner), "uid": "11-22"})
        )
        await world.client.create(kinds.CONFIGMAP, config_map("of-present", reference(owner)))
        await world.settle()
        assert await names(world) == ["of-present", "owner"]

    play(story)


def test_owners_of_kinds_that_nobody_knows_are_left_alone() -> None:
    async def story(world: World) -> None:
        alien = {"apiVersion": "example.com/v1", "kind": "Alien", "name": "x", "uid": "11-22"}
        await world.client.create(kinds.CONFIGMAP, config_map("owned", alien))
        await world.settle(600)
        assert await names(world) == ["owned"]

    play(story)


def test_a_cycle_of_owners_is_left_in_peace_until_one_is_deleted() -> None:
    async def story(world: World) -> None:
        a = await world.client.create(kinds.CONFIGMAP, config_map("a"))
        b = await world.client.create(kinds.CONFIGMAP, config_map("b", reference(a)))
        patch = {"metadata": {"ownerReferences": [reference(b)]}}
        await world.client.patch(kinds.CONFIGMAP, "a", "default", patch)
        await world.settle()
        assert await names(world) == ["a", "b"]
        await world.client.delete(kinds.CONFIGMAP, "a", "default")
        await world.settle()
        assert await names(world) == []

    play(story)


def test_what_changed_owner_meanwhile_is_not_deleted_for_the_former_one() -> None:
    """The collector decides from what it has seen; a change it has not seen yet must stop the deletion."""

    async def story(world: World) -> None:
        manager, _ = world.manager("garbage-collector-controller")
        await world.settle(1)
        owner = await world.client.create(kinds.CONFIGMAP, config_map("owner"))
        heir = await world.client.create(kinds.CONFIGMAP, config_map("heir"))
        await world.client.create(kinds.CONFIGMAP, config_map("owned", reference(owner)))
        await world.settle(1)
        assert manager.collector is not None
        own = manager.collector._performer.client
        original, changed = own.delete, []

        async def overtaken(kind: Any, name: str, *args: Any, **options: Any) -> Obj:
            if not changed:
                changed.append(name)
                patch = {"metadata": {"ownerReferences": [reference(heir)]}}
                await world.client.patch(kinds.CONFIGMAP, name, "default", patch)
            return await original(kind, name, *args, **options)

        own.delete = overtaken  # type: ignore[method-assign]
        await world.client.delete(kinds.CONFIGMAP, "owner", "default")
        await world.settle()
        assert changed == ["owned"]
        assert await names(world) == ["heir", "owned"]

    play(story, selection=None)


def test_a_deleted_namespace_is_emptied_and_then_goes() -> None:
    async def story(world: World) -> None:
        await world.client.create(
            kinds.NAMESPACE, new_object(kinds.NAMESPACE, "team", spec={"finalizers": ["kubernetes"]})
        )
        await world.settle()
        assert [name_of(o) for o in await world.all(kinds.SERVICEACCOUNT, "team")] == ["default"]
        assert [o["data"] for o in await world.all(kinds.CONFIGMAP, "team")] == [{"ca.crt": "CA"}]
        made = deployment()
        await world.client.create(
            kinds.DEPLOYMENT, {**made, "metadata": {**made["metadata"], "namespace": "team"}}
        )
        held = pod("held", namespace="team")
        await world.client.create(
            kinds.POD, {**held, "metadata": {**held["metadata"], "finalizers": ["example.com/hold"]}}
        )
        await world.settle()
        await world.client.delete(kinds.NAMESPACE, "team")
        await world.settle()
        team = await world.get(kinds.NAMESPACE, "team", "")
        assert team is not None
        assert team["status"]["phase"] == "Terminating"
        said = {c["type"]: c["message"] for c in team["status"]["conditions"]}
        assert (
            said["NamespaceContentRemaining"]
            == "Some resources are remaining: pods. has 1 resource instances"
        )
        assert said["NamespaceFinalizersRemaining"] == (
            "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"
        )
        await world.client.patch(kinds.POD, "held", "team", {"metadata": {"finalizers": None}})
        await world.settle()
        assert await world.get(kinds.NAMESPACE, "team", "") is None
        for kind in (kinds.POD, kinds.DEPLOYMENT, kinds.REPLICASET, kinds.CONFIGMAP, kinds.EVENT):
            assert await world.all(kind, "team") == [], kind

    play(story)


def test_a_namespace_is_not_finalized_by_a_cache_that_has_not_seen_its_content() -> None:
    """A cache that lags shows an empty namespace; only the server's own answer may end it."""

    async def story(world: World) -> None:
        manager, _ = world.manager("namespace-controller")
        await world.client.create(
            kinds.NAMESPACE, new_object(kinds.NAMESPACE, "team", spec={"finalizers": ["kubernetes"]})
        )
        held = new_object(kinds.SECRET, "unseen", "team")
        await world.client.create(
            kinds.SECRET, {**held, "metadata": {**held["metadata"], "finalizers": ["example.com/hold"]}}
        )
        await world.settle(2)
        manager.manager.caches.follow(kinds.SECRET).indexer.remove("team/unseen")
        await world.client.delete(kinds.NAMESPACE, "team")
        await world.settle(60)
        assert await world.get(kinds.SECRET, "unseen", "team") is not None
        assert await world.get(kinds.NAMESPACE, "team", "") is not None

    play(story, selection=None)


def test_preconditions_of_deletions_hold() -> None:
    async def story(world: World) -> None:
        made = await world.client.create(kinds.CONFIGMAP, config_map("a"))
        with pytest.raises(Conflict):
            await world.client.delete(kinds.CONFIGMAP, "a", "default", uid="other")
        await world.client.delete(kinds.CONFIGMAP, "a", "default", uid=uid_of(made))
        with pytest.raises(NotFound):
            await world.client.get(kinds.CONFIGMAP, "a", "default")

    play(story, selection=None)


async def invalid_owners(world: World) -> list[tuple[str, str, str, str]]:
    """(kind, name, type, message) of what is told of owners in another namespace."""
    told = (await world.client.list(kinds.EVENT)).items
    return sorted(
        (e["involvedObject"]["kind"], e["involvedObject"]["name"], e["type"], e["message"])
        for e in told
        if e["reason"] == "OwnerRefInvalidNamespace"
    )


def test_an_owner_in_another_namespace_is_told_of_and_does_not_count() -> None:
    async def story(world: World) -> None:
        away = {**new_object(kinds.CONFIGMAP, "owner", "kube-system")}
        owner = await world.client.create(kinds.CONFIGMAP, away)
        await world.settle(2)
        await world.client.create(kinds.CONFIGMAP, config_map("lost", reference(owner)))
        here = await world.client.create(kinds.CONFIGMAP, config_map("here"))
        await world.client.create(kinds.CONFIGMAP, config_map("half", reference(owner), reference(here)))
        await world.settle(5)
        assert await names(world) == ["half", "here"]
        half = await world.get(kinds.CONFIGMAP, "half")
        assert half is not None
        assert [r["uid"] for r in half["metadata"]["ownerReferences"]] == [uid_of(here)]
        message = (
            f"ownerRef [v1/ConfigMap, namespace: default, name: owner, uid: {uid_of(owner)}] "
            'does not exist in namespace "default"'
        )
        assert await invalid_owners(world) == [
            ("ConfigMap", name, "Warning", message) for name in ("half", "lost")
        ]

    play(story, "garbage-collector-controller")


def test_a_cluster_scoped_object_that_names_a_namespaced_owner_stays() -> None:
    async def story(world: World) -> None:
        owner = await world.client.create(kinds.CONFIGMAP, config_map("owner"))
        gone = {**reference(owner), "uid": "gone", "name": "gone"}
        for name, ref in (("known", reference(owner)), ("unknown", gone)):
            made = new_object(kinds.PRIORITYCLASS, name)
            metadata = {**made["metadata"], "ownerReferences": [ref]}
            await world.client.create(kinds.PRIORITYCLASS, {**made, "metadata": metadata, "value": 1})
        await world.settle(60)
        for name in ("known", "unknown"):
            assert await world.get(kinds.PRIORITYCLASS, name, "") is not None
        message = (
            f"ownerRef [v1/ConfigMap, namespace: , name: owner, uid: {uid_of(owner)}] "
            'does not exist in namespace ""'
        )
        assert await invalid_owners(world) == [("PriorityClass", "known", "Warning", message)]

    play(story, "garbage-collector-controller")


def test_nothing_is_told_of_an_owner_of_an_unknown_kind_or_of_one_that_is_simply_gone() -> None:
    async def story(world: World) -> None:
        strange: Obj = {"apiVersion": "example.org/v1", "kind": "Strange", "name": "s", "uid": "1-2"}
        gone: Obj = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "11-22"}
        await world.client.create(kinds.CONFIGMAP, config_map("kept", strange))
        await world.client.create(kinds.CONFIGMAP, config_map("late", gone))
        await world.settle(60)
        assert await names(world) == ["kept"]
        assert await invalid_owners(world) == []

    play(story, "garbage-collector-controller")
