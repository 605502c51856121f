"""What a node does not take although it was given to it."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.meta import Obj
from pybernetes.kubelet.admission import Admission, Refusal

NODE = {"cpu": "4", "memory": "8Gi", "ephemeral-storage": "10Gi", "pods": "3"}


def pod(
    uid: str, *ports: tuple[int, str, str], started: bool = False, priority: int = 0, **requests: str
) -> Obj:
    hosts = [{"containerPort": 1, "hostPort": n, "protocol": proto, "hostIP": ip} for n, proto, ip in ports]
    container = {"name": "c", "image": "i", "ports": hosts, "resources": {"requests": requests}}
    status = {"startTime": "2026-01-01T00:00:00Z"} if started else {}
    return {
        "metadata": {"uid": uid, "name": uid},
        "spec": {"containers": [container], "priority": priority},
        "status": status,
    }


# (what is there, what comes, the reason and the message of its refusal)
CASES: tuple[tuple[list[Obj], Obj, tuple[str, str] | None], ...] = (
    ([], pod("a", cpu="4", memory="8Gi"), None),
    (
        [pod("a", cpu="3")],
        pod("b", cpu="1500m"),
        ("OutOfcpu", "Node didn't have enough resource: cpu, requested: 1500, used: 3000, capacity: 4000"),
    ),
    (
        [pod("a", memory="6Gi")],
        pod("b", memory="3Gi"),
        (
            "OutOfmemory",
            "Node didn't have enough resource: memory, requested: 3221225472, used: 6442450944, capacity: 8589934592",
        ),
    ),
    (
        [pod("a"), pod("b"), pod("c")],
        pod("d", cpu="9"),
        ("OutOfpods", "Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3"),
    ),
    ([pod("a", cpu="3")], pod("b", started=True, cpu="3"), None),
    ([], pod("a", **{"example.com/gpu": "8"}), None),
    (
        [pod("a", (80, "TCP", ""))],
        pod("b", (80, "TCP", "10.0.0.1")),
        (
            "NodePorts",
            "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
        ),
    ),
    ([pod("a", (80, "TCP", "10.0.0.2"))], pod("b", (80, "TCP", "10.0.0.1")), None),
    ([pod("a", (80, "TCP", ""))], pod("b", (80, "UDP", "")), None),
)


@pytest.mark.parametrize(("there", "comes", "refused"), CASES)
def test_who_is_let_in(there: list[Obj], comes: Obj, refused: tuple[str, str] | None) -> None:
    node = Admission(NODE)
    for each in there:
        assert node.admit(each) is None
    assert node.admit(comes) == (Refusal(*refused) if refused else None)


def test_what_has_ended_makes_room_and_nobody_counts_twice() -> None:
    node = Admission(NODE)
    big: dict[str, Any] = {"cpu": "3"}
    assert node.admit(pod("a", **big)) is None
    assert node.admit(pod("a", started=True, **big)) is None
    assert node.admit(pod("b", **big)) is not None
    node.release("a")
    node.release("a")
    assert node.admit(pod("b", **big)) is None
    assert node.admit(pod("c", cpu="2")) is not None
