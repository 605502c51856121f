"""The plan of a pod: what is seen on the left, what is to be done on the right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pybernetes.api.meta import Obj
from pybernetes.kubelet import labels, podspec
from pybernetes.kubelet.podworker.actions import Action
from pybernetes.kubelet.podworker.plan import plan
from pybernetes.kubelet.podworker.seen import Backoff, Failure, ImageOutcome, Incarnation, ProbeResults, Seen
from pybernetes.kubelet.runtime import (
    ContainerMetadata,
    ContainerStatus,
    PodSandboxMetadata,
    PodSandboxStatus,
)

NOW = 1_000_000.0


def pod(deleted: bool = False, status: Obj | None = None, **spec: Any) -> Obj:
    metadata: dict[str, Any] = {"name": "web", "namespace": "default", "uid": "u1", "generation": 3}
    if deleted:
        metadata |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30}
    full = {"restartPolicy": "Always", "containers": [{"name": "a", "image": "x"}], **spec}
    return {"metadata": metadata, "spec": full, "status": status or {}}


def sandbox(attempt: int = 0, ready: bool = True, ip: str = "10.1.0.5") -> PodSandboxStatus:
    meta = PodSandboxMetadata("web", "u1", "default", attempt)
    return PodSandboxStatus(
        f"s{attempt}", meta, "READY" if ready else "NOTREADY", NOW - 100 + attempt, (ip,) if ip else ()
    )


def ran(name: str = "a", attempt: int = 0, home: str = "s0", image: str = "x", **status: Any) -> Incarnation:
    state = "EXITED" if "exit_code" in status else "RUNNING"
    notes = {labels.CONTAINER_HASH: podspec.container_hash({"name": name, "image": image})}
    meta = ContainerMetadata(name, attempt)
    defaults: dict[str, Any] = {"state": state, "created_at": NOW - 90, "started_at": NOW - 90}
    full = ContainerStatus(f"{name}{attempt}", meta, annotations=notes, **{**defaults, **status})
    return Incarnation(full, home)


def image(name: str = "a", attempt: int = 0, ref: str = "x") -> dict[str, ImageOutcome]:
    return {name: ImageOutcome(attempt, ref, "sha256:1")}


def seen(**fields: Any) -> Seen:
    return Seen(host_ips=("10.0.0.1",), **fields)


def keys(actions: tuple[Action, ...]) -> str:
    return " ".join(sorted(action.key for action in actions))


RUNNING = seen(sandboxes=(sandbox(),), containers=(ran(),), volumes_ready=True)


@pytest.mark.parametrize(
    ("made", "what", "expected"),
    [
        (pod(), seen(), "image/a sandbox volumes"),
        (pod(), seen(in_flight=frozenset({"sandbox", "volumes"})), "image/a"),
        (pod(), seen(sandboxes=(sandbox(),), volumes_ready=True, images=image()), "start/a"),
        (pod(), seen(sandboxes=(sandbox(),), volumes_ready=False, images=image()), "volumes"),
        (pod(), seen(sandboxes=(sandbox(ip=""),), volumes_ready=True, images=image()), "stop/s0"),
        (pod(), seen(sandboxes=(sandbox(ready=False),), volumes_ready=True, images=image()), "stop/s0"),
        (
            pod(),
            seen(
                sandboxes=(sandbox(ready=False),),
                stopped=frozenset({"s0"}),
                volumes_ready=True,
                images=image(),
            ),
            "sandbox",
        ),
        (pod(), RUNNING, ""),
        (pod(containers=[{"name": "a", "image": "y"}]), RUNNING, "kill/a0"),
        (pod(), replace(RUNNING, probes={"a0": ProbeResults(liveness=False)}), "kill/a0"),
        (pod(), replace(RUNNING, probes={"a0": ProbeResults(startup=False)}), "kill/a0"),
        (pod(), replace(RUNNING, probes={"a0": ProbeResults(readiness=False)}), ""),
        (pod(), replace(RUNNING, containers=(ran(state="CREATED"),)), "rm/a0"),
        (pod(), replace(RUNNING, containers=(ran(exit_code=1, finished_at=NOW),)), "image/a"),
        (
            pod(restartPolicy="Never"),
            replace(RUNNING, containers=(ran(exit_code=1, finished_at=NOW),)),
            "stop/s0",
        ),
        (
            pod(restartPolicy="OnFailure"),
            replace(RUNNING, containers=(ran(exit_code=0, finished_at=NOW),)),
            "stop/s0",
        ),
        (
            pod(restartPolicy="OnFailure"),
            replace(RUNNING, containers=(ran(exit_code=1, finished_at=NOW),)),
            "image/a",
        ),
        (pod(deleted=True), RUNNING, "kill/a0"),
        (pod(deleted=True), seen(), "cleanup"),
        (pod(deleted=True), seen(in_flight=frozenset({"sandbox"})), ""),
        (pod(deleted=True), seen(cleaned=True), "delete"),
        (pod(deleted=True), seen(cleaned=True, deleted=True), ""),
        (pod(), seen(gone=True, sandboxes=(sandbox(),)), "stop/s0"),
        (
            pod(),
            seen(gone=True, sandboxes=(sandbox(),), stopped=frozenset({"s0"}), cleaned=True),
            "remove/s0",
        ),
        (pod(status={"phase": "Failed"}), seen(), "cleanup"),
        (pod(status={"phase": "Failed"}), seen(cleaned=True), ""),
    ],
)
def test_what_is_done(made: Obj, what: Seen, expected: str) -> None:
    first = plan(made, what, NOW)
    assert keys(first.actions) == expected
    again = plan(made, replace(what, backoffs=first.backoffs), NOW)
    assert again == first, "planning again without acting must give the same"
    while_acting = replace(what, in_flight=what.in_flight | {a.key for a in first.actions})
    assert not {a.key for a in plan(made, while_acting, NOW).actions} & {a.key for a in first.actions}


def test_nothing_left_is_done() -> None:
    assert plan(pod(), seen(gone=True, cleaned=True), NOW).done
    assert not plan(pod(), seen(gone=True, cleaned=True, in_flight=frozenset({"remove/s0"})), NOW).done


def test_a_failed_action_waits() -> None:
    failed = seen(failures={"sandbox": Failure("x", "y", NOW + 5)})
    made = plan(pod(), failed, NOW)
    assert keys(made.actions) == "image/a volumes"
    assert made.wake_at == NOW + 5
    assert "sandbox" in keys(plan(pod(), failed, NOW + 5).actions)


@pytest.mark.parametrize(
    ("entry", "finished_ago", "allowed", "delay"),
    [
        (None, 0, True, 10),
        (Backoff(10, NOW - 1, "old"), 1, False, 10),
        (Backoff(10, NOW - 11, "old"), 10, True, 20),
        (Backoff(20, NOW - 11, "a0"), 1, True, 20),
        (Backoff(300, NOW - 400, "old"), 301, True, 300),
        (Backoff(300, NOW - 700, "old"), 1, True, 10),
    ],
)
def test_restart_back_off(entry: Backoff | None, finished_ago: float, allowed: bool, delay: float) -> None:
    key = podspec.restart_key({"name": "a", "image": "x"})
    what = replace(
        RUNNING,
        containers=(ran(exit_code=1, finished_at=NOW - finished_ago),),
        images=image(attempt=1),
        backoffs={key: entry} if entry else {},
    )
    made = plan(pod(), what, NOW)
    assert keys(made.actions) == ("start/a" if allowed else "")
    assert made.backoffs[key].delay == delay
    state = made.status["containerStatuses"][0]["state"]
    assert ("waiting" in state) == (not allowed)


def test_a_new_image_forgets_the_back_off() -> None:
    key = podspec.restart_key({"name": "a", "image": "old"})
    what = replace(
        RUNNING,
        containers=(ran(exit_code=1, finished_at=NOW, image="old"),),
        images=image(attempt=1),
        backoffs={key: Backoff(300, NOW - 1, "zzz")},
    )
    assert keys(plan(pod(), what, NOW).actions) == "start/a"


@pytest.mark.parametrize(
    ("rules", "code", "restarted"),
    [
        ({"restartPolicy": "Always"}, 0, True),
        ({"restartPolicy": "Never"}, 0, False),
        ({"restartPolicy": "OnFailure"}, 0, False),
        (
            {
                "restartPolicy": "Never",
                "restartPolicyRules": [
                    {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}
                ],
            },
            42,
            True,
        ),
        (
            {
                "restartPolicy": "Never",
                "restartPolicyRules": [
                    {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}
                ],
            },
            1,
            False,
        ),
    ],
)
def test_a_containers_own_restart_policy(rules: Obj, code: int, restarted: bool) -> None:
    what = replace(
        RUNNING,
        containers=(ran(exit_code=code, finished_at=NOW), ran("b")),
        images=image(attempt=1),
    )
    made = pod(
        restartPolicy="Never", containers=[{"name": "a", "image": "x", **rules}, {"name": "b", "image": "x"}]
    )
    assert keys(plan(made, what, NOW).actions) == ("start/a" if restarted else "")


def test_restart_counts_go_on_from_the_api_when_the_runtime_lost_everything() -> None:
    old = {"containerStatuses": [{"name": "a", "restartCount": 4, "containerID": "x://1", "state": {}}]}
    what = seen(sandboxes=(sandbox(),), volumes_ready=True, images=image(attempt=5))
    (action,) = plan(pod(status=old), what, NOW).actions
    assert action.key == "start/a"
    assert getattr(action, "attempt", None) == 5


def test_sidecars_stop_last_and_in_reverse() -> None:
    sidecars = [{"name": n, "image": "x", "restartPolicy": "Always"} for n in ("s1", "s2")]
    made = pod(deleted=True, initContainers=sidecars)
    everyone = (ran("s1"), ran("s2"), ran())
    what = replace(RUNNING, containers=everyone, terminating_since=NOW)
    assert keys(plan(made, what, NOW).actions) == "kill/a0"
    two = replace(what, containers=everyone[:2])
    assert keys(plan(made, two, NOW).actions) == "kill/s20"
    one = replace(what, containers=everyone[:1])
    assert keys(plan(made, one, NOW).actions) == "kill/s10"
    assert keys(plan(made, what, NOW + 31).actions) == "kill/a0 kill/s10 kill/s20"


def test_the_grace_runs_down() -> None:
    made = pod(deleted=True)
    for after, left in ((0, 30.0), (10, 20.0), (29, 2.0), (100, 2.0)):
        (kill,) = plan(made, replace(RUNNING, terminating_since=NOW - after), NOW).actions
        assert getattr(kill, "grace", None) == left


@pytest.mark.parametrize(
    ("what", "phase", "ready"),
    [
        (seen(), "Pending", "False"),
        (RUNNING, "Running", "True"),
        (replace(RUNNING, containers=(ran(exit_code=1, finished_at=NOW),)), "Running", "False"),
    ],
)
def test_phase(what: Seen, phase: str, ready: str) -> None:
    status = plan(pod(), what, NOW).status
    assert status["phase"] == phase
    assert {c["type"]: c["status"] for c in status["conditions"]}["Ready"] == ready


def test_transition_times_and_other_peoples_conditions_stay() -> None:
    first = plan(pod(), RUNNING, NOW).status
    foreign = {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}
    old = {**first, "conditions": [*first["conditions"], foreign]}
    later = plan(pod(status=old), RUNNING, NOW + 500).status
    assert later["conditions"] == old["conditions"]
    assert later["startTime"] == first["startTime"]


def test_a_container_without_a_trace_is_lost() -> None:
    running = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    old = {
        "phase": "Running",
        "containerStatuses": [
            {"name": "a", "restartCount": 0, "containerID": "x://1", "state": running, "lastState": {}}
        ],
    }
    status = plan(pod(deleted=True, status=old), seen(), NOW).status
    terminated = status["containerStatuses"][0]["state"]["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (137, "ContainerStatusUnknown")
    assert status["phase"] == "Failed"
