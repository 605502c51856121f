"""serviceaccount-token-controller: Secrets of type `kubernetes.io/service-account-token` get a token of their account.

Such Secrets are made by people who need a token that does not expire; the Secret goes with its account.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.core.secret import ACCOUNT_NAME, ACCOUNT_TOKEN
from pybernetes.api.errors import NotFound
from pybernetes.api.meta import (
    Obj,
    annotations_of,
    is_deleting,
    key_of,
    name_of,
    namespace_of,
    split_key,
    uid_of,
)
from pybernetes.client.interface import Client
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch
from pybernetes.control.plan import Delete, Plan, Update
from pybernetes.wire.jws import SigningKey, sign, signing_key

ACCOUNT_UID = "kubernetes.io/service-account.uid"
BY_ACCOUNT = "account"
"""Index over Secrets with tokens: `namespace/name` of the account."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A Secret for a token, and the account that it names."""

    secret: Obj
    account: Obj | None


def account_of(secret: Obj) -> tuple[str, ...]:
    """The key of the account whose token a Secret holds, or is to hold."""
    name = annotations_of(secret).get(ACCOUNT_NAME)
    return (f"{namespace_of(secret)}/{name}",) if secret.get("type") == ACCOUNT_TOKEN and name else ()


def observe(key: str, caches: Caches) -> Seen | None:
    secret = caches.get(kinds.SECRET, key)
    if secret is None or is_deleting(secret) or not account_of(secret):
        return None
    return Seen(secret, caches.get(kinds.SERVICEACCOUNT, account_of(secret)[0]))


async def ask(seen: Seen, client: Client) -> Seen:
    """An account may be newer than the cache: before its Secret is deleted, the server is asked."""
    if _is_its(seen):
        return seen
    namespace, name = split_key(account_of(seen.secret)[0])
    try:
        return replace(seen, account=await client.get(kinds.SERVICEACCOUNT, name, namespace))
    except NotFound:
        return replace(seen, account=None)


def _is_its(seen: Seen) -> bool:
    named = annotations_of(seen.secret).get(ACCOUNT_UID)
    return seen.account is not None and (not named or named == uid_of(seen.account))


def plan(seen: Seen, _now: float, settings: Settings) -> Plan:
    secret, account = seen.secret, seen.account
    if account is None or not _is_its(seen):
        why = "its account is gone"
        step = Delete(kinds.SECRET, namespace_of(secret), name_of(secret), uid_of(secret), why)
        return Plan((step,), None, why)
    if not settings.service_account_key:
        return Plan.nothing("no key to sign with")
    filled = _filled(secret, account, settings)
    if filled == secret:
        return Plan.nothing("filled")
    return Plan((Update(kinds.SECRET, filled, "it lacks its token"),), None, "making a token")


def _filled(secret: Obj, account: Obj, settings: Settings) -> Obj:
    data = {**(secret.get("data") or {}), "namespace": _encoded(namespace_of(secret))}
    if settings.root_ca:
        data["ca.crt"] = _encoded(settings.root_ca)
    if not data.get("token"):
        data["token"] = _encoded(sign(claims(account, name_of(secret)), _key(settings.service_account_key)))
    annotations = {**annotations_of(secret), ACCOUNT_UID: uid_of(account)}
    return {**secret, "data": data, "metadata": {**secret["metadata"], "annotations": annotations}}


def claims(account: Obj, secret_name: str) -> dict[str, Any]:
    """What a token in a Secret says; the API server asks the Secret whether it still holds it."""
    prefix, namespace, name = "kubernetes.io/serviceaccount", namespace_of(account), name_of(account)
    return {
        "iss": "kubernetes/serviceaccount",
        f"{prefix}/namespace": namespace,
        f"{prefix}/secret.name": secret_name,
        f"{prefix}/service-account.name": name,
        f"{prefix}/service-account.uid": uid_of(account),
        "sub": f"system:serviceaccount:{namespace}:{name}",
    }


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@lru_cache(maxsize=2)
def _key(pem: str) -> SigningKey:
    return signing_key(pem.encode())


def _secret(secret: Obj, _caches: Caches) -> Iterable[str]:
    return (key_of(secret),) if account_of(secret) else ()


def _secrets_of(account: Obj, caches: Caches) -> Iterable[str]:
    return map(key_of, caches.by_index(kinds.SECRET, BY_ACCOUNT, key_of(account)))


CONTROLLER = ControllerDef(
    "serviceaccount-token-controller",
    watches=(
        Watch(kinds.SECRET, _secret, {BY_ACCOUNT: account_of}),
        Watch(kinds.SERVICEACCOUNT, _secrets_of),
    ),
    observe=observe,
    plan=plan,
    account="",
    ask=ask,
)
