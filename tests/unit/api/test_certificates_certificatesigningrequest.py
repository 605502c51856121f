"""CertificateSigningRequests: the request, the decision, the certificate."""

from __future__ import annotations

import base64
import datetime
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kindrules import (
    CREATED,
    DUPLICATE,
    FORBIDDEN,
    INVALID,
    NOW,
    REQUIRED,
    UNSUPPORTED,
    changed,
    new_errors,
    row,
    said,
    status_errors,
)

from pybernetes.api.certificates.certificatesigningrequest import CERTIFICATESIGNINGREQUEST as KIND
from pybernetes.api.certificates.certificatesigningrequest_validation import validate_approval
from pybernetes.api.fielderrors import FieldErrors

SUBJECT = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jane")])


@cache
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def request() -> str:
    built = x509.CertificateSigningRequestBuilder().subject_name(SUBJECT).sign(key(), hashes.SHA256())
    return base64.b64encode(built.public_bytes(serialization.Encoding.PEM)).decode()


@cache
def certificate() -> str:
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(SUBJECT)
        .issuer_name(SUBJECT)
        .public_key(key().public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=1))
        .sign(key(), hashes.SHA256())
    )
    return base64.b64encode(built.public_bytes(serialization.Encoding.PEM)).decode()


def csr(*conditions: tuple[str, str], **status: object) -> dict:
    tree = {
        "metadata": {"name": "jane", "creationTimestamp": CREATED},
        "spec": {
            "request": request(),
            "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["client auth"],
            "username": "jane",
        },
        "status": dict(status),
    }
    if conditions:
        tree["status"]["conditions"] = [{"type": kind, "status": value} for kind, value in conditions]
    return tree


def test_a_good_request_passes() -> None:
    assert new_errors(KIND, csr()) == []
    assert new_errors(KIND, changed(csr(), spec__expirationSeconds=600)) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"spec__usages": []}, [(REQUIRED, "spec.usages", "Required value")]),
        (
            {"spec__usages": ["client auth", "client auth"]},
            [(DUPLICATE, "spec.usages[1]", 'Duplicate value: "client auth"')],
        ),
        (
            {"spec__signerName": "kubernetes.io/legacy-unknown"},
            [
                (
                    INVALID,
                    "spec.signerName",
                    'Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API '
                    "version",
                )
            ],
        ),
        (
            {"spec__signerName": "plain"},
            [
                (
                    INVALID,
                    "spec.signerName",
                    'Invalid value: "plain": must be a fully qualified domain and path of the form '
                    "'example.com/signer-name'",
                )
            ],
        ),
        (
            {"spec__signerName": "com/x"},
            [
                (
                    INVALID,
                    "spec.signerName",
                    'Invalid value: "com": should be a domain with at least two segments separated by dots',
                )
            ],
        ),
        (
            {"spec__expirationSeconds": 599},
            [
                (
                    INVALID,
                    "spec.expirationSeconds",
                    "Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)",
                )
            ],
        ),
    ],
)
def test_rules_of_the_spec(changes: dict, expected: list) -> None:
    assert new_errors(KIND, changed(csr(), **changes)) == expected


def test_unknown_usage_lists_the_known_ones() -> None:
    ((reason, field, message),) = new_errors(KIND, changed(csr(), spec__usages=["party"]))
    assert (reason, field) == (UNSUPPORTED, "spec.usages[0]")
    assert message.startswith(
        'Unsupported value: "party": supported values: "any", "cert sign", "client auth"'
    )


def test_what_is_no_request() -> None:
    ((reason, field, message),) = new_errors(KIND, changed(csr(), spec__request="aGVsbG8="))
    assert (reason, field) == (INVALID, "spec.request")
    assert message == 'Invalid value: "aGVsbG8=": PEM block type must be CERTIFICATE REQUEST'
    broken = base64.b64encode(
        b"-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n"
    ).decode()
    assert "malformed certificate request" in new_errors(KIND, changed(csr(), spec__request=broken))[0][2]


