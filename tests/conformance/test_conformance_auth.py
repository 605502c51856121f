"""Service accounts, certificates, reviews (upstream: test/e2e/auth, test/e2e/architecture)."""

from __future__ import annotations

import ast
import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.errors import Forbidden, NotFound
from pybernetes.api.meta import Obj
from tests.conformance.programs import IMAGE, TOKENS
from tests.conformance.scenario import Raw, api_operations, changed, gone, until, watching
from tests.conformance.workloads import pod

ACCOUNT = kinds.SERVICEACCOUNT
CSR = kinds.CERTIFICATESIGNINGREQUEST


async def test_two_nodes(c: Cluster) -> None:
    """[sig-architecture] Conformance Tests should have at least two untainted nodes [Conformance]"""
    nodes = (await c.client.list(kinds.NODE)).items
    assert len([node for node in nodes if not node["spec"].get("taints")]) >= 2


# ---- service accounts


def account(name: str, ns: str, **fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": ns}, **fields}


async def test_automount(c: Cluster, ns: str) -> None:
    """[sig-auth] ServiceAccounts should allow opting out of API token automount [Conformance]"""
    automount: dict[str, dict[str, Any]] = {
        "default": {},
        "mount": {"automountServiceAccountToken": True},
        "nomount": {"automountServiceAccountToken": False},
    }
    for name in ("mount", "nomount"):
        await c.client.create(ACCOUNT, account(name, ns, **automount[name]))
    for own, wish in (("default", None), ("mountspec", True), ("nomountspec", False)):
        for name in automount:
            spec = {
                "serviceAccountName": name,
                **({} if wish is None else {"automountServiceAccountToken": wish}),
            }
            made = await c.client.create(kinds.POD, pod(f"pod-service-account-{name}-{own}", ns, **spec))
            mounts = made["spec"]["containers"][0].get("volumeMounts") or []
            expected = name != "nomount" if wish is None else wish
            assert (TOKENS in [mount["mountPath"] for mount in mounts]) == expected, (name, own)


async def printed(c: Cluster, ns: str, made: Obj) -> str:
    """What a pod has printed when it has succeeded."""
    name = made["metadata"]["name"]
    await c.client.create(kinds.POD, made)
    await c.wait(f"pod/{name}", "status.phase=Succeeded", namespace=ns)
    return await c.logs(name, namespace=ns)


async def test_mounted_token(c: Cluster, ns: str) -> None:
    """[sig-auth] ServiceAccounts should mount an API token into pods [Conformance]"""
    await c.client.create(ACCOUNT, account("mount-test", ns))
    container = {"name": "test", "image": IMAGE + "mounted"}
    made = pod("mounts", ns, containers=[container], serviceAccountName="mount-test", restartPolicy="Never")
    lines = dict(line.split("=", 1) for line in (await printed(c, ns, made)).splitlines())
    assert ast.literal_eval(lines["namespace"]) == ns
    root = await c.client.get(kinds.CONFIGMAP, "kube-root-ca.crt", ns)
    assert ast.literal_eval(lines["ca.crt"]) == root["data"]["ca.crt"]
    review = await reviewed(c, ast.literal_eval(lines["token"]))
    assert review["user"]["username"] == f"system:serviceaccount:{ns}:mount-test"
    groups = {"system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{ns}"}
    assert groups <= {*review["user"]["groups"]}


async def reviewed(c: Cluster, token: str) -> Any:
    """The status of a review of a token that must be good."""
    review = await c.client.create(kinds.TOKENREVIEW, {"spec": {"token": token}})
    assert review["status"].get("error", "") == ""
    assert review["status"]["authenticated"] is True
    return review["status"]


async def test_projected_token(c: Cluster, ns: str) -> None:
    """[sig-auth] ServiceAccounts should mount projected service account token [Conformance]"""
    source = {"serviceAccountToken": {"path": "custom-token", "expirationSeconds": 7200}}
    container = {
        "name": "test",
        "image": IMAGE + "projected",
        "volumeMounts": [{"name": "tokens", "mountPath": "/var/run/secrets/tokens"}],
    }
    volumes = [{"name": "tokens", "projected": {"sources": [source]}}]
    made = pod("projected", ns, containers=[container], volumes=volumes, restartPolicy="Never")
    token = (await printed(c, ns, made)).strip()
    claims = json.loads(decoded(token.split(".")[1]))
    assert claims["exp"] - claims["iat"] == 7200
    assert claims["kubernetes.io"]["pod"]["name"] == "projected"
    assert claims["sub"] == f"system:serviceaccount:{ns}:default"


async def test_root_ca(c: Cluster, ns: str) -> None:
    """[sig-auth] ServiceAccounts should guarantee kube-root-ca.crt exist in any namespace [Conformance]"""
    name = "kube-root-ca.crt"
    first = await c.client.get(kinds.CONFIGMAP, name, ns)
    assert first["data"]["ca.crt"].startswith("-----BEGIN CERTIFICATE-----")
    await c.client.delete(kinds.CONFIGMAP, name, ns)

    async def current() -> Any:
        try:
            found = await c.client.get(kinds.CONFIGMAP, name, ns)
        except NotFound:
            return None
        return found["data"] == first["data"] and found["metadata"]["uid"]

    again = await until("the bundle is there again", current)
    assert again != first["metadata"]["uid"]
    await c.client.patch(kinds.CONFIGMAP, name, ns, {"data": {"ca.crt": ""}})
    await until("the bundle is whole again", current)


async def test_account_lifecycle(c: Cluster, ns: str) -> None:
    """[sig-auth] ServiceAccounts should run through the lifecycle of a ServiceAccount [Conformance]"""
    label = {"test-serviceaccount-static": "true"}
    selector = "test-serviceaccount-static=true"
    async with watching(c.client, ACCOUNT, ns, labels=selector) as seen:
        await c.client.create(ACCOUNT, changed(account("testserviceaccount", ns), labels=label))
        assert (await seen.next()).type == "ADDED"
        patch = {"automountServiceAccountToken": False}
        patched = await c.client.patch(ACCOUNT, "testserviceaccount", ns, patch, patch_type="strategic")
        assert patched["automountServiceAccountToken"] is False
        listed = (await c.client.list(ACCOUNT, labels=selector)).items
        assert [obj["automountServiceAccountToken"] for obj in listed] == [False]
        await c.client.delete_collection(ACCOUNT, ns, labels=selector)
        assert (await seen.next()).type == "MODIFIED"
        assert (await seen.next()).type == "DELETED"


async def test_account_update(c: Cluster, ns: str) -> None:
    """[sig-auth] ServiceAccounts should update a ServiceAccount [Conformance]"""
    made = await c.client.create(ACCOUNT, account("e2e-sa", ns, automountServiceAccountToken=True))
    updated = await c.client.update(ACCOUNT, {**made, "automountServiceAccountToken": False})
    assert updated["automountServiceAccountToken"] is False
    assert (await c.client.get(ACCOUNT, "e2e-sa", ns))["automountServiceAccountToken"] is False


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verify(token: str, key: Any) -> None:
    """Raises InvalidSignature unless the key has signed the token."""
    head, claims, signature = token.split(".")
    signed, given = f"{head}.{claims}".encode(), decoded(signature)
    if key["kty"] == "RSA":
        numbers = rsa.RSAPublicNumbers(int.from_bytes(decoded(key["e"])), int.from_bytes(decoded(key["n"])))
        numbers.public_key().verify(given, signed, padding.PKCS1v15(), hashes.SHA256())
        return
    assert (key["kty"], key["crv"], key["alg"]) == ("EC", "P-256", "ES256")
    x, y = (int.from_bytes(decoded(key[part])) for part in "xy")
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    half = len(given) // 2
    both = encode_dss_signature(int.from_bytes(given[:half]), int.from_bytes(given[half:]))
    public.verify(both, signed, ec.ECDSA(hashes.SHA256()))


async def test_oidc_discovery(c: Cluster, ns: str, raw: Raw) -> None:
    """[sig-auth] ServiceAccounts ServiceAccountIssuerDiscovery should support OIDC discovery of service account issuer [Conformance]"""
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": ["oidc-discovery-test"]},
    }
    named = {**body, "metadata": {"name": "default", "namespace": ns}}
    made = await c.client.create(ACCOUNT, named, subresource="token", name="default")
    token = made["status"]["token"]
    claims = json.loads(decoded(token.split(".")[1]))
    assert claims["aud"] == ["oidc-discovery-test"]
    own = await c.client.create(ACCOUNT, {**named, "spec": {}}, subresource="token", name="default")
    somebody = Raw(c, own["status"]["token"])  # any service account may read both documents
    found = await somebody.get("/.well-known/openid-configuration")
    assert found["issuer"] == claims["iss"]
    assert found["subject_types_supported"] == ["public"]
    assert found["response_types_supported"] == ["id_token"]
    told = await somebody("GET", "/openid/v1/jwks")
    assert told.headers["content-type"] == "application/jwk-set+json"
    header = json.loads(decoded(token.split(".")[0]))
    [key] = [key for key in told.json()["keys"] if key["kid"] == header["kid"]]
    assert header["alg"] in found["id_token_signing_alg_values_supported"]
    verify(token, key)
    assert (await raw("GET", "/openid/v1/jwks", headers={"authorization": ""})).status in (401, 403)


