"""Verifying JSON Web Tokens (RFC 7515, 7519), compact form; signing and keys are in `wire/jws.py`."""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from pybernetes.wire.jws import (
    ECDSA,
    SigningKey,
    VerifyKey,
    decode_part,
    encode_part,
    hash_of,
    sign,
    signing_key,
    verify_key,
)

from .verified import InvalidToken

__all__ = [
    "ECDSA",
    "SigningKey",
    "VerifyKey",
    "decode_part",
    "encode_part",
    "peek",
    "sign",
    "signing_key",
    "verify_key",
    "verify_signature",
]


def peek(token: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """(header, claims) WITHOUT verification, to see whose token it may be; None where it is no JWT at all."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        header, claims = (orjson.loads(decode_part(part)) for part in parts[:2])
    except (binascii.Error, ValueError):
        return None
    return (header, claims) if isinstance(header, dict) and isinstance(claims, dict) else None


def verify_signature(token: str, header: Mapping[str, Any], keys: Iterable[VerifyKey]) -> None:
    """Raises InvalidToken where no key verifies the token. With a `kid` that is known, only that key is tried; the
    algorithm is the key's own, whatever the header says."""
    candidates = list(keys)
    named = [key for key in candidates if key.kid == header.get("kid")]
    signed, _, encoded = token.rpartition(".")
    try:
        signature = decode_part(encoded)
    except (binascii.Error, ValueError) as error:
        raise InvalidToken("the token's signature is not base64url") from error
    for key in named or candidates:
        if header.get("alg") == key.algorithm and _verifies(key, signed.encode(), signature):
            return
    raise InvalidToken("failed to verify id token signature")


def _verifies(key: VerifyKey, signed: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    algorithm = hash_of(key.algorithm)
    try:
        if isinstance(key.public, rsa.RSAPublicKey):
            key.public.verify(signature, signed, padding.PKCS1v15(), algorithm)
            return True
        size = (key.public.curve.key_size + 7) // 8
        if len(signature) != 2 * size:
            return False
        r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
        key.public.verify(encode_dss_signature(r, s), signed, ec.ECDSA(algorithm))
    except InvalidSignature:
        return False
    return True
