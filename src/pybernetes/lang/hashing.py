"""FNV-1a and the alphabet of `pod-template-hash`."""

from __future__ import annotations

# No vowels and no digits that look like letters, so that a hash spells no word.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def fnv32a(data: bytes, seed: int = 0x811C9DC5) -> int:
    """The 32-bit FNV-1a hash; pass a result as `seed` to go on hashing."""
    value = seed
    for byte in data:
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def fnv32(data: bytes) -> int:
    """The 32-bit FNV-1 hash (multiplies before it mixes)."""
    value = 0x811C9DC5
    for byte in data:
        value = ((value * 0x01000193) & 0xFFFFFFFF) ^ byte
    return value


def safe_encode(text: str) -> str:
    """Each byte of `text` as one letter of the alphabet of generated names: a hash that is a good label value."""
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in text.encode())
