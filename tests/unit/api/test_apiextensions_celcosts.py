"""What rules of a CustomResourceDefinition may cost, and what upstream says where it is too much."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.apiextensions.celcosts import exceeded, sized
from pybernetes.api.apiextensions.celrules import Environments, validate_rules
from pybernetes.api.apiextensions.structural import Structural
from pybernetes.api.fielderrors import FieldErrors


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def text(most: int | None = None) -> dict[str, Any]:
    return {"type": "string"} if most is None else {"type": "string", "maxLength": most}


def array(items: Any, most: int | None = None) -> dict[str, Any]:
    return {"type": "array", "items": items, **({} if most is None else {"maxItems": most})}


def cost(schema: dict[str, Any], rule: str, times: int | None = 1) -> int:
    return Environments(Structural(schema), False).cost({"rule": rule}, rule, times)


@pytest.mark.parametrize(
    ("schema", "rule", "expected"),
    [
        (obj(n={"type": "integer"}), "self.n == 5", 2),
        (obj(n={"type": "integer"}), "self.n > 5 && self.n < 9", 6),
        (obj(s=text(10)), "self.s == 'abc'", 2 + 1),
        (obj(s=text(10), t=text(20)), "self.s == self.t", 4 + 4),
        (obj(s=text(10)), "self.s.startsWith('prefix')", 2 + 1),
        (obj(s=text(10)), "self.s.matches('^[a-z]+$')", 2 + 5 * 2),
        (obj(s=text(10)), "self.s.contains('ab')", 2 + 4 * 1),
        (obj(s=text(10)), "size(self.s) > 1", 2 + 1 + 1),
        (obj(s=text()), "self.s.startsWith(self.s)", 4 + 314573),
        (obj(l=array(text(5), 10)), "self.l.all(x, x == 'abc')", 2 + 1 + 10 * (3 + 1 + 1)),
        (obj(l=array(text(5), 10)), "self.l.exists(x, x == 'abc')", 2 + 1 + 10 * (4 + 1 + 1)),
        (obj(l=array(text(5), 10)), "'a' in self.l", 2 + 10),
        (
            obj(l=array(text(5), 10)),
            "self.l.map(x, x).exists(y, y == 'a')",
            2 + 10 + 1 + 10 * (12 + 1) + 10 * (4 + 1) + 1,  # what is computed has the size of the whole
        ),
        (obj(l=array(text(5), 10)), "size(self.l.filter(x, x == 'a')) > 0", 2 + 10 + 1 + 10 * (13 + 2) + 2),
        (obj(s=text(10)), "has(self.s) ? self.s == 'x' : true", 1 + 3),
        (obj(s=text(10)), "self.s + 'abc' == 'y'", 2 + 5 + 1),
        (obj(s=text(10)), "self.s.lowerAscii() == 'y'", 2 + 4 + 1),
    ],
)
def test_estimates(schema: dict[str, Any], rule: str, expected: int) -> None:
    assert cost(schema, rule) == expected


def test_a_rule_in_an_unbounded_list_counts_as_often_as_fits_into_a_request() -> None:
    item = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    found = sized(Structural(item))
    assert found is not None
    assert found.shortest == 2 + 1 + 1 + 4
    assert cost(item, "self.n == 5", None) == 2 * (3 * 1024 * 1024 // 9)


def complaints(schema: dict[str, Any]) -> list[tuple[str, str]]:
    errors = FieldErrors()
    validate_rules(Structural(schema, root=True), errors)
    return [(cause.field, cause.message) for cause in errors.causes]


ADVICE = (
    "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are "
    "declared)"
)


def test_a_rule_that_costs_too_much() -> None:
    nested = array({**array(text()), "x-kubernetes-validations": [{"rule": "self.all(x, x == 'ab')"}]})
    assert complaints(obj(spec=obj(l=nested))) == [
        (
            "properties[spec].properties[l].items.x-kubernetes-validations[0].rule",
            f"Forbidden: estimated rule cost exceeds budget by factor of more than 100x {ADVICE}",
        ),
        (
            "properties[spec].properties[l].items.x-kubernetes-validations[0].rule",
            "Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema",
        ),
        (
            "",
            "Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget "
            f"by factor of more than 100x {ADVICE}",
        ),
    ]
    bounded = array(
        {**array(text(20), 20), "x-kubernetes-validations": [{"rule": "self.all(x, x == 'ab')"}]}, 20
    )
    assert complaints(obj(spec=obj(l=bounded))) == []


def test_how_the_factor_is_written() -> None:
    assert exceeded("x", 11, 10).startswith("x exceeds budget by factor of 1.100000x (")
    assert exceeded("x", 25, 10).startswith("x exceeds budget by factor of 2.5x (")
    assert exceeded("x", 2500, 10).startswith("x exceeds budget by factor of more than 100x (")


def test_common_rules_of_published_definitions_are_within_the_budget() -> None:
    spec = obj(
        replicas={"type": "integer"},
        name=text(),
        items=array(obj(name=text(63)), 64),
        labels={"type": "object", "additionalProperties": text(), "maxProperties": 20},
    )
    rules = (
        "self.replicas > 0",
        "self.name == oldSelf.name",
        "self.items.all(a, self.items.exists_one(b, a.name == b.name))",
        "self == oldSelf",
        "self.labels.all(k, k.startsWith('a'))",
    )
    assert complaints(obj(spec={**spec, "x-kubernetes-validations": [{"rule": r} for r in rules]})) == []
