"""Adopting and releasing, as a table."""

from __future__ import annotations

from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, name_of
from pybernetes.control.definition import owner_key
from pybernetes.control.ownership import claim, owner_reference
from pybernetes.control.plan import Patch
from pybernetes.lang.labelselector import from_labels

OWNER: Obj = {"metadata": {"name": "rs", "namespace": "default", "uid": "u1"}}
GOING: Obj = {"metadata": {**OWNER["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}
SELECTOR = from_labels({"app": "web"})


def pod(name: str, app: str = "web", owners: list[Obj] | None = None, **metadata: Any) -> Obj:
    common = {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": "7"}
    return {"metadata": {**common, "labels": {"app": app}, "ownerReferences": owners or [], **metadata}}


MINE = owner_reference(OWNER, kinds.REPLICASET)


def decide(owner: Obj, owned: list[Obj], orphans: list[Obj]) -> tuple[list[str], dict[str, Patch]]:
    claimed = claim(owner, kinds.REPLICASET, SELECTOR, kinds.POD, owned, orphans)
    return [name_of(o) for o in claimed.kept], {patch.name: patch for patch in claimed.patches}


def test_a_reference_is_controlling_and_blocks_foreground_deletion() -> None:
    assert MINE == {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "rs",
        "uid": "u1",
        "controller": True,
        "blockOwnerDeletion": True,
    }


def test_matching_orphans_are_adopted_beside_their_other_owners() -> None:
    other: Obj = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u9"}
    kept, patches = decide(OWNER, [], [pod("a", owners=[other]), pod("b", "db")])
    assert kept == ["a"]
    assert patches["a"].patch["metadata"] == {
        "ownerReferences": [other, MINE],
        "uid": "uid-a",
        "resourceVersion": "7",
    }


def test_owned_ones_that_no_longer_match_are_released_and_only_from_this_owner() -> None:
    other: Obj = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u9"}
    kept, patches = decide(
        OWNER, [pod("a", owners=[MINE]), pod("b", "db", [MINE, other]), pod("c", "db", [MINE])], []
    )
    assert kept == ["a"]
    assert patches["b"].patch["metadata"]["ownerReferences"] == [other]
    assert patches["c"].patch["metadata"]["ownerReferences"] is None
    assert "a" not in patches


def test_an_orphan_that_is_being_deleted_is_not_adopted() -> None:
    assert decide(OWNER, [], [pod("a", deletionTimestamp="2026-01-01T00:00:00Z")]) == ([], {})


def test_an_owner_that_is_being_deleted_adopts_and_releases_nothing() -> None:
    kept, patches = decide(GOING, [pod("a", owners=[MINE]), pod("b", "db", [MINE])], [pod("c")])
    assert (kept, patches) == (["a"], {})


def test_the_key_of_an_owner_is_found_in_any_version_of_its_group() -> None:
    assert owner_key(pod("a", owners=[MINE]), kinds.REPLICASET) == "default/rs"
    assert (
        owner_key(pod("a", owners=[{**MINE, "apiVersion": "apps/v1beta1"}]), kinds.REPLICASET) == "default/rs"
    )
    assert owner_key(pod("a", owners=[{**MINE, "apiVersion": "other/v1"}]), kinds.REPLICASET) is None
    assert owner_key(pod("a", owners=[{**MINE, "controller": False}]), kinds.REPLICASET) is None
    assert owner_key(pod("a", owners=[MINE]), kinds.DEPLOYMENT) is None
