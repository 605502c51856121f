"""Bootstrap tokens as they are kept: Secrets `bootstrap-token-<id>` of kube-system. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from pybernetes.api.meta import Obj, name_of, namespace_of
from pybernetes.lang.timestamps import TimestampError, parse

NAMESPACE, TYPE = "kube-system", "bootstrap.kubernetes.io/token"
PREFIX = "bootstrap-token-"
SIGNING = "usage-bootstrap-signing"
_ID, _SECRET = re.compile(r"[a-z0-9]{6}"), re.compile(r"[a-z0-9]{16}")


def is_token(secret: Obj) -> bool:
    """Whether a Secret is of this kind, well-formed or not."""
    return secret.get("type") == TYPE and namespace_of(secret) == NAMESPACE


def data_of(secret: Obj) -> Mapping[str, str]:
    """The fields as text; what is no text is left out."""
    found: dict[str, str] = {}
    for key, value in (secret.get("data") or {}).items():
        try:
            found[key] = base64.b64decode(value).decode()
        except (binascii.Error, ValueError):
            continue
    return found


def expires_at(secret: Obj) -> float | None:
    """Unix seconds; None for a token that does not expire, 0 for one whose date cannot be read."""
    text = data_of(secret).get("expiration")
    if not text:
        return None
    try:
        return parse(text)
    except TimestampError:
        return 0.0


def signing_token(secret: Obj) -> tuple[str, str] | None:
    """The id and the secret of a token that may sign; None for every other."""
    data = data_of(secret)
    token_id, token_secret = data.get("token-id", ""), data.get("token-secret", "")
    well_formed = _ID.fullmatch(token_id) and _SECRET.fullmatch(token_secret)
    if not well_formed or name_of(secret) != f"{PREFIX}{token_id}" or data.get(SIGNING) != "true":
        return None
    return token_id, token_secret
