"""legacy-serviceaccount-token-cleaner-controller: tokens in Secrets that older clusters made by themselves and nobody uses.

First such a Secret is marked as invalid since a date; when as much time again has gone by, it is deleted. Secrets that
somebody made on purpose are left: their account does not list them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.meta import (
    Obj,
    annotations_of,
    is_deleting,
    key_of,
    labels_of,
    name_of,
    namespace_of,
    uid_of,
)
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch
from pybernetes.control.plan import Delete, Patch, Plan
from pybernetes.lang.timestamps import TimestampError, parse, rfc3339

from .serviceaccounttoken import ACCOUNT_UID, BY_ACCOUNT, account_of

TRACKING = "kube-system/kube-apiserver-legacy-service-account-token-tracking"
"""The ConfigMap in which API servers say since when they note the use of such tokens."""
LAST_USED = "kubernetes.io/legacy-token-last-used"
INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since"
DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A Secret with a token, its account, the pods of its namespace, and since when uses are noted."""

    secret: Obj
    account: Obj
    pods: Sequence[Obj]
    tracked_since: str


def observe(key: str, caches: Caches) -> Seen | None:
    secret = caches.get(kinds.SECRET, key)
    tracking = caches.get(kinds.CONFIGMAP, TRACKING)
    if secret is None or tracking is None or is_deleting(secret) or not account_of(secret):
        return None
    account = caches.get(kinds.SERVICEACCOUNT, account_of(secret)[0])
    if account is None or not _is_listed(secret, account):
        return None
    since = (tracking.get("data") or {}).get("since", "")
    return Seen(secret, account, caches.list(kinds.POD, namespace_of(secret)), since)


def _is_listed(secret: Obj, account: Obj) -> bool:
    listed = {each.get("name") for each in account.get("secrets") or ()}
    return annotations_of(secret).get(ACCOUNT_UID) == uid_of(account) and name_of(secret) in listed


def plan(seen: Seen, now: float, settings: Settings) -> Plan:
    secret, period = seen.secret, settings.legacy_token_clean_up_seconds
    since = _day(seen.tracked_since)
    # The date alone is known, so the whole day counts.
    if since is None or now < since + DAY + period:
        return Plan.nothing("uses are not noted for long enough", DAY)
    limit = now - period
    used = _day(labels_of(secret).get(LAST_USED, ""))
    if parse(secret["metadata"]["creationTimestamp"]) >= limit or (used is not None and used >= limit - DAY):
        return Plan.nothing("used lately", DAY)
    if any(name_of(secret) in _mounted(pod) for pod in seen.pods):
        return Plan.nothing("a pod mounts it", DAY)
    namespace, name = namespace_of(secret), name_of(secret)
    invalid = _day(labels_of(secret).get(INVALID_SINCE, ""))
    if invalid is None or invalid > now:
        labels = {"labels": {INVALID_SINCE: rfc3339(now)[:10]}, "uid": uid_of(secret)}
        return Plan(
            (Patch(kinds.SECRET, namespace, name, {"metadata": labels}, "unused"),), DAY, "marking it"
        )
    if invalid >= limit - DAY:
        return Plan.nothing("marked as invalid", DAY)
    version = secret["metadata"]["resourceVersion"]
    step = Delete(kinds.SECRET, namespace, name, uid_of(secret), "unused", resource_version=version)
    return Plan((step,), None, "deleting it")


def _day(text: str) -> float | None:
    """Unix seconds of the beginning of a day `YYYY-MM-DD`; None for anything else."""
    try:
        return parse(f"{text}T00:00:00Z")
    except TimestampError:
        return None


def _mounted(pod: Obj) -> set[str]:
    volumes = pod["spec"].get("volumes") or ()
    return {volume["secret"].get("secretName", "") for volume in volumes if volume.get("secret")}


def _secret(secret: Obj, _caches: Caches) -> Iterable[str]:
    return (key_of(secret),) if account_of(secret) else ()


def _secrets_of(account: Obj, caches: Caches) -> Iterable[str]:
    return map(key_of, caches.by_index(kinds.SECRET, BY_ACCOUNT, key_of(account)))


def _all(tracking: Obj, caches: Caches) -> Iterable[str]:
    """Nothing is cleaned up before it is known since when uses are noted."""
    if key_of(tracking) != TRACKING:
        return ()
    return [key_of(secret) for secret in caches.list(kinds.SECRET) if account_of(secret)]


CONTROLLER = ControllerDef(
    "legacy-serviceaccount-token-cleaner-controller",
    watches=(
        Watch(kinds.SECRET, _secret, {BY_ACCOUNT: account_of}),
        Watch(kinds.SERVICEACCOUNT, _secrets_of),
        Watch(kinds.CONFIGMAP, _all),
    ),
    observe=observe,
    plan=plan,
    account="legacy-service-account-token-cleaner",
    workers=1,
    reads=(kinds.POD,),
    rounds=True,
)
