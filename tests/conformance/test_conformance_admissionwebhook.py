"""Admission webhooks (upstream: test/e2e/apimachinery/webhook.go), called over HTTPS."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, BadRequest, InternalError, NotFound
from pybernetes.api.meta import Obj
from tests.conformance.crds import defined, definition, schema
from tests.conformance.hooks import Hooks, allow, deny, hook, patch, registered, rule, serving
from tests.conformance.programs import IMAGE
from tests.conformance.scenario import Raw, changed, refused, until

VALIDATING, MUTATING = kinds.VALIDATINGWEBHOOKCONFIGURATION, kinds.MUTATINGWEBHOOKCONFIGURATION


def config_map(name: str, ns: str, **data: str) -> Obj:
    return {
        "metadata": {"name": name, "namespace": ns},
        "data": {k.replace("_", "-"): v for k, v in data.items()},
    }


def pod(name: str, ns: str, container: str = "c", **labels: str) -> Obj:
    spec = {"containers": [{"name": container, "image": "pause"}]}
    return {"metadata": {"name": name, "namespace": ns, "labels": labels}, "spec": spec}


async def no_unwanted_data(request: Any) -> dict[str, Any]:
    obj = request["object"] if request["operation"] != "DELETE" else request["oldObject"]
    if (obj.get("data") or {}).get("webhook-e2e-test") == "webhook-disallow":
        return deny("the configmap contains unwanted key and value")
    return allow()


async def no_unwanted_pods(request: Any) -> dict[str, Any]:
    tree = request["object"]
    if tree["metadata"]["name"] == "wait-for-webhook-timeout":
        await asyncio.sleep(60)
    bad = [c for c in tree["spec"]["containers"] if "webhook-disallow" in c["name"]]
    label = "webhook-disallow" in (tree["metadata"].get("labels") or {}).values()
    if bad or label:
        return deny("the pod contains unwanted container name; the pod contains unwanted label")
    return allow()


def adds(key: str, value: str = "yes", after: str = "mutation-start") -> Any:
    """Adds a key to the data of an object that has another."""

    async def answer(request: Any) -> dict[str, Any]:
        if (request["object"].get("data") or {}).get(after) == "yes":
            return patch({"op": "add", "path": f"/data/{key}", "value": value})
        return allow()

    return answer


FIRST, SECOND = adds("mutation-stage-1"), adds("mutation-stage-2", after="mutation-stage-1")


async def test_deny_pod_and_configmap_creation(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny pod and configmap creation [Conformance]"""
    client = c.client
    exempted = await client.create(
        kinds.NAMESPACE, {"metadata": {"name": f"{ns}-exempted", "labels": {f"{ns}-skip": "true"}}}
    )
    async with serving(c, {"/maps": no_unwanted_data, "/pods": no_unwanted_pods}) as hooks:
        outside = {"matchExpressions": [{"key": f"{ns}-skip", "operator": "NotIn", "values": ["true"]}]}
        maps = hook(
            "maps.k8s.io",
            hooks.client_config("/maps"),
            "",
            rule("configmaps", operations=("CREATE", "UPDATE", "DELETE")),
        )
        pods = hook("pods.k8s.io", hooks.client_config("/pods"), ns, rule("pods"), timeoutSeconds=10)
        async with registered(c, VALIDATING, ns, {**maps, "namespaceSelector": outside}, pods):
            async with refused(
                BadRequest,
                'admission webhook "pods.k8s.io" denied the request: ',
                "the pod contains unwanted container name",
                "the pod contains unwanted label",
            ):
                await client.create(
                    kinds.POD, pod("disallowed", ns, "webhook-disallow", e2e="webhook-disallow")
                )
            began = c.now
            async with refused(
                InternalError, 'failed calling webhook "pods.k8s.io"', "context deadline exceeded"
            ):
                await client.create(kinds.POD, pod("wait-for-webhook-timeout", ns))
            assert 9 <= (c.now - began).total_seconds() <= 15
            with pytest.raises(NotFound):
                await client.get(kinds.POD, "wait-for-webhook-timeout", ns)
            unwanted = {"webhook_e2e_test": "webhook-disallow"}
            async with refused(BadRequest, "the configmap contains unwanted key and value"):
                await client.create(kinds.CONFIGMAP, config_map("bad", ns, **unwanted))
            good = await client.create(kinds.CONFIGMAP, config_map("good", ns, webhook_e2e_test="allow"))
            async with refused(BadRequest, "the configmap contains unwanted key and value"):
                await client.update(
                    kinds.CONFIGMAP, {**good, "data": {"webhook-e2e-test": "webhook-disallow"}}
                )
            for kind in ("merge", "strategic"):
                async with refused(BadRequest, "the configmap contains unwanted key and value"):
                    body = {"data": {"webhook-e2e-test": "webhook-disallow"}}
                    await client.patch(kinds.CONFIGMAP, "good", ns, body, patch_type=kind)  # type: ignore[arg-type]
            await client.create(kinds.CONFIGMAP, config_map("bad", exempted["metadata"]["name"], **unwanted))
    await client.delete(kinds.NAMESPACE, f"{ns}-exempted")


