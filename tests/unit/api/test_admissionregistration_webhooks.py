"""Webhook configurations: defaults, rules, the table row."""

from __future__ import annotations

import pytest
from kindrules import (
    CREATED,
    DUPLICATE,
    INVALID,
    REQUIRED,
    UNSUPPORTED,
    changed,
    new_errors,
    row,
)

from pybernetes.api.kinds import MUTATINGWEBHOOKCONFIGURATION, VALIDATINGWEBHOOKCONFIGURATION

RULE = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}


def configuration(**webhook: object) -> dict:
    return {
        "metadata": {"name": "checks", "creationTimestamp": CREATED},
        "webhooks": [
            {
                "name": "check.example.com",
                "clientConfig": {"service": {"namespace": "default", "name": "checker"}},
                "rules": [RULE],
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                **webhook,
            }
        ],
    }


def test_defaults() -> None:
    tree = changed(configuration())
    VALIDATINGWEBHOOKCONFIGURATION.default(tree)
    (webhook,) = tree["webhooks"]
    assert {k: webhook[k] for k in ("failurePolicy", "matchPolicy", "timeoutSeconds")} == {
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "timeoutSeconds": 10,
    }
    assert webhook["namespaceSelector"] == webhook["objectSelector"] == {}
    assert webhook["clientConfig"]["service"]["port"] == 443
    assert webhook["rules"][0]["scope"] == "*"
    assert "reinvocationPolicy" not in webhook
    tree = changed(configuration())
    MUTATINGWEBHOOKCONFIGURATION.default(tree)
    assert tree["webhooks"][0]["reinvocationPolicy"] == "Never"


def url(text: str) -> dict:
    return {"clientConfig": {"url": text}}


def rule(**changes: object) -> dict:
    return {"rules": [{**RULE, **changes}]}


@pytest.mark.parametrize(
    ("webhook", "reason", "field", "message"),
    [
        ({"name": ""}, REQUIRED, "name", "Required value"),
        (
            {"name": "check.com"},
            INVALID,
            "name",
            'Invalid value: "check.com": should be a domain with at least three segments separated by dots',
        ),
        (
            {"failurePolicy": "Maybe"},
            UNSUPPORTED,
            "failurePolicy",
            'Unsupported value: "Maybe": supported values: "Fail", "Ignore"',
        ),
        (
            {"sideEffects": "Some"},
            UNSUPPORTED,
            "sideEffects",
            'Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
        ),
        (
            {"sideEffects": None},
            REQUIRED,
            "sideEffects",
            "Required value: must specify one of None, NoneOnDryRun",
        ),
        (
            {"timeoutSeconds": 31},
            INVALID,
            "timeoutSeconds",
            "Invalid value: 31: the timeout value must be between 1 and 30 seconds",
        ),
        (
            {"admissionReviewVersions": []},
            REQUIRED,
            "admissionReviewVersions",
            "Required value: must specify one of v1, v1beta1",
        ),
        (
            {"admissionReviewVersions": ["v2"]},
            INVALID,
            "admissionReviewVersions",
            'Invalid value: ["v2"]: must include at least one of v1, v1beta1',
        ),
        (
            {"clientConfig": {}},
            REQUIRED,
            "clientConfig",
            "Required value: exactly one of url or service is required",
        ),
        (
            url("http://a.example.com"),
            INVALID,
            "clientConfig.url",
            "Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: https://host[/path]",
        ),
        (
            url("https://me@a.example.com/x"),
            INVALID,
            "clientConfig.url",
            'Invalid value: "me": user information is not permitted in the URL',
        ),
        (
            url("https://a.example.com?x=1"),
            INVALID,
            "clientConfig.url",
            'Invalid value: "x=1": query parameters are not permitted in the URL',
        ),
        (
            {"clientConfig": {"service": {"namespace": "a", "name": "b", "path": "ab"}}},
            INVALID,
            "clientConfig.service.path",
            "Invalid value: \"ab\": must start with a '/'",
        ),
        (
            {"clientConfig": {"service": {"namespace": "a", "name": "b", "port": 70000}}},
            INVALID,
            "clientConfig.service.port",
            "Invalid value: 70000: port is not valid: must be between 1 and 65535, inclusive",
        ),
        (
            rule(operations=["*", "CREATE"]),
            INVALID,
            "rules[0].operations",
            'Invalid value: ["*","CREATE"]: if \'*\' is present, must not specify other operations',
        ),
        (
            rule(operations=["READ"]),
            UNSUPPORTED,
            "rules[0].operations[0]",
            'Unsupported value: "READ": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"',
        ),
        (
            rule(resources=["pods/*", "pods/log"]),
            INVALID,
            "rules[0].resources[1]",
            "Invalid value: \"pods/log\": if 'pods/*' is present, must not specify pods/log",
        ),
        (
            rule(resources=["*", "pods"]),
            INVALID,
            "rules[0].resources",
            'Invalid value: ["*","pods"]: if \'*\' is present, must not specify other resources without subresources',
        ),
        (rule(apiVersions=[]), REQUIRED, "rules[0].apiVersions", "Required value"),
        (
            {"matchConditions": [{"name": "", "expression": "true"}]},
            REQUIRED,
            "matchConditions[0].name",
            "Required value",
        ),
        (
            {"matchConditions": [{"name": "a", "expression": "true"}, {"name": "a", "expression": "true"}]},
            DUPLICATE,
            "matchConditions[1].name",
            'Duplicate value: "a"',
        ),
    ],
)
def test_rules(webhook: dict, reason: str, field: str, message: str) -> None:
    assert new_errors(VALIDATINGWEBHOOKCONFIGURATION, configuration(**webhook)) == [
        (reason, f"webhooks[0].{field}", message)
    ]


def test_good_ones_and_equal_names() -> None:
    good = configuration(
        **rule(resources=["pods", "pods/*", "*/scale"]), **url("https://a.example.com:8443/x")
    )
    assert new_errors(MUTATINGWEBHOOKCONFIGURATION, good) == []
    twice = {**good, "webhooks": good["webhooks"] * 2}
    assert new_errors(MUTATINGWEBHOOKCONFIGURATION, twice) == [
        (DUPLICATE, "webhooks[1].name", 'Duplicate value: "check.example.com"')
    ]
    assert (
        new_errors(MUTATINGWEBHOOKCONFIGURATION, configuration(reinvocationPolicy="Often"))[0][0]
        == UNSUPPORTED
    )


def test_columns() -> None:
    assert row(VALIDATINGWEBHOOKCONFIGURATION, configuration()) == {
        "Name": "checks",
        "Webhooks": 1,
        "Age": "60s",
    }
