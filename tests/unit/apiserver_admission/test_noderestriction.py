"""NodeRestriction: what a kubelet may not do, with upstream's sentences."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Forbidden
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
            ({"serviceAccountName": "default"}, "can not create pods that reference a service account"),
            ({"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}, "that reference secrets"),
            ({"volumes": [{"name": "v", "configMap": {"name": "s"}}]}, "that reference configmaps"),
            (
                {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "s"}}]},
                "that reference persistentvolumeclaims",
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
