"""ClusterTrustBundles and PodCertificateRequests."""

from __future__ import annotations

import base64
import datetime
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID
from kindrules import INVALID, REQUIRED, UNSUPPORTED, changed, new_errors, row, status_errors, update_errors

from pybernetes.api.certificates.clustertrustbundle import CLUSTERTRUSTBUNDLE as BUNDLE
from pybernetes.api.certificates.podcertificaterequest import PODCERTIFICATEREQUEST as REQUEST
from pybernetes.lang import timestamps

START = datetime.datetime(2026, 9, 1, tzinfo=datetime.UTC)
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])


@cache
def key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def certificate(*, ca: bool = True, hours: int = 24, serial: int = 1, other: bool = False) -> str:
    signer = ec.generate_private_key(ec.SECP256R1()) if other else key()
    built = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(signer.public_key())
        .serial_number(serial)
        .not_valid_before(START)
        .not_valid_after(START + datetime.timedelta(hours=hours))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(key(), None)
    )
    return built.public_bytes(serialization.Encoding.PEM).decode()


def bundle(text: str, name: str = "roots", signer: str = "") -> dict:
    spec = {"trustBundle": text, **({"signerName": signer} if signer else {})}
    return {"metadata": {"name": name}, "spec": spec}


def omitted(why: str) -> list:
    return [(INVALID, "spec.trustBundle", f'Invalid value: "<value omitted>": {why}')]


def test_bundles() -> None:
    good = certificate()
    assert new_errors(BUNDLE, bundle(f"# a comment\n{good}")) == []
    assert new_errors(BUNDLE, bundle("")) == omitted("at least one trust anchor must be provided")
    assert new_errors(BUNDLE, bundle(good + good)) == omitted("duplicate trust anchor (indices [0 1])")
    assert new_errors(BUNDLE, bundle(certificate(ca=False))) == omitted(
        "entry 0 does not have the CA bit set"
    )
    odd = good.replace("CERTIFICATE", "PRIVATE KEY")
    assert new_errors(BUNDLE, bundle(good + odd)) == omitted("entry 1 has bad block type: PRIVATE KEY")


def test_names_of_bundles() -> None:
    good, signer = certificate(), "example.com/my-signer"
    assert new_errors(BUNDLE, bundle(good, "example.com:my-signer:v1", signer)) == []
    assert new_errors(BUNDLE, bundle(good, "v1", signer)) == [
        (
            INVALID,
            "metadata.name",
            'Invalid value: "v1": ClusterTrustBundle for signerName example.com/my-signer must be named with prefix '
            "example.com:my-signer:",
        )
    ]
    assert new_errors(BUNDLE, bundle(good, "a:b"))[0][2].endswith(
        'ClusterTrustBundle without signer name must not have ":" in its name'
    )


def test_updates_of_bundles() -> None:
    old = bundle("what was once accepted")
    assert update_errors(BUNDLE, old, old) == []
    assert update_errors(BUNDLE, bundle("other"), old) == omitted(
        "at least one trust anchor must be provided"
    )
    moved = bundle("what was once accepted", "example.com:x:roots", "example.com/x")
    assert update_errors(BUNDLE, moved, old) == [
        (INVALID, "spec.signerName", 'Invalid value: "example.com/x": field is immutable')
    ]
    assert row(BUNDLE, old) == {"Name": "roots", "SignerName": "<none>"}


def request(**spec: object) -> dict:
    csr = x509.CertificateSigningRequestBuilder().subject_name(NAME).sign(key(), None)
    return {
        "metadata": {"name": "r", "namespace": "default"},
        "spec": {
            "signerName": "example.com/pods",
            "podName": "web",
            "podUID": "1",
            "serviceAccountName": "default",
            "serviceAccountUID": "2",
            "nodeName": "node-1",
            "nodeUID": "3",
            "stubPKCS10Request": base64.b64encode(csr.public_bytes(serialization.Encoding.DER)).decode(),
            **spec,
        },
    }


