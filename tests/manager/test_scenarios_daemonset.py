"""DaemonSets by the scenarios of upstream's documentation and KEP-1591 (surge)."""

from __future__ import annotations

import pytest
from daemonsetsteps import (
    CONTROLLERS,
    ON_DELETE,
    becomes_ready,
    changed,
    ends,
    has,
    image,
    labelled,
    made,
    nodes,
    noted,
    on,
    ready,
    removed,
    replaced,
    rolling,
    stays,
    tainted,
    unready,
    untouched,
)
from workloads import Step, act, deletes, told, wait

from pybernetes.api import kinds

SCENARIOS: tuple[tuple[str, tuple[Step, ...]], ...] = (
    (
        "nodes come and go",
        (
            nodes("a"),
            made(),
            on(a="1"),
            nodes("b", "c"),
            on(a="1", b="1", c="1"),
            has(desiredNumberScheduled=3, currentNumberScheduled=3),
            deletes(kinds.NODE, "b"),
            on(a="1", c="1"),
            has(desiredNumberScheduled=2),
        ),
    ),
    (
        "labels choose nodes, as they change",
        (
            nodes("a", disk="ssd"),
            nodes("b", disk="hdd"),
            made({"nodeSelector": {"disk": "ssd"}}),
            on(a="1"),
            labelled("b", disk="ssd"),
            on(a="1", b="1"),
            labelled("a", disk=None),
            on(b="1"),
            has(desiredNumberScheduled=1, numberMisscheduled=0),
        ),
    ),
    (
        "a selector that changes moves them",
        (
            nodes("a", disk="ssd"),
            nodes("b", disk="hdd"),
            made({"nodeSelector": {"disk": "ssd"}}),
            on(a="1"),
            changed(template={"spec": {"nodeSelector": {"disk": "hdd"}}}),
            wait(5),
            on(b="1"),
        ),
    ),
    (
        "what every daemon pod tolerates does not drive it out, nor keep it away",
        (
            nodes("a", "b"),
            tainted("a", ("node.kubernetes.io/unschedulable", "NoSchedule"), unschedulable=True),
            made(),
            on(a="1", b="1"),
            tainted(
                "b",
                ("node.kubernetes.io/memory-pressure", "NoSchedule"),
                ("node.kubernetes.io/disk-pressure", "NoSchedule"),
            ),
            removed("b"),
            on(a="1", b="1"),
            tainted(
                "b",
                ("node.kubernetes.io/unreachable", "NoExecute"),
                ("node.kubernetes.io/not-ready", "NoExecute"),
            ),
            removed("b"),
            on(a="1", b="1"),
        ),
    ),
    (
        "other taints do, unless they are tolerated",
        (
            nodes("a", "b"),
            tainted("a", ("dedicated", "NoSchedule")),
            made(),
            on(b="1"),
            tainted("b", ("dedicated", "NoSchedule")),
            on(b="1"),
            has(desiredNumberScheduled=0, numberMisscheduled=1),
            removed("b"),
            on(),
            changed(template={"spec": {"tolerations": [{"key": "dedicated", "operator": "Exists"}]}}),
            on(a="1", b="1"),
            tainted("b", ("dedicated", "NoExecute")),
            on(a="1", b="1"),
        ),
    ),
    (
        "a pod that is deleted comes again",
        (nodes("a"), made(), on(a="1"), removed("a"), on(a="1"), told("SuccessfulCreate")),
    ),
    (
        "pods that fail come again, slower each time",
        (
            nodes("a"),
            made(),
            ready(None),
            *(
                step
                for pause in (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900)
                for step in (ends("a", "Failed"), stays(pause - 0.8), wait(0.5 if pause else 0), replaced())
            ),
            told("FailedDaemonPod"),
        ),
    ),
    (
        "a rolling update takes one node after the other",
        (
            nodes("a", "b", "c"),
            made(),
            ready(None),
            image("2"),
            wait(3),
            on(a="2", b="1", c="1"),
            has(updatedNumberScheduled=1, numberUnavailable=1),
            becomes_ready("a"),
            on(a="2", b="2", c="1"),
            becomes_ready("b"),
            becomes_ready("c"),
            on(a="2", b="2", c="2"),
            has(updatedNumberScheduled=3, numberAvailable=3),
        ),
    ),
    (
        "percentages are rounded up",
        (
            nodes("a", "b", "c"),
            made(**rolling(0, "34%")),
            ready(None),
            image("2"),
            wait(3),
            on(a="2", b="2", c="1"),
        ),
    ),
    (
        "pods that do not work anyway are replaced whatever the limit",
        (
            nodes("a", "b", "c"),
            ready(None),
            made(),
            on(a="1", b="1", c="1"),
            image("2"),
            wait(3),
            on(a="2", b="2", c="2"),
        ),
    ),
    (
        "an update goes back without touching what was not updated",
        (
            nodes("a", "b", "c"),
            made(),
            ready(None),
            image("2"),
            wait(3),
            on(a="2", b="1", c="1"),
            noted(),
            ready(1),
            image("1"),
            wait(10),
            on(a="1", b="1", c="1"),
            untouched("b", "c"),
        ),
    ),
    (
        "minReadySeconds hold an update up",
        (
            nodes("a", "b"),
            made(minReadySeconds=30),
            wait(40),
            has(numberAvailable=2),
            image("2"),
            wait(20),
            on(a="2", b="1"),
            has(numberReady=2, numberAvailable=1),
            wait(15),
            on(a="2", b="2"),
        ),
    ),
    (
        "a surge starts beside, and stops when it does not work",
        (
            nodes("a", "b", "c"),
            made(**rolling(1, 0)),
            ready(None),
            image("2"),
            wait(20),
            on(a="1+2", b="1", c="1"),
            has(desiredNumberScheduled=3, currentNumberScheduled=3, numberAvailable=3),
            becomes_ready("a"),
            on(a="2", b="1+2", c="1"),
        ),
    ),
    (
        "a surge in percent, and an old pod that is not ready makes room at once",
        (
            nodes("a", "b", "c", "d"),
            made(**rolling("50%", 0)),
            ready(None),
            image("2"),
            wait(5),
            on(a="1+2", b="1+2", c="1", d="1"),
            unready("a"),
            on(a="2", b="1+2", c="1+2", d="1"),
        ),
    ),
    (
        "a surge that is given up leaves the old pods",
        (
            nodes("a", "b"),
            made(**rolling(1, 0)),
            ready(None),
            image("2"),
            wait(5),
            on(a="1+2", b="1"),
            noted(),
            image("1"),
            wait(5),
            on(a="1", b="1"),
            untouched("a", "b"),
        ),
    ),
    (
        "OnDelete waits, and RollingUpdate then goes on",
        (
            nodes("a", "b", "c"),
            made(**ON_DELETE),
            image("2"),
            wait(5),
            on(a="1", b="1", c="1"),
            removed("b"),
            on(a="1", b="2", c="1"),
            changed(**rolling(0, 1)),
            wait(10),
            on(a="2", b="2", c="2"),
        ),
    ),
    (
        "a node that comes in the middle of an update gets the new pod",
        (nodes("a", "b"), made(), ready(None), image("2"), wait(3), nodes("c"), on(a="2", b="1", c="2")),
    ),
)


@pytest.mark.parametrize("steps", [steps for _, steps in SCENARIOS], ids=[name for name, _ in SCENARIOS])
def test_a_daemon_set(steps: tuple[Step, ...]) -> None:
    act(steps, CONTROLLERS)
