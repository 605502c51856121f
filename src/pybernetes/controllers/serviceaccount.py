"""serviceaccount-controller: every namespace has a service account `default`."""

from __future__ import annotations

from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, namespace_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch, itself
from pybernetes.control.plan import Create, Plan

NAME = "default"


@dataclass(frozen=True, slots=True)
class Seen:
    """A namespace, and whether it has the account."""

    namespace: Obj
    has_account: bool


def observe(key: str, caches: Caches) -> Seen | None:
    namespace = caches.get(kinds.NAMESPACE, key)
    if namespace is None:
        return None
    return Seen(namespace, caches.get(kinds.SERVICEACCOUNT, f"{key}/{NAME}") is not None)


def plan(seen: Seen, _now: float, _settings: Settings) -> Plan:
    if is_deleting(seen.namespace) or seen.has_account:
        return Plan.nothing("nothing to make")
    metadata = {"name": NAME, "namespace": seen.namespace["metadata"]["name"]}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    step = Create(kinds.SERVICEACCOUNT, account, "the namespace has none", exists_ok=True)
    return Plan((step,), None, "making the default account")


CONTROLLER = ControllerDef(
    "serviceaccount-controller",
    watches=(
        itself(kinds.NAMESPACE),
        Watch(kinds.SERVICEACCOUNT, lambda account, _caches: (namespace_of(account),)),
    ),
    observe=observe,
    plan=plan,
    account="service-account-controller",
)