def test_requests_of_pods() -> None:
    tree = request()
    REQUEST.default(tree)
    assert tree["spec"]["maxExpirationSeconds"] == 86400
    assert new_errors(REQUEST, request()) == []
    weak = x509.CertificateSigningRequestBuilder().subject_name(NAME)
    from cryptography.hazmat.primitives.asymmetric import rsa

    der = weak.sign(rsa.generate_private_key(65537, 2048), hashes.SHA256()).public_bytes(
        serialization.Encoding.DER
    )
    assert new_errors(REQUEST, request(stubPKCS10Request=base64.b64encode(der).decode()))[0][2].endswith(
        "RSA keys must have modulus size 3072 or 4096"
    )


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        ({"podUID": ""}, "spec.podUID", 'Invalid value: "": must not be empty'),
        (
            {"maxExpirationSeconds": 60},
            "spec.maxExpirationSeconds",
            "Invalid value: 60: must be in the range [3600, 7862400]",
        ),
        (
            {"maxExpirationSeconds": 90000, "signerName": "kubernetes.io/kube-apiserver-client-pod"},
            "spec.maxExpirationSeconds",
            "Invalid value: 90000: must be in the range [3600, 86400]",
        ),
        (
            {"stubPKCS10Request": "AAAA"},
            "spec.stubPKCS10Request",
            'Invalid value: "AAAA": must be a valid DER-serialized PKCS#10 certificate signing request',
        ),
    ],
)
def test_rules_of_requests(spec: dict, field: str, message: str) -> None:
    assert new_errors(REQUEST, request(**spec)) == [(INVALID, field, message)]


def issued(chain: str, **status: object) -> dict:
    begin = START.timestamp()
    return {
        **request(maxExpirationSeconds=86400),
        "status": {
            "conditions": [
                {
                    "type": "Issued",
                    "status": "True",
                    "reason": "R",
                    "lastTransitionTime": "2026-09-01T00:00:00Z",
                }
            ],
            "certificateChain": chain,
            "notBefore": timestamps.rfc3339(begin),
            "notAfter": timestamps.rfc3339(begin + 86400),
            "beginRefreshAt": timestamps.rfc3339(begin + 3600),
            **status,
        },
    }


def test_issuing() -> None:
    old, good = request(), certificate()
    assert status_errors(REQUEST, issued(good), old) == []
    assert status_errors(REQUEST, issued(certificate(other=True)), old)[0][2].endswith(
        "leaf certificate was not issued to the requested public key"
    )
    assert status_errors(REQUEST, changed(issued(good), status__notAfter=None), old) == [
        (
            REQUIRED,
            "status.notAfter",
            "Required value: must be present and consistent with the issued certificate",
        )
    ]
    late = issued(good, beginRefreshAt=timestamps.rfc3339(START.timestamp() + 86000))
    assert status_errors(REQUEST, late, old)[0][2].endswith(
        "must be at least 10 minutes before status.notAfter"
    )
    assert status_errors(REQUEST, changed(issued(good), status__notAfter=None), issued(good)) == [
        (
            INVALID,
            "status",
            "Invalid value: immutable after PodCertificateRequest is issued, denied, or failed",
        )
    ]
    assert status_errors(REQUEST, {**old, "status": {"certificateChain": "x"}}, old) == [
        (
            INVALID,
            "status",
            'Invalid value: status is immutable unless transitioning to "Issued", "Denied", or "Failed"',
        )
    ]
    odd = {**old, "status": {"conditions": [{"type": "Odd", "status": "True"}]}}
    assert status_errors(REQUEST, odd, old)[0][0] == UNSUPPORTED


def test_chains_are_certificates_all_through() -> None:
    old, good = request(), certificate()
    mixed = issued(good + good.replace("CERTIFICATE", "PRIVATE KEY"))
    ((reason, field, message),) = status_errors(REQUEST, mixed, old)
    assert (reason, field) == (INVALID, "status.certificateChain")
    assert message.endswith("issued certificate chain must consist entirely of CERTFICATE PEM blocks")
    unexplained = issued(good)
    del unexplained["status"]["conditions"][0]["reason"]
    assert [(r, f) for r, f, _ in status_errors(REQUEST, unexplained, old)] == [
        (REQUIRED, "status.conditions[0].reason")
    ]