async def test_deny_attaching(c: Cluster, ns: str, raw: Raw) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny attaching pod [Conformance]"""

    async def no_attaching(request: Any) -> dict[str, Any]:
        assert (request["operation"], request["subResource"]) == ("CONNECT", "attach")
        assert request["object"]["kind"] == "PodAttachOptions"
        return deny(f"attaching to pod '{request['name']}' is not allowed")

    await c.apply({"apiVersion": "v1", "kind": "Pod", **pod("to-be-attached-pod", ns)})
    await c.wait("pod/to-be-attached-pod", namespace=ns)
    async with serving(c, {"/attach": no_attaching}) as hooks:
        attach = hook(
            "deny-attaching-pod.k8s.io",
            hooks.client_config("/attach"),
            ns,
            rule("pods/attach", operations=("CONNECT",)),
        )
        async with registered(c, VALIDATING, ns, attach):
            told = await raw(
                "POST", f"/api/v1/namespaces/{ns}/pods/to-be-attached-pod/attach?stdin=true&container=c"
            )
            assert told.status == 400
            assert "attaching to pod 'to-be-attached-pod' is not allowed" in told.json()["message"]


async def test_deny_custom_resources(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny custom resource creation, update and deletion [Conformance]"""
    client = c.client
    async with serving(c, {"/custom": no_unwanted_data}) as hooks, defined(c, definition("denied")) as kind:
        resources = rule(kind.plural, operations=("CREATE", "UPDATE", "DELETE"), group=kind.group)
        async with registered(
            c, VALIDATING, ns, hook("custom.k8s.io", hooks.client_config("/custom"), ns, resources)
        ):
            bad = {"webhook-e2e-test": "webhook-disallow"}

            def instance(name: str, data: dict[str, str]) -> Obj:
                return {"metadata": {"name": name, "namespace": ns}, "data": data}

            async with refused(BadRequest, "contains unwanted key and value"):
                await client.create(kind, instance("cr-1", bad))
            made = await client.create(kind, instance("cr-2", {"webhook-e2e-test": "webhook-allow"}))
            async with refused(BadRequest, "contains unwanted key and value"):
                await client.update(kind, {**made, "data": bad})
        # stored while nobody objects: then its deletion is what the webhook refuses
        await client.update(kind, {**made, "data": bad})
        async with registered(
            c, VALIDATING, ns, hook("custom.k8s.io", hooks.client_config("/custom"), ns, resources)
        ):
            async with refused(BadRequest, "contains unwanted key and value"):
                await client.delete(kind, "cr-2", ns)
            await client.get(kind, "cr-2", ns)
        await client.patch(kind, "cr-2", ns, {"data": None})
        await client.delete(kind, "cr-2", ns)


