"""What is remembered about nodes and devices is what looking anew would find, whatever happened in between."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.scheduler.dynamicresources.verdicts import Remembered
from pybernetes.scheduler.dynamicresources.view import DeviceView
from pybernetes.scheduler.nodetable import NodeTable

from .devices import allocated, claim, device, device_class, either, exactly, slice_, wanted
from .trees import node

NODES = ("n0", "n1", "n2", "n3")
ASKED = [claim("c", exactly(count=2))], [claim("c", either("r", wanted(count=3), wanted()))]


class World:
    """A view and what it was told."""

    def __init__(self) -> None:
        self.view = DeviceView()
        self.table = NodeTable()
        self.known: dict[tuple[str, str], dict[str, Any]] = {}
        self.version = 1
        for name in NODES:
            self.table.put_node(node(name, labels={"zone": (name[-1] in "01" and "a") or "b"}))
        self.tell("DeviceClass", "gpu", device_class())

    def tell(self, kind: str, name: str, new: dict[str, Any] | None) -> None:
        old = self.known.pop((kind, name), None)
        if new is not None:
            self.version += 1
            new = {**new, "metadata": {**new["metadata"], "resourceVersion": str(self.version)}}
            self.known[kind, name] = new
        if old is not None or new is not None:
            self.view.event(kind, old, new)


def where(draw: st.DrawFn) -> dict[str, Any]:
    zone = {"key": "zone", "operator": "In", "values": ["a"]}
    return draw(
        st.sampled_from(
            (
                {"nodeName": draw(st.sampled_from(NODES))},
                {"allNodes": True},
                {"nodeSelector": {"nodeSelectorTerms": [{"matchExpressions": [zone]}]}},
            )
        )
    )


@st.composite
def steps(draw: st.DrawFn) -> list[tuple[str, str, dict[str, Any] | None]]:
    found: list[tuple[str, str, dict[str, Any] | None]] = []
    for _ in range(draw(st.integers(1, 12))):
        match draw(st.sampled_from(("slice", "slice", "claim", "claim", "rule", "pending"))):
            case "slice":
                name = draw(st.sampled_from(("s0", "s1", "s2")))
                devices = [device(f"d{i}") for i in range(draw(st.integers(0, 4)))]
                tree = slice_(
                    name, *devices, pool=f"pool-{name}", generation=draw(st.integers(1, 2)), **where(draw)
                )
                found.append(("ResourceSlice", name, tree if draw(st.booleans()) else None))
            case "rule":
                taint = {"key": "k", "effect": "NoSchedule"}
                spec = {
                    "deviceSelector": {"pool": draw(st.sampled_from(("pool-s0", "pool-s1")))},
                    "taint": taint,
                }
                tree = {"metadata": {"name": "rule"}, "spec": spec}
                found.append(("DeviceTaintRule", "rule", tree if draw(st.booleans()) else None))
            case kind:
                name, pool = draw(st.sampled_from(("a", "b"))), draw(st.sampled_from(("pool-s0", "pool-s1")))
                tree = allocated(claim(name), *(f"d{i}" for i in range(draw(st.integers(0, 3)))), pool=pool)
                given = "ResourceClaim" if kind == "claim" else kind
                found.append((given, name, tree if draw(st.booleans()) else None))
    return found


@settings(max_examples=200, deadline=None)
@given(steps())
def test_what_is_remembered_is_what_is(given: list[tuple[str, str, dict[str, Any] | None]]) -> None:
    world, remembered = World(), Remembered()
    for kind, name, tree in given:
        if kind == "pending":
            if tree is not None and not world.view.is_pending(f"default/{name}"):
                world.view.begin(tree)
            else:
                world.view.end(f"default/{name}")
        else:
            world.tell(kind, name, tree)
        for asked in ASKED:
            kept = remembered.of(asked, world.view, world.table)
            fresh = Remembered().of(asked, world.view, world.table)
            assert kept.preference.tolist() == fresh.preference.tolist()
            assert kept.failed == fresh.failed


def test_an_allocation_that_is_written_counts_once() -> None:
    world = World()
    world.tell("ResourceSlice", "s", slice_("s", device("d0"), device("d1"), node="n0"))
    asked = [claim("c", exactly(count=2))]

    def serves() -> bool:
        return bool(Remembered().of(asked, world.view, world.table).preference[world.table.rows["n0"]] >= 0)

    mine = claim("mine")
    world.tell("ResourceClaim", "mine", mine)
    assert serves()
    world.view.begin(allocated(mine, "d0", pool="n0"))
    assert not serves()
    # The finalizer comes back first: the allocation still counts.
    world.tell("ResourceClaim", "mine", mine)
    assert not serves()
    written = allocated({**mine, "metadata": {**mine["metadata"], "resourceVersion": "90"}}, "d0", pool="n0")
    world.view.end("default/mine", written)
    assert not serves()
    assert world.view.claim("default/mine") == written
    world.version = 89
    world.tell("ResourceClaim", "mine", allocated(mine, "d0", pool="n0"))
    assert not serves()
    world.tell("ResourceClaim", "mine", mine)
    assert serves()
