"""Hints of EndpointSlices: by `trafficDistribution`, and in proportion to the CPU of zones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.meta import Obj
from pybernetes.controllers.endpointslice import hints, topology
from pybernetes.controllers.endpointslice.draft import Draft


def endpoint(zone: str = "", node: str = "", ready: bool = True, **rest: Any) -> dict[str, Any]:
    tree: dict[str, Any] = {"addresses": ["10.0.0.1"], "conditions": {"ready": ready}, **rest}
    return tree | ({"zone": zone} if zone else {}) | ({"nodeName": node} if node else {})


def draft(*endpoints: Obj, old: bool = False) -> Draft:
    return Draft({"metadata": {"name": "web-1"}} if old else None, [], list(endpoints))


def zones(*drafts: Draft) -> list[str]:
    """The zone that each endpoint is hinted for, "" for none."""
    return [
        ",".join(zone["name"] for zone in (entry.get("hints") or {}).get("forZones", ()))
        for each in drafts
        for entry in each.endpoints
    ]


def node(zone: str, cpu: str = "4", ready: str = "True", **labels: str) -> dict[str, Any]:
    found = {"topology.kubernetes.io/zone": zone} if zone else {}
    return {
        "metadata": {"name": "n", "labels": {**found, **labels}},
        "status": {
            "allocatable": {"cpu": cpu} if cpu else {},
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }


CONTROL_PLANE = {"node-role.kubernetes.io/control-plane": ""}
NODES: dict[str, tuple[list[dict[str, Any]], dict[str, int]]] = {
    "by zone": ([node("a"), node("a", "500m"), node("b")], {"a": 4500, "b": 4000}),
    "one zone is not enough": ([node("a"), node("a")], {}),
    "a node without a zone spoils it": ([node("a"), node("b"), node("")], {}),
    "a node without CPU spoils it": ([node("a"), node("b"), node("b", "")], {}),
    "control planes do not count": (
        [node("a"), node("b"), node("", **CONTROL_PLANE)],
        {"a": 4000, "b": 4000},
    ),
    "nodes that are not ready do not count": (
        [node("a"), node("b"), node("c", ready="False")],
        {"a": 4000, "b": 4000},
    ),
    "nothing": ([], {}),
}


@pytest.mark.parametrize("case", NODES)
def test_cpu_by_zone(case: str) -> None:
    nodes, expected = NODES[case]
    assert topology.zone_cpu(nodes) == expected


def test_a_heartbeat_of_a_node_changes_no_fact() -> None:
    before = node("a")
    after = {**before, "status": {**before["status"], "phase": "x"}}
    assert topology.node_facts(before) == topology.node_facts(after)
    assert topology.node_facts(before) != topology.node_facts(node("b"))
    assert topology.node_facts(None) is None


WHY_NOT: dict[str, tuple[dict[str, int], int, str]] = {
    "no node information": ({}, 5, topology.NO_NODE_INFO),
    "fewer endpoints than zones": (
        {"a": 1, "b": 1, "c": 1},
        2,
        "Insufficient number of endpoints (2 endpoints, 3 zones)",
    ),
    "one zone would be overloaded": (
        {"a": 1000, "b": 1000, "c": 1000},
        4,
        "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold"
        " (4 endpoints, 3 zones)",
    ),
}


@pytest.mark.parametrize("case", WHY_NOT)
def test_no_hints_and_why(case: str) -> None:
    cpu, count, expected = WHY_NOT[case]
    piece = draft(*(endpoint("a", hints={"forZones": [{"name": "a"}]}) for _ in range(count)), old=True)
    assert topology.add_hints([piece], cpu) == expected
    assert zones(piece) == [""] * count
    assert piece.changed


def test_an_endpoint_without_a_zone_takes_the_hints_from_all() -> None:
    pieces = [draft(endpoint("a"), endpoint("b")), draft(endpoint("b"), endpoint())]
    assert topology.add_hints(pieces, {"a": 1000, "b": 1000}) == topology.NO_ZONE
    assert zones(*pieces) == [""] * 4


HINTED: dict[str, tuple[dict[str, int], list[str], list[str]]] = {
    "each for its own": ({"a": 1000, "b": 1000}, ["a", "b"], ["a", "b"]),
    "a rich zone lends": ({"a": 1000, "b": 1000}, ["a", "a", "a", "b"], ["b", "a", "a", "b"]),
    "a zone without endpoints borrows": ({"a": 1000, "b": 1000}, ["a", "a", "a", "a"], ["b", "b", "a", "a"]),
    "by CPU": ({"a": 3000, "b": 1000}, ["a", "a", "b", "b"], ["a", "a", "a", "b"]),
    "half an endpoint too many stays": (
        {"a": 1000, "b": 1000},
        ["a"] * 7 + ["b"] * 6,
        ["a"] * 7 + ["b"] * 6,
    ),
}


@pytest.mark.parametrize("case", HINTED)
def test_zones_get_endpoints_by_their_cpu(case: str) -> None:
    cpu, where, expected = HINTED[case]
    piece = draft(*map(endpoint, where))
    assert topology.add_hints([piece], cpu) == ""
    assert zones(piece) == expected


def test_only_ready_endpoints_are_hinted() -> None:
    piece = draft(endpoint("a"), endpoint("b"), endpoint("a", ready=False))
    assert topology.add_hints([piece], {"a": 1000, "b": 1000}) == ""
    assert zones(piece) == ["a", "b", ""]


def test_hints_that_do_are_not_written_again() -> None:
    hinted = [endpoint(z, hints={"forZones": [{"name": z}]}) for z in ("a", "b", "b")]
    kept, new = draft(*hinted, old=True), draft(endpoint("a"))
    assert topology.add_hints([kept, new], {"a": 1000, "b": 1000}) == ""
    assert not kept.changed
    assert zones(new) == ["a"]


def test_hints_for_a_zone_that_is_gone_are_written_anew() -> None:
    stale = draft(*(endpoint(z, hints={"forZones": [{"name": "c"}]}) for z in ("a", "b")), old=True)
    assert topology.add_hints([stale], {"a": 1000, "b": 1000}) == ""
    assert stale.changed
    assert zones(stale) == ["a", "b"]


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(100, 64000), min_size=2),
    st.lists(st.sampled_from("abcd"), max_size=40),
)
def test_no_zone_is_overloaded_and_a_second_look_writes_nothing(
    cpu: dict[str, int], where: list[str]
) -> None:
    inside = [zone for zone in where if zone in cpu]
    piece = draft(*map(endpoint, inside))
    if topology.add_hints([piece], cpu):
        assert zones(piece) == [""] * len(inside)
        return
    assert all(zone in cpu for zone in zones(piece))
    again = draft(*piece.endpoints, old=True)
    before = list(again.endpoints)
    assert topology.add_hints([again], cpu) == ""
    assert again.endpoints == before


DISTRIBUTED: dict[str, tuple[str, dict[str, Any], dict[str, Any] | None]] = {
    "PreferClose": ("PreferClose", endpoint("a", "n1"), {"forZones": [{"name": "a"}]}),
    "PreferSameZone": ("PreferSameZone", endpoint("a", "n1"), {"forZones": [{"name": "a"}]}),
    "PreferSameNode": (
        "PreferSameNode",
        endpoint("a", "n1"),
        {"forZones": [{"name": "a"}], "forNodes": [{"name": "n1"}]},
    ),
    "a node in no zone": ("PreferSameNode", endpoint("", "n1"), {"forNodes": [{"name": "n1"}]}),
    "no zone": ("PreferSameZone", endpoint("", "n1"), None),
    "not ready": ("PreferSameZone", endpoint("a", "n1", ready=False), None),
    "an old hint": (
        "PreferSameZone",
        endpoint("a", hints={"forZones": [{"name": "b"}], "forNodes": [{"name": "n1"}]}),
        {"forZones": [{"name": "a"}]},
    ),
}


@pytest.mark.parametrize("case", DISTRIBUTED)
def test_traffic_distribution(case: str) -> None:
    distribution, entry, expected = DISTRIBUTED[case]
    piece = draft(entry)
    hints.distribute(distribution, [piece])
    assert piece.endpoints[0].get("hints") == expected
    again = draft(*piece.endpoints, old=True)
    hints.distribute(distribution, [again])
    assert not again.changed
    hints.remove([again])
    assert again.changed == (expected is not None)
    assert "hints" not in again.endpoints[0]


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({}, False),
        ({hints.MODE: "Auto"}, True),
        ({hints.MODE: "auto"}, True),
        ({hints.MODE: "Disabled"}, False),
        ({hints.MODE: "Auto", hints.OLDER_MODE: "Disabled"}, False),
        ({hints.OLDER_MODE: "auto"}, True),
    ],
)
def test_who_asks_for_topology(annotations: dict[str, str], expected: bool) -> None:
    assert hints.is_auto({"metadata": {"name": "web", "annotations": annotations}}) is expected
