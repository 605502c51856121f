"""CertificateSigningRequests through a real API server in virtual time, signed by a CA made for the test."""

from __future__ import annotations

import base64
import datetime
import ipaddress
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from world import START, World, play

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj
from pybernetes.apiserver.user import User
from pybernetes.client.client import ApiClient
from pybernetes.client.interface import Client

ALL = (
    "certificatesigningrequest-signing-controller,certificatesigningrequest-approving-controller,"
    "certificatesigningrequest-cleaner-controller"
)
CLIENT = ("digital signature", "client auth")
SERVING = ("digital signature", "server auth")
API_CLIENT, NODE_CLIENT, NODE_SERVING = (
    f"kubernetes.io/{name}"
    for name in ("kube-apiserver-client", "kube-apiserver-client-kubelet", "kubelet-serving")
)


def name(common_name: str, *organizations: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, each) for each in organizations]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def authority() -> tuple[str, str]:
    """A CA that is valid for a thousand days from the start of the test: certificate and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    begin = datetime.datetime.fromtimestamp(START, datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name("kubernetes"))
        .issuer_name(name("kubernetes"))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=1000))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(pem).decode(), private.decode()


CA, CA_KEY = authority()


def request(
    common_name: str,
    *organizations: str,
    signer: str = API_CLIENT,
    usages: tuple[str, ...] = CLIENT,
    names: tuple[x509.GeneralName, ...] = (),
    **spec: Any,
) -> Obj:
    builder = x509.CertificateSigningRequestBuilder().subject_name(name(common_name, *organizations))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    made = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    pem = base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()
    full = {"request": pem, "signerName": signer, "usages": [*usages], **spec}
    return new_object(kinds.CERTIFICATESIGNINGREQUEST, "r", spec=full)


async def ask(world: World, obj: Obj, client: Client | None = None) -> None:
    await (client or world.client).create(kinds.CERTIFICATESIGNINGREQUEST, obj)
    await world.settle(2)


async def decide(world: World, kind: str = "Approved") -> None:
    found = await world.client.get(kinds.CERTIFICATESIGNINGREQUEST, "r")
    condition = {"type": kind, "status": "True", "reason": "Test", "message": "so it is"}
    changed = {**found, "status": {"conditions": [condition]}}
    await world.client.update(kinds.CERTIFICATESIGNINGREQUEST, changed, subresource="approval")
    await world.settle(2)


async def status(world: World) -> Obj:
    found = await world.client.get(kinds.CERTIFICATESIGNINGREQUEST, "r")
    return dict(found["status"])


async def issued(world: World) -> x509.Certificate:
    return x509.load_pem_x509_certificate(base64.b64decode((await status(world))["certificate"]))


def run(story: Any) -> None:
    play(story, ALL, cluster_signing_cert=CA, cluster_signing_key=CA_KEY)


def test_what_is_approved_is_signed() -> None:
    async def story(world: World) -> None:
        await ask(world, request("jane", "devs", expirationSeconds=3600))
        assert await status(world) == {}, "a person has to decide"
        await decide(world)
        made = await issued(world)
        ca = x509.load_pem_x509_certificate(CA.encode())
        made.verify_directly_issued_by(ca)
        assert made.subject == name("jane", "devs")
        usages = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert [*usages] == [ExtendedKeyUsageOID.CLIENT_AUTH]
        plain = made.extensions.get_extension_for_class(x509.KeyUsage).value
        assert (plain.digital_signature, plain.key_encipherment) == (True, False)
        assert made.not_valid_after_utc - made.not_valid_before_utc == datetime.timedelta(hours=1)

    run(story)


def test_a_long_certificate_begins_early_and_ends_with_the_limit() -> None:
    async def story(world: World) -> None:
        await ask(world, request("jane", expirationSeconds=10**9))
        await decide(world)
        made = await issued(world)
        now = datetime.datetime.fromtimestamp(world.env.now(), datetime.UTC)
        assert (
            datetime.timedelta(minutes=5) <= now - made.not_valid_before_utc < datetime.timedelta(minutes=6)
        )
        assert datetime.timedelta(days=364) < made.not_valid_after_utc - now <= datetime.timedelta(days=365)

    run(story)


def test_a_kubelet_renews_its_own_certificate_without_a_person() -> None:
    async def story(world: World) -> None:
        user = User("system:node:n1", groups=("system:nodes", "system:authenticated"))
        kubelet = ApiClient(world.server.transport(user))
        await ask(world, request("system:node:n1", "system:nodes", signer=NODE_CLIENT), kubelet)
        ((approved,), made) = (await status(world))["conditions"], await issued(world)
        assert (approved["type"], approved["reason"]) == ("Approved", "AutoApproved")
        assert approved["message"] == (
            "Auto approving self kubelet client certificate after SubjectAccessReview."
        )
        assert made.subject == name("system:node:n1", "system:nodes")

    run(story)


def test_a_node_that_joins_by_token_is_approved_and_others_are_not() -> None:
    async def story(world: World) -> None:
        groups = ("system:bootstrappers", "system:bootstrappers:kubeadm:default-node-token")
        joining = User("system:bootstrap:abcdef", groups=(*groups, "system:authenticated"))
        client = ApiClient(world.server.transport(joining))
        await ask(world, request("system:node:n2", "system:nodes", signer=NODE_CLIENT), client)
        (approved,) = (await status(world))["conditions"]
        assert approved["message"] == "Auto approving kubelet client certificate after SubjectAccessReview."
        await world.client.delete(kinds.CERTIFICATESIGNINGREQUEST, "r")
        usual = world.client
        binding = new_object(
            kinds.CLUSTERROLEBINDING,
            "asks",
            roleRef={
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "system:node-bootstrapper",
            },
            subjects=[{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "jane"}],
        )
        await usual.create(kinds.CLUSTERROLEBINDING, binding)
        jane = ApiClient(world.server.transport(User("jane", groups=("system:authenticated",))))
        await ask(world, request("system:node:n2", "system:nodes", signer=NODE_CLIENT), jane)
        await world.settle(120)
        assert await status(world) == {}

    run(story)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (
            request("jane", usages=SERVING),
            "usages did not match [client auth digital signature key encipherment]",
        ),
        (
            request("system:node:n1", "devs", signer=NODE_SERVING, usages=SERVING),
            "subject organization is not system:nodes",
        ),
        (
            request("n1", "system:nodes", signer=NODE_SERVING, usages=SERVING),
            "subject common name does not begin with system:node:",
        ),
        (
            request("system:node:n1", "system:nodes", signer=NODE_SERVING, usages=SERVING),
            "DNS or IP subjectAltName is required",
        ),
        (
            request("system:node:n1", "system:nodes", signer=NODE_CLIENT, names=(x509.DNSName("n1"),)),
            "DNS subjectAltNames are not allowed",
        ),
        (
            request(
                "system:node:n1",
                "system:nodes",
                signer=NODE_SERVING,
                usages=SERVING,
                names=(x509.DNSName("n1"), x509.RFC822Name("a@b.org")),
            ),
            "Email subjectAltNames are not allowed",
        ),
    ],
)
def test_what_a_signer_does_not_sign_fails(made: Obj, why: str) -> None:
    async def story(world: World) -> None:
        await ask(world, made)
        await decide(world)
        seen = await status(world)
        failed = seen["conditions"][-1]
        assert (failed["type"], failed["reason"]) == ("Failed", "SignerValidationFailure")
        assert failed["message"] == why
        assert "certificate" not in seen

    run(story)


def test_a_serving_certificate_keeps_its_names() -> None:
    async def story(world: World) -> None:
        names = (x509.DNSName("n1"), x509.IPAddress(ipaddress.ip_address("10.0.0.1")))
        await ask(
            world,
            request("system:node:n1", "system:nodes", signer=NODE_SERVING, usages=SERVING, names=names),
        )
        await decide(world)
        found = (await issued(world)).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert [*found] == [*names]

    run(story)


def test_requests_of_other_signers_and_denied_ones_are_left() -> None:
    async def story(world: World) -> None:
        await ask(world, request("jane", signer="example.org/own"))
        await decide(world)
        assert "certificate" not in await status(world)
        await world.client.delete(kinds.CERTIFICATESIGNINGREQUEST, "r")
        await ask(world, request("jane"))
        await decide(world, "Denied")
        assert "certificate" not in await status(world)

    run(story)


@pytest.mark.parametrize(("decision", "hours"), [("Approved", 1), ("Denied", 1), (None, 24)])
def test_what_is_over_is_removed(decision: str | None, hours: int) -> None:
    async def story(world: World) -> None:
        await ask(world, request("jane"))
        if decision:
            await decide(world, decision)
        await world.settle(hours * 3600 - 60)
        assert await world.get(kinds.CERTIFICATESIGNINGREQUEST, "r", "") is not None
        await world.settle(120)
        assert await world.get(kinds.CERTIFICATESIGNINGREQUEST, "r", "") is None

    run(story)