async def test_subject_reviews(c: Cluster, ns: str) -> None:
    """[sig-auth] SubjectReview should support SubjectReview API operations [Conformance]"""
    await c.client.create(ACCOUNT, account("e2e", ns))
    user = f"system:serviceaccount:{ns}:e2e"
    attributes = {"verb": "list", "resource": "configmaps", "namespace": ns, "version": "v1"}
    spec = {"user": user, "resourceAttributes": attributes}

    async def allowed() -> bool:
        try:
            await c.client_as(user).list(kinds.CONFIGMAP, ns)
        except Forbidden:
            return False
        return True

    async def compare() -> bool:
        whole = await c.client.create(kinds.SUBJECTACCESSREVIEW, {"spec": spec})
        local = await c.client.create(
            kinds.LOCALSUBJECTACCESSREVIEW, {"metadata": {"namespace": ns}, "spec": spec}
        )
        assert whole["status"]["allowed"] == local["status"]["allowed"] == await allowed()
        return bool(whole["status"]["allowed"])

    assert not await compare()
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    subject = {"kind": "ServiceAccount", "name": "e2e", "namespace": ns}
    binding = {"metadata": {"name": "view", "namespace": ns}, "roleRef": role, "subjects": [subject]}
    await c.client.create(kinds.ROLEBINDING, binding)
    assert await compare()


