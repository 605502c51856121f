"""ClusterTrustBundles: root certificates of a signer, or of nobody in particular, that every pod may mount."""

from __future__ import annotations

from pybernetes.lang import names

from ..cells import NAME, dig
from ..fielderrors import FieldErrors
from ..kind import Column, Kind
from ..meta import Obj
from ..validation.values import immutable
from .pem import CERTIFICATE, Block, blocks
from .signername import validate_signer_name

LARGEST = 1024 * 1024
"""Bytes of a bundle."""
OMITTED = "<value omitted>"


def validate(bundle: Obj, errors: FieldErrors) -> None:
    spec = bundle.get("spec") or {}
    signer = spec.get("signerName") or ""
    name = bundle["metadata"].get("name", "")
    for message in name_problems(name, signer) if name else ():
        errors.at("metadata").invalid(name, message, "name")
    if signer:
        validate_signer_name(signer, errors.at("spec", "signerName"))


def name_problems(name: str, signer: str) -> list[str]:
    """A bundle of a signer is named after it."""
    if not signer:
        if ":" in name:
            return ['ClusterTrustBundle without signer name must not have ":" in its name']
        return names.dns1123_subdomain(name)
    prefix = f"{signer.replace('/', ':')}:"
    if not name.startswith(prefix):
        return [f"ClusterTrustBundle for signerName {signer} must be named with prefix {prefix}"]
    return names.dns1123_subdomain(name[len(prefix) :])


def validate_create(bundle: Obj, errors: FieldErrors) -> None:
    validate_trust_bundle(dig(bundle, "spec", "trustBundle") or "", errors.at("spec", "trustBundle"))


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """A bundle that stays as it is is not read again: libraries come to accept other things."""
    if dig(new, "spec", "trustBundle") != dig(old, "spec", "trustBundle"):
        validate_create(new, errors)
    immutable(new.get("spec") or {}, old.get("spec") or {}, "signerName", errors.at("spec"))


def validate_trust_bundle(text: str, errors: FieldErrors) -> None:
    """Only CA certificates, each once, at least one."""
    if len(text.encode()) > LARGEST:
        errors.too_long(LARGEST)
        return
    good = True
    places: dict[bytes, list[int]] = {}
    for index, block in enumerate(blocks(text)):
        if problem := _anchor_problem(block):
            errors.invalid(OMITTED, f"entry {index} {problem}")
            good = False
        else:
            places.setdefault(block.der, []).append(index)
    if not good:
        return
    if not places:
        errors.invalid(OMITTED, "at least one trust anchor must be provided")
    for indices in places.values():
        if len(indices) > 1:
            shown = " ".join(map(str, indices))
            errors.invalid(OMITTED, f"duplicate trust anchor (indices [{shown}])")


def _anchor_problem(block: Block) -> str:
    from cryptography import x509

    if block.type != CERTIFICATE:
        return f"has bad block type: {block.type}"
    if block.headers:
        return "has PEM block headers"
    try:
        certificate = x509.load_der_x509_certificate(block.der)
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except ValueError:
        return "does not parse as X.509"
    except x509.ExtensionNotFound:
        return "does not have the CA bit set"
    return "" if constraints.value.ca else "does not have the CA bit set"


CLUSTERTRUSTBUNDLE = Kind(
    group="certificates.k8s.io",
    version="v1",
    kind="ClusterTrustBundle",
    plural="clustertrustbundles",
    namespaced=False,
    unconditional_update=False,
    singular="clustertrustbundle",
    schema="io.k8s.api.certificates.v1.ClusterTrustBundle",
    name_rule="path",
    validate=validate,
    validate_create=validate_create,
    validate_update=validate_update,
    columns=(NAME, Column("SignerName", lambda bundle, _: dig(bundle, "spec", "signerName") or "<none>")),
    selectable={"spec.signerName": lambda bundle: str(dig(bundle, "spec", "signerName") or "")},
)
