"""The rules of CertificateSigningRequests: of the request itself once, of its conditions at every change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..validation.difference import difference
from .pem import CERTIFICATE, CERTIFICATE_REQUEST, blocks, decode_field
from .signername import validate_signer_name

APPROVED, DENIED, FAILED = "Approved", "Denied", "Failed"
LEGACY_SIGNER = "kubernetes.io/legacy-unknown"
SHORTEST = 600
"""Seconds a certificate must at least be asked for."""
USAGES = (
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
)


def validate_create(csr: Obj, errors: FieldErrors) -> None:
    """The spec, which never changes after."""
    spec, at = csr.get("spec") or {}, errors.at("spec")
    if problem := request_problem(spec.get("request")):
        at.invalid(spec.get("request"), problem, "request")
    _validate_usages(spec.get("usages") or (), at.at("usages"))
    signer = spec.get("signerName") or ""
    if signer == LEGACY_SIGNER:
        at.invalid(signer, "the legacy signerName is not allowed via this API version", "signerName")
    else:
        validate_signer_name(signer, at.at("signerName"))
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < SHORTEST:
        at.invalid(
            seconds, "may not specify a duration less than 600 seconds (10 minutes)", "expirationSeconds"
        )


def request_problem(request: str | None) -> str:
    """What is wrong with a request (base64 of PEM); "" for nothing."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    first = next(blocks(decode_field(request)), None)
    if first is None or first.type != CERTIFICATE_REQUEST:
        return "PEM block type must be CERTIFICATE REQUEST"
    try:
        parsed = x509.load_der_x509_csr(first.der)
        signed = parsed.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        return f"x509: malformed certificate request: {error}"
    return "" if signed else "x509: signature check of the certificate request failed"


def _validate_usages(usages: Sequence[str], errors: FieldErrors) -> None:
    if not usages:
        errors.required()
    for index, usage in enumerate(usages):
        if usage not in USAGES:
            errors.at(index).not_supported(usage, list(USAGES))
    for index, usage in enumerate(usages):
        if usage in usages[:index]:
            errors.at(index).duplicate(usage)


def validate_approval(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """A change through the subresource `approval`: conditions come, none of the deciding ones goes."""
    validate_conditions(new, old, errors)
    _keep_certificate(new, old, errors, may_issue=False)


def validate_status(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """A change through the subresource `status`: the certificate is set once, the decision stays as it is."""
    validate_conditions(new, old, errors)
    certificate = _status(new).get("certificate")
    if certificate != _status(old).get("certificate") and (problem := certificate_problem(certificate)):
        errors.at("status").invalid("<certificate data>", problem, "certificate")
    for kind in (APPROVED, DENIED):
        before, after = _of_type(old, kind), _of_type(new, kind)
        if len(after) > len(before):
            errors.at("status").forbidden(f'updates may not add a condition of type "{kind}"', "conditions")
        elif len(after) == len(before) and after != before:
            what = "\n".join(difference(b, a) for b, a in zip(before, after, strict=True))
            errors.at("status").forbidden(
                f'updates may not modify a condition of type "{kind}"\n{what}', "conditions"
            )
    _keep_certificate(new, old, errors, may_issue=True)


def validate_conditions(new: Obj, old: Obj | None, errors: FieldErrors) -> None:
    """What holds of the conditions however they are changed."""
    conditions, at = _status(new).get("conditions") or (), errors.at("status", "conditions")
    seen: list[str] = []
    for index, condition in enumerate(conditions):
        _validate_condition(condition, at.at(index))
        kind = condition.get("type", "")
        other = {APPROVED: DENIED, DENIED: APPROVED}.get(kind)
        if other in seen:
            at.invalid(kind, "Approved and Denied conditions are mutually exclusive")
        if kind in seen:
            at.at(index).duplicate(kind, "type")
        seen.append(kind)
    if old is None:
        return
    for kind in (APPROVED, DENIED, FAILED):
        if len(_of_type(new, kind)) < len(_of_type(old, kind)):
            at.forbidden(f'updates may not remove a condition of type "{kind}"')


def _validate_condition(condition: Obj, errors: FieldErrors) -> None:
    kind, status = condition.get("type", ""), condition.get("status", "")
    if not kind:
        errors.required("type")
    allowed = ["True"] if kind in (APPROVED, DENIED, FAILED) else ["False", "True", "Unknown"]
    if not status:
        errors.required("status")
    elif status not in allowed:
        errors.not_supported(status, allowed, "status")


def certificate_problem(certificate: str | None) -> str:
    """What is wrong with an issued certificate (base64 of PEM); "" for nothing, or for none."""
    from cryptography import x509

    if not certificate:
        return ""
    count = 0
    for block in blocks(decode_field(certificate)):
        if block.type != CERTIFICATE:
            return f'only CERTIFICATE PEM blocks are allowed, found "{block.type}"'
        if block.headers:
            return "no PEM block headers are permitted"
        count += 1
        if not block.der:
            return "found CERTIFICATE PEM block containing 0 certificates"
        try:
            x509.load_der_x509_certificate(block.der)
        except ValueError as error:
            return f"x509: malformed certificate: {error}"
    return "" if count else "must contain at least one CERTIFICATE PEM block"


def _keep_certificate(new: Obj, old: Obj, errors: FieldErrors, *, may_issue: bool) -> None:
    before, after = _status(old).get("certificate"), _status(new).get("certificate")
    if before == after:
        return
    if not may_issue:
        errors.at("status").forbidden("updates may not set certificate content", "certificate")
    elif before:
        errors.at("status").forbidden("updates may not modify existing certificate content", "certificate")


def _status(csr: Obj) -> Any:
    return csr.get("status") or {}


def _of_type(csr: Obj, kind: str) -> list[Any]:
    return [each for each in _status(csr).get("conditions") or () if each.get("type") == kind]
