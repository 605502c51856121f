"""token-cleaner-controller: bootstrap tokens that have expired are removed."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, key_of, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch
from pybernetes.control.plan import Delete, Plan

from .bootstraptokens import expires_at, is_token


def observe(key: str, caches: Caches) -> Obj | None:
    secret = caches.get(kinds.SECRET, key)
    return secret if secret is not None and is_token(secret) and not is_deleting(secret) else None


def plan(secret: Obj, now: float, _settings: Settings) -> Plan:
    expires = expires_at(secret)
    if expires is None:
        return Plan.nothing("it does not expire")
    if expires > now:
        return Plan.nothing("not yet", expires - now)
    step = Delete(kinds.SECRET, namespace_of(secret), name_of(secret), uid_of(secret), "expired")
    return Plan((step,), None, "expired")


def _token(secret: Obj, _caches: Caches) -> Iterable[str]:
    return (key_of(secret),) if is_token(secret) else ()


CONTROLLER = ControllerDef(
    "token-cleaner-controller",
    watches=(Watch(kinds.SECRET, _token),),
    observe=observe,
    plan=plan,
    account="token-cleaner",
    workers=1,
)
