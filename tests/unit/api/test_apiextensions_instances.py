"""Values under a structural schema: pruned, defaulted, validated."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.apiextensions import celrules, listtypes
from pybernetes.api.apiextensions.defaulting import drop_nulls, fill
from pybernetes.api.apiextensions.pruning import prune
from pybernetes.api.apiextensions.schemavalidation import UNKNOWN, Validator
from pybernetes.api.apiextensions.served import priority
from pybernetes.api.apiextensions.structural import Structural
from pybernetes.api.fielderrors import FieldErrors

STRING, INTEGER = {"type": "string"}, {"type": "integer"}


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def complaints(schema: dict[str, Any], value: Any, old: Any = UNKNOWN) -> list[str]:
    errors = FieldErrors()
    Validator(schema).check(value, "", errors, old)
    return list(errors)


PRESERVE = {"x-kubernetes-preserve-unknown-fields": True}


@pytest.mark.parametrize(
    ("schema", "value", "kept", "dropped"),
    [
        (obj(a=STRING), {"a": "x", "b": 1}, {"a": "x"}, ["b"]),
        (obj(a=obj(b=STRING)), {"a": {"b": "x", "c": 1}}, {"a": {"b": "x"}}, ["a.c"]),
        (
            obj(l={"type": "array", "items": obj(b=STRING)}),
            {"l": [{"b": "x"}, {"c": 1}]},
            {"l": [{"b": "x"}, {}]},
            ["l[1].c"],
        ),
        ({**obj(a=obj()), **PRESERVE}, {"a": {"b": 1}, "c": {"d": 1}}, {"a": {}, "c": {"d": 1}}, ["a.b"]),
        (
            {"type": "object", "additionalProperties": obj(a=STRING)},
            {"x": {"a": "b", "c": 1}},
            {"x": {"a": "b"}},
            ["x.c"],
        ),
        (
            {"type": "object", "additionalProperties": True},
            {"x": {"a": 1}, "y": 2},
            {"x": {}, "y": 2},
            ["x.a"],
        ),
        (
            obj(
                pod={"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"spec": obj()}}
            ),
            {"pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"a": 1}, "o": 1}},
            {"pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {}}},
            ["pod.spec.a", "pod.o"],
        ),
        (obj(p={"x-kubernetes-int-or-string": True}), {"p": 1}, {"p": 1}, []),
    ],
)
def test_pruning(schema: dict[str, Any], value: Any, kept: Any, dropped: list[str]) -> None:
    assert prune(value, Structural(schema)) == (kept, dropped)


def test_the_root_keeps_what_every_object_has() -> None:
    tree = {"apiVersion": "v1", "kind": "K", "metadata": {"name": "x"}, "other": 1}
    assert prune(tree, Structural(obj(), root=True), embedded=True)[1] == ["other"]


def test_defaulting_goes_from_the_outside_in() -> None:
    schema = Structural(
        obj(
            spec={
                **obj(n={"type": "integer", "default": 1}, s={**STRING, "default": "x", "nullable": True}),
                "default": {},
            },
            l={"type": "array", "items": obj(a={"type": "boolean", "default": False})},
            m={"type": "object", "additionalProperties": obj(a={"type": "integer", "default": 2})},
        )
    )
    value: dict[str, Any] = {"l": [{}, {"a": True}], "m": {"k": {}}}
    assert fill(value, schema)
    assert value == {
        "spec": {"n": 1, "s": "x"},
        "l": [{"a": False}, {"a": True}],
        "m": {"k": {"a": 2}},
    }
    assert not fill(value, schema)
    assert schema.default is None
    nulls: dict[str, Any] = {"spec": {"n": None, "s": None}, "l": None}
    fill(nulls, schema)
    drop_nulls(nulls, schema)
    assert nulls == {"spec": {"n": 1, "s": None}}


@pytest.mark.parametrize(
    ("schema", "value", "line"),
    [
        (STRING, 1, 'x: Invalid value: "integer": x in body must be of type string: "integer"'),
        ({"type": "number"}, "a", 'x: Invalid value: "string": x in body must be of type number: "string"'),
        (INTEGER, 1.5, 'x: Invalid value: "number": x in body must be of type integer: "number"'),
        (INTEGER, None, 'x: Invalid value: "null": x in body must be of type integer: "null"'),
        ({**STRING, "maxLength": 2}, "abc", "x: Too long: may not be more than 2 bytes"),
        (
            {**STRING, "minLength": 2},
            "a",
            'x: Invalid value: "a": x in body should be at least 2 chars long',
        ),
        ({**STRING, "pattern": "^a$"}, "b", "x: Invalid value: \"b\": x in body should match '^a$'"),
        ({**STRING, "enum": ["a", "b"]}, "c", 'x: Unsupported value: "c": supported values: "a", "b"'),
        ({**INTEGER, "enum": [1]}, 2, 'x: Unsupported value: 2: supported values: "1"'),
        (
            {**STRING, "format": "date-time"},
            "now",
            'x: Invalid value: "now": x in body must be of type date-time: "now"',
        ),
        ({**STRING, "format": "ipv4"}, "1", 'x: Invalid value: "1": x in body must be of type ipv4: "1"'),
        ({**INTEGER, "minimum": 1}, 0, "x: Invalid value: 0: x in body should be greater than or equal to 1"),
        (
            {**INTEGER, "minimum": 1, "exclusiveMinimum": True},
            1,
            "x: Invalid value: 1: x in body should be greater than 1",
        ),
        (
            {"type": "number", "maximum": 1.5},
            2,
            "x: Invalid value: 2: x in body should be less than or equal to 1.5",
        ),
        ({**INTEGER, "multipleOf": 3}, 4, "x: Invalid value: 4: x in body should be a multiple of 3"),
        (
            {"type": "array", "items": STRING, "minItems": 1},
            [],
            "x: Invalid value: []: x in body should have at least 1 items",
        ),
        (
            {"type": "array", "items": STRING, "maxItems": 1},
            ["a", "b"],
            "x: Too many: 2: must have at most 1 items",
        ),
        (
            {"type": "array", "items": STRING},
            ["a", 1],
            'x[1]: Invalid value: "integer": x[1] in body must be of type string: "integer"',
        ),
        ({**obj(a=STRING), "required": ["a"]}, {}, "x.a: Required value"),
        (
            {"type": "object", "minProperties": 1},
            {},
            "x: Invalid value: {}: x in body should have at least 1 properties",
        ),
        (
            {**obj(a=STRING, b=STRING), "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {"a": "", "b": ""},
            '<nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found 2 valid alternatives',
        ),
        (
            {**obj(a=STRING), "anyOf": [{"required": ["a"]}]},
            {},
            '<nil>: Invalid value: "": "x" must validate at least one schema (anyOf)',
        ),
        (
            {**obj(a=STRING), "not": {"required": ["a"]}},
            {"a": ""},
            '<nil>: Invalid value: "": "x" must not validate the schema (not)',
        ),
        (
            {"x-kubernetes-int-or-string": True},
            [],
            'x: Invalid value: "array": x in body must be of type integer,string: "array"',
        ),
    ],
)
def test_validation(schema: dict[str, Any], value: Any, line: str) -> None:
    assert line in complaints(obj(x=schema), {"x": value})


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "number"}, 1),
        (INTEGER, 2.0),
        ({**STRING, "nullable": True}, None),
        ({**STRING, "format": "unheard-of"}, "x"),
        ({"x-kubernetes-int-or-string": True}, "80%"),
        ({**STRING, "pattern": "a"}, "bab"),
        (PRESERVE, {"any": ["thing"]}),
    ],
)
def test_valid(schema: dict[str, Any], value: Any) -> None:
    assert complaints(obj(x=schema), {"x": value}) == []


def test_unchanged_parts_are_not_looked_at() -> None:
    schema = obj(
        l={
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["k"],
            "items": obj(k=STRING, v={**INTEGER, "maximum": 1}),
        }
    )
    old = {"l": [{"k": "a", "v": 5}, {"k": "b", "v": 1}]}
    assert complaints(schema, {"l": [{"k": "c", "v": 1}, {"k": "a", "v": 5}]}, old) == []
    assert len(complaints(schema, {"l": [{"k": "a", "v": 6}]}, old)) == 1


def test_sets_and_maps_have_no_item_twice() -> None:
    schema = Structural(
        obj(
            s={"type": "array", "x-kubernetes-list-type": "set", "items": INTEGER},
            m={
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["k"],
                "items": obj(k=STRING),
            },
        )
    )
    errors = FieldErrors()
    listtypes.check({"s": [1, 2, 1], "m": [{"k": "a"}, {"k": "a"}]}, schema, errors)
    assert list(errors) == ["s[2]: Duplicate value: 1", 'm[1]: Duplicate value: {"k":"a"}']


def run_rules(schema: dict[str, Any], new: Any, old: Any = UNKNOWN) -> list[str]:
    rules = celrules.rules_of(Structural(schema), root=False)
    assert rules is not None
    errors = FieldErrors()
    celrules.check(rules, new, old, errors)
    return list(errors)


def rule(text: str, **rest: Any) -> dict[str, Any]:
    return {"x-kubernetes-validations": [{"rule": text, **rest}]}


def test_rules_see_values_as_their_schema_says() -> None:
    schema = obj(
        n={"type": "number", **rule("self == 1.0")},
        t={**STRING, "format": "date-time", **rule("self.getFullYear() == 2020")},
        d={**STRING, "format": "duration", **rule("self < duration('2h')")},
        m={"type": "object", "additionalProperties": {**INTEGER, **rule("self > 0")}},
        s={"type": "array", "x-kubernetes-list-type": "set", "items": STRING, **rule("self == ['b', 'a']")},
    )
    good = {"n": 1, "t": "2020-01-01T00:00:00Z", "d": "1h", "m": {"a": 1}, "s": ["a", "b"]}
    assert run_rules(schema, good) == []
    assert run_rules(schema, {"m": {"a b": 0}}) == ['m[a b]: Invalid value: "integer": failed rule: self > 0']


def test_field_names_that_are_no_identifiers_are_escaped() -> None:
    schema = {
        **obj(**{"in": INTEGER, "a-b": INTEGER, "a.b": INTEGER, "x__y": INTEGER}),
        **rule("self.__in__ + self.a__dash__b + self.a__dot__b + self.x__underscores__y == 4"),
    }
    assert run_rules(schema, {"in": 1, "a-b": 1, "a.b": 1, "x__y": 1}) == []


def test_transition_rules() -> None:
    schema = {**INTEGER, **rule("self >= oldSelf")}
    assert run_rules(schema, 1) == []
    assert run_rules(schema, 1, 1) == []
    assert run_rules(schema, 1, 2) == ['Invalid value: "integer": failed rule: self >= oldSelf']
    optional = {**INTEGER, **rule("oldSelf.hasValue() || self == 1", optionalOldSelf=True)}
    assert run_rules(optional, 2) != []
    assert run_rules(optional, 2, 5) == []


def test_a_rule_without_a_value_says_so() -> None:
    schema = {**obj(a=INTEGER), **rule("self.a > 1", message="a must be large")}
    assert run_rules(schema, {}) == [
        'Invalid value: "object": no such key: a evaluating rule: a must be large'
    ]


def test_versions_are_ordered_as_upstream_orders_them() -> None:
    given_ = ["v1", "foo10", "v2beta1", "v10", "v11alpha2", "foo1", "v3beta1", "v2", "v12alpha1", "v11beta2"]
    assert sorted(given_, key=priority) == [
        "v10", "v2", "v1", "v11beta2", "v3beta1", "v2beta1", "v12alpha1", "v11alpha2", "foo1", "foo10",
    ]  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(alphabet="abc", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcl"), inner, max_size=3),
    max_leaves=10,
)
ANY = obj(a=INTEGER, b=obj(c={**STRING, "default": "d"}), l={"type": "array", "items": obj(a=STRING)})


@given(st.dictionaries(st.sampled_from("abcl"), JSON, max_size=4))
@settings(max_examples=80, deadline=None)
def test_pruning_and_defaulting_are_done_once(value: dict[str, Any]) -> None:
    schema = Structural(ANY)
    once, _ = prune(value, schema)
    fill(once, schema)
    again, dropped = prune(once, schema)
    assert (again, dropped) == (once, [])
    assert not fill(again, schema)
    complaints(ANY, once)
