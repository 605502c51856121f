"""FlowSchemas and PriorityLevelConfigurations: defaults, rules, fixed objects, table rows."""

from __future__ import annotations

import pytest
from kindrules import (
    CREATED,
    FORBIDDEN,
    INVALID,
    REQUIRED,
    UNSUPPORTED,
    changed,
    new_errors,
    row,
    status_errors,
)

from pybernetes.api.flowcontrol.mandatory import MANDATORY_LEVELS, MANDATORY_SCHEMAS
from pybernetes.api.kinds import FLOWSCHEMA, PRIORITYLEVELCONFIGURATION


def schema(rule: dict | None = None, **spec: object) -> dict:
    good = {
        "subjects": [{"kind": "User", "user": {"name": "jane"}}],
        "resourceRules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "namespaces": ["*"]}],
    }
    return {
        "metadata": {"name": "mine", "creationTimestamp": CREATED},
        "spec": {
            "priorityLevelConfiguration": {"name": "workload-low"},
            "matchingPrecedence": 500,
            "rules": [{**good, **(rule or {})}],
            **spec,
        },
    }


def level(name: str = "mine", **spec: object) -> dict:
    return {
        "metadata": {"name": name, "creationTimestamp": CREATED},
        "spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}, **spec},
    }


def test_defaults() -> None:
    tree = schema(matchingPrecedence=0)
    FLOWSCHEMA.default(tree)
    assert tree["spec"]["matchingPrecedence"] == 1000
    tree = level(limited={"limitResponse": {"type": "Queue", "queuing": {}}})
    PRIORITYLEVELCONFIGURATION.default(tree)
    assert tree["spec"]["limited"] == {
        "nominalConcurrencyShares": 30,
        "lendablePercent": 0,
        "limitResponse": {
            "type": "Queue",
            "queuing": {"handSize": 8, "queues": 64, "queueLengthLimit": 50},
        },
    }


@pytest.mark.parametrize(
    ("spec", "reason", "field", "message"),
    [
        (
            {"matchingPrecedence": 10001},
            INVALID,
            "matchingPrecedence",
            "Invalid value: 10001: must not be greater than 10000",
        ),
        (
            {"matchingPrecedence": 1},
            INVALID,
            "matchingPrecedence",
            "Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
        ),
        (
            {"priorityLevelConfiguration": {"name": ""}},
            REQUIRED,
            "priorityLevelConfiguration.name",
            "Required value: must reference a priority level",
        ),
        (
            {"rule": {"subjects": []}},
            REQUIRED,
            "rules[0].subjects",
            "Required value: subjects must contain at least one value",
        ),
        (
            {"rule": {"resourceRules": []}},
            REQUIRED,
            "rules[0]",
            "Required value: at least one of resourceRules and nonResourceRules has to be non-empty",
        ),
        (
            {"rule": {"subjects": [{"kind": "User"}]}},
            REQUIRED,
            "rules[0].subjects[0].user",
            "Required value: user is required when subject kind is 'User'",
        ),
        (
            {"rule": {"subjects": [{"kind": "User", "user": {"name": "a"}, "group": {"name": "b"}}]}},
            FORBIDDEN,
            "rules[0].subjects[0].group",
            "Forbidden: group is forbidden when subject kind is not 'Group'",
        ),
        (
            {"rule": {"nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/a*"]}]}},
            INVALID,
            "rules[0].nonResourceRules[0].nonResourceURLs[0]",
            'Invalid value: "/a*": wildcard can only do suffix matching',
        ),
        (
            {"rule": {"resourceRules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}},
            REQUIRED,
            "rules[0].resourceRules[0].namespaces",
            "Required value: resource rules that are not cluster scoped must supply at least one namespace",
        ),
    ],
)
def test_rules_of_schemas(spec: dict, reason: str, field: str, message: str) -> None:
    assert new_errors(FLOWSCHEMA, schema()) == []
    assert new_errors(FLOWSCHEMA, schema(**spec)) == [(reason, f"spec.{field}", message)]


def queuing(queues: int, hand: int, length: int = 50) -> dict:
    settings = {"queues": queues, "handSize": hand, "queueLengthLimit": length}
    return {"limited": {"limitResponse": {"type": "Queue", "queuing": settings}}}


