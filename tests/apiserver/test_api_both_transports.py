"""What the API promises, checked over both ways into it: the HTTP handler and the in-process transport."""

from __future__ import annotations

import asyncio

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import (
    AlreadyExists,
    BadRequest,
    Conflict,
    Invalid,
    NotFound,
)
from pybernetes.client.interface import Call, Transport

from .bothways import configmap, create, fails, get


def test_create_get_update_delete(run) -> None:
    async def scenario(t: Transport) -> None:
        made = await create(t, kinds.CONFIGMAP, configmap("a", data={"k": "v"}))
        assert made["metadata"]["uid"]
        assert made["metadata"]["creationTimestamp"] == "2026-09-21T14:13:20Z"
        assert await get(t, kinds.CONFIGMAP, "a") == made

        changed = {**made, "data": {"k": "w"}}
        after = await t.call(Call("update", kinds.CONFIGMAP, namespace="default", name="a", body=changed))
        assert after["data"] == {"k": "w"}
        assert int(after["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])

        gone = await t.call(Call("delete", kinds.CONFIGMAP, namespace="default", name="a"))
        assert gone["status"] == "Success"
        assert gone["details"] == {"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]}
        error = await fails(NotFound, t, Call("get", kinds.CONFIGMAP, namespace="default", name="a"))
        assert error.message == 'configmaps "a" not found'

    run(scenario)


def test_already_exists_names_group_and_kind(run) -> None:
    async def scenario(t: Transport) -> None:
        lease = {"metadata": {"name": "l", "namespace": "default"}, "spec": {}}
        await create(t, kinds.LEASE, lease)
        with pytest.raises(AlreadyExists) as caught:
            await create(t, kinds.LEASE, lease)
        assert caught.value.message == 'leases.coordination.k8s.io "l" already exists'
        assert (caught.value.group, caught.value.kind, caught.value.name) == (
            "coordination.k8s.io",
            "leases",
            "l",
        )

    run(scenario)


def test_conflict_on_an_old_resource_version(run) -> None:
    async def scenario(t: Transport) -> None:
        made = await create(t, kinds.CONFIGMAP, configmap("a"))
        update = Call(
            "update", kinds.CONFIGMAP, namespace="default", name="a", body={**made, "data": {"k": "1"}}
        )
        await t.call(update)
        error = await fails(Conflict, t, update)
        assert error.message == (
            'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your '
            "changes to the latest version and try again"
        )
        unconditional = configmap("a", data={"k": "2"})
        after = await t.call(
            Call("update", kinds.CONFIGMAP, namespace="default", name="a", body=unconditional)
        )
        assert after["data"] == {"k": "2"}
        assert after["metadata"]["uid"] == made["metadata"]["uid"]

    run(scenario)


def test_a_write_that_changes_nothing_keeps_the_resource_version(run) -> None:
    async def scenario(t: Transport) -> None:
        made = await create(t, kinds.CONFIGMAP, configmap("a", data={"k": "v"}))
        same = await t.call(Call("update", kinds.CONFIGMAP, namespace="default", name="a", body=made))
        assert same == made
        patch = Call("patch", kinds.CONFIGMAP, "default", "a", body={"data": {"k": "v"}}, patch_type="merge")
        assert await t.call(patch) == made

    run(scenario)


def test_patches(run) -> None:
    async def scenario(t: Transport) -> None:
        await create(t, kinds.CONFIGMAP, configmap("a", data={"k": "v", "old": "x"}))

        async def patch(body, language):
            return await t.call(
                Call("patch", kinds.CONFIGMAP, "default", "a", body=body, patch_type=language)
            )

        assert (await patch({"data": {"old": None, "new": "y"}}, "merge"))["data"] == {"k": "v", "new": "y"}
        assert (await patch([{"op": "replace", "path": "/data/k", "value": "w"}], "json"))["data"]["k"] == "w"
        labelled = await patch({"metadata": {"labels": {"app": "web"}}}, "strategic")
        assert labelled["metadata"]["labels"] == {"app": "web"}
        with pytest.raises(BadRequest):
            await patch({"metadata": {"name": "b"}}, "merge")
        with pytest.raises(Conflict):
            await patch({"metadata": {"resourceVersion": "1"}, "data": {"k": "z"}}, "merge")
        with pytest.raises(Invalid):
            await patch([{"op": "remove", "path": "/data/missing"}], "json")

    run(scenario)


def test_many_patches_at_once_lose_nothing(run) -> None:
    async def scenario(t: Transport) -> None:
        await create(t, kinds.CONFIGMAP, configmap("a"))
        calls = (
            Call("patch", kinds.CONFIGMAP, "default", "a", body={"data": {f"k{n}": "v"}}, patch_type="merge")
            for n in range(20)
        )
        await asyncio.gather(*(t.call(call) for call in calls))
        assert len((await get(t, kinds.CONFIGMAP, "a"))["data"]) == 20

    run(scenario)


def test_generated_names_are_unique_and_short(run) -> None:
    async def scenario(t: Transport) -> None:
        tree = {"metadata": {"generateName": "x" * 70, "namespace": "default"}}
        with pytest.raises(Invalid):
            await create(t, kinds.SECRET, {"metadata": {"namespace": "default"}})
        names = {(await create(t, kinds.CONFIGMAP, tree))["metadata"]["name"] for _ in range(5)}
        assert len(names) == 5
        assert {len(name) for name in names} == {63}

    run(scenario)


def test_dry_run_changes_nothing(run) -> None:
    async def scenario(t: Transport) -> None:
        tree = await create(t, kinds.CONFIGMAP, configmap("a", data={"k": "v"}), dryRun="All")
        assert tree["data"] == {"k": "v"}
        await fails(NotFound, t, Call("get", kinds.CONFIGMAP, namespace="default", name="a"))
        made = await create(t, kinds.CONFIGMAP, configmap("a", data={"k": "v"}))
        with pytest.raises(AlreadyExists):
            await create(t, kinds.CONFIGMAP, configmap("a"), dryRun="All")
        patch = Call(
            "patch",
            kinds.CONFIGMAP,
            "default",
            "a",
            body={"data": {"k": "w"}},
            patch_type="merge",
            query={"dryRun": "All"},
        )
        assert (await t.call(patch))["data"] == {"k": "w"}
        await t.call(Call("delete", kinds.CONFIGMAP, namespace="default", name="a", query={"dryRun": "All"}))
        assert await get(t, kinds.CONFIGMAP, "a") == made

    run(scenario)


def test_field_validation(run) -> None:
    async def scenario(t: Transport) -> None:
        tree = configmap("a", wrong=1)
        with pytest.raises(BadRequest) as caught:
            await create(t, kinds.CONFIGMAP, tree, fieldValidation="Strict")
        assert 'strict decoding error: unknown field "wrong"' in caught.value.message
        with pytest.raises(BadRequest):
            await create(t, kinds.CONFIGMAP, configmap("a", data={"k": 1}))
        made = await create(t, kinds.CONFIGMAP, tree, fieldValidation="Ignore")
        assert "wrong" not in made

    run(scenario)


def test_namespaces_and_names_of_body_and_url_must_agree(run) -> None:
    async def scenario(t: Transport) -> None:
        await fails(
            BadRequest, t, Call("create", kinds.CONFIGMAP, namespace="default", body=configmap("a", "other"))
        )
        await create(t, kinds.CONFIGMAP, configmap("a"))
        error = await fails(
            BadRequest, t, Call("update", kinds.CONFIGMAP, namespace="default", name="a", body=configmap("b"))
        )
        assert error.message == "the name of the object (b) does not match the name on the URL (a)"

    run(scenario)


def test_invalid_metadata(run) -> None:
    async def scenario(t: Transport) -> None:
        with pytest.raises(Invalid) as caught:
            await create(t, kinds.CONFIGMAP, configmap("Not Valid", metadata={"labels": {"a b": "c"}}))
        assert caught.value.message.startswith('ConfigMap "Not Valid" is invalid: [')
        assert {cause.field for cause in caught.value.causes} == {"metadata.name", "metadata.labels"}

    run(scenario)


def test_status_is_another_door_than_spec(run) -> None:
    async def scenario(t: Transport) -> None:
        node = await create(t, kinds.NODE, {"metadata": {"name": "n"}, "spec": {"podCIDR": "10.0.0.0/24"}})
        assert {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"} in node["spec"]["taints"]
        ready = {"type": "Ready", "status": "True", "reason": "r", "message": "m"}
        body = {**node, "spec": {}, "status": {"conditions": [ready]}}
        after = await t.call(Call("update", kinds.NODE, name="n", subresource="status", body=body))
        assert after["spec"] == node["spec"]
        assert after["status"]["conditions"][0]["type"] == "Ready"
        body = {**after, "status": {}, "spec": {**after["spec"], "unschedulable": True}}
        after = await t.call(Call("update", kinds.NODE, name="n", body=body))
        assert after["spec"]["unschedulable"] is True
        assert after["status"]["conditions"][0]["type"] == "Ready"

    run(scenario)


def test_finalizers_hold_an_object_until_they_are_gone(run) -> None:
    async def scenario(t: Transport) -> None:
        await create(t, kinds.CONFIGMAP, configmap("a", metadata={"finalizers": ["example.com/x"]}))
        marked = await t.call(Call("delete", kinds.CONFIGMAP, "default", "a"))
        assert marked["metadata"]["deletionTimestamp"]
        again = await t.call(Call("delete", kinds.CONFIGMAP, "default", "a"))
        assert again["metadata"]["resourceVersion"] == marked["metadata"]["resourceVersion"]
        more = {
            **marked,
            "metadata": {**marked["metadata"], "finalizers": ["example.com/x", "example.com/y"]},
        }
        error = await fails(Invalid, t, Call("update", kinds.CONFIGMAP, "default", "a", body=more))
        assert "no new finalizers can be added if the object is being deleted" in error.message
        freed = {**marked, "metadata": {**marked["metadata"], "finalizers": []}}
        await t.call(Call("update", kinds.CONFIGMAP, "default", "a", body=freed))
        await fails(NotFound, t, Call("get", kinds.CONFIGMAP, "default", "a"))

    run(scenario)


def test_propagation_policies_become_finalizers(run) -> None:
    async def scenario(t: Transport) -> None:
        for policy, finalizer in (("Foreground", "foregroundDeletion"), ("Orphan", "orphan")):
            await create(t, kinds.CONFIGMAP, configmap(finalizer.lower()))
            body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy}
            marked = await t.call(Call("delete", kinds.CONFIGMAP, "default", finalizer.lower(), body=body))
            assert marked["metadata"]["finalizers"] == [finalizer]

    run(scenario)


def test_delete_preconditions(run) -> None:
    async def scenario(t: Transport) -> None:
        made = await create(t, kinds.CONFIGMAP, configmap("a"))

        def delete(**preconditions: str) -> Call:
            return Call("delete", kinds.CONFIGMAP, "default", "a", body={"preconditions": preconditions})

        error = await fails(Conflict, t, delete(uid="other"))
        assert "Precondition failed: UID in precondition: other" in error.message
        await fails(Conflict, t, delete(resourceVersion="1"))
        await t.call(delete(uid=made["metadata"]["uid"]))

    run(scenario)
