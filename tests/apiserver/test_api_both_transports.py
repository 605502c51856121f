"""What the API promises, checked over both ways into it: the HTTP handler and the in-process transport."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import (
    AlreadyExists,
    ApiError,
    BadRequest,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    MethodNotAllowed,
    NotFound,
)
from pybernetes.apiserver.user import User
from pybernetes.client.interface import Call, Reaction, Transport
from pybernetes.clock import Env

from .transports import serving, transport_of

Scenario = Callable[[Transport], Awaitable[None]]


@pytest.fixture(params=["inprocess", "http"])
def run(request: pytest.FixtureRequest, env: Env) -> Callable[[Scenario], None]:
    """Runs a scenario against a fresh server over one of the two ways."""

    def runner(scenario: Scenario, **config: object) -> None:
        async def main() -> None:
            async with serving(env, **config) as server:
                async with asyncio.timeout(20):
                    await scenario(transport_of(request.param, server))

        asyncio.run(main())

    return runner


def configmap(name: str, namespace: str = "default", **rest: object) -> dict:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, **rest.pop("metadata", {})},
        **rest,
    }


async def create(t: Transport, kind, tree, **query: str):
    namespace = tree["metadata"].get("namespace", "") if kind.namespaced else ""
    return await t.call(Call("create", kind, namespace=namespace, body=tree, query=query))


async def get(t: Transport, kind, name: str, namespace: str = "default"):
    return await t.call(Call("get", kind, namespace=namespace if kind.namespaced else "", name=name))


async def fails(error: type[ApiError], t: Transport, call: Call) -> ApiError:
    with pytest.raises(error) as caught:
        await t.call(call)
    return caught.value


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


def test_lists_select_and_page(run) -> None:
    async def scenario(t: Transport) -> None:
        for number in range(7):
            labels = {"app": "web" if number % 2 else "db", "n": str(number)}
            await create(t, kinds.CONFIGMAP, configmap(f"c{number}", metadata={"labels": labels}))
        await create(t, kinds.CONFIGMAP, configmap("other", "kube-system"))

        async def names(namespace: str = "default", **query: str) -> list[str]:
            found = await t.call(Call("list", kinds.CONFIGMAP, namespace=namespace, query=query))
            assert found["kind"] == "ConfigMapList"
            return [item["metadata"]["name"] for item in found["items"]]

        assert await names() == [f"c{n}" for n in range(7)]
        assert "other" in await names("")
        assert await names(labelSelector="app=web") == ["c1", "c3", "c5"]
        assert await names(labelSelector="app in (web),n notin (3)") == ["c1", "c5"]
        assert await names(fieldSelector="metadata.name=c4") == ["c4"]
        assert await names(fieldSelector="metadata.name!=c4", labelSelector="app=db") == ["c0", "c2", "c6"]

        first = await t.call(Call("list", kinds.CONFIGMAP, "default", query={"limit": "3"}))
        assert first["metadata"]["remainingItemCount"] == 4
        await create(t, kinds.CONFIGMAP, configmap("c55"))
        await t.call(Call("delete", kinds.CONFIGMAP, "default", "c4"))
        token = first["metadata"]["continue"]
        second = await t.call(
            Call("list", kinds.CONFIGMAP, "default", query={"limit": "10", "continue": token})
        )
        assert [item["metadata"]["name"] for item in second["items"]] == ["c3", "c4", "c5", "c6"]
        assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        await fails(BadRequest, t, Call("list", kinds.CONFIGMAP, query={"fieldSelector": "data.k=1"}))
        await fails(BadRequest, t, Call("list", kinds.CONFIGMAP, query={"continue": "nonsense"}))
        await fails(Invalid, t, Call("list", kinds.CONFIGMAP, query={"resourceVersionMatch": "Exact"}))

    run(scenario)


def test_a_list_at_an_old_revision(run) -> None:
    async def scenario(t: Transport) -> None:
        made = await create(t, kinds.CONFIGMAP, configmap("a", data={"k": "1"}))
        await t.call(
            Call("patch", kinds.CONFIGMAP, "default", "a", body={"data": {"k": "2"}}, patch_type="merge")
        )
        query = {"resourceVersion": made["metadata"]["resourceVersion"], "resourceVersionMatch": "Exact"}
        found = await t.call(Call("list", kinds.CONFIGMAP, "default", query=query))
        assert found["items"] == [made]

    run(scenario)


def test_watch_sees_every_change_and_selections(run) -> None:
    async def scenario(t: Transport) -> None:
        start = (await t.call(Call("list", kinds.CONFIGMAP, "default")))["metadata"]["resourceVersion"]
        query = {"resourceVersion": start, "labelSelector": "app=web"}
        async with t.watch(Call("watch", kinds.CONFIGMAP, "default", query=query)) as events:
            await create(t, kinds.CONFIGMAP, configmap("no"))
            await create(t, kinds.CONFIGMAP, configmap("a", metadata={"labels": {"app": "web"}}))

            async def patch(labels: dict) -> dict:
                body = {"metadata": {"labels": labels}}
                return await t.call(
                    Call("patch", kinds.CONFIGMAP, "default", "a", body=body, patch_type="merge")
                )

            await patch({"x": "1"})
            left = await patch({"app": "db"})
            await patch({"app": "web"})
            await t.call(Call("delete", kinds.CONFIGMAP, "default", "a"))
            seen = [await anext(events) for _ in range(5)]
            assert [event.type for event in seen] == ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]
            assert seen[2].object["metadata"]["resourceVersion"] == left["metadata"]["resourceVersion"]
            assert seen[2].object["metadata"]["labels"]["app"] == "web"
            revisions = [int(event.object["metadata"]["resourceVersion"]) for event in seen]
            assert revisions == sorted(set(revisions))

    run(scenario)


def test_watch_with_initial_events_ends_them_with_a_bookmark(run) -> None:
    async def scenario(t: Transport) -> None:
        await create(t, kinds.CONFIGMAP, configmap("a"))
        query = {
            "sendInitialEvents": "true",
            "resourceVersionMatch": "NotOlderThan",
            "allowWatchBookmarks": "true",
        }
        async with t.watch(Call("watch", kinds.CONFIGMAP, "default", query=query)) as events:
            first, second = await anext(events), await anext(events)
            assert (first.type, first.object["metadata"]["name"]) == ("ADDED", "a")
            assert second.type == "BOOKMARK"
            assert second.object["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
            made = await create(t, kinds.CONFIGMAP, configmap("b"))
            assert (await anext(events)).object == made

    run(scenario)


def test_watch_without_revision_starts_with_what_is_there(run) -> None:
    async def scenario(t: Transport) -> None:
        await create(t, kinds.CONFIGMAP, configmap("a"))
        async with t.watch(Call("watch", kinds.CONFIGMAP, "default")) as events:
            assert (await anext(events)).object["metadata"]["name"] == "a"

    run(scenario)


def test_watch_from_a_forgotten_revision_is_expired(run) -> None:
    async def scenario(t: Transport) -> None:
        for number in range(5):
            await create(t, kinds.CONFIGMAP, configmap(f"c{number}"))
        with pytest.raises(Expired) as caught:
            async with t.watch(
                Call("watch", kinds.CONFIGMAP, "default", query={"resourceVersion": "2"})
            ) as events:
                await anext(events)
        assert caught.value.message.startswith("too old resource version: 2 (")

    run(scenario, watch_window=3)


def test_watch_ends_after_its_timeout(run) -> None:
    async def scenario(t: Transport) -> None:
        query = {"resourceVersion": "0", "timeoutSeconds": "1"}
        async with t.watch(Call("watch", kinds.SECRET, "default", query=query)) as events:
            assert [event async for event in events] == []

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


async def a_pod(t: Transport, name: str = "p", **spec: object) -> dict:
    account = {"metadata": {"name": "default", "namespace": "default"}}
    with contextlib.suppress(AlreadyExists):
        await create(t, kinds.SERVICEACCOUNT, account)
    tree = {
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "nginx"}], **spec},
    }
    return await create(t, kinds.POD, tree)


def test_a_pod_is_given_its_account_token_tolerations_and_priority(run) -> None:
    async def scenario(t: Transport) -> None:
        tree = {
            "metadata": {"name": "p", "namespace": "default"},
            "spec": {"containers": [{"name": "c", "image": "nginx"}]},
        }
        error = await fails(Forbidden, t, Call("create", kinds.POD, namespace="default", body=tree))
        assert error.message == (
            'pods "p" is forbidden: error looking up service account default/default: serviceaccount "default" not found'
        )
        pod = await a_pod(t)
        spec = pod["spec"]
        assert spec["serviceAccountName"] == "default"
        assert spec["priority"] == 0
        assert [toleration["tolerationSeconds"] for toleration in spec["tolerations"]] == [300, 300]
        [volume] = spec["volumes"]
        assert volume["name"].startswith("kube-api-access-")
        assert spec["containers"][0]["volumeMounts"] == [
            {
                "name": volume["name"],
                "readOnly": True,
                "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
            }
        ]
        critical = await a_pod(t, "critical", priorityClassName="system-node-critical")
        assert critical["spec"]["priority"] == 2_000_001_000
        with pytest.raises(Forbidden):
            await a_pod(t, "x", priorityClassName="missing")

    run(scenario)


def test_binding_and_graceful_deletion(run) -> None:
    async def scenario(t: Transport) -> None:
        await a_pod(t)
        binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n1"}}
        bind = Call("create", kinds.POD, "default", "p", "binding", body=binding)
        assert (await t.call(bind))["status"] == "Success"
        bound = await get(t, kinds.POD, "p")
        assert bound["spec"]["nodeName"] == "n1"
        assert bound["status"]["conditions"][0]["type"] == "PodScheduled"
        error = await fails(Conflict, t, bind)
        assert 'pod p is already assigned to node "n1"' in error.message

        listed = await t.call(Call("list", kinds.POD, query={"fieldSelector": "spec.nodeName=n1"}))
        assert [pod["metadata"]["name"] for pod in listed["items"]] == ["p"]

        marked = await t.call(Call("delete", kinds.POD, "default", "p"))
        assert marked["metadata"]["deletionGracePeriodSeconds"] == 30
        assert marked["metadata"]["deletionTimestamp"] == "2026-09-21T14:13:50Z"
        shorter = await t.call(Call("delete", kinds.POD, "default", "p", body={"gracePeriodSeconds": 5}))
        assert shorter["metadata"]["deletionGracePeriodSeconds"] == 5
        longer = await t.call(Call("delete", kinds.POD, "default", "p", body={"gracePeriodSeconds": 50}))
        assert longer["metadata"]["deletionGracePeriodSeconds"] == 5
        await t.call(Call("delete", kinds.POD, "default", "p", body={"gracePeriodSeconds": 0}))
        await fails(NotFound, t, Call("get", kinds.POD, "default", "p"))

    run(scenario)


def test_a_pod_without_a_node_goes_at_once(run) -> None:
    async def scenario(t: Transport) -> None:
        await a_pod(t)
        eviction = {"metadata": {"name": "p", "namespace": "default"}}
        await t.call(Call("create", kinds.POD, "default", "p", "eviction", body=eviction))
        await fails(NotFound, t, Call("get", kinds.POD, "default", "p"))

    run(scenario)


def test_namespaces_end_by_finalize(run) -> None:
    async def scenario(t: Transport) -> None:
        made = await create(
            t, kinds.NAMESPACE, {"metadata": {"name": "a"}, "spec": {"finalizers": ["kubernetes"]}}
        )
        assert made["spec"]["finalizers"] == ["kubernetes"]
        marked = await t.call(Call("delete", kinds.NAMESPACE, name="a"))
        assert marked["status"]["phase"] == "Terminating"
        error = await fails(Forbidden, t, Call("create", kinds.CONFIGMAP, "a", body=configmap("x", "a")))
        assert "because it is being terminated" in error.message
        assert error.causes[0].reason == "NamespaceTerminating"
        emptied = {**marked, "spec": {}}
        await t.call(Call("update", kinds.NAMESPACE, "", "a", "finalize", body=emptied))
        await fails(NotFound, t, Call("get", kinds.NAMESPACE, name="a"))
        await fails(NotFound, t, Call("create", kinds.CONFIGMAP, "a", body=configmap("x", "a")))
        error = await fails(Forbidden, t, Call("delete", kinds.NAMESPACE, name="kube-system"))
        assert error.message == 'namespaces "kube-system" is forbidden: this namespace may not be deleted'

    run(scenario)


def service(name: str, **spec: object) -> dict:
    ports = [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    return {"metadata": {"name": name, "namespace": "default"}, "spec": {"ports": ports, **spec}}


def test_services_get_addresses_and_ports_of_their_own(run) -> None:
    async def scenario(t: Transport) -> None:
        made = await asyncio.gather(
            *(create(t, kinds.SERVICE, service(f"s{n}", type="NodePort")) for n in range(30))
        )
        assert len({tree["spec"]["clusterIP"] for tree in made}) == 30
        assert len({tree["spec"]["ports"][0]["nodePort"] for tree in made}) == 30
        taken = made[0]["spec"]["clusterIP"]
        error = await fails(
            Invalid, t, Call("create", kinds.SERVICE, "default", body=service("x", clusterIP=taken))
        )
        assert error.message == (
            f'Service "x" is invalid: spec.clusterIPs: Invalid value: ["{taken}"]: failed to allocate IP {taken}: '
            "provided IP is already allocated"
        )
        port = {"port": 80, "protocol": "TCP", "nodePort": made[0]["spec"]["ports"][0]["nodePort"]}
        error = await fails(
            Invalid,
            t,
            Call("create", kinds.SERVICE, "default", body=service("x", type="NodePort", ports=[port])),
        )
        assert "provided port is already allocated" in error.message
        deleted = await t.call(Call("delete", kinds.SERVICE, "default", "s0"))
        assert deleted["kind"] == "Service"
        again = await create(t, kinds.SERVICE, service("x", clusterIP=taken, type="NodePort", ports=[port]))
        assert again["spec"]["clusterIPs"] == [taken]
        headless = await create(t, kinds.SERVICE, service("h", clusterIP="None"))
        assert headless["spec"]["clusterIPs"] == ["None"]
        kept = await t.call(
            Call(
                "patch",
                kinds.SERVICE,
                "default",
                "x",
                body={"metadata": {"labels": {"a": "b"}}},
                patch_type="merge",
            )
        )
        assert kept["spec"]["clusterIP"] == taken

    run(scenario)


def test_scale(run) -> None:
    async def scenario(t: Transport) -> None:
        template = {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c", "image": "nginx"}]},
        }
        tree = {
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template},
        }
        made = await create(t, kinds.DEPLOYMENT, tree)
        assert made["metadata"]["generation"] == 1
        scale = await t.call(Call("get", kinds.DEPLOYMENT, "default", "web", "scale"))
        assert scale["kind"] == "Scale"
        assert scale["spec"]["replicas"] == 2
        assert scale["status"] == {"replicas": 0, "selector": "app=web"}
        body = {**scale, "spec": {"replicas": 5}}
        after = await t.call(Call("update", kinds.DEPLOYMENT, "default", "web", "scale", body=body))
        assert after["spec"]["replicas"] == 5
        patch = Call(
            "patch",
            kinds.DEPLOYMENT,
            "default",
            "web",
            "scale",
            body={"spec": {"replicas": 1}},
            patch_type="merge",
        )
        assert (await t.call(patch))["spec"]["replicas"] == 1
        deployment = await get(t, kinds.DEPLOYMENT, "web")
        assert deployment["spec"]["replicas"] == 1
        assert deployment["metadata"]["generation"] == 3
        await fails(Conflict, t, Call("update", kinds.DEPLOYMENT, "default", "web", "scale", body=body))

    run(scenario)


def test_delete_collection(run) -> None:
    async def scenario(t: Transport) -> None:
        for number in range(4):
            labels = {"app": "web" if number else "db"}
            await create(t, kinds.CONFIGMAP, configmap(f"c{number}", metadata={"labels": labels}))
        call = Call("deletecollection", kinds.CONFIGMAP, "default", query={"labelSelector": "app=web"})
        assert len((await t.call(call))["items"]) == 3
        left = await t.call(Call("list", kinds.CONFIGMAP, "default"))
        assert [item["metadata"]["name"] for item in left["items"]] == ["c0"]

    run(scenario)


def test_reviews(run) -> None:
    async def scenario(t: Transport) -> None:
        spec = {
            "user": "bob",
            "resourceAttributes": {"verb": "list", "resource": "pods", "namespace": "default"},
        }
        answer = await t.call(Call("create", kinds.SUBJECTACCESSREVIEW, body={"spec": spec}))
        assert answer["status"]["allowed"] is False
        spec = {"resourceAttributes": {"verb": "list", "resource": "pods", "namespace": "default"}}
        answer = await t.call(Call("create", kinds.SELFSUBJECTACCESSREVIEW, body={"spec": spec}))
        assert answer["status"]["allowed"] is True
        answer = await t.call(Call("create", kinds.SELFSUBJECTREVIEW, body={}))
        assert answer["status"]["userInfo"]["username"] == "admin"
        await fails(MethodNotAllowed, t, Call("list", kinds.SELFSUBJECTREVIEW))

    run(scenario)


def test_bootstrap_objects_are_there(run) -> None:
    async def scenario(t: Transport) -> None:
        namespaces = await t.call(Call("list", kinds.NAMESPACE))
        assert {"default", "kube-system", "kube-public", "kube-node-lease"} <= {
            tree["metadata"]["name"] for tree in namespaces["items"]
        }
        found = await get(t, kinds.SERVICE, "kubernetes")
        assert found["spec"]["clusterIP"] == "10.96.0.1"
        endpoints = await get(t, kinds.ENDPOINTS, "kubernetes")
        assert endpoints["subsets"][0]["addresses"] == [{"ip": "127.0.0.1"}]
        slices = await get(t, kinds.ENDPOINTSLICE, "kubernetes")
        assert slices["endpoints"][0]["addresses"] == ["127.0.0.1"]
        assert (await get(t, kinds.CLUSTERROLE, "cluster-admin"))["rules"]

    run(scenario)


@pytest.mark.parametrize("way", ["inprocess", "http"])
def test_rbac_decides_and_the_ledger_knows(way: str, env: Env) -> None:
    bob = User("bob", groups=("system:authenticated",))

    async def main() -> None:
        async with serving(env, (bob,)) as server:
            admin, t = transport_of(way, server), transport_of(way, server, bob)
            error = await fails(Forbidden, t, Call("list", kinds.POD, "default"))
            assert error.message == (
                'pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "default"'
            )
            rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
            await create(
                admin, kinds.ROLE, {"metadata": {"name": "r", "namespace": "default"}, "rules": rules}
            )
            ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
            subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "bob"}
            binding = {
                "metadata": {"name": "b", "namespace": "default"},
                "roleRef": ref,
                "subjects": [subject],
            }
            await create(admin, kinds.ROLEBINDING, binding)
            await server.services.cacher.fresh()
            assert (await t.call(Call("list", kinds.POD, "default")))["items"] == []
            await fails(Forbidden, t, Call("list", kinds.POD))
            with pytest.raises(Forbidden):
                await create(t, kinds.CONFIGMAP, configmap("x"))

            [entry] = server.ledger.about("rbac.authorization.k8s.io", "rolebindings", "default", "b")
            assert (entry.user, entry.verb, entry.code) == ("admin", "create", 201)
            assert entry.revision > 0
            [refused] = [e for e in server.ledger if e.user == "bob"]
            assert refused.code == 403

    asyncio.run(main())


def test_a_reaction_is_kept_with_the_write(env: Env) -> None:
    async def main() -> None:
        async with serving(env) as server:
            t = transport_of("inprocess", server)
            reaction = Reaction("Deployment", "default", "web", "7", "scaled up")
            await t.call(Call("create", kinds.CONFIGMAP, "default", body=configmap("a"), reaction=reaction))
            [entry] = server.ledger.about("", "configmaps", "default", "a")
            assert entry.reaction == reaction

    asyncio.run(main())
