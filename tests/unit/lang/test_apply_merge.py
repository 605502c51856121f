"""Server-side apply as upstream documents it: conflicts, sharing, giving up, taking over, and what is pruned."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api import kinds
from pybernetes.api.schema import patch_schema
from pybernetes.lang.apply import managers
from pybernetes.lang.apply.conflicts import Conflicts
from pybernetes.lang.apply.managers import Author
from pybernetes.lang.apply.merge import Applied, allowed_by_last_applied, apply, merge
from pybernetes.lang.apply.typed import Type, compare

DEPLOYMENT = Type(patch_schema(kinds.DEPLOYMENT.schema))
CONFIGMAP = Type(patch_schema(kinds.CONFIGMAP.schema))
NOTHING: dict[str, Any] = {"metadata": {}, "spec": {"template": {"metadata": {}, "spec": {}}, "strategy": {}}}


class World:
    """One object and its owners; the clock goes on with every write."""

    def __init__(self, of: Type = DEPLOYMENT, nothing: Any = NOTHING) -> None:
        self.of, self.nothing = of, nothing
        self.tree, self.entries, self.seconds = nothing, [], 0

    def author(self, name: str, operation: Any, version: str = "apps/v1", subresource: str = "") -> Author:
        self.seconds += 1
        return Author(name, operation, version, f"2026-01-01T00:00:{self.seconds:02}Z", subresource)

    def apply(self, name: str, config: Any, force: bool = False, **rest: Any) -> Applied:
        author = self.author(name, "Apply", **rest)
        done = apply(self.tree, config, self.entries, author, self.of, force=force, nothing=self.nothing)
        self.tree, self.entries = done.tree, done.entries
        return done

    def update(self, name: str, tree: Any, **rest: Any) -> None:
        changes = managers.tracked(compare(self.tree, tree, self.of))
        self.entries = managers.after_update(self.entries, changes, self.author(name, "Update", **rest))
        self.tree = tree

    def fields(self, name: str) -> Any:
        found = [entry["fieldsV1"] for entry in self.entries if entry["manager"] == name]
        assert len(found) <= 1
        return found[0] if found else None


def spec(**fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web"}, "spec": fields}


def containers(*items: Any) -> dict[str, Any]:
    return spec(template={"spec": {"containers": list(items)}})


def items_of(world: World) -> list[Any]:
    return world.tree["spec"]["template"]["spec"]["containers"]


def test_a_conflict_names_the_manager_and_the_field() -> None:
    world = World()
    world.update("kubectl-client-side-apply", spec(replicas=1))
    with pytest.raises(Conflicts) as caught:
        world.apply("me", spec(replicas=2))
    assert str(caught.value) == (
        'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas'
    )
    assert caught.value.causes() == [
        ('conflict with "kubectl-client-side-apply" using apps/v1', ".spec.replicas")
    ]


def test_several_conflicts_are_listed_by_manager() -> None:
    world = World()
    world.apply("one", spec(replicas=1))
    world.update("two", {**world.tree, "spec": {**world.tree["spec"], "paused": True, "minReadySeconds": 5}})
    with pytest.raises(Conflicts) as caught:
        world.apply("me", spec(replicas=2, paused=False, minReadySeconds=6))
    assert str(caught.value) == (
        'Apply failed with 3 conflicts: conflicts with "one":\n- .spec.replicas\n'
        'conflicts with "two" using apps/v1:\n- .spec.minReadySeconds\n- .spec.paused'
    )


def test_force_takes_the_fields_over() -> None:
    world = World()
    world.apply("one", spec(replicas=1, paused=True))
    world.apply("me", spec(replicas=2), force=True)
    assert world.tree["spec"]["replicas"] == 2
    assert world.fields("one") == {"f:spec": {"f:paused": {}}}
    assert world.fields("me") == {"f:spec": {"f:replicas": {}}}


def test_the_same_value_is_shared_and_lives_as_long_as_one_wants_it() -> None:
    world = World()
    world.apply("one", spec(replicas=3, paused=True))
    world.apply("two", spec(replicas=3))
    assert world.fields("one") == {"f:spec": {"f:paused": {}, "f:replicas": {}}}
    assert world.fields("two") == {"f:spec": {"f:replicas": {}}}
    world.apply("one", spec(paused=True))
    assert world.tree["spec"]["replicas"] == 3
    world.apply("two", {"metadata": {"name": "web"}})
    assert "replicas" not in world.tree["spec"]
    assert world.fields("two") is None


def test_replicas_are_handed_to_an_autoscaler() -> None:
    world = World()
    world.apply("user", spec(replicas=3, minReadySeconds=1))
    scaled = {**world.tree, "spec": {**world.tree["spec"], "replicas": 5}}
    world.update("hpa", scaled, subresource="scale")
    assert world.fields("user") == {"f:spec": {"f:minReadySeconds": {}}}
    with pytest.raises(Conflicts, match=r'"hpa" with subresource "scale" using apps/v1: \.spec\.replicas'):
        world.apply("user", spec(replicas=3, minReadySeconds=1))
    world.apply("user", spec(minReadySeconds=2))
    assert world.tree["spec"]["replicas"] == 5
    assert world.fields("hpa") == {"f:spec": {"f:replicas": {}}}


def test_an_item_goes_with_its_last_owner_and_takes_defaults_along() -> None:
    world = World()
    world.apply("one", containers({"name": "a", "image": "x"}, {"name": "b", "image": "y"}))
    defaulted = containers(*({**item, "imagePullPolicy": "Always"} for item in items_of(world)))
    world.tree = defaulted  # the server's defaults belong to nobody
    world.apply("two", containers({"name": "c", "image": "z"}))
    assert [item["name"] for item in items_of(world)] == ["a", "b", "c"]
    world.apply("one", containers({"name": "b", "image": "y"}))
    assert items_of(world) == [
        {"name": "b", "image": "y", "imagePullPolicy": "Always"},
        {"name": "c", "image": "z"},
    ]


def test_a_part_of_an_item_that_somebody_else_owns_stays() -> None:
    world = World()
    world.apply("one", containers({"name": "a", "image": "x"}))
    world.apply("two", containers({"name": "a", "env": [{"name": "E", "value": "1"}]}))
    world.apply("one", {"metadata": {"name": "web"}})
    assert items_of(world) == [{"name": "a", "env": [{"name": "E", "value": "1"}]}]
    assert world.fields("one") is None


def test_map_keys_and_set_items_come_and_go_alone() -> None:
    def labelled(labels: Any, finalizers: Any) -> dict[str, Any]:
        return {"metadata": {"name": "web", "labels": labels, "finalizers": finalizers}}

    world = World()
    world.apply("one", labelled({"a": "1", "b": "1"}, ["x/a", "x/b"]))
    world.apply("two", labelled({"b": "1", "c": "1"}, ["x/b", "x/c"]))
    world.apply("one", labelled({"a": "1"}, ["x/a"]))
    assert world.tree["metadata"]["labels"] == {"a": "1", "b": "1", "c": "1"}
    assert world.tree["metadata"]["finalizers"] == ["x/a", "x/b", "x/c"]
    world.apply("two", labelled({"c": "1"}, ["x/c"]))
    assert world.tree["metadata"]["labels"] == {"a": "1", "c": "1"}
    assert world.tree["metadata"]["finalizers"] == ["x/a", "x/c"]


def test_atomic_values_are_owned_as_a_whole() -> None:
    world = World()
    world.apply("one", spec(selector={"matchLabels": {"a": "1"}}))
    with pytest.raises(Conflicts, match=r'"one": \.spec\.selector$'):
        world.apply("two", spec(selector={"matchLabels": {"a": "1", "b": "2"}}))
    world.apply("two", spec(selector={"matchLabels": {"b": "2"}}), force=True)
    assert world.tree["spec"]["selector"] == {"matchLabels": {"b": "2"}}
    assert world.fields("one") is None


def test_an_object_without_owners_belonged_to_somebody_before() -> None:
    world = World()
    world.tree = spec(replicas=1, paused=True)
    with pytest.raises(Conflicts, match=r'"before-first-apply" using apps/v1: \.spec\.replicas'):
        world.apply("me", spec(replicas=2))
    world.apply("me", spec(replicas=1))
    assert world.fields("before-first-apply") == {"f:spec": {"f:paused": {}, "f:replicas": {}}}


def test_an_applier_is_the_same_in_every_version_but_not_in_every_subresource() -> None:
    world = World()
    world.apply("me", spec(replicas=1))
    world.apply("me", spec(paused=True), version="apps/v2")
    assert "replicas" not in world.tree["spec"]
    assert [entry["apiVersion"] for entry in world.entries] == ["apps/v2"]
    world.apply("me", {"metadata": {"name": "web"}, "status": {"replicas": 1}}, subresource="status")
    assert [entry.get("subresource", "") for entry in world.entries] == ["", "status"]


def test_a_write_that_changes_nothing_leaves_the_time() -> None:
    world = World()
    first = world.apply("me", spec(replicas=1)).entries[0]
    assert world.apply("me", spec(replicas=1)).entries[0] is first
    world.update("me", world.tree)
    assert world.entries == [first]
    assert world.apply("me", spec(replicas=2)).entries[0]["time"] > first["time"]


def test_updates_move_what_they_change() -> None:
    world = World(CONFIGMAP, {"metadata": {}})
    world.update(
        "one", {"metadata": {"labels": {"a": "1"}, "uid": "x", "generation": 1}, "data": {"k": "v", "l": "v"}}
    )
    assert world.fields("one") == {
        "f:data": {".": {}, "f:k": {}, "f:l": {}},
        "f:metadata": {"f:labels": {".": {}, "f:a": {}}},
    }
    world.update("two", {"metadata": {}, "data": {"k": "w", "m": "v"}})
    assert world.fields("one") == {"f:data": {}}
    assert world.fields("two") == {"f:data": {"f:k": {}, "f:m": {}}}


def test_only_so_many_update_managers_are_kept() -> None:
    world = World(CONFIGMAP, {"metadata": {}})
    data: dict[str, str] = {}
    for number in range(14):
        data = {**data, f"k{number:02}": "v"}
        world.update(f"m{number:02}", {"metadata": {}, "data": data})
    updaters = [entry["manager"] for entry in world.entries]
    assert len(updaters) == managers.MAX_UPDATE_MANAGERS
    assert updaters[0] == "ancient-changes"
    assert world.fields("ancient-changes") == {
        "f:data": {".": {}, **{f"f:k{number:02}": {} for number in range(5)}}
    }
    owned = {step for entry in world.entries for step in entry["fieldsV1"]["f:data"]} - {"."}
    assert owned == {f"f:{key}" for key in data}


def test_what_client_side_apply_set_may_be_taken_over() -> None:
    last = spec(replicas=2, paused=True, minReadySeconds=1)
    live = spec(replicas=2, paused=False, revisionHistoryLimit=10)
    assert allowed_by_last_applied(live, last, DEPLOYMENT) == {
        "f:metadata": {"f:name": {}},
        "f:spec": {"f:replicas": {}},
    }


@pytest.mark.parametrize(
    ("live", "config", "expected"),
    [
        ("abc", "", "abc"),
        ("abc", "cba", "cba"),
        ("abc", "x", "abcx"),
        ("abc", "xb", "axbc"),
        ("abcd", "dxa", "bcdxa"),
        ("ab", "bya", "bya"),
        ("", "ba", "ba"),
    ],
)
def test_order_of_merged_lists(live: str, config: str, expected: str) -> None:
    def tree(names: str) -> Any:
        return {"metadata": {"finalizers": list(names)}}

    assert merge(tree(live), tree(config), DEPLOYMENT) == tree(expected)


names = st.sampled_from("abc")
values = st.sampled_from("123")
configs = st.fixed_dictionaries(
    {},
    optional={
        "labels": st.dictionaries(names, values, min_size=1),
        "finalizers": st.lists(names, unique=True, min_size=1),
        "replicas": st.integers(0, 2),
        "selector": st.dictionaries(names, values, min_size=1),
        "containers": st.dictionaries(names, st.dictionaries(names, values), min_size=1),
    },
).map(
    lambda c: {
        "metadata": {"name": "web", **{k: c[k] for k in ("labels", "finalizers") if k in c}},
        "spec": {
            **({"replicas": c["replicas"]} if "replicas" in c else {}),
            **({"selector": {"matchLabels": c["selector"]}} if "selector" in c else {}),
            "template": {
                "spec": {
                    "containers": [
                        {"name": name, "env": [{"name": k, "value": v} for k, v in env.items()]}
                        for name, env in c.get("containers", {}).items()
                    ]
                }
            },
        },
    }
)


@given(configs, configs)
@settings(max_examples=120, deadline=None)
def test_applying_again_changes_nothing(one: Any, two: Any) -> None:
    world = World()
    world.apply("one", one)
    world.apply("two", two, force=True)
    before = (world.tree, world.entries)
    assert world.apply("two", two) == Applied(*before)


@given(configs, configs)
@settings(max_examples=120, deadline=None)
def test_what_one_applies_it_can_take_back(base: Any, more: Any) -> None:
    """A manager that applies what conflicts with nobody and then nothing leaves the others' fields as they were."""
    world = World()
    world.apply("one", base)
    before = world.fields("one")
    try:
        world.apply("two", more)
    except Conflicts:
        return
    world.apply("two", {"metadata": {"name": "web"}})
    assert world.fields("two") is None
    assert world.fields("one") == before
    world.apply("one", base)
    fresh = World()
    fresh.apply("one", base)
    assert without_empty(world.tree) == without_empty(fresh.tree)


def without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {k: without_empty(v) for k, v in value.items()}
        return {k: v for k, v in kept.items() if v not in ({}, [], None)}
    if isinstance(value, list):
        return sorted((without_empty(each) for each in value), key=str)
    return value
