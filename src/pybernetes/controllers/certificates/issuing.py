"""Making a certificate from a request, under the cluster's CA.

Valid from five minutes ago, so that a clock that is behind accepts it (from now where it is shorter than eight hours),
and never longer than the CA. The serial number comes from the request's uid, so one request has one certificate.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography import x509

BACKDATE, SHORT = 300.0, 8 * 3600.0
SHORTEST = 600
EXTENDED = {
    "any": "2.5.29.37.0",
    "server auth": "1.3.6.1.5.5.7.3.1",
    "client auth": "1.3.6.1.5.5.7.3.2",
    "code signing": "1.3.6.1.5.5.7.3.3",
    "email protection": "1.3.6.1.5.5.7.3.4",
    "s/mime": "1.3.6.1.5.5.7.3.4",
    "ipsec end system": "1.3.6.1.5.5.7.3.5",
    "ipsec tunnel": "1.3.6.1.5.5.7.3.6",
    "ipsec user": "1.3.6.1.5.5.7.3.7",
    "timestamping": "1.3.6.1.5.5.7.3.8",
    "ocsp signing": "1.3.6.1.5.5.7.3.9",
    "microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
    "netscape sgc": "2.16.840.1.113730.4.1",
}
"""Usages that are extended key usages, with their object identifiers."""
PLAIN = {
    "signing": "digital_signature",
    "digital signature": "digital_signature",
    "content commitment": "content_commitment",
    "key encipherment": "key_encipherment",
    "data encipherment": "data_encipherment",
    "key agreement": "key_agreement",
    "cert sign": "key_cert_sign",
    "crl sign": "crl_sign",
    "encipher only": "encipher_only",
    "decipher only": "decipher_only",
}


class SignerExpired(ValueError):
    """The CA's own certificate is over."""


@dataclass(frozen=True, slots=True)
class Authority:
    """What certificates are issued under."""

    certificate: x509.Certificate
    key: Any


@lru_cache(maxsize=4)
def authority(certificate_pem: str, key_pem: str) -> Authority:
    """Raises ValueError for what is no certificate or no key."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return Authority(
        x509.load_pem_x509_certificate(certificate_pem.encode()), load_pem_private_key(key_pem.encode(), None)
    )


def lifetime(asked: int | None, most: int) -> int:
    """Seconds that a certificate is valid, from what is asked for and what is allowed."""
    return most if asked is None else min(max(asked, SHORTEST), most)


def issue(
    ca: Authority,
    request: x509.CertificateSigningRequest,
    usages: Collection[str],
    seconds: int,
    now: float,
    identity: str,
) -> str:
    """The certificate as PEM. `identity` is what no other request has. Raises SignerExpired."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    begin = now if seconds < SHORT else now - BACKDATE
    end = min(now + seconds, ca.certificate.not_valid_after_utc.timestamp())
    if end <= now:
        raise SignerExpired(f"the signer has expired: NotAfter={ca.certificate.not_valid_after_utc}")
    serial = int.from_bytes(hashlib.sha256(f"{identity} {now}".encode()).digest()[:16], "big") >> 1
    builder = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(ca.certificate.subject)
        .public_key(request.public_key())
        .serial_number(max(serial, 1))
        .not_valid_before(_moment(begin))
        .not_valid_after(_moment(end))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    for extension, critical in _extensions(ca, request, usages):
        builder = builder.add_extension(extension, critical=critical)
    # One request, one certificate, to the byte: a signature that draws nothing (RFC 6979).
    elliptic = isinstance(ca.key, EllipticCurvePrivateKey) or None
    signed = builder.sign(ca.key, _hash(ca), ecdsa_deterministic=elliptic)
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def _extensions(
    ca: Authority, request: x509.CertificateSigningRequest, usages: Collection[str]
) -> list[tuple[x509.ExtensionType, bool]]:
    from cryptography import x509

    plain = {PLAIN[usage] for usage in usages if usage in PLAIN}
    extended = {EXTENDED[usage]: None for usage in sorted(usages) if usage in EXTENDED}
    found: list[tuple[x509.ExtensionType, bool]] = []
    if plain:
        found.append((x509.KeyUsage(**{field: field in plain for field in PLAIN.values()}), True))
    if extended:
        found.append((x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in extended]), False))
    found.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()), False))
    try:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return found
    return [*found, (names.value, names.critical)]


def _hash(ca: Authority) -> Any:
    """Ed25519 keys sign with a hash of their own."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return None if isinstance(ca.key, Ed25519PrivateKey) else hashes.SHA256()


def _moment(unix: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(unix), datetime.UTC)
