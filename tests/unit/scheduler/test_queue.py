"""The scheduling queue: order, back-off, what unblocks whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pybernetes.api.meta import Obj, uid_of
from pybernetes.scheduler.framework import Change, Plugin, on
from pybernetes.scheduler.plugins.table import DEFAULT_PROFILE
from pybernetes.scheduler.podfacts import PodFacts, read_facts
from pybernetes.scheduler.profile import Profile
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


def gate(*plugins: Plugin) -> Profile:
    """The default profile with these PreEnqueue plugins."""
    return replace(DEFAULT_PROFILE, pre_enqueue=plugins)


def test_what_changed_while_a_pod_was_decided_on_counts_when_it_is_given_back() -> None:
    queue = queue_of(pod("a"))
    (a,) = queue.pop(1, 0)
    assert not queue.changed(POD_GONE, 0)
    queue.unschedulable(a, frozenset(("Fit",)), 0)
    assert queue.counts()["backoff"] == 1
    (a,) = queue.pop(1, 2)
    queue.changed(UNTAINTED, 2)
    queue.unschedulable(a, frozenset(("Fit",)), 2)
    assert queue.counts()["unschedulable"] == 1


def test_a_hint_decides_pod_by_pod() -> None:
    def same_label(facts: PodFacts, change: Change) -> bool:
        return change.new is not None and facts.labels == change.new["metadata"]["labels"]

    queue = SchedulingQueue({"Hinted": (on("Node", "labels", hint=same_label),)})
    for each in (pod("a", labels={"x": "1"}), pod("b", labels={"x": "2"})):
        queue.put(each, read_facts(each), DEFAULT_PROFILE)
    for queued in queue.pop(2, 0):
        queue.unschedulable(queued, frozenset(("Hinted",)), 0)
    queue.changed(Change("Node", frozenset(("labels",)), None, {"metadata": {"labels": {"x": "2"}}}), 20)
    assert names(queue.pop(9, 20)) == ["b"]


def test_held_back_pods_are_asked_about_again_where_a_change_may_help() -> None:
    shut, asked = {"a", "b"}, []

    def closed(_facts: PodFacts, tree: Obj) -> str:
        asked.append(tree["metadata"]["name"])
        return "closed" if tree["metadata"]["name"] in shut else ""

    queue = SchedulingQueue({"Door": (on("Node", "labels"),)})
    profile = gate(Plugin("Door", pre_enqueue=closed))
    for each in (pod("a"), pod("b")):
        queue.put(each, read_facts(each), profile)
    assert queue.counts()["gated"] == 2
    assert queue.refused() == {("Door", "default-scheduler"): 2}
    shut.discard("b")
    queue.changed(POD_GONE, 1)
    assert asked == ["a", "b"]
    queue.changed(Change("Node", frozenset(("labels",))), 1)
    assert names(queue.pop(9, 1)) == ["b"]
    queue.remove(uid_of(pod_named(queue, "a")))
    assert queue.counts() == {"active": 1, "backoff": 0, "unschedulable": 0, "gated": 0}


def pod_named(queue: SchedulingQueue, name: str) -> Obj:
    return next(each.pod for each in queue.waiting() if each.pod["metadata"]["name"] == name)


def test_a_pre_enqueue_that_raises_makes_its_pod_wait_and_is_told() -> None:
    broken = [True]

    def moody(_facts: PodFacts, _tree: Obj) -> str:
        if broken:
            raise RuntimeError("boom")
        return ""

    queue = SchedulingQueue({})
    first = pod("a")
    queue.put(first, read_facts(first), gate(Plugin("Moody", pre_enqueue=moody)), 0)
    assert queue.troubles == [(first, 'running PreEnqueue plugin "Moody": boom')]
    assert (queue.counts()["backoff"], queue.next_deadline()) == (1, 1)
    assert queue.pop(1, 1) == []
    assert len(queue.troubles) == 2
    broken.clear()
    assert names(queue.pop(1, 3)) == ["a"]


def test_keys_that_cannot_be_compared_leave_the_order_of_arrival() -> None:
    def mixed(_facts: PodFacts, arrival: int) -> tuple[object, ...]:
        return (arrival if arrival else "first",)

    queue = SchedulingQueue({})
    profile = replace(DEFAULT_PROFILE, queue_sort=Plugin("Mixed", queue_sort=mixed))
    for each in (pod("a"), pod("b")):
        queue.put(each, read_facts(each), profile, 0)
    assert names(queue.pop(9, 0)) == ["a"]
    assert [message for _, message in queue.troubles] == [
        "running QueueSort plugin \"Mixed\": '<' not supported between instances of 'int' and 'str'"
    ]
    assert names(queue.pop(9, 2)) == ["b"]


def test_keys_that_turn_out_incomparable_when_one_is_taken_lose_no_pod() -> None:
    keys = {"a": (0, 0), "b": (1, "x"), "c": (1, 5), "d": (2, 0)}
    order = Plugin("Mixed", queue_sort=lambda facts, _arrival: keys[facts.labels["name"]])
    queue = SchedulingQueue({})
    for name in keys:
        each = pod(name, labels={"name": name})
        queue.put(each, read_facts(each), replace(DEFAULT_PROFILE, queue_sort=order), 0)
    assert queue.troubles == []
    assert names(queue.pop(9, 0)) == ["a", "b", "c", "d"]


def test_what_came_into_which_part_is_counted() -> None:
    queue = queue_of(pod("a"), pod("gated", schedulingGates=[{"name": "g"}]))
    (a,) = queue.pop(1, 0)
    queue.unschedulable(a, frozenset(("Fit",)), 0)
    queue.changed(POD_GONE, 0)
    queue.pop(1, 5)
    queue.failed(a, 5)
    assert queue.incoming == {
        ("active", "PodAdd"): 1,
        ("gated", "PodAdd"): 1,
        ("unschedulable", "ScheduleAttemptFailure"): 1,
        ("backoff", "AssignedPodDelete"): 1,
        ("active", "BackoffComplete"): 1,
        ("backoff", "ScheduleAttemptFailure"): 1,
    }


def member(name: str, **spec: object) -> dict:
    return pod(name, schedulingGroup={"podGroupName": "train"}, **spec)


def test_the_pods_of_a_group_are_tried_together_whatever_each_waits_for() -> None:
    queue = queue_of(member("a"), pod("x"), member("b", priority=5), member("c"))
    first = queue.pop(1, 0)
    assert names(first) == ["b", "a", "c"]
    assert names(queue.pop(9, 0)) == ["x"]
    for each in first:
        queue.unschedulable(each, frozenset(("Fit",)), 0)
    # A pod that comes later brings the others along, and all back off as the one that was tried most often.
    late = member("late")
    queue.put(late, read_facts(late), DEFAULT_PROFILE, 1)
    again = queue.pop(9, 1)
    assert names(again) == ["b", "a", "c", "late"]
    assert {each.attempts for each in again} == {2}
    for each in again:
        queue.unschedulable(each, frozenset(("Fit",)), 1)
    assert queue.changed(POD_GONE, 2)
    assert {each.until for each in again} == {3}
    assert names(queue.pop(9, 3)) == ["b", "a", "c", "late"]
    queue.remove(uid_of(late))
    assert queue.entities() == {("active", "podgroup"): 1, ("active", "pod"): 1}


def test_changes_are_kept_for_those_that_are_being_decided_on_and_no_longer() -> None:
    queue = queue_of(pod("a"), pod("b"))
    queue.changed(POD_GONE, 0)
    assert queue.in_flight() == {}
    (a,) = queue.pop(1, 0)
    queue.changed(UNTAINTED, 0)
    (b,) = queue.pop(1, 0)
    queue.changed(POD_GONE, 0)
    assert queue.in_flight() == {"NodeUpdate": 1, "AssignedPodDelete": 1, "PodPopped": 2}
    queue.unschedulable(b, frozenset(("Taints",)), 0)
    assert b.state == "unschedulable"
    queue.unschedulable(a, frozenset(("Taints",)), 0)
    assert a.state == "backoff"
    queue.changed(POD_GONE, 0)
    assert queue.in_flight() == {}


def test_what_nobody_needs_any_more_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pybernetes.scheduler.missed.MOST", 8)
    queue = queue_of(pod("a"), pod("b"))
    (a,) = queue.pop(1, 0)
    queue.changed(UNTAINTED, 0)
    (b,) = queue.pop(1, 0)
    queue.failed(a, 0)
    for _ in range(30):
        queue.changed(POD_GONE, 0)
    assert queue.in_flight()["NodeUpdate"] == 0
    queue.changed(UNTAINTED, 0)
    queue.unschedulable(b, frozenset(("Taints",)), 0)
    assert b.state == "backoff"
