"""Probes: the counting alone, and on a running pod."""

from __future__ import annotations

import asyncio

import pytest
from kubelet_world import World, condition, container, play, pod, state_of

from pybernetes.api import kinds
from pybernetes.api.meta import Obj
from pybernetes.kubelet.probes.state import INITIAL, ProbeKind, Timing, counted, initial


@pytest.mark.parametrize(
    ("kind", "answers", "success", "failure", "result"),
    [
        ("readiness", "", 1, 3, False),
        ("readiness", "+", 1, 3, True),
        ("readiness", "+--", 1, 3, True),
        ("readiness", "+---", 1, 3, False),
        ("readiness", "+--+--", 1, 3, True),
        ("readiness", "++", 3, 1, False),
        ("readiness", "+++", 3, 1, True),
        ("liveness", "--", 1, 3, True),
        ("liveness", "---", 1, 3, False),
        ("startup", "--", 1, 3, None),
        ("startup", "---", 1, 3, False),
        ("startup", "--+", 1, 3, True),
    ],
)
def test_counting(kind: ProbeKind, answers: str, success: int, failure: int, result: bool | None) -> None:
    state, timing = initial(kind), Timing(0, 10, 1, success, failure)
    assert state.result is INITIAL[kind]
    for answer in answers:
        state = counted(state, answer == "+", timing)
    assert state.result is result


def http(port: int | str = 80, **rest: int) -> Obj:
    return {"httpGet": {"path": "/", "port": port}, **rest}


def test_a_pod_is_ready_as_soon_as_it_answers() -> None:
    async def story(world: World) -> None:
        begun = world.now()
        world.host.listening = lambda _host, _port: world.now() - begun > 0.4
        await world.client.create(kinds.POD, pod(containers=[container(readinessProbe=http())]))
        await asyncio.sleep(0.3)
        early = await world.pod()
        assert "running" in state_of(early)["state"]
        assert condition(early, "Ready")[1:] == (
            "ContainersNotReady",
            "containers with unready status: [c]",
        )
        await asyncio.sleep(0.7)
        assert condition(await world.pod(), "Ready")[0] == "True"
        assert await world.events("Unhealthy") == []

    play(story)


def test_readiness_is_lost_and_found() -> None:
    async def story(world: World) -> None:
        probe = http(periodSeconds=2, failureThreshold=2)
        await world.run_pod(pod(containers=[container(readinessProbe=probe)]))
        world.host.listening = lambda _host, _port: False
        await asyncio.sleep(6)
        lost = await world.pod()
        assert condition(lost, "Ready")[0] == "False"
        assert state_of(lost)["restartCount"] == 0
        told = await world.events("Unhealthy")
        where = f"{lost['status']['podIP']}:80"
        assert told == [
            (
                "Unhealthy",
                f'Readiness probe failed: Get "http://{where}/": dial tcp {where}: connect: connection refused',
            )
        ]
        world.host.listening = lambda _host, _port: True
        await asyncio.sleep(3)
        assert condition(await world.pod(), "Ready")[0] == "True"

    play(story)


def test_a_failed_liveness_probe_restarts() -> None:
    async def story(world: World) -> None:
        named = container(
            ports=[{"name": "web", "containerPort": 80}],
            livenessProbe=http("web", periodSeconds=1, failureThreshold=3, initialDelaySeconds=4),
        )
        await world.run_pod(pod(containers=[named]))
        world.host.listening = lambda _host, _port: False
        await asyncio.sleep(4)
        assert state_of(await world.pod())["restartCount"] == 0
        await asyncio.sleep(2)
        assert state_of(await world.pod())["restartCount"] == 1
        assert await world.events("Killing") == [
            ("Killing", "Container c failed liveness probe, will be restarted")
        ]
        await asyncio.sleep(20)
        assert state_of(await world.pod())["restartCount"] == 2

    play(story)


def test_startup_holds_the_others_back_and_kills_in_the_end() -> None:
    async def story(world: World) -> None:
        world.commands = lambda _name, command: int(command == ("started",))
        probed = container(
            startupProbe={"exec": {"command": ["started"]}, "periodSeconds": 2, "failureThreshold": 4},
            livenessProbe={"exec": {"command": ["alive"]}, "periodSeconds": 1},
            readinessProbe={"exec": {"command": ["ready"]}, "periodSeconds": 1},
        )
        waiting = await world.run_pod(pod(containers=[probed]), settle=5)
        assert (state_of(waiting)["started"], state_of(waiting)["ready"]) == (False, False)
        assert {asked[1] for asked in world.asked} == {("started",)}
        await asyncio.sleep(3)
        assert state_of(await world.pod())["restartCount"] == 1
        world.commands = lambda _name, _command: 0
        await asyncio.sleep(15)
        running = state_of(await world.pod())
        assert (running["started"], running["ready"]) == (True, True)

    play(story)


def test_a_probe_with_no_such_port_is_told_and_changes_nothing() -> None:
    async def story(world: World) -> None:
        await world.run_pod(pod(containers=[container(livenessProbe=http("nope", periodSeconds=1))]), 8)
        assert state_of(await world.pod())["restartCount"] == 0
        reason, message = (await world.events("Unhealthy"))[0]
        assert reason == "Unhealthy"
        assert message.startswith("Liveness probe errored and resulted in unknown state: couldn't find port")

    play(story)


def test_readiness_gates() -> None:
    async def story(world: World) -> None:
        gated = await world.run_pod(pod(readinessGates=[{"conditionType": "lb"}]))
        text = 'corresponding condition of pod readiness gate "lb" does not exist.'
        assert condition(gated, "Ready") == ("False", "ReadinessGatesNotReady", text)
        assert condition(gated, "ContainersReady")[0] == "True"
        open_gate = {"type": "lb", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        await world.client.patch(
            kinds.POD,
            "web",
            "default",
            {"status": {"conditions": [open_gate]}},
            patch_type="strategic",
            subresource="status",
        )
        await asyncio.sleep(1)
        assert condition(await world.pod(), "Ready")[0] == "True"
        assert condition(await world.pod(), "lb")[0] == "True"

    play(story)
