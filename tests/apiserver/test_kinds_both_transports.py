"""Kinds with rules of their own (pods, namespaces, Services), scale, reviews and rights, on both ways into a server."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    MethodNotAllowed,
    NotFound,
)
from pybernetes.apiserver.user import User
from pybernetes.client.interface import Call, Reaction, Transport
from pybernetes.clock import Env

from .bothways import configmap, create, fails, get
from .transports import serving, transport_of


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
