"""The scheduling queue: order, back-off, what unblocks whom."""

from __future__ import annotations

from pybernetes.scheduler.framework import Change, on
from pybernetes.scheduler.plugins.table import DEFAULT_PROFILE
from pybernetes.scheduler.podfacts import read_facts
from pybernetes.scheduler.queue import SchedulingQueue

from .trees import pod

TRIGGERS = {"Fit": (on("AssignedPod", "delete"), on("Node", "add")), "Taints": (on("Node", "taints", "add"),)}
POD_GONE = Change("AssignedPod", frozenset(("delete",)))
UNTAINTED = Change("Node", frozenset(("taints",)))


def queue_of(*pods: dict) -> SchedulingQueue:
    queue = SchedulingQueue(TRIGGERS)
    for each in pods:
        queue.put(each, read_facts(each), DEFAULT_PROFILE)
    return queue


def names(popped: list) -> list[str]:
    return [queued.pod["metadata"]["name"] for queued in popped]


def test_priority_first_then_the_one_that_waits_longer() -> None:
    queue = queue_of(pod("a"), pod("b", priority=10), pod("c"), pod("d", priority=10))
    assert names(queue.pop(3, 0)) == ["b", "d", "a"]
    assert names(queue.pop(3, 0)) == ["c"]
    assert queue.pop(3, 0) == []


def test_only_what_refused_a_pod_lets_it_go() -> None:
    queue = queue_of(pod("a"), pod("b"))
    a, b = queue.pop(2, 0)
    queue.unschedulable(a, frozenset(("Fit",)), 0)
    queue.unschedulable(b, frozenset(("Taints",)), 0)
    assert not queue.ready
    assert queue.pop(9, 0) == []
    assert queue.changed(UNTAINTED, 20)
    assert names(queue.pop(9, 20)) == ["b"]
    assert not queue.changed(UNTAINTED, 21)
    assert queue.changed(POD_GONE, 22)
    assert names(queue.pop(9, 22)) == ["a"]


def test_a_pod_that_backs_off_is_tried_early_when_nothing_else_waits() -> None:
    queue = queue_of(pod("a"), pod("b"))
    a = queue.pop(1, 0)[0]
    queue.unschedulable(a, frozenset(("Fit",)), 0)
    queue.changed(POD_GONE, 0.1)
    assert names(queue.pop(9, 0.2)) == ["b"]
    assert names(queue.pop(9, 0.2)) == ["a"]


def test_a_failed_binding_waits_one_two_four_eight_ten_seconds() -> None:
    queue, now, waits = queue_of(pod("a")), 0.0, []
    for _ in range(6):
        (queued,) = queue.pop(1, now)
        queue.failed(queued, now)
        assert not queue.ready
        deadline = queue.next_deadline()
        assert deadline is not None
        assert queue.pop(1, deadline - 0.01) == []
        waits.append(deadline - now)
        now = deadline
    assert waits == [1, 2, 4, 8, 10, 10]


def test_an_unschedulable_pod_is_tried_every_five_minutes() -> None:
    queue = queue_of(pod("a"))
    queue.unschedulable(queue.pop(1, 0)[0], frozenset(("Fit",)), 0)
    assert queue.next_deadline() == 300
    assert names(queue.pop(1, 300)) == ["a"]
    assert queue.next_deadline() is None


def test_a_gated_pod_waits_for_its_gates() -> None:
    gated = pod("a", schedulingGates=[{"name": "x"}])
    queue = queue_of(gated)
    assert queue.pop(1, 0) == []
    assert queue.next_deadline() is None
    free = {**gated, "spec": {**gated["spec"], "schedulingGates": []}}
    queue.put(free, read_facts(free), DEFAULT_PROFILE)
    assert names(queue.pop(1, 0)) == ["a"]


def test_a_pod_that_went_is_not_given_back() -> None:
    queue = queue_of(pod("a"))
    (queued,) = queue.pop(1, 0)
    queue.remove(queued.uid)
    queue.unschedulable(queued, frozenset(), 0)
    queue.failed(queued, 0)
    assert len(queue) == 0
    assert queue.next_deadline() is None
