"""Admission policies and their bindings: defaults, rules, table rows."""

from __future__ import annotations

import pytest
from kindrules import (
    CREATED,
    DUPLICATE,
    FORBIDDEN,
    INVALID,
    REQUIRED,
    UNSUPPORTED,
    changed,
    new_errors,
    row,
    status_errors,
)

from pybernetes.api.kinds import (
    MUTATINGADMISSIONPOLICY,
    MUTATINGADMISSIONPOLICYBINDING,
    VALIDATINGADMISSIONPOLICY,
    VALIDATINGADMISSIONPOLICYBINDING,
)

RULE = {"operations": ["CREATE"], "apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"]}


def policy(**spec: object) -> dict:
    return {
        "metadata": {"name": "few.example.com", "creationTimestamp": CREATED},
        "spec": {
            "matchConstraints": {"resourceRules": [RULE]},
            "validations": [{"expression": "object.spec.replicas <= 5"}],
            **spec,
        },
    }


def mutation(**spec: object) -> dict:
    tree = policy(
        reinvocationPolicy="Never",
        mutations=[
            {
                "patchType": "JSONPatch",
                "jsonPatch": {"expression": "[JSONPatch{op: 'remove', path: '/spec/x'}]"},
            }
        ],
        **spec,
    )
    del tree["spec"]["validations"]
    return tree


def test_defaults() -> None:
    tree = changed(policy())
    VALIDATINGADMISSIONPOLICY.default(tree)
    assert tree["spec"]["failurePolicy"] == "Fail"
    assert tree["spec"]["matchConstraints"] == {
        "resourceRules": [{**RULE, "scope": "*"}],
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
    }
    tree = binding(paramRef={"name": "p"})
    VALIDATINGADMISSIONPOLICYBINDING.default(tree)
    assert tree["spec"]["paramRef"]["parameterNotFoundAction"] == "Deny"


@pytest.mark.parametrize(
    ("spec", "reason", "field", "message"),
    [
        ({"matchConstraints": None}, REQUIRED, "matchConstraints", "Required value"),
        ({"matchConstraints": {}}, REQUIRED, "matchConstraints.resourceRules", "Required value"),
        (
            {"paramKind": {"apiVersion": "a/b/c", "kind": "Limit"}},
            INVALID,
            "paramKind.apiVersion",
            'Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
        ),
        ({"paramKind": {"apiVersion": "v1"}}, REQUIRED, "paramKind.kind", "Required value"),
        (
            {"variables": [{"name": "in", "expression": "1"}]},
            INVALID,
            "variables[0].name",
            'Invalid value: "in": name is not a valid CEL identifier',
        ),
        (
            {"variables": [{"name": "a", "expression": " "}]},
            REQUIRED,
            "variables[0].expression",
            "Required value: expression is not specified",
        ),
        (
            {"validations": [{"expression": ""}]},
            REQUIRED,
            "validations[0].expression",
            "Required value: expression is not specified",
        ),
        (
            {"validations": [{"expression": "true", "message": "a\nb"}]},
            INVALID,
            "validations[0].message",
            'Invalid value: "a\\nb": message must not contain line breaks',
        ),
        (
            {"validations": [{"expression": "true", "reason": "Because"}]},
            UNSUPPORTED,
            "validations[0].reason",
            'Unsupported value: "Because": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"',
        ),
        (
            {"auditAnnotations": [{"key": "k", "valueExpression": ""}]},
            REQUIRED,
            "auditAnnotations[0].valueExpression",
            "Required value: valueExpression is not specified",
        ),
        (
            {"auditAnnotations": [{"key": "k", "valueExpression": "'v'"}] * 2},
            DUPLICATE,
            "auditAnnotations[1].key",
            'Duplicate value: "k"',
        ),
        (
            {"matchConstraints": {"resourceRules": [{**RULE, "resourceNames": ["a/b"]}]}},
            INVALID,
            "matchConstraints.resourceRules[0].resourceNames[0]",
            "Invalid value: \"a/b\": may not contain '/'",
        ),
    ],
)
def test_rules_of_policies(spec: dict, reason: str, field: str, message: str) -> None:
    assert new_errors(VALIDATINGADMISSIONPOLICY, policy(**spec)) == [(reason, f"spec.{field}", message)]