@pytest.mark.parametrize(
    ("spec", "reason", "field", "message"),
    [
        (
            {"type": "Exempt", "limited": None},
            INVALID,
            "type",
            "Invalid value: \"Exempt\": type must be 'Exempt' if and only if name is 'exempt'",
        ),
        ({"limited": None}, REQUIRED, "limited", "Required value: must not be empty when type is Limited"),
        (
            {"limited": {"nominalConcurrencyShares": -1, "limitResponse": {"type": "Reject"}}},
            INVALID,
            "limited.nominalConcurrencyShares",
            "Invalid value: -1: must be a non-negative integer",
        ),
        (
            {"limited": {"lendablePercent": 101, "limitResponse": {"type": "Reject"}}},
            INVALID,
            "limited.lendablePercent",
            "Invalid value: 101: must be between 0 and 100, inclusive",
        ),
        (
            {"limited": {"limitResponse": {"type": "Wait"}}},
            UNSUPPORTED,
            "limited.limitResponse.type",
            'Unsupported value: "Wait": supported values: "Queue", "Reject"',
        ),
        (
            {"limited": {"limitResponse": {"type": "Queue"}}},
            REQUIRED,
            "limited.limitResponse.queuing",
            "Required value: must not be empty if limited.limitResponse.type is Limited",
        ),
        (
            queuing(4, 5),
            INVALID,
            "limited.limitResponse.queuing.handSize",
            "Invalid value: 5: should not be greater than queues (4)",
        ),
        (
            queuing(512, 8),
            INVALID,
            "limited.limitResponse.queuing.handSize",
            "Invalid value: 8: required entropy bits of deckSize 512 and handSize 8 should not be greater than 60",
        ),
    ],
)
def test_rules_of_levels(spec: dict, reason: str, field: str, message: str) -> None:
    assert new_errors(PRIORITYLEVELCONFIGURATION, level()) == []
    assert new_errors(PRIORITYLEVELCONFIGURATION, level(**queuing(128, 6))) == []
    assert new_errors(PRIORITYLEVELCONFIGURATION, level(**spec)) == [(reason, f"spec.{field}", message)]


def test_mandatory_objects_are_as_they_are() -> None:
    for kind, specs in ((FLOWSCHEMA, MANDATORY_SCHEMAS), (PRIORITYLEVELCONFIGURATION, MANDATORY_LEVELS)):
        for name, spec in specs.items():
            assert new_errors(kind, {"metadata": {"name": name}, "spec": dict(spec)}) == []
    other = changed(schema(), metadata__name="catch-all")
    assert new_errors(FLOWSCHEMA, other)[0][2].endswith("spec of 'catch-all' must equal the fixed value")
    tuned = {"type": "Exempt", "exempt": {"nominalConcurrencyShares": 9, "lendablePercent": 50}}
    assert new_errors(PRIORITYLEVELCONFIGURATION, {"metadata": {"name": "exempt"}, "spec": tuned}) == []
    assert new_errors(PRIORITYLEVELCONFIGURATION, level("catch-all"))[0][2].endswith(
        "spec of 'catch-all' except the 'spec.exempt' field must equal the fixed value"
    )


def test_status() -> None:
    status = {"conditions": [{"type": "Dangling"}, {"type": ""}]}
    assert status_errors(FLOWSCHEMA, {**schema(), "status": status}, schema()) == [
        (REQUIRED, "status.conditions[1].type", "Required value: must not be empty")
    ]


def test_columns() -> None:
    assert row(FLOWSCHEMA, schema(distinguisherMethod={"type": "ByUser"})) == {
        "Name": "mine",
        "PriorityLevel": "workload-low",
        "MatchingPrecedence": 500,
        "DistinguisherMethod": "ByUser",
        "Age": "60s",
        "MissingPL": "?",
    }
    tree = level(**queuing(128, 6))
    PRIORITYLEVELCONFIGURATION.default(tree)
    assert list(row(PRIORITYLEVELCONFIGURATION, tree).items()) == [
        ("Name", "mine"),
        ("Type", "Limited"),
        ("NominalConcurrencyShares", 30),
        ("Queues", 128),
        ("HandSize", 6),
        ("QueueLengthLimit", 50),
        ("Age", "60s"),
    ]
