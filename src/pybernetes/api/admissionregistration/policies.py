"""What the admission policies in CEL and their bindings have in common.

Whether their expressions compile is checked by `policyexpressions.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pybernetes.lang import names

from ..cells import AGE, NAME, dig
from ..fielderrors import FieldErrors
from ..kind import Cell, Column
from ..meta import MutableObj, Obj
from ..validation.selectors import validate_label_selector
from .policyexpressions import PolicyExpressions
from .rules import default_rule, validate_named_rule
from .webhooks import FAILURE_POLICIES, MATCH_POLICIES

_IDENTIFIER = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_RESERVED = frozenset(
    (
        "true",
        "false",
        "null",
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    )
)


def default_match_resources(match: MutableObj | None) -> None:
    if match is None:
        return
    match.setdefault("matchPolicy", "Equivalent")
    match.setdefault("namespaceSelector", {})
    match.setdefault("objectSelector", {})
    for field in ("resourceRules", "excludeResourceRules"):
        for rule in match.get(field) or ():
            default_rule(rule)


def default_policy(policy: MutableObj) -> None:
    spec = policy.setdefault("spec", {})
    spec.setdefault("failurePolicy", "Fail")
    default_match_resources(spec.get("matchConstraints"))


def default_binding(binding: MutableObj) -> None:
    spec = binding.setdefault("spec", {})
    default_match_resources(spec.get("matchResources"))
    if spec.get("paramRef") is not None:
        spec["paramRef"].setdefault("parameterNotFoundAction", "Deny")


def validate_failure_policy(spec: Obj, errors: FieldErrors) -> None:
    policy = spec.get("failurePolicy")
    if policy is None:
        errors.required("failurePolicy")
    elif policy not in FAILURE_POLICIES:
        errors.not_supported(policy, FAILURE_POLICIES, "failurePolicy")


def validate_match_constraints(spec: Obj, errors: FieldErrors) -> None:
    """A policy must say of which resources it is."""
    match, at = spec.get("matchConstraints"), errors.at("matchConstraints")
    if match is None:
        at.required()
        return
    validate_match_resources(match, at)
    if not match.get("resourceRules"):
        at.required("resourceRules")


def validate_match_resources(match: Obj | None, errors: FieldErrors) -> None:
    if match is None:
        return
    policy = match.get("matchPolicy")
    if policy is None:
        errors.required("matchPolicy")
    elif policy not in MATCH_POLICIES:
        errors.not_supported(policy, MATCH_POLICIES, "matchPolicy")
    for field in ("namespaceSelector", "objectSelector"):
        if match.get(field) is None:
            errors.required(field)
        else:
            validate_label_selector(match[field], errors.at(field))
    for field in ("resourceRules", "excludeResourceRules"):
        for index, rule in enumerate(match.get(field) or ()):
            validate_named_rule(rule, errors.at(field, index))


def validate_operations(match: Obj | None, operations: list[str], errors: FieldErrors) -> None:
    """That the rules name none but these operations. `errors` stands at the match."""
    for rule in (match or {}).get("resourceRules") or ():
        for operation in rule.get("operations") or ():
            if operation not in operations:
                errors.at("resourceRules", "operations").not_supported(operation, operations)


def validate_param_kind(kind: Obj | None, errors: FieldErrors) -> None:
    if kind is None:
        return
    api_version, name = kind.get("apiVersion") or "", kind.get("kind") or ""
    if not api_version:
        errors.required("apiVersion")
    elif api_version.count("/") > 1:
        errors.invalid(api_version, f"unexpected GroupVersion string: {api_version}", "apiVersion")
    else:
        group, _, version = api_version.rpartition("/")
        if group and (problems := names.dns1123_subdomain(group)):
            errors.invalid(group, ",".join(problems), "apiVersion")
        if not version:
            errors.invalid(api_version, "version must be specified", "apiVersion")
        elif problems := names.dns1035_label(version):
            errors.invalid(version, ",".join(problems), "apiVersion")
    if not name:
        errors.required("kind")
    elif problems := names.dns1035_label(name.lower()):
        shape = f"may have mixed case, but should otherwise match: {','.join(problems)}"
        errors.invalid(name, shape, "kind")


def validate_variables(variables: Sequence[Obj], expressions: PolicyExpressions, errors: FieldErrors) -> None:
    for index, variable in enumerate(variables):
        at, name = errors.at(index), variable.get("name") or ""
        if not name.strip():
            at.required("name", "name is not specified")
        elif not _IDENTIFIER.fullmatch(name) or name in _RESERVED:
            at.invalid(name, "name is not a valid CEL identifier", "name")
        if (variable.get("expression") or "").strip():
            expressions.variable(index, at)
        else:
            at.required("expression", "expression is not specified")


def validate_binding_spec(spec: Obj, errors: FieldErrors) -> None:
    name = spec.get("policyName") or ""
    if not name:
        errors.required("policyName")
    else:
        for message in names.dns1123_subdomain(name):
            errors.invalid(name, message, "policyName")
    _validate_param_ref(spec.get("paramRef"), errors.at("paramRef"))
    validate_match_resources(spec.get("matchResources"), errors.at("matchResources"))


def _validate_param_ref(ref: Obj | None, errors: FieldErrors) -> None:
    if ref is None:
        return
    name, selector = ref.get("name") or "", ref.get("selector")
    for message in names.path_segment(name) if name else ():
        errors.invalid(name, message, "name")
    both = bool(name) and selector is not None
    if both:
        errors.forbidden("name and selector are mutually exclusive", "name")
    validate_label_selector(selector, errors.at("selector"))
    if both:
        errors.forbidden("name and selector are mutually exclusive", "selector")
    if not name and selector is None:
        errors.required("", "one of name or selector must be specified")
    action = ref.get("parameterNotFoundAction")
    if not action:
        errors.required("parameterNotFoundAction")
    elif action not in ("Deny", "Allow"):
        errors.not_supported(action, ["Deny", "Allow"], "parameterNotFoundAction")


def _param_kind(policy: Obj, _now: float) -> Cell:
    kind = dig(policy, "spec", "paramKind")
    return "<unset>" if kind is None else f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}"


def _param_ref(binding: Obj, _now: float) -> Cell:
    ref: Any = dig(binding, "spec", "paramRef") or {}
    if ref.get("name"):
        # A cluster-scoped parameter looks the same from here.
        return f"{ref.get('namespace') or '*'}/{ref['name']}"
    return "<unset>" if ref.get("selector") is None else _go_selector(ref["selector"])


def _go_selector(selector: Any) -> str:
    """A label selector as Go's generated `String()` writes it."""
    labels = "".join(f"{key}: {value}," for key, value in sorted((selector.get("matchLabels") or {}).items()))
    expressions = "".join(
        f"LabelSelectorRequirement{{Key:{each.get('key', '')},Operator:{each.get('operator', '')},"
        f"Values:[{' '.join(each.get('values') or ())}],}},"
        for each in selector.get("matchExpressions") or ()
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )


def policy_columns(title: str, field: str, description: str) -> tuple[Column, ...]:
    """The columns of a policy whose rules are in `field` of the spec."""
    count = Column(
        title,
        lambda policy, _: len(dig(policy, "spec", field) or ()),
        type="integer",
        description=description,
    )
    kind = Column(
        "ParamKind",
        _param_kind,
        description="ParamKind specifies the kind of resources used to parameterize this policy",
    )
    return (NAME, count, kind, AGE)


BINDING_COLUMNS = (
    NAME,
    Column(
        "PolicyName",
        lambda binding, _: dig(binding, "spec", "policyName") or "",
        description="PolicyName indicates the policy definition which the policy binding binded to",
    ),
    Column(
        "ParamRef",
        _param_ref,
        description="ParamRef indicates the param resource which sets the configration param",
    ),
    AGE,
)