def test_a_policy_does_something() -> None:
    assert new_errors(VALIDATINGADMISSIONPOLICY, policy()) == []
    why = "Required value: validations or auditAnnotations must contain at least one item"
    assert new_errors(VALIDATINGADMISSIONPOLICY, policy(validations=[])) == [
        (REQUIRED, "spec.validations", why),
        (REQUIRED, "spec.auditAnnotations", why),
    ]


@pytest.mark.parametrize(
    ("spec", "reason", "field", "message"),
    [
        (
            {"mutations": []},
            REQUIRED,
            "mutations",
            "Required value: mutations must contain at least one item",
        ),
        ({"reinvocationPolicy": ""}, REQUIRED, "reinvocationPolicy", "Required value"),
        ({"mutations": [{}]}, REQUIRED, "mutations[0].patchType", "Required value"),
        (
            {"mutations": [{"patchType": "Merge"}]},
            UNSUPPORTED,
            "mutations[0].patchType",
            'Unsupported value: "Merge": supported values: "ApplyConfiguration", "JSONPatch"',
        ),
        (
            {"mutations": [{"patchType": "ApplyConfiguration"}]},
            REQUIRED,
            "mutations[0].applyConfiguration",
            "Required value: must be specified when patchType is ApplyConfiguration",
        ),
        (
            {"matchConstraints": {"resourceRules": [{**RULE, "operations": ["DELETE"]}]}},
            UNSUPPORTED,
            "matchConstraints.resourceRules.operations",
            'Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"',
        ),
    ],
)
def test_rules_of_mutations(spec: dict, reason: str, field: str, message: str) -> None:
    tree = mutation()
    tree["spec"] |= spec
    assert new_errors(MUTATINGADMISSIONPOLICY, mutation()) == []
    assert new_errors(MUTATINGADMISSIONPOLICY, tree) == [(reason, f"spec.{field}", message)]


def binding(**spec: object) -> dict:
    return {
        "metadata": {"name": "few", "creationTimestamp": CREATED},
        "spec": {"policyName": "few.example.com", "validationActions": ["Deny"], **spec},
    }


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, []),
        ({"policyName": ""}, [(REQUIRED, "policyName", "Required value")]),
        (
            {"validationActions": []},
            [(REQUIRED, "validationActions", "Required value: at least one validation action is required")],
        ),
        (
            {"validationActions": ["Shout"]},
            [
                (
                    UNSUPPORTED,
                    "validationActions[0]",
                    'Unsupported value: "Shout": supported values: "Audit", "Deny", "Warn"',
                )
            ],
        ),
        (
            {"paramRef": {}},
            [(REQUIRED, "paramRef", "Required value: one of name or selector must be specified")],
        ),
        (
            {"paramRef": {"name": "a", "selector": {}}},
            [
                (FORBIDDEN, "paramRef.name", "Forbidden: name and selector are mutually exclusive"),
                (FORBIDDEN, "paramRef.selector", "Forbidden: name and selector are mutually exclusive"),
            ],
        ),
        (
            {"paramRef": {"name": "a", "parameterNotFoundAction": "Cry"}},
            [
                (
                    UNSUPPORTED,
                    "paramRef.parameterNotFoundAction",
                    'Unsupported value: "Cry": supported values: "Deny", "Allow"',
                )
            ],
        ),
    ],
)
def test_rules_of_bindings(spec: dict, expected: list) -> None:
    found = new_errors(VALIDATINGADMISSIONPOLICYBINDING, binding(**spec))
    assert found == [(reason, f"spec.{field}", message) for reason, field, message in expected]


def test_deny_and_warn_say_the_same() -> None:
    ((reason, field, message),) = new_errors(
        VALIDATINGADMISSIONPOLICYBINDING, binding(validationActions=["Deny", "Warn"])
    )
    assert (reason, field) == (INVALID, "spec.validationActions")
    assert "must not contain both Deny and Warn" in message


def test_status() -> None:
    status = {
        "typeChecking": {"expressionWarnings": [{"fieldRef": "", "warning": "w"}]},
        "conditions": [{"type": "A", "status": "Maybe", "reason": "R", "lastTransitionTime": CREATED}],
    }
    assert status_errors(VALIDATINGADMISSIONPOLICY, {**policy(), "status": status}, policy()) == [
        (REQUIRED, "status.typeChecking.expressionWarnings[0].fieldRef", "Required value"),
        (
            UNSUPPORTED,
            "status.conditions[0].status",
            'Unsupported value: "Maybe": supported values: "False", "True", "Unknown"',
        ),
    ]


