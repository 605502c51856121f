"""Which requests a webhook or a policy is asked about: rules of operations, groups, versions and resources."""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import MutableObj, Obj

OPERATIONS = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"]
SCOPES = ["*", "Cluster", "Namespaced"]


def default_rule(rule: MutableObj) -> None:
    rule.setdefault("scope", "*")


def validate_rule(rule: Obj, errors: FieldErrors) -> None:
    """A `RuleWithOperations`."""
    operations = rule.get("operations") or ()
    if not operations:
        errors.required("operations")
    if len(operations) > 1 and "*" in operations:
        errors.invalid(operations, "if '*' is present, must not specify other operations", field="operations")
    for index, operation in enumerate(operations):
        if operation not in OPERATIONS:
            errors.at("operations", index).not_supported(operation, OPERATIONS)
    _validate_list(rule, "apiGroups", "API groups", errors)
    _validate_list(rule, "apiVersions", "API versions", errors)
    for index, version in enumerate(rule.get("apiVersions") or ()):
        if not version:
            errors.at("apiVersions", index).required()
    _validate_resources(rule.get("resources") or (), errors.at("resources"))
    scope = rule.get("scope")
    if scope is not None and scope not in SCOPES:
        errors.not_supported(scope, SCOPES, "scope")


def validate_named_rule(rule: Obj, errors: FieldErrors) -> None:
    """A `NamedRuleWithOperations`: a rule that may be of some objects only."""
    resource_names = rule.get("resourceNames") or ()
    for index, name in enumerate(resource_names):
        at = errors.at("resourceNames", index)
        for message in names.path_segment(name):
            at.invalid(name, message)
        if name in resource_names[:index]:
            at.duplicate(name)
    validate_rule(rule, errors)


def _validate_list(rule: Obj, field: str, what: str, errors: FieldErrors) -> None:
    values = rule.get(field) or ()
    if not values:
        errors.required(field)
    if len(values) > 1 and "*" in values:
        errors.invalid(values, f"if '*' is present, must not specify other {what}", field)


def _validate_resources(resources: Sequence[str], errors: FieldErrors) -> None:
    """`pods`, `pods/log`, `pods/*`, `*/scale`, `*`, `*/*`: none of them says what another says already."""
    if not resources:
        errors.required()
    all_below: set[str] = set()
    """x of each `x/*` so far."""
    below_all: set[str] = set()
    """x of each `*/x` so far."""
    plain = False
    for index, each in enumerate(resources):
        at = errors.at(index)
        if not each:
            at.required()
            continue
        resource, slash, below = each.partition("/")
        if not slash:
            plain = each != "*"
            continue
        if resource in all_below:
            at.invalid(each, f"if '{resource}/*' is present, must not specify {each}")
        if below in below_all:
            at.invalid(each, f"if '*/{below}' is present, must not specify {each}")
        if below == "*":
            all_below.add(resource)
        if resource == "*":
            below_all.add(below)
    if len(resources) > 1 and "*/*" in resources:
        errors.invalid(resources, "if '*/*' is present, must not specify other resources")
    if "*" in resources and plain:
        errors.invalid(resources, "if '*' is present, must not specify other resources without subresources")