def test_status_and_spec_are_the_servers() -> None:
    new = csr(("Approved", "True"), certificate="x")
    KIND.prepare_create(new)
    assert new["status"] == {}
    other = changed(csr(), spec__signerName="example.com/other")
    KIND.prepare_update(other, csr())
    assert other["spec"]["signerName"] == "kubernetes.io/kube-apiserver-client"


def approval_errors(new: dict, old: dict) -> list:
    errors = FieldErrors()
    validate_approval(new, old, errors)
    return said(errors)


def test_approval() -> None:
    approved, denied = csr(("Approved", "True")), csr(("Denied", "True"))
    at = "status.conditions"
    assert approval_errors(approved, csr()) == []
    assert approval_errors(csr(("Approved", "True"), ("Denied", "True")), csr()) == [
        (INVALID, at, 'Invalid value: "Denied": Approved and Denied conditions are mutually exclusive')
    ]
    assert approval_errors(csr(), denied) == [
        (FORBIDDEN, at, 'Forbidden: updates may not remove a condition of type "Denied"')
    ]
    assert approval_errors(csr(("Approved", "False")), csr()) == [
        (UNSUPPORTED, f"{at}[0].status", 'Unsupported value: "False": supported values: "True"')
    ]
    assert approval_errors(csr(("Other", "")), csr()) == [(REQUIRED, f"{at}[0].status", "Required value")]
    assert approval_errors(csr(certificate=certificate()), csr()) == [
        (FORBIDDEN, "status.certificate", "Forbidden: updates may not set certificate content")
    ]


def test_signing() -> None:
    approved = csr(("Approved", "True"))
    signed = csr(("Approved", "True"), certificate=certificate())
    assert status_errors(KIND, signed, approved) == []
    assert status_errors(KIND, approved, csr()) == [
        (FORBIDDEN, "status.conditions", 'Forbidden: updates may not add a condition of type "Approved"')
    ]
    assert status_errors(KIND, csr(("Approved", "True"), certificate=""), signed) == [
        (FORBIDDEN, "status.certificate", "Forbidden: updates may not modify existing certificate content")
    ]
    assert status_errors(KIND, csr(certificate=request()), csr()) == [
        (
            INVALID,
            "status.certificate",
            'Invalid value: "<certificate data>": only CERTIFICATE PEM blocks are allowed, found "CERTIFICATE REQUEST"',
        )
    ]
    assert status_errors(KIND, csr(certificate="aGVsbG8="), csr())[0][2].endswith(
        "must contain at least one CERTIFICATE PEM block"
    )


def test_times_of_conditions() -> None:
    old = csr(("Approved", "True"))
    old["status"]["conditions"][0] |= {"lastTransitionTime": "T1", "lastUpdateTime": "T1", "reason": "mine"}
    new = csr(("Approved", "True"), ("Failed", "True"))
    KIND.prepare_status(new, old, NOW)
    approved, failed = new["status"]["conditions"]
    assert approved == old["status"]["conditions"][0]
    assert failed["lastTransitionTime"] == failed["lastUpdateTime"] == "2026-09-21T14:13:20Z"


def test_columns() -> None:
    tree = csr(("Approved", "True"), certificate="x")
    tree["spec"]["expirationSeconds"] = 7200
    assert row(KIND, tree) == {
        "Name": "jane",
        "Age": "60s",
        "SignerName": "kubernetes.io/kube-apiserver-client",
        "Requestor": "jane",
        "RequestedDuration": "120m",
        "Condition": "Approved,Issued",
    }
    assert row(KIND, csr())["RequestedDuration"] == "<none>"
    assert row(KIND, csr())["Condition"] == "Pending"
    assert row(KIND, csr(("Denied", "True"), ("Failed", "True")))["Condition"] == "Denied,Failed"
    assert KIND.selectable["spec.signerName"](csr()) == "kubernetes.io/kube-apiserver-client"
