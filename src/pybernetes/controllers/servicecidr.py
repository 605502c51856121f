"""service-cidr-controller: a ServiceCIDR is ready once it is protected, and goes only when no Service needs it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.cells import dig
from pybernetes.api.meta import Obj, is_deleting, name_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch
from pybernetes.control.plan import Plan, Steps, Update
from pybernetes.controllers.volumes import has_finalizer, with_finalizer, without_finalizer
from pybernetes.lang.timestamps import parse, rfc3339

FINALIZER = "networking.k8s.io/service-cidr-finalizer"
GRACE = 10.0
"""Seconds after the deletion for which an API server may still give addresses of it."""
READY = "Kubernetes Service CIDR is ready"
IN_USE = (
    "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR"
)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Seen:
    """A ServiceCIDR, the others, and (while it is being deleted) the names of all IPAddresses."""

    cidr: Obj
    others: Sequence[Obj]
    addresses: Sequence[str]


def observe(key: str, caches: Caches) -> Seen | None:
    cidr = caches.get(kinds.SERVICECIDR, key)
    if cidr is None:
        return None
    others = [each for each in caches.list(kinds.SERVICECIDR) if uid_of(each) != uid_of(cidr)]
    addresses = [name_of(each) for each in caches.list(kinds.IPADDRESS)] if is_deleting(cidr) else []
    return Seen(cidr, others, addresses)


def plan(seen: Seen, now: float, _settings: Settings) -> Plan:
    cidr, steps = seen.cidr, Steps()
    held = has_finalizer(cidr, FINALIZER)
    if not is_deleting(cidr):
        if not held:
            steps.add(Update(kinds.SERVICECIDR, with_finalizer(cidr, FINALIZER), "Services may need it"))
            steps.look_again(0.0)
            return steps.plan("protecting it")
        _say(steps, cidr, "True", "", READY, now)
        return steps.plan("ready")
    if not held:
        return steps.plan("not held")
    if orphans(seen):
        _say(steps, cidr, "False", "Terminating", IN_USE, now)
        return steps.plan(IN_USE)
    wait = parse(cidr["metadata"]["deletionTimestamp"]) + GRACE - now
    if wait > 0:
        steps.look_again(wait)
        return steps.plan("waiting for API servers to notice")
    steps.add(Update(kinds.SERVICECIDR, without_finalizer(cidr, FINALIZER), "no Service needs it"))
    return steps.plan("letting it go")


def orphans(seen: Seen) -> list[str]:
    """Addresses that would be in no ServiceCIDR without this one."""
    own = _networks(seen.cidr)
    rest = [network for each in seen.others if not is_deleting(each) for network in _networks(each)]
    found = []
    for text in seen.addresses:
        address = ipaddress.ip_address(text)
        if any(address in network for network in own) and not any(address in network for network in rest):
            found.append(text)
    return found


def _networks(cidr: Obj) -> list[Network]:
    return [ipaddress.ip_network(text, strict=False) for text in dig(cidr, "spec", "cidrs") or ()]


def _say(steps: Steps, cidr: Obj, status: str, reason: str, message: str, now: float) -> None:
    conditions = dig(cidr, "status", "conditions") or ()
    old = next((each for each in conditions if each["type"] == "Ready"), None)
    if old is not None and (old["status"], old.get("reason", ""), old.get("message")) == (
        status,
        reason,
        message,
    ):
        return
    same = old is not None and old["status"] == status
    condition: dict[str, Any] = {
        "type": "Ready",
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": old["lastTransitionTime"] if old is not None and same else rfc3339(now),
    }
    rest = [each for each in conditions if each["type"] != "Ready"]
    changed = {**cidr, "status": {**(cidr.get("status") or {}), "conditions": [*rest, condition]}}
    steps.add(Update(kinds.SERVICECIDR, changed, message, "status"))


def _all_of(cidr: Obj, caches: Caches) -> Iterable[str]:
    """A range may be what another one waited for."""
    return [name_of(cidr), *(name_of(each) for each in caches.list(kinds.SERVICECIDR) if is_deleting(each))]


def _leaving(_address: Obj, caches: Caches) -> Iterable[str]:
    return [name_of(each) for each in caches.list(kinds.SERVICECIDR) if is_deleting(each)]


CONTROLLER = ControllerDef(
    "service-cidr-controller",
    watches=(Watch(kinds.SERVICECIDR, _all_of), Watch(kinds.IPADDRESS, _leaving)),
    observe=observe,
    plan=plan,
    account="service-cidrs-controller",
    workers=1,
    source="service-cidrs-controller",
)
