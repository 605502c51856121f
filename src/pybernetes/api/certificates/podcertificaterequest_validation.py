"""The rules of PodCertificateRequests. The spec never changes; the status changes once, to its end."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from pybernetes.lang import names, timestamps

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..validation.conditions import validate_conditions
from ..validation.metadata import validate_annotations
from ..validation.values import immutable
from .pem import CERTIFICATE, blocks
from .signername import validate_signer_name

if TYPE_CHECKING:
    from cryptography import x509

ENDS = ("Issued", "Denied", "Failed")
HOUR, DAY = 3600, 86400
LONGEST, LONGEST_OF_KUBERNETES = 91 * DAY, DAY
"""Seconds a certificate may be asked for; signers of `kubernetes.io` give less."""
LARGEST_REQUEST, LARGEST_CHAIN = 10 * 1024, 100 * 1024
"""Bytes."""
LONGEST_UID = 128
_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+")
MARGIN = 600
"""Seconds that a refresh keeps from both ends of a certificate's life."""


def validate_create(request: Obj, errors: FieldErrors) -> None:
    spec, at = request.get("spec") or {}, errors.at("spec")
    signer = spec.get("signerName") or ""
    validate_signer_name(signer, at.at("signerName"))
    validate_annotations(spec.get("unverifiedUserAnnotations"), at.at("unverifiedUserAnnotations"))
    for field, uid in (
        ("podName", "podUID"),
        ("serviceAccountName", "serviceAccountUID"),
        ("nodeName", "nodeUID"),
    ):
        for message in names.dns1123_subdomain(spec.get(field) or ""):
            at.invalid(spec.get(field) or "", message, field)
        if not spec.get(uid):
            at.invalid("", "must not be empty", uid)
        elif len(spec[uid].encode()) > LONGEST_UID:
            at.too_long(LONGEST_UID, uid)
    seconds = spec.get("maxExpirationSeconds")
    if seconds is None:
        at.required("maxExpirationSeconds", "must be set")
        return
    most = LONGEST_OF_KUBERNETES if _is_kubernetes(signer) else LONGEST
    if not HOUR <= seconds <= most:
        at.invalid(seconds, f"must be in the range [{HOUR}, {most}]", "maxExpirationSeconds")
    _validate_request(spec.get("stubPKCS10Request") or "", at.at("stubPKCS10Request"))


def _is_kubernetes(signer: str) -> bool:
    domain = signer.partition("/")[0]
    return domain == "kubernetes.io" or domain.endswith(".kubernetes.io")


def _validate_request(encoded: str, errors: FieldErrors) -> None:
    """A PKCS#10 request in DER, signed by the key that it asks for, of a kind that is strong enough."""
    try:
        der = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        der = b""
    if len(der) > LARGEST_REQUEST:
        errors.too_long(LARGEST_REQUEST)
        return
    request = _parsed(der)
    if request is None:
        errors.invalid(encoded, "must be a valid DER-serialized PKCS#10 certificate signing request")
        return
    if problem := _key_problem(request.public_key()):
        errors.invalid(encoded, problem)
    elif not request.is_signature_valid:
        errors.invalid(encoded, "could not verify the signature of the certificate signing request")


def _parsed(der: bytes) -> x509.CertificateSigningRequest | None:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        request = x509.load_der_x509_csr(der)
        request.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return request


def _key_problem(key: Any) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ed25519.Ed25519PublicKey):
        return ""
    if isinstance(key, ec.EllipticCurvePublicKey):
        good = key.curve.name in ("secp256r1", "secp384r1", "secp521r1")
        return "" if good else "elliptic public keys must use curve P256 or P384"
    if isinstance(key, rsa.RSAPublicKey):
        return "" if key.key_size in (3072, 4096) else "RSA keys must have modulus size 3072 or 4096"
    return "unknown public key type; supported types are Ed25519, ECDSA, and RSA"


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    immutable(new, old, "spec", errors)


def validate_status(new: Obj, old: Obj, errors: FieldErrors) -> None:
    status, before, at = new.get("status") or {}, old.get("status") or {}, errors.at("status")
    conditions, before_all = status.get("conditions") or (), len(errors.causes)
    _validate_known(conditions, at.at("conditions"))
    validate_conditions(conditions, at.at("conditions"))
    if len(errors.causes) > before_all:
        return
    if _end(before):
        if status != before:
            at.invalid_omitted("immutable after PodCertificateRequest is issued, denied, or failed")
        return
    match _end(status):
        case "Issued":
            _validate_issued(new.get("spec") or {}, status, at)
        case "Denied" | "Failed":
            if status.keys() - {"conditions"}:
                at.invalid_omitted(
                    "non-condition status fields must be empty when denying or failing the PodCertificateRequest"
                )
        case _:
            if status != before:
                at.invalid_omitted(
                    'status is immutable unless transitioning to "Issued", "Denied", or "Failed"'
                )


def _end(status: Obj) -> str:
    """The terminal condition that holds, "" for none."""
    for condition in status.get("conditions") or ():
        if condition.get("type") in ENDS and condition.get("status") == "True":
            return str(condition["type"])
    return ""


