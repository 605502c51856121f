"""Which requests a policy, or one of its bindings, is about. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.lang import labelselector
from pybernetes.lang.labelselector import EVERYTHING, Selector

from ..plugin import Admission
from ..webhooks.hooks import GROUP
from ..webhooks.matching import equivalents, resource_of, rule_matches, selects

_POLICIES = frozenset(
    (
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
    )
)


@dataclass(frozen=True, slots=True)
class Constraints:
    """A `matchConstraints` or `matchResources`."""

    rules: tuple[Obj, ...]
    excluded: tuple[Obj, ...]
    equivalent: bool
    namespaces: Selector
    objects: Selector


def constraints_of(tree: Obj | None) -> Constraints | None:
    """None for a binding that says nothing: it is about whatever its policy is about."""
    if tree is None:
        return None
    return Constraints(
        tuple(tree.get("resourceRules") or ()),
        tuple(tree.get("excludeResourceRules") or ()),
        tree.get("matchPolicy", "Equivalent") == "Equivalent",
        _selector(tree.get("namespaceSelector")),
        _selector(tree.get("objectSelector")),
    )


def _selector(tree: Any) -> Selector:
    return EVERYTHING if not tree else labelselector.from_label_selector(tree)


def is_policy(kind: Kind) -> bool:
    """Policies are about no policies, so that a broken one can be removed."""
    return kind.group == GROUP and kind.plural in _POLICIES


def matched(constraints: Constraints | None, admission: Admission) -> Kind | None:
    """The kind in whose version the objects are shown: the request's own, else another version of the same stored
    objects that a rule names. None where this is about something else."""
    if constraints is None:
        return admission.kind
    if not selects(constraints, admission):
        return None
    if (
        constraints.excluded
        and _rules_match(constraints.excluded, constraints.equivalent, admission) is not None
    ):
        return None
    if not constraints.rules:
        return admission.kind
    return _rules_match(constraints.rules, constraints.equivalent, admission)


def _rules_match(rules: tuple[Obj, ...], equivalent: bool, admission: Admission) -> Kind | None:
    named = tuple(rule for rule in rules if _names(rule, admission))
    if not named:
        return None
    own = resource_of(admission)
    if any(rule_matches(rule, admission.operation, own) for rule in named):
        return admission.kind
    if not equivalent:
        return None
    for kind in equivalents(admission.ctx.services.registry, admission.kind):
        resource = resource_of(admission, kind)
        if any(rule_matches(rule, admission.operation, resource) for rule in named):
            return kind
    return None


def _names(rule: Obj, admission: Admission) -> bool:
    names = rule.get("resourceNames")
    return not names or name_of(admission) in names


def name_of(admission: Admission) -> str:
    metadata = (admission.new or {}).get("metadata") or {}
    return str(admission.name or admission.ctx.info.name or metadata.get("name") or "")
