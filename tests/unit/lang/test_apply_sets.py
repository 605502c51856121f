"""Field sets: their algebra, their order, and what an object's schema makes of its paths."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api import kinds
from pybernetes.api.schema import patch_schema
from pybernetes.lang.apply import fieldset, typed
from pybernetes.lang.apply.check import problems
from pybernetes.lang.patch_schema import Schemaless

DEPLOYMENT = typed.Type(patch_schema(kinds.DEPLOYMENT.schema))
SERVICE = typed.Type(patch_schema(kinds.SERVICE.schema))
FREE = typed.Type(Schemaless())

steps = st.sampled_from(["f:a", "f:b", "f:c", 'k:{"name":"x"}', 'v:"y"'])
path_sets = st.frozensets(st.lists(steps, min_size=1, max_size=3).map(tuple), max_size=8)


def build(paths: Any) -> Any:
    found: Any = {}
    for path in paths:
        found = fieldset.union(found, fieldset.single(path))
    return found


@given(path_sets, path_sets)
@settings(max_examples=150, deadline=None)
def test_the_algebra_is_that_of_sets_of_paths(a: Any, b: Any) -> None:
    left, right = build(a), build(b)
    assert set(fieldset.paths(left)) == a
    assert set(fieldset.paths(fieldset.union(left, right))) == a | b
    assert set(fieldset.paths(fieldset.difference(left, right))) == a - b
    assert set(fieldset.paths(fieldset.intersection(left, right))) == a & b
    below = {path for path in a if any(path[: len(other)] == other for other in b)}
    assert set(fieldset.paths(fieldset.without(left, right))) == a - below
    assert fieldset.union(left, right) == fieldset.union(right, left) == build(a | b)
    assert fieldset.parse(left) is left
    assert all(fieldset.contains(left, path) for path in a)


def test_paths_are_ordered_and_shown_as_upstream_does() -> None:
    ports = fieldset.in_order(
        {
            'k:{"containerPort":8080,"protocol":"TCP"}': {},
            'k:{"containerPort":80,"protocol":"TCP"}': {},
            ".": {},
        }
    )
    assert list(ports) == [
        ".",
        'k:{"containerPort":80,"protocol":"TCP"}',
        'k:{"containerPort":8080,"protocol":"TCP"}',
    ]
    found = {"f:metadata": {"f:finalizers": {'v:"x/y"': {}}}, "f:spec": {"f:a": {}, "f:ports": ports}}
    assert [fieldset.show(path) for path in fieldset.paths(found)] == [
        '.metadata.finalizers[="x/y"]',
        ".spec.a",
        ".spec.ports",
        '.spec.ports[containerPort=80,protocol="TCP"]',
        '.spec.ports[containerPort=8080,protocol="TCP"]',
    ]
    assert fieldset.show(("f:spec", "f:containers", 'k:{"name":"web"}', "f:image")) == (
        '.spec.containers[name="web"].image'
    )


@pytest.mark.parametrize("wrong", [[], {"spec": {}}, {"f:spec": 1}, {".": {"f:a": {}}}])
def test_what_is_no_set_is_refused(wrong: Any) -> None:
    with pytest.raises(fieldset.FieldSetError):
        fieldset.parse(wrong)


def test_applied_paths_follow_the_schema() -> None:
    config = {
        "metadata": {"labels": {"a": "b"}, "finalizers": ["x/y"]},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "strategy": {},
            "template": {
                "spec": {
                    "containers": [
                        {"name": "c", "command": ["a", "b"], "ports": [{"containerPort": 80}], "env": []}
                    ],
                    "tolerations": [{"key": "k"}],
                }
            },
        },
    }
    assert typed.applied(config, DEPLOYMENT) == {
        "f:metadata": {"f:finalizers": {'v:"x/y"': {}}, "f:labels": {"f:a": {}}},
        "f:spec": {
            "f:selector": {},  # atomic
            "f:strategy": {},  # empty
            "f:template": {
                "f:spec": {
                    "f:containers": {
                        'k:{"name":"c"}': {
                            ".": {},
                            "f:command": {},
                            "f:name": {},
                            "f:ports": {
                                'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}
                            },
                        }
                    },
                    "f:tolerations": {},
                }
            },
        },
    }


def test_without_a_schema_maps_merge_and_lists_are_whole() -> None:
    config = {"spec": {"a": {"b": 1}, "list": [{"name": "x"}], "none": None, "empty": {}}}
    assert typed.applied(config, FREE) == {
        "f:spec": {
            ".": {},
            "f:a": {".": {}, "f:b": {}},
            "f:empty": {},
            "f:list": {},
            "f:none": {},
        }
    }
    touched, removed = typed.compare(config, {"spec": {"a": {"c": 1}, "list": [], "empty": {}}}, FREE)
    assert touched == {"f:spec": {"f:a": {"f:c": {}}, "f:list": {}}}
    assert removed == {"f:spec": {"f:a": {"f:b": {}}, "f:none": {}}}


def test_what_differs_between_two_objects() -> None:
    old = {
        "spec": {"ports": [{"port": 1, "name": "a"}, {"port": 2}], "type": "ClusterIP", "clusterIPs": ["1"]}
    }
    new = {"spec": {"ports": [{"port": 2}, {"port": 1, "name": "b"}, {"port": 3}], "clusterIPs": ["2"]}}
    touched, removed = typed.compare(old, new, SERVICE)
    one, three = 'k:{"port":1,"protocol":"TCP"}', 'k:{"port":3,"protocol":"TCP"}'
    assert touched == {
        "f:spec": {
            "f:clusterIPs": {},
            "f:ports": {one: {"f:name": {}}, three: {".": {}, "f:port": {}}},
        }
    }
    assert removed == {"f:spec": {"f:type": {}}}


def test_items_with_the_same_keys_have_one_owner() -> None:
    old = {"spec": {"ports": [{"port": 1, "name": "a"}, {"port": 1, "name": "b"}]}}
    new = {"spec": {"ports": [{"port": 1, "name": "a"}, {"port": 1, "name": "c"}]}}
    step = 'k:{"port":1,"protocol":"TCP"}'
    assert typed.compare(old, new, SERVICE) == ({"f:spec": {"f:ports": {step: {}}}}, {})
    assert typed.compare(old, old, SERVICE) == ({}, {})


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"spec": {"replica": 1}}, ".spec.replica: field not declared in schema"),
        (
            {"spec": {"replicas": "two"}},
            '.spec.replicas: expected numeric (int or float), got &value.valueUnstructured{Value:"two"}',
        ),
        (
            {"spec": {"template": {"spec": {"containers": [{"name": "a"}, {"name": "a"}]}}}},
            '.spec.template.spec.containers: duplicate entries for key [name="a"]',
        ),
        (
            {"spec": {"template": {"spec": {"containers": [{"image": "a"}]}}}},
            ".spec.template.spec.containers: element 0: associative list with keys has an element that omits all "
            'keys fields ["name"] (and doesn\'t have default values for any key fields)',
        ),
        (
            {"spec": {"selector": {"matchLabel": {}}}, "kinds": 1},
            "errors:\n  .kinds: field not declared in schema\n  .spec.selector.matchLabel: field not declared in schema",
        ),
        ({"spec": {"template": {"spec": {"tolerations": [{"key": "a"}]}}}, "metadata": None}, ""),
    ],
)
def test_what_the_schema_does_not_know_is_refused_in_upstreams_words(config: Any, expected: str) -> None:
    assert problems(config, DEPLOYMENT) == expected
