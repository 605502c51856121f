"""The core against a model that keeps a whole copy of the state per revision."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.store.mvcc import Mvcc
from pybernetes.store.sortedkeys import SortedKeys
from pybernetes.store.types import Compacted, Delete, Event, KeyValue, Op, Put
from pybernetes.store.watchhub import WatchHub

KEYS = ("a", "ab", "b", "c", "d")
keys = st.sampled_from(KEYS)
op = st.one_of(
    st.builds(Put, keys, st.binary(max_size=2), st.just(0)),
    st.builds(Delete, keys, st.none() | keys),
)
step = st.one_of(
    st.lists(op, min_size=1, max_size=3),
    st.tuples(st.just("compact"), st.integers(0, 4)),
    st.tuples(st.just("rollback"), st.integers(0, 3)),
)


class Model:
    """Every revision's whole state."""

    def __init__(self) -> None:
        self.states: dict[int, dict[str, KeyValue]] = {1: {}}
        self.events: dict[int, list[tuple[str, str, KeyValue | None]]] = {}
        self.revision = 1

    def run(self, ops: list[Op]) -> None:
        new, rev = dict(self.states[self.revision]), self.revision + 1
        events: list[tuple[str, str, KeyValue | None]] = []
        for one in ops:
            if isinstance(one, Put):
                old = new.get(one.key)
                new[one.key] = KeyValue(
                    one.key,
                    one.value,
                    old.create_revision if old else rev,
                    rev,
                    old.version + 1 if old else 1,
                )
                events.append(("put", one.key, old))
            elif isinstance(one, Delete):
                hit = [
                    k for k in sorted(new) if (k == one.key if one.end is None else one.key <= k < one.end)
                ]
                events += [("delete", k, new.pop(k)) for k in hit]
        if events:
            self.revision, self.states[rev], self.events[rev] = rev, new, events

    def rollback(self, revision: int) -> None:
        while self.revision > revision:
            del self.states[self.revision], self.events[self.revision]
            self.revision -= 1


def flat(events: tuple[Event, ...]) -> list[tuple[str, str, KeyValue | None]]:
    return [(e.type, e.kv.key, e.previous) for e in events]


@settings(max_examples=150, deadline=None)
@given(st.lists(step, max_size=25))
def test_every_readable_revision_reads_as_the_model(steps: list[list[Op] | tuple[str, int]]) -> None:
    mvcc, model = Mvcc(), Model()
    for one in steps:
        if isinstance(one, list):
            try:
                mvcc.txn((), one)
            except ValueError:
                continue
            model.run(one)
        elif one[0] == "compact":
            revision = mvcc.revision - one[1]
            if revision > mvcc.compacted:
                mvcc.compact(revision)
        else:
            revision = max(mvcc.revision - one[1], mvcc.compacted, 1)
            mvcc.rollback(revision)
            model.rollback(revision)
        assert mvcc.revision == model.revision
    for revision in range(max(mvcc.compacted, 1), model.revision + 1):
        state = model.states[revision]
        whole = mvcc.range("a", "e", revision=revision)
        assert list(whole.kvs) == [state[k] for k in sorted(state)]
        assert mvcc.range("ab", "c", revision=revision, count_only=True).count == sum(
            "ab" <= k < "c" for k in state
        )
        for key in KEYS:
            assert list(mvcc.range(key, None, revision=revision).kvs) == [
                state[k] for k in (key,) if k in state
            ]
    for revision in range(mvcc.watchable, model.revision + 1):
        assert flat(mvcc.events_at(revision)) == model.events[revision]
    with pytest.raises(Compacted):
        mvcc.events_at(mvcc.watchable - 1)


def test_compaction_leaves_nothing_of_the_past() -> None:
    mvcc = Mvcc()
    for round_ in range(20):
        mvcc.txn((), [Put(k, b"%d" % round_) for k in KEYS])
    mvcc.txn((), [Delete("a", "c")])
    mvcc.compact(mvcc.revision)
    assert (mvcc._older, len(mvcc._dead), len(mvcc._log), len(mvcc)) == ({}, 0, 1, 2)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 99)), max_size=300),
    st.integers(0, 99),
    st.integers(0, 99),
)
def test_sorted_keys_are_a_sorted_set(steps: list[tuple[bool, int]], low: int, high: int) -> None:
    import pybernetes.store.sortedkeys as module

    chunk, module.CHUNK = module.CHUNK, 4
    try:
        mine, model = SortedKeys(["50"]), {"50"}
        for adding, number in steps:
            key = f"{number:02}"
            (mine.add if adding else mine.discard)(key)
            (model.add if adding else model.discard)(key)
        start, end = f"{low:02}", f"{high:02}"
        wanted = sorted(k for k in model if start <= k < end)
        assert mine.between(start, end) == wanted
        assert mine.between(start, end, 3) == wanted[:3]
        assert (mine.count(start, end), len(mine)) == (len(wanted), len(model))
    finally:
        module.CHUNK = chunk


def test_the_hub_looks_only_at_watchers_of_the_key() -> None:
    async def main() -> None:
        hub = WatchHub(Mvcc())
        async with (
            hub.watch("/a/", "/a0", 0) as a,
            hub.watch("/", "0", 0) as whole,
            hub.watch("/b", None, 0) as b,
        ):
            hub.publish(2, ())
            assert hub._interested("/a/x") == (a, whole)
            assert hub._interested("/b") == (whole, b)
            assert hub._interested("/b/") == (whole,)
            assert hub._interested("0") == hub._interested("") == ()
        hub.publish(3, ())
        assert hub._watchers == {}

    asyncio.run(main())


def test_the_types_and_the_memory_store_import_no_backend() -> None:
    code = (
        "import sys, pybernetes.store.types, pybernetes.store.memory\n"
        "print([m for m in ('grpc', 'google.protobuf') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
