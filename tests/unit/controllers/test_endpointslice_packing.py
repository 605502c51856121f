"""How endpoints are packed into slices: they stay where they are, and few slices are written."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.meta import Obj
from pybernetes.controllers.endpointslice.packing import pack

LABELS = {"kubernetes.io/service-name": "web"}
MOST = 10


def entry(uid: int, **rest: Any) -> dict[str, Any]:
    return {"addresses": [f"10.0.0.{uid}"], "targetRef": {"uid": f"u{uid:03}"}, **rest}


def entries(*uids: int) -> dict[str, Obj]:
    return {f"u{uid:03}": entry(uid) for uid in uids}


def piece(name: str, *endpoints: Obj, labels: dict[str, str] = LABELS) -> Obj:
    return {"metadata": {"name": name, "labels": labels}, "endpoints": list(endpoints), "ports": []}


def outcome(wanted: dict[str, Obj], *existing: Obj) -> tuple[dict[str, int], list[str]]:
    """Number of endpoints of each slice that is written ("+": a new one), and the names of emptied ones."""
    drafts, emptied = pack(wanted, existing, [], LABELS, MOST)
    written = [d for d in drafts if d.written]
    names = [d.piece["metadata"]["name"] if d.piece else f"+{i}" for i, d in enumerate(written)]
    sizes = {name: len(d.endpoints) for name, d in zip(names, written, strict=True)}
    return sizes, [p["metadata"]["name"] for p in emptied]


def test_nothing_changed_nothing_written() -> None:
    assert outcome(entries(1, 2), piece("a", entry(1), entry(2))) == ({}, [])


def test_hints_alone_are_no_difference() -> None:
    hinted = entry(1, hints={"forZones": [{"name": "z"}]})
    drafts, _ = pack(entries(1), [piece("a", hinted)], [], LABELS, MOST)
    assert drafts[0].endpoints == [hinted]
    assert not drafts[0].changed


def test_a_changed_endpoint_is_written_in_its_place() -> None:
    assert outcome({"u001": entry(1, nodeName="n2")}, piece("a", entry(1))) == ({"a": 1}, [])


def test_new_ones_go_into_a_slice_that_is_written_anyhow() -> None:
    untouched = piece("a", *(entry(i) for i in range(9)))
    losing = piece("b", entry(20), entry(21))
    assert outcome(entries(*range(9), 20, 30), untouched, losing) == ({"b": 2}, [])


def test_else_into_the_one_that_they_fill_best() -> None:
    a, b = piece("a", entry(1)), piece("b", *(entry(i) for i in range(10, 17)))
    assert outcome(entries(1, *range(10, 17), 30, 31, 32), a, b) == ({"b": 10}, [])


def test_slices_are_not_topped_up_where_no_single_one_has_room() -> None:
    a, b = piece("a", *(entry(i) for i in range(8))), piece("b", *(entry(i) for i in range(10, 18)))
    wanted = entries(*range(8), *range(10, 18), 30, 31, 32)
    assert outcome(wanted, a, b) == ({"+0": 3}, [])


def test_many_new_ones_make_full_slices() -> None:
    assert outcome(entries(*range(25))) == ({"+0": 10, "+1": 10, "+2": 5}, [])


def test_a_slice_without_endpoints_left_is_given_back() -> None:
    assert outcome(entries(1), piece("a", entry(1)), piece("b", entry(2))) == ({}, ["b"])


def test_labels_follow_the_service() -> None:
    assert outcome(entries(1), piece("a", entry(1), labels={**LABELS, "old": "x"})) == ({"a": 1}, [])


def test_an_endpoint_in_two_slices_stays_in_one() -> None:
    assert outcome(entries(1, 2), piece("a", entry(1), entry(2)), piece("b", entry(1))) == ({}, ["b"])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sets(st.integers(0, 60)), min_size=1, max_size=6))
def test_every_endpoint_is_in_exactly_one_slice_through_any_history(history: list[set[int]]) -> None:
    existing: list[Obj] = []
    for number, uids in enumerate(history):
        drafts, _ = pack(entries(*uids), existing, [], LABELS, MOST)
        found = sorted(e["targetRef"]["uid"] for d in drafts for e in d.endpoints)
        assert found == sorted(entries(*uids))
        assert all(1 <= len(d.endpoints) <= MOST for d in drafts)
        existing = [
            d.piece if d.piece and not d.changed else piece(f"s{number}-{i}", *d.endpoints)
            for i, d in enumerate(drafts)
        ]
        assert not any(d.written for d in pack(entries(*uids), existing, [], LABELS, MOST)[0])
