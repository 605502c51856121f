"""The CA and the keys of a cluster inside a process: there from the start, made anew for each process.

A seeded cluster derives them from its seed, so that everything signed (certificates, tokens) is the same to the byte in
each run. Who knows the seed knows the keys: they protect nothing but a test. Valid by the machine's clock and by a
virtual one, for a century.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

BEGIN, END = datetime.datetime(2020, 1, 1), datetime.datetime(2120, 1, 1)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve P-256 (FIPS 186-4, D.1.2.3): private keys are from 1 to this, exclusive."""


@dataclass(frozen=True, slots=True)
class LibraryCa:
    """PEM of the CA's certificate and key, and of the key for service account tokens."""

    certificate: str
    key: str
    service_account_key: bytes


@functools.lru_cache(maxsize=64)
def library_ca(seed: int | None) -> LibraryCa:
    """The CA for a seed; None: this process's own."""
    key = _key(seed, "ca")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubernetes")])
    serial = 1 if seed is not None else x509.random_serial_number()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .serial_number(serial)
        .not_valid_before(BEGIN)
        .not_valid_after(END)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_USAGE, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return LibraryCa(pem, _pem(key).decode(), _pem(_key(seed, "service accounts")))


_USAGE = x509.KeyUsage(
    digital_signature=True,
    key_encipherment=False,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


def _key(seed: int | None, purpose: str) -> ec.EllipticCurvePrivateKey:
    if seed is None:
        return ec.generate_private_key(ec.SECP256R1())
    drawn = hashlib.sha512(f"pybernetes {purpose} {seed}".encode()).digest()
    return ec.derive_private_key(1 + int.from_bytes(drawn, "big") % (ORDER - 1), ec.SECP256R1())


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