def _validate_known(conditions: Any, errors: FieldErrors) -> None:
    """At most one of the known conditions, and that is True."""
    known = 0
    for index, condition in enumerate(conditions):
        at, kind = errors.at(index), condition.get("type", "")
        if kind not in ENDS:
            at.not_supported(kind, list(ENDS), "type")
            continue
        known += 1
        if known > 1:
            at.invalid(
                kind, 'There may be at most one condition with type "Issued", "Denied", or "Failed"', "type"
            )
        if condition.get("status") != "True":
            at.not_supported(condition.get("status", ""), ["True"], "status")


def _validate_issued(spec: Obj, status: Obj, errors: FieldErrors) -> None:
    """A chain of certificates whose first is of the key asked for and lives as long as the status says; only then the
    others are looked at."""
    chain = status.get("certificateChain") or ""
    if len(chain.encode()) > LARGEST_CHAIN:
        errors.too_long(LARGEST_CHAIN, "certificateChain")
        return
    certificates, problem = _chain(chain)
    if not certificates:
        errors.invalid(chain, problem, "certificateChain")
        return
    before = len(errors.causes)
    _validate_subjects(certificates[0], errors)
    if not _same_key(spec, certificates[0]):
        errors.invalid(
            chain, "leaf certificate was not issued to the requested public key", "certificateChain"
        )
        return
    consistent = "must be present and consistent with the issued certificate"
    missing = {
        "notBefore": consistent,
        "notAfter": consistent,
        "beginRefreshAt": "must be present and in the range [notbefore+10min, notafter-10min]",
    }
    for field, detail in missing.items():
        if not status.get(field):
            errors.required(field, detail)
    if len(errors.causes) > before:
        return
    _validate_times(spec, status, certificates[0], errors)
    if problem and len(errors.causes) == before:
        errors.invalid(chain, problem, "certificateChain")


def _validate_subjects(leaf: x509.Certificate, errors: FieldErrors) -> None:
    """Names that Go's libraries would refuse to read back."""
    from cryptography import x509

    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    for name in found.get_values_for_type(x509.DNSName):
        if not name:
            errors.invalid(name, "leaf certificate should not contain empty DNSName", "certificateChain")
        if ".." in name:
            errors.invalid(name, "leaf certificate's DNSName should not contain '..'", "certificateChain")
        if name.startswith(".") or name.endswith("."):
            why = "leaf certificate's DNSName should not start or end with '.'"
            errors.invalid(name, why, "certificateChain")
    for address in found.get_values_for_type(x509.RFC822Name):
        if not _ADDRESS.fullmatch(address):
            why = "leaf certificate should not contain invalid EmailAddress"
            errors.invalid(address, why, "certificateChain")


def _chain(text: str) -> tuple[list[x509.Certificate], str]:
    """The certificates up to the first that is none, and what is wrong with that."""
    from cryptography import x509

    found: list[x509.Certificate] = []
    for block in blocks(text):
        if block.type != CERTIFICATE:
            # Upstream misspells the word for all but the first.
            word = "CERTFICATE" if found else CERTIFICATE
            return found, f"issued certificate chain must consist entirely of {word} PEM blocks"
        try:
            found.append(x509.load_der_x509_certificate(block.der))
        except ValueError:
            which = "intermediate" if found else "leaf"
            return found, f"{which} certificate does not parse as valid X.509"
    return found, "" if found else "issued certificate chain must contain at least one certificate"


def _same_key(spec: Obj, leaf: x509.Certificate) -> bool:
    request = _parsed(base64.b64decode(spec.get("stubPKCS10Request") or ""))
    return request is not None and request.public_key() == leaf.public_key()


def _validate_times(spec: Obj, status: Obj, leaf: x509.Certificate, errors: FieldErrors) -> None:
    begin, end = leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp()
    refresh = timestamps.parse(status["beginRefreshAt"])
    life, most = end - begin, spec.get("maxExpirationSeconds") or 0
    if timestamps.parse(status["notBefore"]) != begin:
        errors.invalid(
            status["notBefore"],
            "must be set to the NotBefore time encoded in the leaf certificate",
            "notBefore",
        )
    elif timestamps.parse(status["notAfter"]) != end:
        errors.invalid(
            status["notAfter"], "must be set to the NotAfter time encoded in the leaf certificate", "notAfter"
        )
    elif life < HOUR:
        errors.invalid(int(life), "leaf certificate lifetime must be >= 1 hour", "certificateChain")
    elif life > most:
        errors.invalid(
            int(life),
            f"leaf certificate lifetime must be <= spec.maxExpirationSeconds ({most})",
            "certificateChain",
        )
    elif refresh < begin + MARGIN:
        errors.invalid(
            status["beginRefreshAt"], "must be at least 10 minutes after status.notBefore", "beginRefreshAt"
        )
    elif refresh > end - MARGIN:
        errors.invalid(
            status["beginRefreshAt"], "must be at least 10 minutes before status.notAfter", "beginRefreshAt"
        )
