"""The documents by which others verify our service account tokens: OpenID discovery and the key set (RFC 7517)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .jws import ECDSA, VerifyKey, encode_part

DISCOVERY_PATH = "/.well-known/openid-configuration"
JWKS_PATH = "/openid/v1/jwks"


def discovery(issuer: str, jwks_uri: str, keys: Iterable[VerifyKey]) -> dict[str, Any]:
    """The document at `DISCOVERY_PATH`."""
    return {
        "issuer": issuer,
        "jwks_uri": jwks_uri,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": sorted({key.algorithm for key in keys}),
    }


def jwks(keys: Iterable[VerifyKey]) -> dict[str, Any]:
    """The document at `JWKS_PATH`."""
    return {"keys": [_jwk(key) for key in keys]}


def _jwk(key: VerifyKey) -> dict[str, str]:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    common = {"use": "sig", "kid": key.kid, "alg": key.algorithm}
    if isinstance(key.public, RSAPublicKey):
        numbers = key.public.public_numbers()
        return {**common, "kty": "RSA", "n": _integer(numbers.n), "e": _integer(numbers.e)}
    point = key.public.public_numbers()
    bits = key.public.curve.key_size
    size = (bits + 7) // 8
    return {
        **common,
        "kty": "EC",
        "crv": ECDSA[bits][1],
        "x": encode_part(point.x.to_bytes(size, "big")),
        "y": encode_part(point.y.to_bytes(size, "big")),
    }


def _integer(value: int) -> str:
    return encode_part(value.to_bytes((value.bit_length() + 7) // 8, "big"))
