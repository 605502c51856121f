"""The token of a list that goes on: base64 of a little JSON, which clients give back as they got it.

Source: upstream's `apiserver/pkg/storage/continue.go`.
"""

from __future__ import annotations

import base64
import re
from typing import Any

import orjson

from pybernetes.api.errors import BadRequest
from pybernetes.lang.gojson import go_json_error

VERSION = "meta.k8s.io/v1"
_NO_BASE64 = re.compile(r"[^A-Za-z0-9_-]")


def write(revision: int, start: str) -> str:
    """The token for a revision (-1: the latest) and the first key of the next page, below the kind's prefix."""
    tree = {"v": VERSION, "rv": revision, "start": start}
    return base64.urlsafe_b64encode(orjson.dumps(tree)).decode().rstrip("=")


def read(token: str) -> tuple[int, str]:
    """The revision and the key. Raises BadRequest."""
    odd = _NO_BASE64.search(token)
    if odd is not None or len(token) % 4 == 1:
        at = odd.start() if odd is not None else len(token) - 1
        raise _invalid(f"illegal base64 data at input byte {at}")
    data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    try:
        tree: Any = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise _invalid(go_json_error(data, str(error))) from error
    if not isinstance(tree, dict):
        raise _invalid("json: cannot unmarshal the value into Go value of type storage.continueToken")
    version, revision, start = tree.get("v", ""), tree.get("rv", 0), tree.get("start", "")
    if version != VERSION:
        raise _invalid(f'server does not recognize this encoded version "{version}"')
    if not isinstance(revision, int) or not isinstance(start, str):
        raise _invalid(
            "json: cannot unmarshal a field of the wrong type into Go value of type storage.continueToken"
        )
    if revision == 0:
        raise _invalid(f"incorrect encoded start resourceVersion (version {VERSION})")
    if not start:
        raise _invalid(f"encoded start key empty (version {VERSION})")
    if any(part in (".", "..") for part in start.split("/")):
        raise _invalid(start)
    return revision, start


def _invalid(why: str) -> BadRequest:
    return BadRequest(f"invalid continue token: continue key is not valid: {why}")
