"""The claims of service account tokens, written and checked: pure, upstream's layout (pkg/serviceaccount/claims.go).

Two layouts are accepted: bound tokens (made by TokenRequest; they expire and may be bound to a pod, secret or node)
and legacy ones (kept in a Secret of type `kubernetes.io/service-account-token`; they do not expire).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pybernetes.api.meta import Obj, labels_of, uid_of
from pybernetes.lang.timestamps import parse as parse_time

from ..user import SERVICE_ACCOUNT_PREFIX, User, service_account_user
from .clientcert import CREDENTIAL_ID
from .verified import Getter, InvalidToken

DEFAULT_SECONDS = 3600
MINIMUM_SECONDS = 600
MAXIMUM_SECONDS = 1 << 32
WARN_ONLY_SECONDS = 3607
"""The lifetime that a projected volume asks for by default: such tokens are made to live a year, with a note of when
they should have been renewed, so that old clients that never read them again go on (upstream's extension)."""
EXTENDED_SECONDS = 365 * 24 * 3600
DELETION_LEEWAY = 60.0
"""Seconds for which a token goes on after its bound object was told to go."""
LEGACY_ISSUER = "kubernetes/serviceaccount"
LEGACY = "kubernetes.io/serviceaccount/"
INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since"
EXTRA = "authentication.kubernetes.io/"


@dataclass(frozen=True, slots=True)
class Reference:
    """The object a token is bound to, and for a pod's token the node it runs on."""

    kind: str
    """"Pod", "Secret" or "Node"."""
    name: str
    uid: str
    node_name: str = ""
    node_uid: str = ""


@dataclass(frozen=True, slots=True)
class TokenSubject:
    namespace: str
    name: str
    uid: str


def build(
    subject: TokenSubject,
    bound: Reference | None,
    *,
    issuer: str,
    audiences: Sequence[str],
    now: int,
    seconds: int,
    warn_after: int,
    jti: str,
) -> dict[str, Any]:
    """The claims of a bound token. `warn_after` 0: no note."""
    private: dict[str, Any] = {"namespace": subject.namespace}
    if bound is not None:
        if bound.node_name:
            private["node"] = _named(bound.node_name, bound.node_uid)
        private[bound.kind.lower()] = _named(bound.name, bound.uid)
    private["serviceaccount"] = _named(subject.name, subject.uid)
    if warn_after:
        private["warnafter"] = warn_after
    return {
        "aud": list(audiences),
        "exp": now + seconds,
        "iat": now,
        "iss": issuer,
        "jti": jti,
        "kubernetes.io": private,
        "nbf": now,
        "sub": f"{SERVICE_ACCOUNT_PREFIX}{subject.namespace}:{subject.name}",
    }


def _named(name: str, uid: str) -> dict[str, str]:
    return {"name": name, "uid": uid} if uid else {"name": name}


def build_legacy(subject: TokenSubject, secret_name: str) -> dict[str, Any]:
    """The claims of a token that is kept in a Secret."""
    return {
        "iss": LEGACY_ISSUER,
        f"{LEGACY}namespace": subject.namespace,
        f"{LEGACY}secret.name": secret_name,
        f"{LEGACY}service-account.name": subject.name,
        f"{LEGACY}service-account.uid": subject.uid,
        "sub": f"{SERVICE_ACCOUNT_PREFIX}{subject.namespace}:{subject.name}",
    }


def audiences_of(claims: Mapping[str, Any]) -> tuple[str, ...]:
    audience = claims.get("aud", ())
    return (audience,) if isinstance(audience, str) else tuple(audience)


def check_times(claims: Mapping[str, Any], now: float) -> None:
    """Raises InvalidToken outside [nbf, exp)."""
    if now >= claims.get("exp", float("inf")):
        raise InvalidToken("service account token has expired")
    if now < claims.get("nbf", 0):
        raise InvalidToken("service account token is not valid yet")


def check_bound(claims: Mapping[str, Any], get: Getter, now: float) -> User:
    """The user of a bound token, where everything it names still is what it was. Raises InvalidToken."""
    private = claims.get("kubernetes.io")
    if not isinstance(private, dict):
        raise InvalidToken("service account claims are missing from the token")
    namespace, account = private.get("namespace", ""), private.get("serviceaccount") or {}
    name, uid = account.get("name", ""), account.get("uid", "")
    _check_object(get, "serviceaccounts", "service account", namespace, name, uid, now)
    extra: dict[str, tuple[str, ...]] = {}
    if claims.get("jti"):
        extra[CREDENTIAL_ID] = (f"JTI={claims['jti']}",)
    pod, secret, node = private.get("pod"), private.get("secret"), private.get("node")
    if secret:
        _check_object(get, "secrets", "secret", namespace, secret["name"], secret.get("uid", ""), now)
    if pod:
        _check_object(get, "pods", "pod", namespace, pod["name"], pod.get("uid", ""), now)
        extra |= {f"{EXTRA}pod-name": (pod["name"],), f"{EXTRA}pod-uid": (pod.get("uid", ""),)}
    if node:
        if not pod:  # a pod's token lives and dies with the pod, not with the node
            _check_object(get, "nodes", "node", "", node["name"], node.get("uid", ""), now)
        extra[f"{EXTRA}node-name"] = (node["name"],)
        if node.get("uid"):
            extra[f"{EXTRA}node-uid"] = (node["uid"],)
    return service_account_user(namespace, name, uid, extra)


def check_legacy(
    token: str, claims: Mapping[str, Any], get: Getter, now: float, used: Callable[[Obj], None]
) -> User:
    """The user of a legacy token, where its Secret still holds this very token; `used` is told of the Secret. Raises
    InvalidToken."""
    namespace, secret_name = claims.get(f"{LEGACY}namespace", ""), claims.get(f"{LEGACY}secret.name", "")
    name, uid = (
        claims.get(f"{LEGACY}service-account.name", ""),
        claims.get(f"{LEGACY}service-account.uid", ""),
    )
    if not (namespace and secret_name and name and uid):
        raise InvalidToken("service account claims are missing from the token")
    if claims.get("sub") != f"{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}":
        raise InvalidToken("service account subject does not match the token's claims")
    secret = _check_object(get, "secrets", "secret", namespace, secret_name, "", now)
    if _decoded(secret, "token") != token.encode():
        raise InvalidToken("service account token has been invalidated")
    _check_object(get, "serviceaccounts", "service account", namespace, name, uid, now)
    if labels_of(secret).get(INVALID_SINCE):
        raise InvalidToken(
            f"the token in secret {namespace}/{secret_name} for service account {namespace}/{name} has been marked "
            "invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the "
            f"'{INVALID_SINCE}' label from the secret to temporarily allow use of this token"
        )
    used(secret)
    return service_account_user(namespace, name, uid)


def _decoded(secret: Obj, key: str) -> bytes:
    import base64

    return base64.b64decode((secret.get("data") or {}).get(key) or "")


def _check_object(
    get: Getter, plural: str, what: str, namespace: str, name: str, uid: str, now: float
) -> Obj:
    place = f"{namespace}/{name}" if namespace else name
    obj = get(plural, namespace, name)
    if obj is None:
        raise InvalidToken(f"{what} {place} has been deleted")
    deleted = obj["metadata"].get("deletionTimestamp")
    if deleted and parse_time(deleted) < now - DELETION_LEEWAY:
        raise InvalidToken(f"{what} {place} has been deleted")
    if uid and uid_of(obj) != uid:
        raise InvalidToken(f"{what} {place} UID ({uid_of(obj)}) does not match claim ({uid})")
    return obj
