"""validatingadmissionpolicy-status-controller: warnings in a policy's status, once per generation of its spec."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.cells import dig
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, is_deleting
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, itself
from pybernetes.control.plan import Plan, Update

MOST_KINDS = 10
"""Kinds that a policy is checked for; what it matches beyond is not looked at."""


@dataclass(frozen=True, slots=True)
class Served:
    """A kind that a policy may see. `schema` is that of a custom one (None: built in)."""

    group: str
    version: str
    kind: str
    builtin: Kind | None = None
    schema: Obj | None = None

    def __str__(self) -> str:
        return (
            f"{self.group}/{self.version}, Kind={self.kind}"
            if self.group
            else f"{self.version}, Kind={self.kind}"
        )


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
    found = (_by_plural(*each, caches) for each in _named(policy))
    matched = list(dict.fromkeys(each for each in found if each is not None))[:MOST_KINDS]
    wanted = policy["spec"].get("paramKind")
    return Seen(policy, matched, _by_kind(wanted, caches) if wanted else None)


def _named(policy: Obj) -> Iterator[tuple[str, str, str]]:
    """(group, version, plural) of what the rules name exactly."""
    for rule in dig(policy, "spec", "matchConstraints", "resourceRules") or ():
        for group in rule.get("apiGroups") or ():
            for version in rule.get("apiVersions") or ():
                for resource in rule.get("resources") or ():
                    if not {"*", "/"} & {*group, *version, *resource}:
                        yield group, version, resource


def _by_plural(group: str, version: str, plural: str, caches: Caches) -> Served | None:
    builtin = kinds.by_plural(group, version, plural)
    if builtin is not None:
        return Served(group, version, builtin.kind, builtin)
    definition = caches.get(kinds.CUSTOMRESOURCEDEFINITION, f"{plural}.{group}")
    return None if definition is None else _custom(definition, version)


def _by_kind(wanted: Obj, caches: Caches) -> Served | None:
    group, _, version = wanted["apiVersion"].rpartition("/")
    builtin = kinds.by_kind(wanted["apiVersion"], wanted["kind"])
    if builtin is not None:
        return Served(group, version, builtin.kind, builtin)
    for definition in caches.list(kinds.CUSTOMRESOURCEDEFINITION):
        spec = definition["spec"]
        if (spec["group"], spec["names"]["kind"]) == (group, wanted["kind"]):
            return _custom(definition, version)
    return None


def _custom(definition: Obj, version: str) -> Served | None:
    spec = definition["spec"]
    for each in spec["versions"]:
        if each["name"] == version and each.get("served"):
            schema = dig(each, "schema", "openAPIV3Schema") or {}
            return Served(spec["group"], version, spec["names"]["kind"], None, _Schema(schema))
    return None


class _Schema(dict[str, Any]):
    """A schema that can be compared and hashed by what it is, not by what it holds."""

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


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