async def test_fail_closed(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should unconditionally reject operations on fail closed webhook [Conformance]"""

    async def never(_request: Any) -> dict[str, Any]:
        raise AssertionError("nobody can trust this server")

    async with serving(c, {"/maps": never}) as hooks:
        untrusted = {"url": hooks.client_config("/maps")["url"]}
        closed = hook("fail-closed.k8s.io", untrusted, ns, rule("configmaps"), failurePolicy="Fail")
        async with (
            registered(c, VALIDATING, ns, closed),
            refused(
                InternalError, 'failed calling webhook "fail-closed.k8s.io": failed to call webhook: Post'
            ),
        ):
            await c.client.create(kinds.CONFIGMAP, config_map("x", ns))


async def test_mutate_config_maps_in_order(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate configmap [Conformance]"""
    async with serving(c, {"/one": FIRST, "/two": SECOND}) as hooks:
        one = hook("one.k8s.io", hooks.client_config("/one"), ns, rule("configmaps"))
        two = hook("two.k8s.io", hooks.client_config("/two"), ns, rule("configmaps"))
        async with registered(c, MUTATING, ns, one, two):
            made = await c.client.create(kinds.CONFIGMAP, config_map("x", ns, mutation_start="yes"))
            assert made["data"] == {f"mutation-{word}": "yes" for word in ("start", "stage-1", "stage-2")}


async def test_defaults_after_mutation(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate pod and apply defaults after mutation [Conformance]"""

    async def add_init(_request: Any) -> dict[str, Any]:
        init = {"name": "webhook-added-init-container", "image": "webhook-added-image"}
        return patch({"op": "add", "path": "/spec/initContainers", "value": [init]})

    async with (
        serving(c, {"/pods": add_init}) as hooks,
        registered(c, MUTATING, ns, hook("init.k8s.io", hooks.client_config("/pods"), ns, rule("pods"))),
    ):
        made = await c.client.create(kinds.POD, pod("to-be-mutated", ns))
    [init] = made["spec"]["initContainers"]
    assert init["name"] == "webhook-added-init-container"
    assert init["terminationMessagePolicy"] == "File"
    assert init["terminationMessagePath"] == "/dev/termination-log"
    assert init["imagePullPolicy"] == "Always"


async def test_configurations_are_exempt(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should not be able to mutate or prevent deletion of webhook configuration objects [Conformance]"""

    async def refuse_all(_request: Any) -> dict[str, Any]:
        return deny("denied for test")

    async def label_all(_request: Any) -> dict[str, Any]:
        return patch({"op": "add", "path": "/metadata/labels", "value": {"mutated": "yes"}})

    both = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
    group = "admissionregistration.k8s.io"
    async with serving(c, {"/deny": refuse_all, "/label": label_all}) as hooks:
        denying = hook(
            "deny.k8s.io", hooks.client_config("/deny"), "", rule(*both, operations=("DELETE",), group=group)
        )
        labelling = hook("label.k8s.io", hooks.client_config("/label"), "", rule(*both, group=group))
        async with (
            registered(c, VALIDATING, f"{ns}-deny", denying),
            registered(c, MUTATING, f"{ns}-label", labelling),
        ):
            for kind in (VALIDATING, MUTATING):
                dummy = hook(
                    "dummy.k8s.io", hooks.client_config("/deny"), ns, rule("invalid"), failurePolicy="Ignore"
                )
                made = await c.client.create(kind, {"metadata": {"name": f"{ns}-dummy"}, "webhooks": [dummy]})
                assert "labels" not in made["metadata"]
                await c.client.delete(kind, f"{ns}-dummy")
                with pytest.raises(NotFound):
                    await c.client.get(kind, f"{ns}-dummy")
        assert not hooks.asked


async def test_mutate_custom_resource(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource [Conformance]"""
    async with (
        serving(c, {"/one": FIRST, "/two": SECOND}) as hooks,
        defined(c, definition("mutated")) as kind,
        registered(c, MUTATING, ns, *custom_hooks(hooks, ns, kind.plural, kind.group)),
    ):
        made = await c.client.create(
            kind, {"metadata": {"name": "cr", "namespace": ns}, "data": {"mutation-start": "yes"}}
        )
    assert made["data"] == {f"mutation-{word}": "yes" for word in ("start", "stage-1", "stage-2")}


def custom_hooks(hooks: Hooks, ns: str, plural: str, group: str) -> list[Obj]:
    both = rule(plural, operations=("CREATE", "UPDATE"), group=group)
    return [hook(f"{word}.k8s.io", hooks.client_config(f"/{word}"), ns, both) for word in ("one", "two")]


async def test_mutate_and_prune(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource with pruning [Conformance]"""
    known = {name: {"type": "string"} for name in ("mutation-start", "mutation-stage-1")}
    crd = definition("pruned", schema({"data": {"type": "object", "properties": known}}))
    async with (
        serving(c, {"/one": FIRST, "/two": SECOND}) as hooks,
        defined(c, crd) as kind,
        registered(c, MUTATING, ns, *custom_hooks(hooks, ns, kind.plural, kind.group)),
    ):
        made = await c.client.create(
            kind, {"metadata": {"name": "cr", "namespace": ns}, "data": {"mutation-start": "yes"}}
        )
        assert [path for path, _ in hooks.asked] == ["/one", "/two"]
    assert made["data"] == {"mutation-start": "yes", "mutation-stage-1": "yes"}


async def test_mutate_with_other_stored_version(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource with different stored version [Conformance]"""
    crd = definition("restored", versions=("v1", "v2"))
    async with (
        serving(c, {"/one": FIRST, "/two": SECOND}) as hooks,
        defined(c, crd) as kind,
        registered(c, MUTATING, ns, *custom_hooks(hooks, ns, kind.plural, kind.group)),
    ):
        made = await c.client.create(
            kind, {"metadata": {"name": "cr", "namespace": ns}, "data": {"mutation-start": "yes"}}
        )
        assert made["apiVersion"].endswith("/v1")
        versions = [{**version, "storage": version["name"] == "v2"} for version in crd["spec"]["versions"]]
        name = crd["metadata"]["name"]
        await c.client.patch(kinds.CUSTOMRESOURCEDEFINITION, name, "", {"spec": {"versions": versions}})

        async def stored_in_both() -> bool:
            tree = await c.client.get(kinds.CUSTOMRESOURCEDEFINITION, name)
            return tree["status"]["storedVersions"] == ["v1", "v2"]

        await until("v2 is a stored version", stored_in_both)
        patched = await c.client.patch(kind, "cr", ns, {"data": {"mutation-start": "yes", "dummy": "test"}})
        assert patched["data"] == {
            "dummy": "test",
            **{f"mutation-{word}": "yes" for word in ("start", "stage-1", "stage-2")},
        }


async def test_deny_definitions(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should deny crd creation [Conformance]"""

    async def no_definitions(request: Any) -> dict[str, Any]:
        unwanted = (request["object"]["metadata"].get("labels") or {}).get("webhook-e2e-test")
        return deny("the crd contains unwanted label") if unwanted == "webhook-disallow" else allow()

    async with serving(c, {"/crds": no_definitions}) as hooks:
        resources = rule("customresourcedefinitions", group="apiextensions.k8s.io")
        labels = {"objectSelector": {"matchLabels": {"webhook-e2e-test": "webhook-disallow"}}}
        only = hook("crds.k8s.io", hooks.client_config("/crds"), "", resources, **labels)
        async with registered(c, VALIDATING, ns, only):
            bad = changed(definition("unwanted"), labels={"webhook-e2e-test": "webhook-disallow"})
            async with refused(BadRequest, "the crd contains unwanted label"):
                await c.client.create(kinds.CUSTOMRESOURCEDEFINITION, bad)


async def test_honor_timeout(c: Cluster, ns: str) -> None:
    """[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should honor timeout [Conformance]"""

    async def slow(_request: Any) -> dict[str, Any]:
        await asyncio.sleep(5)
        return allow()

    async def create(name: str, seconds: int | None, policy: str) -> float:
        began = c.now
        tree = hook(
            "allow-configmap-with-delay.k8s.io",
            hooks.client_config("/slow"),
            ns,
            rule("configmaps"),
            failurePolicy=policy,
        )
        del tree["timeoutSeconds"]
        timeout = {} if seconds is None else {"timeoutSeconds": seconds}
        async with registered(c, VALIDATING, ns, {**tree, **timeout}) as made:
            assert made["webhooks"][0]["timeoutSeconds"] == (10 if seconds is None else seconds)
            await c.client.create(kinds.CONFIGMAP, config_map(name, ns))
        return (c.now - began).total_seconds()

    async with serving(c, {"/slow": slow}) as hooks:
        async with refused(InternalError, "context deadline exceeded", "?timeout=1s"):
            await create("one", 1, "Fail")
        assert 1 <= await create("two", 1, "Ignore") < 5
        assert 5 <= await create("three", 10, "Fail") < 10
        assert 5 <= await create("four", None, "Fail") < 10


async def test_a_review_that_is_none_is_an_error(c: Cluster, ns: str) -> None:
    """An answer without the request's uid fails the call."""

    async def confused(_request: Any) -> dict[str, Any]:
        return {"uid": "other", "allowed": True}

    async with (
        serving(c, {"/maps": confused}) as hooks,
        registered(
            c, VALIDATING, ns, hook("maps.k8s.io", hooks.client_config("/maps"), ns, rule("configmaps"))
        ),
    ):
        with pytest.raises(ApiError, match=r"expected response\.uid") as caught:
            await c.client.create(kinds.CONFIGMAP, config_map("x", ns))
        assert not isinstance(caught.value, BadRequest)


async def test_a_webhook_in_a_pod(c: Cluster, ns: str) -> None:
    """A Service of a hollow pod is asked in the simulated network."""
    container = {"name": "c", "image": IMAGE + "webhook", "ports": [{"containerPort": 8443}]}
    labels = {"app": "webhook"}
    made = {
        "metadata": {"name": "hook", "namespace": ns, "labels": labels},
        "spec": {"containers": [container]},
    }
    await c.client.create(kinds.POD, made)
    await c.wait("pod/hook", namespace=ns)
    spec = {"selector": labels, "ports": [{"port": 443, "targetPort": 8443}]}
    await c.client.create(kinds.SERVICE, {"metadata": {"name": "hook", "namespace": ns}, "spec": spec})
    await c.settle()
    config = {"service": {"namespace": ns, "name": "hook", "path": "/ask"}}
    async with registered(c, VALIDATING, ns, hook("maps.k8s.io", config, ns, rule("configmaps"))):
        await c.client.create(kinds.CONFIGMAP, config_map("wanted", ns))
        async with refused(
            BadRequest, 'admission webhook "maps.k8s.io" denied the request: hook does not want it'
        ):
            await c.client.create(kinds.CONFIGMAP, config_map("unwanted", ns))
        await c.client.delete(kinds.POD, "hook", ns, grace_period_seconds=0)
        await c.settle()
        async with refused(InternalError, 'failed calling webhook "maps.k8s.io"', "no endpoints available"):
            await c.client.create(kinds.CONFIGMAP, config_map("other", ns))
