"""NodeRestriction: what a kubelet may not do, with upstream's sentences."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, Forbidden, Unclassified
from pybernetes.apiserver.admission.nodelabels import forbidden_labels
from pybernetes.apiserver.user import User

from .conftest import Client

NODE = User("system:node:n1", groups=("system:nodes", "system:authenticated"))
OPEN = {"authorization_modes": ("AlwaysAllow",)}
MIRROR = {"kubernetes.io/config.mirror": "x"}

LABELS = [
    ({"app": "x", "example.com/y": "z"}, []),
    ({"kubernetes.io/hostname": "n1", "topology.kubernetes.io/zone": "a"}, []),
    ({"node.kubernetes.io/anything": "x", "x.kubelet.kubernetes.io/y": "z"}, []),
    ({"kubernetes.io/role": "x", "foo.k8s.io/y": "z"}, ["foo.k8s.io/y", "kubernetes.io/role"]),
    ({"node-restriction.kubernetes.io/x": "y"}, ["node-restriction.kubernetes.io/x"]),
    ({"a.node-restriction.kubernetes.io/x": "y"}, ["a.node-restriction.kubernetes.io/x"]),
]


@pytest.mark.parametrize(("labels", "expected"), LABELS)
def test_labels(labels: dict[str, str], expected: list[str]) -> None:
    assert forbidden_labels({}, labels) == expected
    assert forbidden_labels(labels, labels) == []


def owner(node: Any, **fields: Any) -> dict[str, Any]:
    metadata = node["metadata"]
    reference = {"apiVersion": "v1", "kind": "Node", "name": metadata["name"], "uid": metadata["uid"]}
    return {**reference, "controller": True, **fields}


TRUST = {"clusterTrustBundle": {"name": "t", "path": "t"}}


def test_mirror_pods_refer_to_nothing(run) -> None:
    async def scenario(client: Client) -> None:
        mine = client.as_(NODE)
        node = await mine.create(kinds.NODE, "n1")

        async def mirror(name: str = "m", owners: Any = None, **spec: Any) -> Any:
            metadata = {"annotations": MIRROR, "ownerReferences": [owner(node)] if owners is None else owners}
            return await mine.pod(name, metadata=metadata, nodeName="n1", **spec)

        await mirror("ok")
        cases: list[tuple[dict[str, Any], str]] = [
            ({"owners": []}, "can only create pods with an owner reference set to itself"),
            ({"owners": [owner(node, controller=False)]}, "with a controller owner reference set to itself"),
            ({"owners": [owner(node, blockOwnerDeletion=True)]}, "must not set blockOwnerDeletion"),
            ({"owners": [owner(node, uid="other")]}, "node n1 UID mismatch: expected other got"),
            ({"serviceAccountName": "default"}, "a mirror pod may not reference service accounts"),
            (
                {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]},
                "a mirror pod may not reference secrets",
            ),
            ({"volumes": [{"name": "v", "configMap": {"name": "s"}}]}, "that reference configmaps"),
            (
                {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "s"}}]},
                "that reference persistentvolumeclaims",
            ),
            (
                {"volumes": [{"name": "v", "csi": {"driver": "d.example.com"}}]},
                "that reference csidrivers (via CSI volumes)",
            ),
            (
                {"volumes": [{"name": "v", "projected": {"sources": [{"configMap": {"name": "c"}}]}}]},
                "that reference configmaps",
            ),
            (
                {"volumes": [{"name": "v", "projected": {"sources": [TRUST]}}]},
                "that reference clustertrustbundles",
            ),
            (
                {"resourceClaims": [{"name": "c", "resourceClaimName": "c"}]},
                "that reference resourceclaims",
            ),
        ]
        for spec, message in cases:
            with pytest.raises(Forbidden) as caught:
                await mirror(**spec)
            assert message in caught.value.message

    run(scenario, **OPEN)


def test_the_rest(run) -> None:
    async def scenario(client: Client) -> None:
        mine = client.as_(NODE)
        await mine.create(kinds.NODE, "n1")
        for change, message in (
            (
                {"metadata": {"labels": {"kubernetes.io/x": "y"}}},
                "is not allowed to modify labels: kubernetes.io/x",
            ),
            ({"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}, "is not allowed to modify taints"),
        ):
            with pytest.raises(Forbidden) as caught:
                await mine.patch(kinds.NODE, "n1", change)
            assert message in caught.value.message
        await client.pod("there", nodeName="n2")
        pod = await client.pod("here", nodeName="n1")
        with pytest.raises(Forbidden) as caught:
            await mine.call("create", kinds.POD, "there", {"metadata": {}}, subresource="eviction")
        assert "can only evict pods with spec.nodeName set to itself" in caught.value.message
        refs: list[tuple[Any, str]] = [
            (None, "node requested token not bound to a pod"),
            ({"name": "here"}, "node requested token with a pod binding without a uid"),
            ({"name": "there", "uid": "x"}, "does not match the UID in record"),
        ]
        for ref, message in refs:
            bound = {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", **ref}} if ref else {}
            body = {"spec": {"audiences": [], **bound}}
            with pytest.raises(Forbidden) as caught:
                await mine.call("create", kinds.SERVICEACCOUNT, "default", body, subresource="token")
            assert message in caught.value.message
        assert pod["metadata"]["uid"]

    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    run(scenario, service_account_signing_key=key, **OPEN)


def test_slices_are_made_and_deleted_by_their_own_node(run) -> None:
    async def scenario(client: Client) -> None:
        mine = client.as_(NODE)
        pool = {"name": "p", "generation": 1, "resourceSliceCount": 1}
        spec = {"driver": "d.example.com", "pool": pool, "nodeName": "n1", "devices": [{"name": "a"}]}
        await mine.create(kinds.RESOURCESLICE, "mine", spec=spec)
        await client.create(kinds.RESOURCESLICE, "theirs", spec={**spec, "nodeName": "n2"})
        for verb in ("create", "delete"):
            body = {"metadata": {"name": "theirs"}, "spec": {**spec, "nodeName": "n2"}}
            with pytest.raises(Forbidden) as caught:
                await mine.call(verb, kinds.RESOURCESLICE, "theirs", body if verb == "create" else None)
            assert caught.value.message == (
                f'resourceslices.resource.k8s.io "theirs" is forbidden: can only {verb} ResourceSlice with the same '
                "NodeName as the requesting node"
            )
        await mine.call("delete", kinds.RESOURCESLICE, "mine")

    run(scenario, **OPEN)


def signing_request(name: str) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:nodes"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    made = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = made.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return base64.b64encode(signed.public_bytes(serialization.Encoding.PEM)).decode()


def test_signing_requests_are_for_the_node_itself(run) -> None:
    async def scenario(client: Client) -> None:
        async def ask(name: str, signer: str, user: str) -> Any:
            usages = ["digital signature", "client auth"]
            spec = {"signerName": signer, "request": signing_request(user), "usages": usages}
            return await client.as_(NODE).create(kinds.CERTIFICATESIGNINGREQUEST, name, spec=spec)

        kubelet = "kubernetes.io/kube-apiserver-client-kubelet"
        await ask("mine", kubelet, "system:node:n1")
        await ask("other", "example.com/signer", "system:node:n2")
        with pytest.raises(Forbidden) as caught:
            await ask("theirs", kubelet, "system:node:n2")
        assert caught.value.message == (
            'certificatesigningrequests.certificates.k8s.io "theirs" is forbidden: can only create a node CSR with '
            "CN=system:node:n1"
        )

    run(scenario, **OPEN)


def test_certificates_are_asked_for_pods_that_run_on_the_node(run) -> None:
    async def scenario(client: Client) -> None:
        node = await client.create(kinds.NODE, "n1")
        pod = await client.pod("web", nodeName="n1")
        await client.pod("away", nodeName="n2")
        account = await client.call("get", kinds.SERVICEACCOUNT, "default")
        right = {
            "signerName": "example.com/signer",
            "podName": "web",
            "podUID": pod["metadata"]["uid"],
            "serviceAccountName": "default",
            "serviceAccountUID": account["metadata"]["uid"],
            "nodeName": "n1",
            "nodeUID": node["metadata"]["uid"],
        }
        cases: list[tuple[dict[str, str], type[ApiError], str]] = [
            (
                {"nodeName": "n2"},
                Forbidden,
                'PodCertificateRequest.Spec.NodeName="n2", which is not the requesting node "n1"',
            ),
            ({"nodeUID": "x"}, Unclassified, 'names node UID "x", inconsistent with the running node ("'),
            (
                {"podName": "none"},
                Unclassified,
                'while retrieving pod "default/none" named in the PodCertificateRequest: pod "none" not found',
            ),
            ({"podUID": "x"}, Unclassified, 'contains pod UID ("x") which differs from running pod "'),
            (
                {"serviceAccountName": "robot"},
                Forbidden,
                'contains serviceAccountName ("robot") that differs from running pod ("default")',
            ),
            (
                {"serviceAccountUID": "x"},
                Unclassified,
                'names service account UID "x", which differs from the running service account ("',
            ),
        ]
        for change, error, message in cases:
            with pytest.raises(error) as caught:
                await client.as_(NODE).create(kinds.PODCERTIFICATEREQUEST, "r", spec={**right, **change})
            assert message in str(caught.value)

    run(scenario, **OPEN)