# ---- certificates


def request_of() -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "e2e-csr-example")])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return base64.b64encode(made.public_bytes(Encoding.PEM)).decode()


async def test_certificates(c: Cluster, raw: Raw) -> None:
    """[sig-auth] Certificates API [Privileged:ClusterAdmin] should support CSR API operations [Conformance]"""
    spec = {
        "request": request_of(),
        "signerName": "example.com/e2e-signer",
        "expirationSeconds": 3600,
        "usages": ["digital signature", "key encipherment", "server auth"],
    }

    def make(name: str) -> Obj:
        return {"metadata": {"name": name}, "spec": spec}

    await api_operations(raw, c.client, CSR, make, subresources=("approval", "status"))
    await c.client.create(CSR, make("e2e-csr"))
    for subresource in ("approval", "status"):
        assert (await c.client.get(CSR, "e2e-csr", subresource=subresource))["spec"]["signerName"] == spec[
            "signerName"
        ]

    approval = {"type": "ApprovalPatch", "status": "True", "reason": "e2e", "message": "Set from an e2e test"}
    patch: Any = {
        "metadata": {"annotations": {"patchedapproval": "true"}},
        "status": {"conditions": [approval]},
    }
    patched = await c.client.patch(CSR, "e2e-csr", "", patch, subresource="approval")
    assert [each["type"] for each in patched["status"]["conditions"]] == ["ApprovalPatch"]
    assert patched["metadata"]["annotations"] == {"patchedapproval": "true"}
    conditions = [*patched["status"]["conditions"], {**approval, "type": "Approved"}]
    approved = await c.client.update(
        CSR, {**patched, "status": {"conditions": conditions}}, subresource="approval"
    )
    assert [each["type"] for each in approved["status"]["conditions"]] == ["ApprovalPatch", "Approved"]

    patch = {"metadata": {"annotations": {"patchedstatus": "true"}}, "status": {"certificate": CERTIFICATE}}
    signed = await c.client.patch(CSR, "e2e-csr", "", patch, subresource="status")
    assert signed["status"]["certificate"] == CERTIFICATE
    assert len(signed["status"]["conditions"]) == 2
    more = [*signed["status"]["conditions"], {**approval, "type": "StatusUpdate"}]
    status = {**signed["status"], "conditions": more}
    updated = await c.client.update(CSR, {**signed, "status": status}, subresource="status")
    assert [each["type"] for each in updated["status"]["conditions"]][-1] == "StatusUpdate"
    await c.client.delete(CSR, "e2e-csr")
    await gone(c.client, CSR, "e2e-csr")


def _certificate() -> str:
    from tests.conformance.hooks import certificate

    return base64.b64encode(certificate().certificate.encode()).decode()


CERTIFICATE = _certificate()


async def test_no_approval_without_the_right(c: Cluster) -> None:
    """Who may update requests may not for that reason approve them."""
    rules = [
        {
            "apiGroups": ["certificates.k8s.io"],
            "resources": ["certificatesigningrequests/approval"],
            "verbs": ["update", "get"],
        }
    ]
    await c.client.create(kinds.CLUSTERROLE, {"metadata": {"name": "half-approver"}, "rules": rules})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "half-approver"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "half"}
    await c.client.create(
        kinds.CLUSTERROLEBINDING,
        {"metadata": {"name": "half-approver"}, "roleRef": role, "subjects": [subject]},
    )
    spec = {"request": request_of(), "signerName": "example.com/e2e-signer", "usages": ["server auth"]}
    made = await c.client.create(CSR, {"metadata": {"name": "unapproved"}, "spec": spec})
    condition = {"type": "Approved", "status": "True", "reason": "e2e", "message": "no"}
    with pytest.raises(Forbidden, match="not permitted to approve requests with signerName"):
        await c.client_as("half").update(
            CSR, {**made, "status": {"conditions": [condition]}}, subresource="approval"
        )
    await c.client.delete(CSR, "unapproved")
