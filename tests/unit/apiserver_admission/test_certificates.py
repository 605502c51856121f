"""The plugins about certificates: who may approve, sign and attest, and what nobody may ask for."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Forbidden
from pybernetes.apiserver.user import User

from .conftest import Client

BOB = User("bob", groups=("system:authenticated",))
SIGNER = "kubernetes.io/kube-apiserver-client"


def request(name: str, group: str) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    subject = [
        x509.NameAttribute(NameOID.COMMON_NAME, name),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, group),
    ]
    key = ec.generate_private_key(ec.SECP256R1())
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject)).sign(key, hashes.SHA256())
    return base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()


async def csr(client: Client, name: str, group: str = "dev") -> Any:
    spec = {"request": request(name, group), "signerName": SIGNER, "usages": ["client auth"]}
    return await client.create(kinds.CERTIFICATESIGNINGREQUEST, name, spec=spec)


async def allow(client: Client, name: str, *rules: Any) -> None:
    group = "rbac.authorization.k8s.io"
    await client.create(kinds.CLUSTERROLE, name, rules=list(rules))
    await client.create(
        kinds.CLUSTERROLEBINDING,
        name,
        roleRef={"apiGroup": group, "kind": "ClusterRole", "name": name},
        subjects=[{"kind": "User", "apiGroup": group, "name": "bob"}],
    )


def rule(resource: str, *verbs: str, names: Any = ()) -> dict[str, Any]:
    tree = {"apiGroups": ["certificates.k8s.io"], "resources": [resource], "verbs": list(verbs)}
    return {**tree, "resourceNames": list(names)} if names else tree


def test_nobody_asks_for_masters(run) -> None:
    async def scenario(client: Client) -> None:
        await csr(client, "ok")
        with pytest.raises(Forbidden) as caught:
            await csr(client, "bad", "system:masters")
        assert f"use of {SIGNER} signer with system:masters group is not allowed" in caught.value.message

    run(scenario)


@pytest.mark.parametrize(
    ("subresource", "verb", "names"),
    [
        ("approval", "approve", [SIGNER]),
        ("approval", "approve", ["kubernetes.io/*"]),
        ("status", "sign", [SIGNER]),
    ],
)
def test_acting_for_a_signer_needs_its_verb(run, subresource: str, verb: str, names: list[str]) -> None:
    async def scenario(client: Client) -> None:
        made = await csr(client, "a")
        resource = f"certificatesigningrequests/{subresource}"
        await allow(client, "write", rule(resource, "update"))
        condition = {"type": "Approved", "status": "True", "reason": "x", "message": "y"}
        body = {**made, "status": {"conditions": [condition]}}
        if subresource == "status":
            body["status"] = {"conditions": [{**condition, "type": "Failed"}]}
        bob = client.as_(BOB)

        async def write() -> Any:
            kind = kinds.CERTIFICATESIGNINGREQUEST
            return await bob.call("update", kind, "a", body, subresource=subresource)

        with pytest.raises(Forbidden) as caught:
            await write()
        assert f'user not permitted to {verb} requests with signerName "{SIGNER}"' in caught.value.message
        await allow(client, "act", rule("signers", verb, names=names))
        assert (await write())["status"]["conditions"]

    run(scenario)
