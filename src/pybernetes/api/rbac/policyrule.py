"""The rules of Roles and ClusterRoles: what a permission must say."""

from __future__ import annotations

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..validation.selectors import validate_label_selector


def validate_role(role: Obj, errors: FieldErrors) -> None:
    for index, rule in enumerate(role.get("rules") or ()):
        _validate_rule(rule, errors.at("rules", index), namespaced=True)


def validate_cluster_role(role: Obj, errors: FieldErrors) -> None:
    for index, rule in enumerate(role.get("rules") or ()):
        _validate_rule(rule, errors.at("rules", index), namespaced=False)
    aggregation = role.get("aggregationRule")
    if aggregation is None:
        return
    selectors, at = aggregation.get("clusterRoleSelectors") or (), errors.at("aggregationRule")
    if not selectors:
        at.required(
            "clusterRoleSelectors", "at least one clusterRoleSelector required if aggregationRule is non-nil"
        )
    for index, selector in enumerate(selectors):
        here, found = at.at("clusterRoleSelectors", index), FieldErrors()
        validate_label_selector(selector, found)
        if found:
            validate_label_selector(selector, here)
            here.invalid(None, "invalid label selector.")


def _validate_rule(rule: Obj, errors: FieldErrors, *, namespaced: bool) -> None:
    """A rule is for resources or for URLs; the latter are in no namespace."""
    urls = rule.get("nonResourceURLs")
    if not rule.get("verbs"):
        errors.required("verbs", "verbs must contain at least one value")
    if urls:
        if namespaced:
            errors.invalid(urls, "namespaced rules cannot apply to non-resource URLs", "nonResourceURLs")
        if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            errors.invalid(
                urls, "rules cannot apply to both regular resources and non-resource URLs", "nonResourceURLs"
            )
        return
    if not rule.get("apiGroups"):
        errors.required("apiGroups", "resource rules must supply at least one api group")
    if not rule.get("resources"):
        errors.required("resources", "resource rules must supply at least one resource")
