"""Devices for claims on one node: the scenarios of structured parameters, one table per feature."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.scheduler.dynamicresources.devices import AllocationError, FailedOnNode

from .devices import (
    DRIVER,
    allocated,
    claim,
    device,
    device_class,
    either,
    exactly,
    names,
    slice_,
    solve,
    wanted,
)

HERE = {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a"]}]}]}
TWO = slice_("s", device("d1", model="x", numa=0), device("d2", model="y", numa=1), node="a")
LARGE = 'device.attributes["gpu.example.com"].model == "y"'

TABLE: list[tuple[str, list[Any], list[Any], list[list[str]] | None]] = [
    ("one device", [claim("c")], [TWO], [["req=d1"]]),
    ("no slice of the node", [claim("c")], [slice_("s", device("d1"), node="b")], None),
    ("two of two", [claim("c", exactly(count=2))], [TWO], [["req=d1", "req=d2"]]),
    ("three of two", [claim("c", exactly(count=3))], [TWO], None),
    ("two claims", [claim("c"), claim("d")], [TWO], [["req=d1"], ["req=d2"]]),
    ("three claims", [claim("c"), claim("d"), claim("e")], [TWO], None),
    ("a selector", [claim("c", exactly("req", "gpu", LARGE))], [TWO], [["req=d2"]]),
    (
        "an earlier request leaves a later one what it needs",
        [
            claim(
                "c",
                exactly("any"),
                exactly("one", "gpu", 'device.attributes["gpu.example.com"].model == "x"'),
            )
        ],
        [TWO],
        [["any=d2", "one=d1"]],
    ),
    ("all", [claim("c", exactly(all=True))], [TWO], [["req=d1", "req=d2"]]),
    ("all that are selected", [claim("c", exactly("req", "gpu", LARGE, all=True))], [TWO], [["req=d2"]]),
    ("all of none", [claim("c", exactly("req", "gpu", "false", all=True))], [TWO], None),
    (
        "same attribute",
        [claim("c", exactly(count=2), constraints=[{"matchAttribute": "gpu.example.com/numa"}])],
        [slice_("s", device("d1", numa=0), device("d2", numa=1), device("d3", numa=1), node="a")],
        [["req=d2", "req=d3"]],
    ),
    (
        "same attribute, of some requests",
        [
            claim(
                "c",
                exactly("x"),
                exactly("y", count=2),
                constraints=[{"matchAttribute": "gpu.example.com/numa", "requests": ["y"]}],
            )
        ],
        [slice_("s", device("d1", numa=1), device("d2", numa=0), device("d3", numa=1), node="a")],
        [["x=d2", "y=d1", "y=d3"]],
    ),
    (
        "a device without the attribute cannot match",
        [claim("c", constraints=[{"matchAttribute": "gpu.example.com/numa"}])],
        [slice_("s", device("d1"), node="a")],
        None,
    ),
    (
        "values of different types do not match",
        [claim("c", exactly(count=2), constraints=[{"matchAttribute": "gpu.example.com/numa"}])],
        [slice_("s", device("d1", numa=1), device("d2", numa=True), node="a")],
        None,
    ),
    (
        "different attributes",
        [claim("c", exactly(count=2), constraints=[{"distinctAttribute": "gpu.example.com/numa"}])],
        [slice_("s", device("d1", numa=0), device("d2", numa=0), device("d3", numa=1), node="a")],
        [["req=d1", "req=d3"]],
    ),
    (
        "the best alternative",
        [claim("c", either("req", wanted("gpu", LARGE), wanted()))],
        [TWO],
        [["req/alt-0=d2"]],
    ),
    (
        "another alternative",
        [claim("c", either("req", wanted("gpu", "false"), wanted(count=2)))],
        [TWO],
        [["req/alt-1=d1", "req/alt-1=d2"]],
    ),
    ("no alternative", [claim("c", either("req", wanted(count=3), wanted("gpu", "false")))], [TWO], None),
    (
        "a worse alternative leaves room for the next claim",
        [claim("c", either("req", wanted(count=2), wanted())), claim("d")],
        [TWO],
        [["req/alt-1=d1"], ["req=d2"]],
    ),
    (
        "pools by name, slices by name",
        [claim("c", exactly(count=3))],
        [
            slice_("z", device("d1"), node="a", pool="p2"),
            slice_("y", device("d2"), node="a", pool="p1", count=2),
            slice_("x", device("d3"), node="a", pool="p1", count=2),
        ],
        [["req=d3", "req=d2", "req=d1"]],
    ),
    ("an incomplete pool", [claim("c")], [slice_("s", device("d1"), node="a", count=2)], None),
    (
        "an older generation does not count",
        [claim("c")],
        [
            slice_("old", device("d1"), node="a", pool="p"),
            slice_("new", device("d2"), node="a", pool="p", generation=2),
        ],
        [["req=d2"]],
    ),
    (
        "a newer generation elsewhere makes a slice obsolete",
        [claim("c")],
        [
            slice_("old", device("d1"), node="a", pool="p"),
            slice_("new", device("d2"), node="b", pool="p", generation=2),
        ],
        None,
    ),
    ("every node", [claim("c")], [slice_("s", device("d1"), allNodes=True)], [["req=d1"]]),
    (
        "nodes per device",
        [claim("c")],
        [slice_("s", device("d1", nodeName="b"), device("d2", allNodes=True), perDeviceNodeSelection=True)],
        [["req=d2"]],
    ),
]


@pytest.mark.parametrize(
    ("claims", "slices", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_structured_parameters(
    claims: list[Any], slices: list[Any], expected: list[list[str]] | None
) -> None:
    assert names(solve(claims, slices)) == expected


def test_devices_of_other_claims_are_taken() -> None:
    held = allocated(claim("other"), "d1")
    assert names(solve([claim("c")], [TWO], in_use=[held])) == [["req=d2"]]
    assert names(solve([claim("c", exactly(count=2))], [TWO], in_use=[held])) is None


def test_administrators_share_devices_that_are_in_use() -> None:
    held = allocated(claim("other"), "d1", "d2")
    found = solve([claim("c", exactly(all=True, adminAccess=True))], [TWO], in_use=[held])
    assert names(found) == [["req=d1", "req=d2"]]
    assert found is not None
    assert all(each["adminAccess"] for each in found[0]["devices"]["results"])
    watching = allocated(claim("admin"), "d1", result={"adminAccess": True})
    assert names(solve([claim("c")], [TWO], in_use=[watching])) == [["req=d1"]]


def test_a_result_says_where_the_devices_are_reached() -> None:
    (found,) = solve([claim("c")], [TWO]) or [{}]
    assert found == {
        "devices": {"results": [{"request": "req", "driver": DRIVER, "pool": "a", "device": "d1"}]},
        "nodeSelector": HERE,
    }
    zone = {"key": "zone", "operator": "In", "values": ["z"]}
    selecting = slice_("s", device("d1"), nodeSelector={"nodeSelectorTerms": [{"matchExpressions": [zone]}]})
    (found,) = solve([claim("c")], [selecting], labels={"zone": "z"}) or [{}]
    assert found["nodeSelector"] == {"nodeSelectorTerms": [{"matchExpressions": [zone]}]}
    assert solve([claim("c")], [selecting], labels={"zone": "y"}) is None
    (found,) = solve([claim("c")], [slice_("s", device("d1"), allNodes=True)]) or [{}]
    assert "nodeSelector" not in found
    (found,) = solve([claim("c")], [slice_("s", device("d1", bindsToNode=True), allNodes=True)]) or [{}]
    assert found["nodeSelector"] == HERE


def test_configuration_of_class_and_claim() -> None:
    opaque = {"driver": DRIVER, "parameters": {"a": 1}}
    known = [
        device_class("gpu", config=[{"opaque": opaque}]),
        device_class("nic", config=[{"opaque": opaque}]),
    ]
    asked = claim(
        "c",
        exactly("x"),
        exactly("y", "nic"),
        exactly("z"),
        config=[
            {"opaque": opaque},
            {"opaque": opaque, "requests": ["y"]},
            {"opaque": opaque, "requests": ["no"]},
        ],
    )
    three = slice_("s", device("d1"), device("d2"), device("d3"), node="a")
    (found,) = solve([asked], [three], known) or [{}]
    assert found["devices"]["config"] == [
        {"source": "FromClass", "requests": ["x", "z"], "opaque": opaque},
        {"source": "FromClass", "requests": ["y"], "opaque": opaque},
        {"source": "FromClaim", "opaque": opaque},
        {"source": "FromClaim", "opaque": opaque, "requests": ["y"]},
    ]


TAINT = {"key": "broken", "value": "yes", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("effect", "tolerations", "fits"),
    [
        ("NoSchedule", [], False),
        ("NoExecute", [], False),
        ("None", [], True),
        ("NoSchedule", [{"key": "broken", "operator": "Exists"}], True),
        ("NoSchedule", [{"operator": "Exists"}], True),
        ("NoSchedule", [{"key": "broken", "operator": "Equal", "value": "yes"}], True),
        ("NoSchedule", [{"key": "broken", "operator": "Equal", "value": "no"}], False),
        ("NoExecute", [{"key": "broken", "operator": "Exists", "effect": "NoSchedule"}], False),
    ],
)
def test_taints(effect: str, tolerations: list[Any], fits: bool) -> None:
    taint = {**TAINT, "effect": effect}
    asked = [claim("c", exactly(tolerations=tolerations))]
    found = solve(asked, [slice_("s", device("d1", taints=[taint]), node="a")])
    assert (found is not None) == fits
    rule = {"metadata": {"name": "r"}, "spec": {"deviceSelector": {"device": "d1"}, "taint": taint}}
    assert (solve(asked, [slice_("s", device("d1"), node="a")], rules=[rule]) is not None) == fits
    if found is not None and tolerations:
        assert found[0]["devices"]["results"][0]["tolerations"] == tolerations


def test_a_taint_rule_is_about_the_devices_that_it_selects() -> None:
    for selector, expected in (
        ({"driver": DRIVER}, None),
        ({"driver": "other.example.com"}, [["req=d1"]]),
        ({"device": "d1"}, [["req=d2"]]),
        ({"pool": "a", "device": "d2"}, [["req=d1"]]),
        (None, [["req=d1"]]),
    ):
        rule = {"metadata": {"name": "r"}, "spec": {"taint": TAINT, "deviceSelector": selector}}
        assert names(solve([claim("c")], [TWO], rules=[rule])) == expected, selector


def counters(memory: str) -> dict[str, Any]:
    return {"consumesCounters": [{"counterSet": "gpu", "counters": {"memory": {"value": memory}}}]}


SHARED = [{"name": "gpu", "counters": {"memory": {"value": "40Gi"}}}]


def test_partitions_share_counters() -> None:
    parts = slice_(
        "parts",
        device("whole", size=40, **counters("40Gi")),
        device("half-1", size=20, **counters("20Gi")),
        device("half-2", size=20, **counters("20Gi")),
        device("half-3", size=20, **counters("20Gi")),
        node="a",
        count=2,
    )
    sets = slice_("sets", node="a", count=2, sharedCounters=SHARED)
    small = exactly("req", "gpu", 'device.attributes["gpu.example.com"].size == 20', count=2)
    assert names(solve([claim("c")], [parts, sets])) == [["req=whole"]]
    assert names(solve([claim("c", small)], [parts, sets])) == [["req=half-1", "req=half-2"]]
    assert solve([claim("c", exactly(count=3))], [parts, sets]) is None
    half = allocated(claim("other"), "half-2")
    assert names(solve([claim("c")], [parts, sets], in_use=[half])) == [["req=half-1"]]
    assert solve([claim("c", exactly(count=2))], [parts, sets], in_use=[half]) is None
    assert solve([claim("c")], [parts, sets], in_use=[allocated(claim("other"), "whole")]) is None


def test_counters_count_devices_that_only_other_nodes_reach() -> None:
    spec = {"perDeviceNodeSelection": True, "sharedCounters": SHARED}
    one = slice_(
        "s",
        device("d1", nodeName="a", **counters("30Gi")),
        device("d2", nodeName="b", **counters("30Gi")),
        **spec,
    )
    assert names(solve([claim("c")], [one])) == [["req=d1"]]
    assert solve([claim("c")], [one], in_use=[allocated(claim("other"), "d2", pool="s")]) is None


BANDWIDTH = {
    "value": "10Gi",
    "requestPolicy": {"default": "1Gi", "validRange": {"min": "1Gi", "step": "1Gi", "max": "8Gi"}},
}


def asks(amount: str) -> dict[str, Any]:
    return exactly(capacity={"requests": {"bandwidth": amount}})


@pytest.mark.parametrize(
    ("request_", "consumed"),
    [
        (exactly(), "1Gi"),
        (asks("1500Mi"), "2Gi"),
        (asks("100Mi"), "1Gi"),
        (asks("8Gi"), "8Gi"),
        (asks("9Gi"), None),
        (exactly(capacity={"requests": {"gpu.example.com/bandwidth": "2Gi"}}), "2Gi"),
        (exactly(capacity={"requests": {"memory": "2Gi"}}), None),
    ],
)
def test_consumed_capacity_follows_the_policy(request_: dict[str, Any], consumed: str | None) -> None:
    nic = slice_(
        "s", device("eth0", allowMultipleAllocations=True, capacity={"bandwidth": BANDWIDTH}), node="a"
    )
    found = solve([claim("c", request_)], [nic])
    if consumed is None:
        assert found is None
    else:
        assert found is not None
        (result,) = found[0]["devices"]["results"]
        assert result["consumedCapacity"] == {"bandwidth": consumed}
        assert len(result["shareID"]) == 36


def test_shares_end_where_the_capacity_does() -> None:
    nic = slice_(
        "s", device("eth0", allowMultipleAllocations=True, capacity={"bandwidth": BANDWIDTH}), node="a"
    )
    four = [claim("c", asks("4Gi")), claim("d", asks("4Gi"))]
    found = solve(four, [nic])
    assert names(found) == [["req=eth0"], ["req=eth0"]]
    assert found is not None
    assert solve([*four, claim("e", asks("3Gi"))], [nic]) is None
    shares = [{**one, "status": {"allocation": got}} for one, got in zip(four, found, strict=True)]
    assert solve([claim("e", asks("2Gi"))], [nic], in_use=shares) is not None
    assert solve([claim("e", asks("3Gi"))], [nic], in_use=shares) is None


def test_a_whole_device_must_have_the_capacity_that_is_asked_for() -> None:
    small, large = device("d1", capacity={"memory": "8Gi"}), device("d2", capacity={"memory": "16Gi"})
    asked = claim("c", exactly(capacity={"requests": {"memory": "10Gi"}}))
    found = solve([asked], [slice_("s", small, large, node="a")])
    assert names(found) == [["req=d2"]]
    assert found is not None
    assert "consumedCapacity" not in found[0]["devices"]["results"][0]


CEL = [
    ('device.driver == "gpu.example.com"', True),
    ('device.attributes["gpu.example.com"].count > 3', True),
    ('device.attributes["gpu.example.com"].fast', True),
    ('device.attributes["other.example.com"].?x.orValue(7) == 7', True),
    ('device.attributes["ext.example.com"].kind == "k"', True),
    ('"ext.example.com" in device.attributes', True),
    ('"unknown.example.com" in device.attributes', False),
    ('has(device.attributes["unknown.example.com"].x)', False),
    ('device.attributes["gpu.example.com"].version.compareTo(semver("1.2.0")) >= 0', True),
    ('device.attributes["gpu.example.com"].version.isLessThan(semver("1.2.0"))', False),
    ('device.capacity["gpu.example.com"].memory.compareTo(quantity("10Gi")) >= 0', True),
    ('device.capacity["gpu.example.com"].memory.isGreaterThan(quantity("80Gi"))', False),
    ("device.allowMultipleAllocations", False),
    ('cel.bind(a, device.attributes["gpu.example.com"], a.count == 4 && a.fast)', True),
]


@pytest.mark.parametrize(("expression", "selected"), CEL)
def test_selectors(expression: str, selected: bool) -> None:
    tree = device("d1", count=4, fast=True, capacity={"memory": "16Gi"})
    tree["attributes"]["ext.example.com/kind"] = {"string": "k"}
    tree["attributes"]["version"] = {"version": "1.2.3"}
    found = solve([claim("c", exactly("req", "gpu", expression))], [slice_("s", tree, node="a")])
    assert (found is not None) == selected


WRONG = [
    (
        claim("c", exactly("req", "gpu", 'device.attributes["gpu.example.com"].no == 1')),
        "claim default/c: selector #0: CEL runtime error: no such key: no",
    ),
    (claim("c", exactly("req", "gpu", "device.no")), "claim default/c: selector #0: CEL compile error: "),
    (
        claim("c", exactly("req", "gpu", '"text"')),
        "claim default/c: selector #0: CEL compile error: must evaluate to bool",
    ),
    (
        claim("c", exactly("req", "none")),
        "claim default/c, request req: could not retrieve device class none: ",
    ),
    (
        claim("c", exactly(count=33)),
        "claim default/c: number of requested devices 33 exceeds the claim limit of 32",
    ),
    (claim("c", exactly(), constraints=[{}]), "claim default/c, constraint #0: empty constraint"),
]


@pytest.mark.parametrize(("asked", "message"), WRONG)
def test_what_is_wrong_with_a_claim_is_an_error(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(AllocationError) as error:
        solve([asked], [TWO])
    assert str(error.value).startswith(message)


def test_an_error_in_a_class_names_the_class() -> None:
    with pytest.raises(AllocationError, match="class gpu: selector #0: CEL runtime error: no such key: no"):
        solve([claim("c")], [TWO], [device_class("gpu", 'device.attributes["x"].no == 1')])


def test_all_devices_of_a_pool_that_is_not_whole() -> None:
    asked = [claim("c", exactly(all=True))]
    with pytest.raises(
        AllocationError, match=r"asks for all devices, but resource pool gpu.example.com/a is"
    ):
        solve(asked, [slice_("s", device("d1"), node="a", count=2)])


def test_two_devices_of_one_name_make_a_pool_invalid() -> None:
    twice = slice_("s", device("d1"), device("d1"), node="a")
    with pytest.raises(FailedOnNode, match="invalid resource pools were encountered"):
        solve([claim("c")], [twice])
    fine = slice_("t", device("d2"), node="a", pool="p")
    assert names(solve([claim("c")], [twice, fine])) == [["req=d2"]]


def test_a_search_without_an_end_is_given_up() -> None:
    many = slice_("s", *(device(f"d{i}", numa=i) for i in range(40)), node="a")
    same = [{"matchAttribute": "gpu.example.com/model"}]
    asked = [claim("c", *(exactly(f"r{i}") for i in range(16))), claim("d", exactly(count=30))]
    with pytest.raises(FailedOnNode, match="timed out trying to allocate devices"):
        solve(asked, [many])
    assert solve([claim("c", constraints=same)], [many]) is None


def test_pools_whose_devices_need_preparation_come_last() -> None:
    ready = {"bindingConditions": ["ready"], "bindingFailureConditions": ["failed"]}
    slow = slice_("s", device("d1", **ready), node="a", pool="a-pool")
    quick = slice_("t", device("d2"), node="a", pool="b-pool")
    assert names(solve([claim("c")], [slow, quick])) == [["req=d2"]]
    (found,) = solve([claim("c")], [slow]) or [{}]
    assert found["devices"]["results"][0]["bindingConditions"] == ["ready"]
