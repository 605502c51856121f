"""PEM text taken apart as Go's `encoding/pem` does: what is around the blocks is ignored, a broken block is skipped."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple

CERTIFICATE = "CERTIFICATE"
CERTIFICATE_REQUEST = "CERTIFICATE REQUEST"
_BLOCK = re.compile(
    r"^-----BEGIN ([^\n]*?)-----[ \t\r]*\n(.*?)^-----END \1-----[ \t\r]*$", re.DOTALL | re.MULTILINE
)


class Block(NamedTuple):
    """One block: what it says it is, the headers before its body, its bytes."""

    type: str
    headers: dict[str, str]
    der: bytes


def blocks(text: str) -> Iterator[Block]:
    """The blocks in order."""
    for found in _BLOCK.finditer(text):
        headers, body = _headers(found.group(2))
        try:
            der = base64.b64decode("".join(body.split()), validate=True)
        except (binascii.Error, ValueError):
            continue
        yield Block(found.group(1), headers, der)


def decode_field(value: str | None) -> str:
    """The text in a field of type bytes (base64 in JSON); "" where it is no text."""
    try:
        return base64.b64decode(value or "", validate=True).decode("latin-1")
    except (binascii.Error, ValueError):
        return ""


def _headers(body: str) -> tuple[dict[str, str], str]:
    headers: dict[str, str] = {}
    while True:
        line, _, rest = body.partition("\n")
        name, colon, value = line.partition(":")
        if not colon:
            return headers, body
        headers[name.strip()] = value.strip()
        body = rest