def test_columns() -> None:
    assert row(VALIDATINGADMISSIONPOLICY, policy(paramKind={"apiVersion": "v1", "kind": "ConfigMap"})) == {
        "Name": "few.example.com",
        "Validations": 1,
        "ParamKind": "v1/ConfigMap",
        "Age": "60s",
    }
    assert row(MUTATINGADMISSIONPOLICY, mutation())["ParamKind"] == "<unset>"
    assert row(MUTATINGADMISSIONPOLICYBINDING, binding())["ParamRef"] == "<unset>"
    assert row(MUTATINGADMISSIONPOLICYBINDING, binding(paramRef={"name": "p"}))["ParamRef"] == "*/p"
    chosen = binding(paramRef={"selector": {"matchLabels": {"a": "b"}}})
    assert row(VALIDATINGADMISSIONPOLICYBINDING, chosen)["ParamRef"] == (
        "&LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:[]LabelSelectorRequirement{},}"
    )


def test_complaints_come_in_the_order_of_the_fields() -> None:
    tree = policy(
        matchConditions=[{"name": "", "expression": " 1 "}, {"name": "b", "expression": "x"}],
        variables=[{"name": "1", "expression": "nope"}],
        validations=[
            {
                "expression": "1",
                "messageExpression": "authorizer.path('/x').check('get').reason()",
                "message": "a\nb",
            }
        ],
        auditAnnotations=[{"key": "k", "valueExpression": " 1 "}, {"key": "k", "valueExpression": "'x'"}],
    )
    found = new_errors(VALIDATINGADMISSIONPOLICY, tree)
    assert [field for _, field, _ in found] == [
        "spec.matchConditions[0].expression",
        "spec.matchConditions[0].name",
        "spec.matchConditions[1].expression",
        "spec.variables[0].name",
        "spec.variables[0].expression",
        "spec.validations[0].expression",
        "spec.validations[0].messageExpression",
        "spec.validations[0].message",
        "spec.auditAnnotations[0].valueExpression",
        "spec.auditAnnotations[1].key",
    ]
    assert found[0] == (
        INVALID,
        "spec.matchConditions[0].expression",
        'Invalid value: "1": must evaluate to bool',
    )
    assert "undeclared reference to 'authorizer'" in found[6][2]
    assert found[8][2].startswith('Invalid value: " 1 ": must evaluate to one of [string null_type]')


def test_a_policy_without_variables_knows_none() -> None:
    ((_, field, message),) = new_errors(
        VALIDATINGADMISSIONPOLICY, policy(validations=[{"expression": "variables.x"}])
    )
    assert field == "spec.validations[0].expression"
    assert "undeclared reference to 'variables'" in message


def test_parameters_are_named_or_selected() -> None:
    binding = {
        "metadata": {"name": "b", "creationTimestamp": CREATED},
        "spec": {
            "policyName": "p",
            "validationActions": ["Deny"],
            "paramRef": {"name": "a/b", "selector": {"matchLabels": {"-": "x"}}},
        },
    }
    assert [
        (reason, field) for reason, field, _ in new_errors(VALIDATINGADMISSIONPOLICYBINDING, binding)
    ] == [
        (INVALID, "spec.paramRef.name"),
        (FORBIDDEN, "spec.paramRef.name"),
        (INVALID, "spec.paramRef.selector.matchLabels"),
        (FORBIDDEN, "spec.paramRef.selector"),
    ]


def test_warnings_about_expressions_name_a_field() -> None:
    old = policy()
    warnings = [{"warning": "w", "fieldRef": "spec.["}, {"warning": "", "fieldRef": " "}]
    new = changed(old, status__typeChecking={"expressionWarnings": warnings})
    path = "status.typeChecking.expressionWarnings"
    found = status_errors(VALIDATINGADMISSIONPOLICY, new, old)
    assert [(reason, field) for reason, field, _ in found] == [
        (INVALID, f"{path}[0].fieldRef"),
        (REQUIRED, f"{path}[1].warning"),
        (REQUIRED, f"{path}[1].fieldRef"),
    ]
    assert found[0][2].startswith('Invalid value: "spec.[": invalid JSONPath: ')
