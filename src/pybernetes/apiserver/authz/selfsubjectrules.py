"""SelfSubjectRulesReview: everything that a user may do in a namespace, as far as the authorizers can list it."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api.meta import MutableObj

from .rules import Rule

EVERYTHING = (
    Rule(frozenset("*"), frozenset("*"), frozenset("*")),
    Rule(frozenset("*"), urls=frozenset("*")),
)
"""What a member of `system:masters` may do, and anyone where AlwaysAllow is on."""


def review_status(rules: Iterable[Rule], incomplete: bool = False, error: str = "") -> MutableObj:
    """The `status` of the review. `incomplete`: an authorizer (the Node authorizer) cannot list its rules."""
    resource_rules, other_rules = [], []
    for rule in rules:
        tree = rule.tree()
        if rule.urls:
            other_rules.append({"verbs": tree["verbs"], "nonResourceURLs": tree["nonResourceURLs"]})
        if rule.resources:
            tree.pop("nonResourceURLs", None)
            resource_rules.append(tree)
    status: MutableObj = {
        "resourceRules": resource_rules,
        "nonResourceRules": other_rules,
        "incomplete": incomplete,
    }
    return {**status, "evaluationError": error} if error else status
