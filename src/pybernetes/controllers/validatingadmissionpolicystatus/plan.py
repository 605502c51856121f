"""validatingadmissionpolicy-status-controller: warnings in a policy's status, once per generation of its spec."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.cells import dig
from pybernetes.api.meta import Obj, is_deleting
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, itself
from pybernetes.control.plan import Plan, Update

from .served import Served, by_kind, by_plural

MOST_KINDS = 10
"""Kinds that a policy is checked for; what it matches beyond is not looked at."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A policy, the kinds that it names without wildcards, and that of its parameters."""

    policy: Obj
    matched: Sequence[Served]
    params: Served | None


def observe(key: str, caches: Caches) -> Seen | None:
    policy = caches.get(kinds.VALIDATINGADMISSIONPOLICY, key)
    if policy is None or is_deleting(policy):
        return None
    found = (by_plural(*each, caches) for each in _named(policy))
    matched = list(dict.fromkeys(each for each in found if each is not None))[:MOST_KINDS]
    wanted = policy["spec"].get("paramKind")
    return Seen(policy, matched, by_kind(wanted, caches) if wanted else None)


def _named(policy: Obj) -> Iterator[tuple[str, str, str]]:
    """(group, version, plural) of what the rules name exactly."""
    for rule in dig(policy, "spec", "matchConstraints", "resourceRules") or ():
        for group in rule.get("apiGroups") or ():
            for version in rule.get("apiVersions") or ():
                for resource in rule.get("resources") or ():
                    if not {"*", "/"} & {*group, *version, *resource}:
                        yield group, version, resource


def plan(seen: Seen, _now: float, _settings: Settings) -> Plan:
    policy = seen.policy
    generation = policy["metadata"].get("generation", 0)
    if (dig(policy, "status", "observedGeneration") or 0) >= generation:
        return Plan.nothing("checked")
    from .typecheck import warnings

    found = warnings(policy["spec"], seen.matched, seen.params)
    status = {
        **(policy.get("status") or {}),
        "observedGeneration": generation,
        "typeChecking": {"expressionWarnings": found} if found else {},
    }
    step = Update(kinds.VALIDATINGADMISSIONPOLICY, {**policy, "status": status}, "its spec is new", "status")
    return Plan((step,), None, f"{len(found)} warnings")


CONTROLLER = ControllerDef(
    "validatingadmissionpolicy-status-controller",
    watches=(itself(kinds.VALIDATINGADMISSIONPOLICY),),
    observe=observe,
    plan=plan,
    account="validatingadmissionpolicy-status-controller",
    reads=(kinds.CUSTOMRESOURCEDEFINITION,),
    workers=5,
)
