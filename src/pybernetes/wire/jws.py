"""Signing JSON Web Tokens (RFC 7515, 7519), compact form, RS256 and ES256 to ES512; and HS256 for detached contents.

`cryptography` does the arithmetic and is imported when the first key is read, off the path of a server's start.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

ECDSA = {256: ("ES256", "P-256"), 384: ("ES384", "P-384"), 521: ("ES512", "P-521")}
"""Algorithm and curve by key size (RFC 7518, section 3.4)."""


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public key. `kid` is upstream's: base64url of the SHA-256 of the DER SubjectPublicKeyInfo."""

    kid: str
    algorithm: str
    public: RSAPublicKey | EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    private: RSAPrivateKey | EllipticCurvePrivateKey
    verify_key: VerifyKey


def signing_key(pem: bytes) -> SigningKey:
    """Reads a PEM private key. Raises ValueError where it is not RSA or ECDSA."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    private = load_pem_private_key(pem, password=None)
    if not isinstance(private, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise ValueError("a service account signing key must be RSA or ECDSA")
    return SigningKey(private, _describe(private.public_key()))


def verify_key(pem: bytes) -> VerifyKey:
    """Reads a PEM public key, certificate or private key (whose public part is used). Raises ValueError."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if b"PRIVATE KEY" in pem:
        return signing_key(pem).verify_key
    if b"BEGIN CERTIFICATE" in pem:
        public: Any = x509.load_pem_x509_certificate(pem).public_key()
    else:
        public = load_pem_public_key(pem)
    if not isinstance(public, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
        raise ValueError("a service account verification key must be RSA or ECDSA")
    return _describe(public)


def _describe(public: RSAPublicKey | EllipticCurvePublicKey) -> VerifyKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    kid = encode_part(hashlib.sha256(der).digest())
    algorithm = "RS256" if isinstance(public, RSAPublicKey) else ECDSA[public.curve.key_size][0]
    return VerifyKey(kid, algorithm, public)


def sign(claims: Mapping[str, Any], key: SigningKey) -> str:
    """The compact token."""
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    header = {"alg": key.verify_key.algorithm, "kid": key.verify_key.kid}
    signed = f"{encode_part(orjson.dumps(header))}.{encode_part(orjson.dumps(claims))}"
    algorithm = hash_of(key.verify_key.algorithm)
    if isinstance(key.private, rsa.RSAPrivateKey):
        signature = key.private.sign(signed.encode(), padding.PKCS1v15(), algorithm)
    else:
        size = (key.private.curve.key_size + 7) // 8
        r, s = decode_dss_signature(
            key.private.sign(signed.encode(), ec.ECDSA(algorithm, deterministic_signing=True))
        )
        signature = r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return f"{signed}.{encode_part(signature)}"


def detached(content: bytes, kid: str, secret: bytes) -> str:
    """The signature of `content` by a shared secret (HS256), as a token without its middle part."""
    header = encode_part(orjson.dumps({"alg": "HS256", "kid": kid}))
    signature = hmac.digest(secret, f"{header}.{encode_part(content)}".encode(), "sha256")
    return f"{header}..{encode_part(signature)}"


def hash_of(algorithm: str) -> HashAlgorithm:
    from cryptography.hazmat.primitives import hashes

    match algorithm[2:]:
        case "256":
            return hashes.SHA256()
        case "384":
            return hashes.SHA384()
        case _:
            return hashes.SHA512()


def encode_part(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode_part(text: str) -> bytes:
    """Raises binascii.Error or ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
