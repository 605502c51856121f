"""The status of a pod, as the kubelet and the scheduler write it: what is kept, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import MutableObj, Obj
from ..validation.addresses import legacy_address, parse_address
from .pod_annotations import validate_annotations_update

OWN_CONDITIONS = ("PodScheduled", "Ready", "Initialized")
"""Types that need not look like a qualified name, for they always do."""
ALL_ANEW = "RestartAllContainers"
_TERMINATED = "may not be transitioned to non-terminated state"


def prepare_status(new: MutableObj, old: Obj, _now: float) -> None:
    """What a writer who does not know a field leaves out stays; the two ways to say the address are brought together,
    of which the older one counts."""
    status, before = new.get("status"), old.get("status") or {}
    if not isinstance(status, dict):
        return
    for field in ("qosClass", "observedGeneration"):
        if not status.get(field) and before.get(field):
            status[field] = before[field]
    _keep_generations(status, before)
    address, addresses = status.get("podIP"), status.get("podIPs")
    if address and (not addresses or addresses[0].get("ip") != address):
        status["podIPs"] = [{"ip": address}]
    elif addresses and not address and addresses[0].get("ip"):
        status["podIP"] = addresses[0]["ip"]


def _keep_generations(status: MutableObj, before: Obj) -> None:
    known = {
        each.get("type"): each["observedGeneration"]
        for each in before.get("conditions") or ()
        if each.get("observedGeneration")
    }
    conditions = status.get("conditions") or ()
    if known and any(each.get("type") in known and not each.get("observedGeneration") for each in conditions):
        status["conditions"] = [
            {**each, "observedGeneration": known[each["type"]]}
            if each.get("type") in known and not each.get("observedGeneration")
            else each
            for each in conditions
        ]


def validate_pod_status(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """An update of the status."""
    validate_annotations_update(new, old, errors)
    before, after = old.get("status") or {}, new.get("status") or {}
    at = errors.at("status")
    _validate_conditions(after.get("conditions") or (), at.at("conditions"))
    _validate_nominated(new, before, at)
    if after.get("observedGeneration", 0) < 0:
        at.invalid(after["observedGeneration"], "must be a non-negative integer", "observedGeneration")
    if before.get("qosClass") and after.get("qosClass") != before["qosClass"]:
        at.invalid(after.get("qosClass") or "", "field is immutable", "qosClass")
    _validate_transitions(new.get("spec") or {}, after, before, at)
    _validate_claims(new.get("spec") or {}, after, at.at("resourceClaimStatuses"))
    if after.get("podIPs") != before.get("podIPs"):
        _validate_addresses(after.get("podIPs") or (), at.at("podIPs"))
    hosts = after.get("hostIPs") or ()
    if hosts and hosts[0].get("ip") != after.get("hostIP", ""):
        at.at("hostIPs", 0).invalid(hosts[0].get("ip", ""), "must be equal to `hostIP`", "ip")
    if hosts != (before.get("hostIPs") or ()):
        _validate_addresses(hosts, at.at("hostIPs"))


@lru_cache(maxsize=256)
def _about_type(kind: str) -> tuple[str, ...]:
    """What is wrong with the type of a condition: the same few come again and again."""
    return tuple(names.qualified_name(kind))


def _validate_conditions(conditions: Any, at: FieldErrors) -> None:
    for index, condition in enumerate(conditions):
        kind, generation = condition.get("type", ""), condition.get("observedGeneration") or 0
        if generation < 0:
            at.at(index).invalid(generation, "must be a non-negative integer", "observedGeneration")
        for message in _about_type(kind) if kind not in OWN_CONDITIONS else ():
            at.at(index).invalid(kind, message, "Type")


def _validate_nominated(new: Obj, before: Obj, at: FieldErrors) -> None:
    name = (new.get("status") or {}).get("nominatedNodeName") or ""
    if not name or name == (before.get("nominatedNodeName") or ""):
        return
    for message in names.dns1123_subdomain(name):
        at.invalid(name, message, "nominatedNodeName")
    if (new.get("spec") or {}).get("nodeName"):
        at.forbidden("may not be set on pods that are already bound to a node", "nominatedNodeName")


def _validate_addresses(addresses: Any, at: FieldErrors) -> None:
    """One of each family at most."""
    if not addresses:
        return
    texts = [each.get("ip", "") for each in addresses]
    good = [legacy_address(text, at.at(index).at("ip")) for index, text in enumerate(texts)]
    if len(texts) > 1 and all(good):
        families = {parsed.version for text in texts if (parsed := parse_address(text)) is not None}
        if len(families) != len(texts):
            at.invalid(texts, "may specify no more than one IP for each IP family")


def _validate_transitions(spec: Obj, after: Obj, before: Obj, at: FieldErrors) -> None:
    """A container that has ended for good does not run again."""
    if not any(_ended(each) for field in _STATUSES for each in before.get(field) or ()):
        return
    specs = [each for field in ("containers", "initContainers") for each in spec.get(field) or ()]
    for container in specs:
        if any(rule.get("action") == ALL_ANEW for rule in container.get("restartPolicyRules") or ()):
            return
    own = {each.get("name"): each for each in specs}
    for field in _STATUSES:
        _validate_list(field, own, spec.get("restartPolicy"), (after, before), at)


_STATUSES = ("containerStatuses", "initContainerStatuses")


def _ended(status: Obj) -> Obj | None:
    """How a container has ended; None while it has not."""
    ended: Obj | None = (status.get("state") or {}).get("terminated")
    return ended


def _may_restart(container: Obj, policy: Any, code: int) -> bool:
    if container.get("restartPolicyRules"):
        return True
    own = container.get("restartPolicy") or policy
    return bool(own == "Always" or (own == "OnFailure" and code != 0))


def _validate_list(
    field: str, specs: Mapping[Any, Obj], policy: Any, states: tuple[Obj, Obj], at: FieldErrors
) -> None:
    """`states` are the status now and before."""
    after = {each.get("name"): each for each in states[0].get(field) or ()}
    for index, each in enumerate(states[1].get(field) or ()):
        past, now = _ended(each), after.get(each.get("name"))
        if past is None or now is None or _ended(now) is not None:
            continue
        if not _may_restart(specs.get(each.get("name")) or {}, policy, past.get("exitCode", 0)):
            at.at(field, index).forbidden(_TERMINATED, "state")


def _validate_claims(spec: Obj, status: Obj, at: FieldErrors) -> None:
    if not status.get("resourceClaimStatuses"):
        return
    known = {claim.get("name") for claim in spec.get("resourceClaims") or ()}
    seen: set[str] = set()
    for index, claim in enumerate(status.get("resourceClaimStatuses") or ()):
        here, name = at.at(index), claim.get("name") or ""
        if name not in known:
            why = "must match the name of an entry in `spec.resourceClaims`"
            here.invalid(name, why, "name")
        if name in seen:
            here.duplicate(name, "name")
        seen.add(name)
        given = claim.get("resourceClaimName")
        for message in names.dns1123_subdomain(given) if given is not None else ():
            here.invalid(given, message, "name")
