"""Bootstrap tokens, with which a node joins: `<id>.<secret>`, kept in Secret kube-system/bootstrap-token-<id>."""

from __future__ import annotations

import base64
import hmac
import re

from pybernetes.clock import Env
from pybernetes.lang.timestamps import TimestampError
from pybernetes.lang.timestamps import parse as parse_time

from ..user import User
from .verified import Getter, InvalidToken, Verified

TOKEN = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
SECRET_TYPE = "bootstrap.kubernetes.io/token"
USER_PREFIX = "system:bootstrap:"
DEFAULT_GROUP = "system:bootstrappers"
EXTRA_GROUP = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]")


class BootstrapTokens:
    def __init__(self, get: Getter, env: Env) -> None:
        self._get = get
        self._env = env

    def verify(self, token: str) -> Verified | None:
        """None for a token of another shape, or whose Secret is not there (some other authenticator's, perhaps)."""
        match = TOKEN.fullmatch(token)
        if match is None:
            return None
        token_id, token_secret = match.groups()
        secret = self._get("secrets", "kube-system", f"bootstrap-token-{token_id}")
        if secret is None or secret["metadata"].get("deletionTimestamp") or secret.get("type") != SECRET_TYPE:
            return None
        try:
            data = {k: base64.b64decode(v or "").decode() for k, v in (secret.get("data") or {}).items()}
        except ValueError as error:
            raise InvalidToken(f"bootstrap token {token_id}: its secret cannot be read") from error
        if data.get("token-id") != token_id or not hmac.compare_digest(
            data.get("token-secret", "").encode(), token_secret.encode()
        ):
            raise InvalidToken(f"bootstrap token {token_id}: the secret does not match")
        self._check_use(token_id, data)
        return Verified(User(f"{USER_PREFIX}{token_id}", groups=_groups(token_id, data)))

    def _check_use(self, token_id: str, data: dict[str, str]) -> None:
        expiration = data.get("expiration", "")
        if expiration:
            try:
                expires = parse_time(expiration)
            except TimestampError as error:
                raise InvalidToken(f"bootstrap token {token_id}: {error}") from error
            if expires <= self._env.now():
                raise InvalidToken(f"bootstrap token {token_id} has expired")
        if data.get("usage-bootstrap-authentication") != "true":
            raise InvalidToken(f"bootstrap token {token_id} is not for authentication")


def _groups(token_id: str, data: dict[str, str]) -> tuple[str, ...]:
    extra = [group for group in data.get("auth-extra-groups", "").split(",") if group]
    for group in extra:
        if not EXTRA_GROUP.fullmatch(group):
            raise InvalidToken(f"bootstrap token {token_id}: group {group!r} is not allowed")
    return (DEFAULT_GROUP, *sorted(set(extra)))
