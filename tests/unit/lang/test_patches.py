"""The three patch languages, over frozen trees: whatever a patch changes in place raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.lang import patch_json, patch_merge, patch_strategic
from pybernetes.lang.frozen import freeze


class Schema:
    """`{"containers": ("merge", "name", {…fields of an item…})}`; a dict is a map, a tuple a list."""

    list_type = map_type = ""
    list_map_keys: tuple[str, ...] = ()

    def __init__(self, shape: Any) -> None:
        self._fields = shape if isinstance(shape, dict) else {}
        strategies, self.merge_key, self._items = shape if isinstance(shape, tuple) else ("", "", None)
        if isinstance(shape, dict):
            strategies = shape.get("", "")
        self.strategies = tuple(s for s in strategies.split(",") if s)

    def field(self, name: str) -> Schema | None:
        return Schema(self._fields[name]) if name in self._fields else None

    def items(self) -> Schema | None:
        return Schema(self._items) if self._items is not None else None

    def default_of(self, _name: str) -> object:
        return None


PORTS = ("merge", "containerPort", {})
SCHEMA = Schema(
    {
        "containers": ("merge", "name", {"ports": PORTS, "args": ("", "", {})}),
        "finalizers": ("merge", "", {}),
        "args": ("", "", {}),
        "strategy": {"": "retainKeys", "rollingUpdate": {}},
        "data": {"": "replace"},
        "labels": {},
    }
)


def named(*names: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": name, **more} for name in names]


STRATEGIC: list[tuple[str, Any, Any, Any]] = [
    ("a scalar is set", {"a": 1}, {"a": 2, "b": 3}, {"a": 2, "b": 3}),
    ("null deletes", {"a": 1, "b": 2}, {"a": None, "c": None}, {"b": 2}),
    ("maps merge", {"labels": {"x": "1"}}, {"labels": {"y": "2"}}, {"labels": {"x": "1", "y": "2"}}),
    (
        "a map with $patch: replace replaces",
        {"labels": {"x": "1"}},
        {"labels": {"$patch": "replace", "y": "2"}},
        {"labels": {"y": "2"}},
    ),
    (
        "a map with $patch: delete is emptied",
        {"labels": {"x": "1"}},
        {"labels": {"$patch": "delete"}},
        {"labels": {}},
    ),
    (
        "a map of strategy replace is replaced",
        {"data": {"x": "1"}},
        {"data": {"y": "2"}},
        {"data": {"y": "2"}},
    ),
    ("an atomic list is replaced", {"args": [1, 2]}, {"args": [3]}, {"args": [3]}),
    (
        "items merge by key",
        {"containers": [{"name": "a", "image": "x", "tty": True}, {"name": "b"}]},
        {"containers": [{"name": "a", "image": "y"}]},
        {"containers": [{"name": "a", "image": "y", "tty": True}, {"name": "b"}]},
    ),
    (
        "a new item comes first",
        {"containers": named("a", "b")},
        {"containers": named("c")},
        {"containers": named("c", "a", "b")},
    ),
    (
        "the patch's order wins among its items",
        {"containers": named("a", "b", "c")},
        {"containers": named("c", "a")},
        {"containers": named("b", "c", "a")},
    ),
    (
        "an item is deleted",
        {"containers": named("a", "b")},
        {"containers": [{"name": "a", "$patch": "delete"}]},
        {"containers": named("b")},
    ),
    (
        "a deleted item that is not there is no matter",
        {"containers": named("a")},
        {"containers": [{"name": "z", "$patch": "delete"}, {"name": "a", "image": "y"}]},
        {"containers": named("a", image="y")},
    ),
    (
        "a list is replaced by $patch: replace",
        {"containers": named("a", "b")},
        {"containers": [{"$patch": "replace"}, {"name": "c"}]},
        {"containers": named("c")},
    ),
    (
        "nested lists merge",
        {"containers": [{"name": "a", "ports": [{"containerPort": 80, "name": "h"}]}]},
        {"containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": "TCP"}]}]},
        {"containers": [{"name": "a", "ports": [{"containerPort": 80, "name": "h", "protocol": "TCP"}]}]},
    ),
    (
        "scalars unite",
        {"finalizers": ["a", "b"]},
        {"finalizers": ["b", "c"]},
        {"finalizers": ["a", "b", "c"]},
    ),
    (
        "scalars are deleted",
        {"finalizers": ["a", "b"]},
        {"$deleteFromPrimitiveList/finalizers": ["a"]},
        {"finalizers": ["b"]},
    ),
    (
        "$setElementOrder alone reorders",
        {"containers": named("a", "b", "x")},
        {"$setElementOrder/containers": named("b", "a")},
        {"containers": named("b", "a", "x")},
    ),
    (
        "$setElementOrder puts a new item in its place",
        {"containers": named("a", "b")},
        {"$setElementOrder/containers": named("a", "b", "c"), "containers": named("c")},
        {"containers": named("a", "b", "c")},
    ),
    (
        "$setElementOrder keeps items of the server",
        {"containers": named("s", "a", "b")},
        {"$setElementOrder/containers": named("a", "b"), "containers": named("b", image="i")},
        {"containers": [{"name": "s"}, {"name": "a"}, {"name": "b", "image": "i"}]},
    ),
    (
        "$setElementOrder of scalars",
        {"finalizers": ["a", "b"]},
        {
            "$setElementOrder/finalizers": ["c", "b"],
            "$deleteFromPrimitiveList/finalizers": ["a"],
            "finalizers": ["c"],
        },
        {"finalizers": ["c", "b"]},
    ),
    (
        "$retainKeys clears the rest of a union",
        {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}},
        {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}},
        {"strategy": {"type": "Recreate"}},
    ),
    (
        "what is new has no directives and nulls",
        {},
        {"labels": {"x": None, "$patch": "replace", "y": "1"}},
        {"labels": {"y": "1"}},
    ),
    ("true is not 1", {"finalizers": [True]}, {"finalizers": [1]}, {"finalizers": [1, True]}),
]


@pytest.mark.parametrize(
    ("original", "patch", "expected"), [c[1:] for c in STRATEGIC], ids=[c[0] for c in STRATEGIC]
)
def test_strategic(original: Any, patch: Any, expected: Any) -> None:
    got = patch_strategic.apply(freeze(original), freeze(patch), SCHEMA)
    assert json.dumps(got, sort_keys=True) == json.dumps(expected, sort_keys=True)


CONTRADICTIONS = [
    ({"containers": [{"image": "x"}]}, r"map: map\[image:x\] does not contain declared merge key: name"),
    ({"labels": {"$patch": "explode"}}, r"unknown patch type: explode in map: map\[\$patch:explode\]"),
    ({"containers": [{"name": "a", "$patch": "merge"}]}, "merging lists cannot yet be specified"),
    ({"strategy": {"$retainKeys": ["type"], "other": 1}}, "patch content doesn't match retainKeys list"),
    ({"strategy": {"$retainKeys": "type"}}, "invalid patch format of retainKeys"),
    (
        {"$setElementOrder/containers": named("a"), "containers": named("b")},
        "doesn't match \\$setElementOrder",
    ),
]


@pytest.mark.parametrize(("patch", "message"), CONTRADICTIONS)
def test_a_contradictory_strategic_patch_is_refused(patch: Any, message: str) -> None:
    original = {"containers": named("a"), "labels": {"x": "1"}, "strategy": {"type": "Recreate"}}
    with pytest.raises(patch_strategic.StrategicPatchError, match=message):
        patch_strategic.apply(freeze(original), patch, SCHEMA)


def test_without_a_schema_lists_are_replaced() -> None:
    assert patch_strategic.apply({"l": [{"name": "a"}]}, {"l": [{"name": "b"}]}, None) == {
        "l": [{"name": "b"}]
    }


def test_what_is_not_touched_is_shared() -> None:
    original = {"spec": {"a": [1]}, "labels": {"x": "1"}}
    patched = patch_strategic.apply(original, {"labels": {"y": "2"}}, SCHEMA)
    assert patched["spec"] is original["spec"]


MERGE = [  # the examples of RFC 7386, appendix A
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("original", "patch", "expected"), MERGE)
def test_merge(original: Any, patch: Any, expected: Any) -> None:
    assert patch_merge.apply(freeze(original), freeze(patch)) == expected


def op(kind: str, path: str, **more: Any) -> dict[str, Any]:
    return {"op": kind, "path": path, **more}


JSON: list[tuple[Any, list[dict[str, Any]], Any]] = [
    ({"a": 1}, [op("add", "/b", value=2)], {"a": 1, "b": 2}),
    ({"a": [1, 3]}, [op("add", "/a/1", value=2)], {"a": [1, 2, 3]}),
    ({"a": [1]}, [op("add", "/a/-", value=2)], {"a": [1, 2]}),
    ({"a": 1}, [op("remove", "/a")], {}),
    ({"a": [1, 2]}, [op("remove", "/a/0")], {"a": [2]}),
    ({"a": {"b/c": {"~": 1}}}, [op("replace", "/a/b~1c/~0", value=2)], {"a": {"b/c": {"~": 2}}}),
    ({"a": {"x": 1}, "b": {}}, [op("move", "/b/x", **{"from": "/a/x"})], {"a": {}, "b": {"x": 1}}),
    ({"a": {"x": 1}}, [op("copy", "/b", **{"from": "/a"})], {"a": {"x": 1}, "b": {"x": 1}}),
    ({"a": 1}, [op("test", "/a", value=1.0), op("replace", "", value=[])], []),
    ({"a": None}, [op("test", "/a", value=None), op("test", "/b", value=None)], {"a": None}),
]


@pytest.mark.parametrize(("document", "operations", "expected"), JSON)
def test_json(document: Any, operations: Any, expected: Any) -> None:
    assert patch_json.apply(freeze(document), freeze(operations)) == expected


REFUSED = [
    (
        op("remove", "/x"),
        "error in remove for path: '/x': unable to remove nonexistent key: x: missing value",
    ),
    (op("replace", "/x", value=1), "replace operation does not apply: doc is missing key: /x: missing value"),
    (op("add", "/x/y", value=1), 'add operation does not apply: doc is missing path: "/x/y": missing value'),
    (op("add", "/l/9", value=1), "invalid index referenced"),
    (op("test", "/a", value=True), "testing value /a failed: test failed"),
    (op("move", "/b", **{"from": "/x"}), "doc is missing from path: /x"),
    (op("fly", "/a"), "Unexpected kind: fly"),
]


@pytest.mark.parametrize(("operation", "message"), REFUSED)
def test_a_json_patch_that_does_not_apply_is_refused(operation: Any, message: str) -> None:
    with pytest.raises(patch_json.JsonPatchError, match=message):
        patch_json.apply({"a": 1, "l": [1]}, [operation])


@pytest.mark.parametrize("patch", [{}, [1], [{"op": "add"}], [{"op": "add", "path": "/a"}]])
def test_a_malformed_json_patch_is_refused(patch: Any) -> None:
    with pytest.raises(patch_json.BadJsonPatch):
        patch_json.apply({"a": 1}, patch)


trees = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text("ab", max_size=2)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abcd"), inner, max_size=3)
    ),
    max_leaves=8,
)
maps = st.dictionaries(st.sampled_from("abcd"), trees, max_size=4)


def merge_patch_of(old: Any, new: Any) -> Any:
    """The merge patch from one map without nulls to another."""
    patch = {key: None for key in old if key not in new}
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            patch[key] = merge_patch_of(old[key], value)
        elif key not in old or not patch_json.same_json(old[key], value):
            patch[key] = value
    return patch


def no_nulls(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: no_nulls(value) for key, value in tree.items() if value is not None}
    if isinstance(tree, list):
        return [no_nulls(value) for value in tree]
    return tree


@settings(max_examples=80)
@given(maps, maps)
def test_a_computed_merge_patch_leads_from_one_tree_to_the_other(old: Any, new: Any) -> None:
    old, new = no_nulls(old), no_nulls(new)
    patch = merge_patch_of(old, new)
    assert patch_json.same_json(patch_merge.apply(freeze(old), freeze(patch)), new)
    assert patch_json.same_json(patch_strategic.apply(freeze(old), freeze(patch), None), new)


@settings(max_examples=80)
@given(st.lists(st.sampled_from("abcdef"), unique=True), st.lists(st.sampled_from("abcdef"), unique=True))
def test_set_element_order_gives_exactly_that_order_where_all_are_known(
    old: list[str], order: list[str]
) -> None:
    patch = {
        "$setElementOrder/containers": named(*order),
        "containers": named(*order) + [{"name": n, "$patch": "delete"} for n in old if n not in order],
    }
    got = patch_strategic.apply(freeze({"containers": named(*old)}), freeze(patch), SCHEMA)
    assert [item["name"] for item in got["containers"]] == order
