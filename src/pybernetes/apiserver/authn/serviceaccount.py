"""Service account tokens: making them, and saying whose one is.

The signature of a token is verified once and remembered until the token expires; whether its account, pod, secret
or node still exists is looked up in the cache on every request.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pybernetes.api.meta import Obj, name_of, namespace_of, uid_of
from pybernetes.clock import Env

from . import serviceaccount_claims as claims_of
from .jws import SigningKey, VerifyKey, peek, sign, signing_key, verify_key, verify_signature
from .serviceaccount_claims import Reference, TokenSubject
from .verified import Getter, InvalidToken, Verified

CACHE_LIMIT = 8192


def _nobody_notes(_secret: Obj) -> None:
    """Uses of legacy tokens are not kept track of."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A fresh token. `expires` is what the requester is told, in Unix seconds."""

    token: str
    expires: float


class TokenIssuer:
    """Signs with one key, for one issuer. The key is read at the first use."""

    def __init__(self, issuer: str, audiences: tuple[str, ...], key_pem: bytes, env: Env) -> None:
        """`audiences` are the API server's own: what a token is for when nothing else is asked."""
        self.issuer = issuer
        self.audiences = audiences
        self._pem = key_pem
        self._key: SigningKey | None = None
        self._env = env

    @property
    def key(self) -> SigningKey:
        if self._key is None:
            self._key = signing_key(self._pem)
        return self._key

    def issue(
        self,
        *,
        namespace: str,
        name: str,
        uid: str,
        audiences: tuple[str, ...] = (),
        seconds: int = claims_of.DEFAULT_SECONDS,
        bound: Reference | None = None,
    ) -> Issued:
        """A token for a service account. `seconds` has been checked (`tokenrequest.py`)."""
        now = int(self._env.now())
        chosen = audiences or self.audiences
        extended = (
            bound is not None
            and bound.kind == "Pod"
            and seconds == claims_of.WARN_ONLY_SECONDS
            and set(chosen) <= set(self.audiences)
        )
        claims = claims_of.build(
            TokenSubject(namespace, name, uid),
            bound,
            issuer=self.issuer,
            audiences=chosen,
            now=now,
            seconds=claims_of.EXTENDED_SECONDS if extended else seconds,
            warn_after=now + seconds if extended else 0,
            jti=self._env.uid(),
        )
        return Issued(sign(claims, self.key), float(now + seconds))

    def issue_legacy(self, account: Obj, secret_name: str) -> str:
        """The token that a Secret of type `kubernetes.io/service-account-token` holds; it does not expire."""
        subject = TokenSubject(namespace_of(account), name_of(account), uid_of(account))
        return sign(claims_of.build_legacy(subject, secret_name), self.key)


class ServiceAccountTokens:
    """Verifies. Only tokens that name one of `issuers` (or the legacy one) are looked at."""

    def __init__(
        self,
        issuers: Iterable[str],
        audiences: tuple[str, ...],
        key_pems: Iterable[bytes],
        get: Getter,
        env: Env,
        used: Callable[[Obj], None] = _nobody_notes,
    ) -> None:
        """`audiences` are the API server's own: a bound token must be for at least one of them. `used` is told of the
        Secret of each legacy token that is used."""
        self._used = used
        self._issuers = frozenset(issuers)
        self._audiences = audiences
        self._pems = tuple(key_pems)
        self._keys: tuple[VerifyKey, ...] | None = None
        self._get = get
        self._env = env
        self._known: dict[bytes, Mapping[str, Any]] = {}
        """Claims of tokens whose signature is good, by the token's SHA-256."""

    @property
    def keys(self) -> tuple[VerifyKey, ...]:
        if self._keys is None:
            self._keys = tuple(verify_key(pem) for pem in self._pems)
        return self._keys

    def verify(self, token: str) -> Verified | None:
        """For one of the API server's own audiences; see `verify_for`."""
        return self.verify_for(token, self._audiences)

    def verify_for(self, token: str, audiences: tuple[str, ...]) -> Verified | None:
        """The account, with those of `audiences` that the token is for. None where it is not ours.

        Raises InvalidToken where it is for none of them, has expired, is forged, or names what is gone.
        """
        claims = self._claims(token)
        if claims is None:
            return None
        now = self._env.now()
        claims_of.check_times(claims, now)
        if claims["iss"] == claims_of.LEGACY_ISSUER:
            user = claims_of.check_legacy(token, claims, self._get, now, self._used)
            return Verified(user, tuple(a for a in audiences if a in self._audiences))
        if "exp" not in claims:
            raise InvalidToken("service account token has no expiry")
        theirs = claims_of.audiences_of(claims)
        common = tuple(a for a in audiences if a in theirs)
        if not common:
            raise InvalidToken(
                f"token audiences {list(theirs)} is invalid for the target audiences {list(audiences)}"
            )
        return Verified(claims_of.check_bound(claims, self._get, now), common)

    def _claims(self, token: str) -> Mapping[str, Any] | None:
        """The claims, their signature verified. None where the issuer is another."""
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is not None:
            return known
        parts = peek(token)
        if parts is None:
            return None
        header, claims = parts
        issuer = claims.get("iss")
        if not isinstance(issuer, str):
            return None
        if issuer not in self._issuers and issuer != claims_of.LEGACY_ISSUER:
            return None
        verify_signature(token, header, self.keys)
        if len(self._known) >= CACHE_LIMIT:
            self._forget_expired()
        self._known[digest] = claims
        return claims

    def _forget_expired(self) -> None:
        now = self._env.now()
        self._known = {k: c for k, c in self._known.items() if c.get("exp", now + 1) > now}
        if len(self._known) >= CACHE_LIMIT:
            self._known.clear()
