"""Kinds of the cluster as a whole, as a server serves them; and the objects of them that every server makes."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pybernetes.api import kinds
from pybernetes.api.errors import Forbidden, InternalError, Invalid, MethodNotAllowed, NotFound
from pybernetes.api.meta import name_of
from pybernetes.apiserver.startup import flowcontrol
from pybernetes.apiserver.user import MASTERS, User
from pybernetes.client.interface import Call
from pybernetes.clock import Env

from .transports import serving, transport_of

JANE = User("jane", "7", ("system:masters", "team"), {"scopes": ("a", "b")})
RULE = {"operations": ["CREATE"], "apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"]}
CONDITION = {
    "type": "Ready",
    "status": "True",
    "reason": "Fine",
    "message": "",
    "lastTransitionTime": "2026-09-21T14:13:20Z",
}


def csr_request() -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jane")])
    built = x509.CertificateSigningRequestBuilder().subject_name(name)
    signed = built.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return base64.b64encode(signed.public_bytes(serialization.Encoding.PEM)).decode()


def samples() -> dict:
    """Kind -> (name, what a client sends, a status to write or None)."""
    webhook = {
        "name": "a.example.com",
        "clientConfig": {"url": "https://a.example.com"},
        "rules": [RULE],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchLabels": {"a": "b"}},
    }
    constraints = {"matchConstraints": {"resourceRules": [RULE]}}
    request = {"name": "gpu", "exactly": {"deviceClassName": "gpu.example.com"}}
    devices = {"devices": {"requests": [request]}}
    queue = {"queues": 8, "handSize": 2, "queueLengthLimit": 5}
    subject = {"kind": "User", "user": {"name": "jane"}}
    urls = {"verbs": ["get"], "nonResourceURLs": ["/version"]}
    pool = {"name": "n", "generation": 1, "resourceSliceCount": 1}
    status = {"conditions": [CONDITION]}
    return {
        kinds.CERTIFICATESIGNINGREQUEST: (
            "jane",
            {
                "spec": {
                    "request": csr_request(),
                    "signerName": "example.com/people",
                    "usages": ["client auth"],
                }
            },
            {"conditions": [{**CONDITION, "type": "Failed"}]},
        ),
        kinds.VALIDATINGWEBHOOKCONFIGURATION: ("v", {"webhooks": [webhook]}, None),
        kinds.MUTATINGWEBHOOKCONFIGURATION: ("m", {"webhooks": [webhook]}, None),
        kinds.VALIDATINGADMISSIONPOLICY: (
            "vp",
            {"spec": {**constraints, "validations": [{"expression": "true"}]}},
            {"observedGeneration": 1, "conditions": [CONDITION]},
        ),
        kinds.VALIDATINGADMISSIONPOLICYBINDING: (
            "vb",
            {"spec": {"policyName": "none", "validationActions": ["Audit"]}},
            None,
        ),
        kinds.MUTATINGADMISSIONPOLICY: (
            "mp",
            {
                "spec": {
                    **constraints,
                    "reinvocationPolicy": "Never",
                    "mutations": [
                        {
                            "patchType": "JSONPatch",
                            "jsonPatch": {"expression": '[JSONPatch{op: "remove", path: "/a"}]'},
                        }
                    ],
                }
            },
            None,
        ),
        kinds.MUTATINGADMISSIONPOLICYBINDING: ("mb", {"spec": {"policyName": "none"}}, None),
        kinds.APISERVICE: (
            "v1.metrics.example.com",
            {
                "spec": {
                    "group": "metrics.example.com",
                    "version": "v1",
                    "groupPriorityMinimum": 100,
                    "versionPriority": 100,
                    "service": {"namespace": "default", "name": "metrics"},
                }
            },
            {"conditions": [{"type": "Available", "status": "False", "reason": "Gone", "message": "m"}]},
        ),
        kinds.FLOWSCHEMA: (
            "mine",
            {
                "spec": {
                    "priorityLevelConfiguration": {"name": "workload-low"},
                    "rules": [{"subjects": [subject], "nonResourceRules": [urls]}],
                }
            },
            status,
        ),
        kinds.PRIORITYLEVELCONFIGURATION: (
            "mine",
            {
                "spec": {
                    "type": "Limited",
                    "limited": {"limitResponse": {"type": "Queue", "queuing": queue}},
                }
            },
            status,
        ),
        kinds.DEVICECLASS: ("gpu.example.com", {"spec": {}}, None),
        kinds.DEVICETAINTRULE: ("t", {"spec": {"taint": {"key": "k", "effect": "NoSchedule"}}}, status),
        kinds.RESOURCECLAIM: (
            "c",
            {"spec": devices},
            {
                "allocation": {
                    "devices": {
                        "results": [
                            {"request": "gpu", "driver": "d.example.com", "pool": "n", "device": "gpu-0"}
                        ]
                    }
                }
            },
        ),
        kinds.RESOURCECLAIMTEMPLATE: ("ct", {"spec": {"spec": devices}}, None),
        kinds.RESOURCESLICE: (
            "s",
            {"spec": {"driver": "d.example.com", "pool": pool, "allNodes": True}},
            None,
        ),
        kinds.STORAGEVERSIONMIGRATION: (
            "svm",
            {"spec": {"resource": {"group": "apps", "resource": "deployments"}}},
            {"resourceVersion": "5", "conditions": [{**CONDITION, "type": "Running"}]},
        ),
        kinds.RESOURCEQUOTA: ("q", {"spec": {"hard": {"pods": "5"}}}, {"hard": {"pods": "5"}}),
        kinds.LIMITRANGE: ("l", {"spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}}, None),
        kinds.RUNTIMECLASS: ("r", {"handler": "runc"}, None),
        kinds.PRIORITYCLASS: ("p", {"value": 7}, None),
        kinds.LEASE: ("le", {"spec": {"holderIdentity": "me", "leaseDurationSeconds": 15}}, None),
    }


def test_each_kind_from_create_to_delete(env: Env) -> None:
    async def main() -> None:
        async with serving(env) as server:
            t = transport_of("http", server)
            for kind, (name, body, status) in samples().items():
                namespace = "default" if kind.namespaced else ""
                made = await t.call(
                    Call("create", kind, namespace=namespace, body={"metadata": {"name": name}, **body})
                )
                assert made["metadata"]["uid"], kind
                if status is not None:
                    changed = {**made, "status": status}
                    written = await t.call(
                        Call("update", kind, namespace, name, subresource="status", body=changed)
                    )
                    assert written["status"].keys() == status.keys(), kind
                got = await t.call(Call("get", kind, namespace, name))
                assert got["metadata"]["name"] == name
                again = await t.call(Call("update", kind, namespace, name, body=got))
                assert again["metadata"]["resourceVersion"] == got["metadata"]["resourceVersion"], kind
                listed = await t.call(Call("list", kind, namespace))
                assert name in [name_of(item) for item in listed["items"]]
                assert all(
                    isinstance(column.cell(got, env.now()), str | int | bool) for column in kind.columns
                )
                await t.call(Call("delete", kind, namespace, name))
                with pytest.raises(NotFound):
                    await t.call(Call("get", kind, namespace, name))

    asyncio.run(main())


def test_a_request_names_its_maker_and_is_approved(env: Env) -> None:
    async def main() -> None:
        kind = kinds.CERTIFICATESIGNINGREQUEST
        _, body, _ = samples()[kind]
        body["spec"]["username"] = "somebody else"
        async with serving(env, (JANE, User("nobody"))) as server:
            t = transport_of("inprocess", server, JANE)
            made = await t.call(Call("create", kind, body={"metadata": {"name": "jane"}, **body}))
            spec = made["spec"]
            assert (spec["username"], spec["uid"]) == ("jane", "7")
            assert spec["groups"] == [MASTERS, "team", "system:authenticated"]
            assert spec["extra"] == {"scopes": ["a", "b"]}
            approved = {"type": "Approved", "status": "True", "reason": "Known", "message": "ok"}
            patch = Call(
                "patch",
                kind,
                name="jane",
                subresource="approval",
                body={"status": {"certificate": "aGVsbG8=", "conditions": [approved]}},
                patch_type="merge",
            )
            with pytest.raises(Forbidden):
                await transport_of("inprocess", server, User("nobody")).call(patch)
            done = await t.call(patch)
            assert "certificate" not in done["status"]
            (condition,) = done["status"]["conditions"]
            assert condition["lastUpdateTime"] == condition["lastTransitionTime"] == "2026-09-21T14:13:20Z"
            both = {**done, "status": {"conditions": [condition, {**approved, "type": "Denied"}]}}
            with pytest.raises(Invalid, match="mutually exclusive"):
                await t.call(Call("update", kind, name="jane", subresource="approval", body=both))
            with pytest.raises(Invalid, match='updates may not remove a condition of type "Approved"'):
                await t.call(
                    Call("update", kind, name="jane", subresource="status", body={**done, "status": {}})
                )

    asyncio.run(main())


def test_admin_access_needs_a_namespace_for_it(env: Env) -> None:
    async def main() -> None:
        exactly = {"deviceClassName": "gpu.example.com", "adminAccess": True}
        body = {
            "metadata": {"name": "c"},
            "spec": {"devices": {"requests": [{"name": "gpu", "exactly": exactly}]}},
        }
        async with serving(env) as server:
            t = transport_of("inprocess", server)
            call = Call("create", kinds.RESOURCECLAIM, namespace="default", body=body)
            with pytest.raises(Invalid, match="admin access to devices requires"):
                await t.call(call)
            labels = {"resource.kubernetes.io/admin-access": "true"}
            await t.call(
                Call(
                    "patch",
                    kinds.NAMESPACE,
                    name="default",
                    body={"metadata": {"labels": labels}},
                    patch_type="merge",
                )
            )
            assert (await t.call(call))["spec"]["devices"]["requests"][0]["exactly"]["adminAccess"] is True

    asyncio.run(main())


async def _listed(t, kind) -> dict:
    return {name_of(item): item for item in (await t.call(Call("list", kind)))["items"]}


async def _until(t, kind, holds: Callable[[dict], bool]) -> dict:
    """The objects of a kind by name, as soon as something holds of them."""
    for _ in range(10_000):
        found = await _listed(t, kind)
        if holds(found):
            return found
        await asyncio.sleep(0)
    raise AssertionError(f"not in time: {found}")


def test_what_a_server_serves_has_apiservices(env: Env) -> None:
    async def main() -> None:
        async with serving(env) as server:
            t = transport_of("http", server)
            found = await _listed(t, kinds.APISERVICE)
            assert {"v1.", "v1.apps", "v2.autoscaling", "v1.resource.k8s.io"} <= found.keys()
            assert "v1.apiregistration.k8s.io" not in found
            apps = found["v1.apps"]
            assert apps["metadata"]["labels"] == {"kube-aggregator.kubernetes.io/automanaged": "onstart"}
            assert apps["spec"] == {
                "group": "apps",
                "version": "v1",
                "groupPriorityMinimum": 17800,
                "versionPriority": 15,
            }
            assert apps["status"]["conditions"][0]["reason"] == "Local"
            versions = [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }
            ]
            crd = {
                "metadata": {"name": "widgets.example.com"},
                "spec": {
                    "group": "example.com",
                    "scope": "Namespaced",
                    "names": {"plural": "widgets", "kind": "Widget"},
                    "versions": versions,
                },
            }
            await t.call(Call("create", kinds.CUSTOMRESOURCEDEFINITION, body=crd))
            found = await _until(t, kinds.APISERVICE, lambda found: "v1.example.com" in found)
            labels = found["v1.example.com"]["metadata"]["labels"]
            assert labels == {"kube-aggregator.kubernetes.io/automanaged": "true"}
            await t.call(Call("delete", kinds.CUSTOMRESOURCEDEFINITION, name="widgets.example.com"))
            await _until(t, kinds.APISERVICE, lambda found: "v1.example.com" not in found)

    asyncio.run(main())


def test_priority_and_fairness_at_start(env: Env) -> None:
    async def main() -> None:
        async with serving(env) as server:
            t, registry = transport_of("inprocess", server), server.services.registry
            levels = await _listed(t, kinds.PRIORITYLEVELCONFIGURATION)
            schemas = await _listed(t, kinds.FLOWSCHEMA)
            assert len(levels) == 8
            assert len(schemas) == 13
            for found in (*levels.values(), *schemas.values()):
                assert found["metadata"]["annotations"] == {"apf.kubernetes.io/autoupdate-spec": "true"}
            schemas = await _until(
                t, kinds.FLOWSCHEMA, lambda found: all(s.get("status") for s in found.values())
            )
            assert schemas["probes"]["status"]["conditions"][0]["reason"] == "Found"

            await t.call(Call("delete", kinds.PRIORITYLEVELCONFIGURATION, name="catch-all"))
            await t.call(Call("delete", kinds.FLOWSCHEMA, name="probes"))
            tuned = {**schemas["service-accounts"]}
            tuned["spec"] = {**tuned["spec"], "matchingPrecedence": 8000}
            await t.call(Call("update", kinds.FLOWSCHEMA, name="service-accounts", body=tuned))
            own = {
                **schemas["system-nodes"],
                "spec": {**schemas["system-nodes"]["spec"], "matchingPrecedence": 7},
            }
            own["metadata"] = {
                "name": "system-nodes",
                "annotations": {"apf.kubernetes.io/autoupdate-spec": "false"},
            }
            await t.call(Call("update", kinds.FLOWSCHEMA, name="system-nodes", body=own))
            await server.services.cacher.fresh()
            await flowcontrol.publish(t, registry)
            schemas = await _listed(t, kinds.FLOWSCHEMA)
            assert schemas["service-accounts"]["spec"]["matchingPrecedence"] == 9000
            assert schemas["system-nodes"]["spec"]["matchingPrecedence"] == 7
            assert "probes" in schemas
            assert "catch-all" in await _listed(t, kinds.PRIORITYLEVELCONFIGURATION)

    asyncio.run(main())


def test_component_statuses(env: Env) -> None:
    async def main() -> None:
        kind = kinds.COMPONENTSTATUS

        async def fine() -> str:
            return ""

        async with serving(env) as server:
            t = transport_of("http", server)
            server.services.component_checks["scheduler"] = fine
            found = await _listed(t, kind)
            assert {name: item["conditions"][0]["status"] for name, item in found.items()} == {
                "scheduler": "True",
                "controller-manager": "False",
                "etcd-0": "True",
            }
            lease = {
                "metadata": {"name": "kube-controller-manager"},
                "spec": {
                    "holderIdentity": "me",
                    "leaseDurationSeconds": 15,
                    "renewTime": "2026-09-21T14:13:19.000000Z",
                },
            }
            await t.call(Call("create", kinds.LEASE, namespace="kube-system", body=lease))
            got = await t.call(Call("get", kind, name="controller-manager"))
            assert got["conditions"] == [{"type": "Healthy", "status": "True", "message": "ok"}]
            with pytest.raises(InternalError, match="Component not found: other"):
                await t.call(Call("get", kind, name="other"))
            with pytest.raises(MethodNotAllowed):
                await t.call(Call("create", kind, body={"metadata": {"name": "x"}}))

    asyncio.run(main())
