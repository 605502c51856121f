"""The admission plugins, driven through the API as their users meet them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Forbidden
from pybernetes.api.kind import Kind
from pybernetes.apiserver.admission.chain import chosen
from pybernetes.apiserver.server import ApiServer
from pybernetes.apiserver.user import User
from pybernetes.client.interface import Call
from pybernetes.clock import Env

from .transports import ADMIN, serving

NODE_USER = User("system:node:n1", groups=("system:nodes", "system:authenticated"))
Scenario = Callable[[ApiServer], Awaitable[None]]


@pytest.fixture
def run(env: Env) -> Callable[..., None]:
    def runner(scenario: Scenario, **config: Any) -> None:
        async def main() -> None:
            async with serving(env, **config) as server, asyncio.timeout(20):
                account = {"metadata": {"name": "default"}}
                await create(server, kinds.SERVICEACCOUNT, account)
                await scenario(server)

        asyncio.run(main())

    return runner


async def create(server: ApiServer, kind: Kind, tree: Any, user: User = ADMIN) -> Any:
    namespace = tree["metadata"].get("namespace", "default") if kind.namespaced else ""
    return await server.transport(user).call(Call("create", kind, namespace, body=tree))


def pod(name: str = "p", *, node: str = "", resources: Any = None, **metadata: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "nginx", **({"resources": resources} if resources else {})}
    spec = {"containers": [container], **({"nodeName": node} if node else {})}
    return {"metadata": {"name": name, **metadata}, "spec": spec}


def test_the_order_is_upstreams() -> None:
    assert [plugin.name for plugin in chosen()] == [
        "NamespaceLifecycle",
        "LimitRanger",
        "ServiceAccount",
        "NodeRestriction",
        "TaintNodesByCondition",
        "PodSecurity",
        "Priority",
        "DefaultTolerationSeconds",
        "DefaultStorageClass",
        "StorageObjectInUseProtection",
        "PersistentVolumeClaimResize",
        "RuntimeClass",
        "CertificateApproval",
        "CertificateSigning",
        "ClusterTrustBundleAttest",
        "CertificateSubjectRestriction",
        "DefaultIngressClass",
        "PodTopologyLabels",
        "PodResizeValidator",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionWebhook",
        "RBACEscalation",
        "PolicyParameters",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionWebhook",
        "ResourceQuota",
    ]


def test_flags_switch_plugins() -> None:
    names = [plugin.name for plugin in chosen(["AlwaysPullImages"], ["PodSecurity"])]
    assert "AlwaysPullImages" in names
    assert "PodSecurity" not in names
    with pytest.raises(ValueError, match="unknown admission plugins: Nonsense"):
        chosen(["Nonsense"])
    with pytest.raises(ValueError, match="overlapped"):
        chosen(["PodSecurity"], ["PodSecurity"])


def test_limit_ranges_default_and_bound(run) -> None:
    async def scenario(server: ApiServer) -> None:
        limits = {
            "type": "Container",
            "default": {"memory": "64Mi"},
            "defaultRequest": {"memory": "32Mi"},
            "max": {"memory": "128Mi"},
            "min": {"memory": "16Mi"},
        }
        await create(server, kinds.LIMITRANGE, {"metadata": {"name": "l"}, "spec": {"limits": [limits]}})
        made = await create(server, kinds.POD, pod())
        assert made["spec"]["containers"][0]["resources"] == {
            "limits": {"memory": "64Mi"},
            "requests": {"memory": "32Mi"},
        }
        with pytest.raises(Forbidden) as caught:
            await create(server, kinds.POD, pod("big", resources={"limits": {"memory": "1Gi"}}))
        assert "maximum memory usage per Container is 128Mi, but limit is 1Gi" in caught.value.message

    run(scenario)


def test_quotas_count_what_is_there(run) -> None:
    async def scenario(server: ApiServer) -> None:
        hard = {"pods": "1", "count/configmaps": "1"}
        await create(server, kinds.RESOURCEQUOTA, {"metadata": {"name": "q"}, "spec": {"hard": hard}})
        await create(server, kinds.POD, pod("a"))
        with pytest.raises(Forbidden) as caught:
            await create(server, kinds.POD, pod("b"))
        assert caught.value.message == (
            'pods "b" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1'
        )
        await create(server, kinds.CONFIGMAP, {"metadata": {"name": "a"}})
        with pytest.raises(Forbidden):
            await create(server, kinds.CONFIGMAP, {"metadata": {"name": "b"}})

    run(scenario)


def test_a_kubelet_writes_only_what_is_its_own(run) -> None:
    async def scenario(server: ApiServer) -> None:
        t = server.transport(NODE_USER)
        mine = await create(server, kinds.NODE, {"metadata": {"name": "n1"}}, NODE_USER)
        with pytest.raises(Forbidden):
            await create(server, kinds.NODE, {"metadata": {"name": "n2"}}, NODE_USER)
        body = {**mine, "spec": {**mine["spec"], "taints": []}}
        with pytest.raises(Forbidden) as caught:
            await t.call(Call("update", kinds.NODE, name="n1", body=body))
        assert "is not allowed to modify taints" in caught.value.message
        labels = {"metadata": {"labels": {"node-restriction.kubernetes.io/x": "y"}}}
        with pytest.raises(Forbidden):
            await t.call(Call("patch", kinds.NODE, name="n1", body=labels, patch_type="merge"))

        await create(server, kinds.POD, pod("here", node="n1"))
        await create(server, kinds.POD, pod("there", node="n2"))
        status = {"status": {"phase": "Running"}}

        def patch_status(name: str) -> Call:
            return Call("patch", kinds.POD, "default", name, "status", body=status, patch_type="merge")

        assert (await t.call(patch_status("here")))["status"]["phase"] == "Running"
        for call in (
            patch_status("there"),
            Call("delete", kinds.POD, "default", "there"),
            Call("create", kinds.POD, "default", body=pod("mine", node="n1")),
        ):
            with pytest.raises(Forbidden):
                await t.call(call)

        lease = {"metadata": {"name": "n1", "namespace": "kube-node-lease"}, "spec": {}}
        await create(server, kinds.LEASE, lease, NODE_USER)
        other = {"metadata": {"name": "n2", "namespace": "kube-node-lease"}, "spec": {}}
        with pytest.raises(Forbidden):
            await create(server, kinds.LEASE, other, NODE_USER)

    run(scenario)


def test_the_plugin_alone_refuses_a_kubelet_that_the_authorizer_let_through(run) -> None:
    async def scenario(server: ApiServer) -> None:
        await create(server, kinds.POD, pod("there", node="n2"))
        t = server.transport(NODE_USER)
        with pytest.raises(Forbidden) as caught:
            await t.call(Call("delete", kinds.POD, "default", "there"))
        assert 'node "n1" can only delete pods with spec.nodeName set to itself' in caught.value.message
        with pytest.raises(Forbidden) as caught:
            await t.call(Call("create", kinds.POD, "default", body=pod("mine", node="n1")))
        assert "can only create mirror pods" in caught.value.message

    run(scenario, authorization_modes=("AlwaysAllow",))


def test_nobody_grants_more_than_they_hold(env: Env) -> None:
    bob = User("bob", groups=("system:authenticated",))

    async def main() -> None:
        async with serving(env, (bob,)) as server:
            ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "roles"}
            rules = [
                {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["create"]},
                {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
            ]
            await create(server, kinds.CLUSTERROLE, {"metadata": {"name": "roles"}, "rules": rules})
            subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "bob"}
            binding = {"metadata": {"name": "bob"}, "roleRef": ref, "subjects": [subject]}
            await create(server, kinds.CLUSTERROLEBINDING, binding)
            held = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
            await create(server, kinds.ROLE, {"metadata": {"name": "a"}, "rules": held}, bob)
            more = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]
            with pytest.raises(Forbidden) as caught:
                await create(server, kinds.ROLE, {"metadata": {"name": "b"}, "rules": more}, bob)
            assert "is attempting to grant RBAC permissions not currently held" in caught.value.message

    asyncio.run(main())


def test_priority_classes_have_one_default(run) -> None:
    async def scenario(server: ApiServer) -> None:
        def priority(name: str) -> dict[str, Any]:
            return {"metadata": {"name": name}, "value": 7, "globalDefault": True}

        await create(server, kinds.PRIORITYCLASS, priority("a"))
        with pytest.raises(Forbidden):
            await create(server, kinds.PRIORITYCLASS, priority("b"))
        made = await create(server, kinds.POD, pod())
        assert (made["spec"]["priorityClassName"], made["spec"]["priority"]) == ("a", 7)

    run(scenario)


def test_a_token_is_not_mounted_where_it_is_not_wanted(run) -> None:
    async def scenario(server: ApiServer) -> None:
        tree = pod()
        tree["spec"]["automountServiceAccountToken"] = False
        assert "volumes" not in (await create(server, kinds.POD, tree))["spec"]
        tree = pod("q")
        mount = {"name": "own", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
        tree["spec"]["volumes"] = [{"name": "own", "emptyDir": {}}]
        tree["spec"]["containers"][0]["volumeMounts"] = [mount]
        made = await create(server, kinds.POD, tree)
        assert [volume["name"] for volume in made["spec"]["volumes"]] == ["own"]

    run(scenario)
