"""IngressClasses: the default scope, rules, the fixed controller, the table row."""

from __future__ import annotations

import pytest

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.networking.ingressclass import INGRESSCLASS

PARAMETERS = {"apiGroup": "example.com", "kind": "Config", "name": "main"}


def ingress_class(controller: str = "example.com/ingress", **parameters: object) -> dict:
    tree = {
        "metadata": {"name": "main", "creationTimestamp": "2026-09-21T14:12:20Z"},
        "spec": {"controller": controller},
    }
    if parameters:
        tree["spec"]["parameters"] = {k: v for k, v in {**PARAMETERS, **parameters}.items() if v is not None}
    INGRESSCLASS.default(tree)
    return tree


def test_parameters_are_of_the_cluster_by_default() -> None:
    assert ingress_class(name="x")["spec"]["parameters"]["scope"] == "Cluster"
    assert "parameters" not in ingress_class()["spec"]


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (ingress_class(), []),
        (ingress_class(name="x"), []),
        (ingress_class(""), ["spec.controller: Required value"]),
        (
            ingress_class("nginx"),
            [
                'spec.controller: Invalid value: "nginx": must be a domain-prefixed path (such as "acme.io/foo")',
            ],
        ),
        (
            ingress_class("a.io/x y"),
            [
                'spec.controller: Invalid value: "x y": Invalid path (regex used for validation is '
                "'[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')",
            ],
        ),
        (
            ingress_class("a.io/" + "x" * 250),
            ["spec.controller: Too long: may not be more than 250 bytes"],
        ),
        (ingress_class(kind=""), ["spec.parameters.kind: Required value"]),
        (
            ingress_class(scope="World"),
            [
                'spec.parameters.scope: Unsupported value: "World": supported values: "Cluster", "Namespace"',
            ],
        ),
        (
            ingress_class(scope="Namespace"),
            ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
        ),
        (ingress_class(scope="Namespace", namespace="default"), []),
        (
            ingress_class(scope="Cluster", namespace="default"),
            ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
        ),
    ],
)
def test_rules(tree: dict, expected: list) -> None:
    errors = FieldErrors()
    INGRESSCLASS.validate_create(tree, errors)
    assert list(errors) == expected


def test_controller_stays() -> None:
    errors = FieldErrors()
    INGRESSCLASS.validate_update(ingress_class(name="y"), ingress_class(), errors)
    assert not errors
    INGRESSCLASS.validate_update(ingress_class("other.io/x"), ingress_class(), errors)
    assert list(errors) == ['spec.controller: Invalid value: "other.io/x": field is immutable']


def test_row() -> None:
    columns = INGRESSCLASS.columns
    assert [(column.name, column.cell(ingress_class(name="x"), 1_790_000_060.0)) for column in columns] == [
        ("Name", "main"),
        ("Controller", "example.com/ingress"),
        ("Parameters", "Config.example.com/x"),
        ("Age", "2m"),
    ]
    assert columns[2].cell(ingress_class(), 0.0) == "<none>"
