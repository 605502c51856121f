"""Which kinds the garbage collector follows, by what discovery tells."""

from __future__ import annotations

from pybernetes.api import kinds
from pybernetes.api.kind import Kind
from pybernetes.client.discovery import Discovered
from pybernetes.controllers.garbagecollector.monitors import by_api, monitored

ALL = ("create", "delete", "get", "list", "watch")


def kind(group: str, plural: str, version: str = "v1", verbs: tuple[str, ...] = ALL) -> Kind:
    return Kind(group, version, plural.title(), plural, namespaced=True, verbs=verbs)


THINGS, OLD = kind("a.example.com", "things", "v2"), kind("a.example.com", "things", "v1")
METRICS = kind("metrics.k8s.io", "pods", verbs=("get", "list"))
OTHER = kind("b.example.com", "others")


def test_what_can_be_listed_watched_and_deleted_in_its_preferred_version() -> None:
    found = Discovered((kinds.POD, kinds.EVENT, THINGS, OLD, METRICS, kinds.NODE))
    assert monitored(found, {}, {}) == {
        ("", "pods"): kinds.POD,
        ("a.example.com", "things"): THINGS,
        ("", "nodes"): kinds.NODE,
    }


def test_others_who_follow_a_kind_choose_its_version() -> None:
    shared = {("a.example.com", "things"): OLD}
    assert monitored(Discovered((THINGS, OLD)), {}, shared) == {("a.example.com", "things"): OLD}


def test_kinds_of_a_server_that_is_away_stay_and_others_go() -> None:
    before = {("a.example.com", "things"): THINGS, ("b.example.com", "others"): OTHER}
    found = Discovered((kinds.POD,), stale=("b.example.com/v1",))
    assert monitored(found, before, {}) == {("", "pods"): kinds.POD, ("b.example.com", "others"): OTHER}


def test_owners_may_be_of_any_version_that_can_be_got() -> None:
    review = kind("authorization.k8s.io", "reviews", verbs=("create",))
    found = Discovered((THINGS, OLD, METRICS, review), stale=("b.example.com/v1",))
    before = {
        ("b.example.com/v1", "Others"): OTHER,
        ("c.example.com/v1", "Gone"): kind("c.example.com", "gone"),
    }
    assert by_api(found, before) == {
        ("a.example.com/v2", "Things"): THINGS,
        ("a.example.com/v1", "Things"): OLD,
        ("metrics.k8s.io/v1", "Pods"): METRICS,
        ("b.example.com/v1", "Others"): OTHER,
    }
