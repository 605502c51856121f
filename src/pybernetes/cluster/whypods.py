"""Why a pod is pending, waiting, restarting or unready. Pure, from what was read to sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pybernetes.api.meta import Obj

from .story import node_verdicts

MOST_NODES = 12
ON_THE_WAY = ("PodInitializing", "ContainerCreating")


def why_pod(pod: Obj, decision: Mapping[str, Any] | None = None) -> list[str]:
    """`decision` is the scheduler's latest about it, where it is known."""
    status, told = pod.get("status") or {}, _why_no_node(pod, decision)
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        told += _why_container(container)
    if status.get("phase") == "Failed":
        told.append(f"It has failed: {status.get('reason') or ''} {status.get('message') or ''}".rstrip(": "))
    if status.get("phase") == "Running" and not told:
        told += why_conditions(pod, bad="False")
    if gates := _unmet_gates(pod):
        told.append(
            f"Its readiness gates are not met: {', '.join(gates)}; whoever owns them sets these conditions."
        )
    return told


def _why_no_node(pod: Obj, decision: Mapping[str, Any] | None) -> list[str]:
    spec, status = pod["spec"], pod.get("status") or {}
    if spec.get("nodeName"):
        return []
    if gates := spec.get("schedulingGates"):
        names = ", ".join(gate["name"] for gate in gates)
        return [f"It has no node: no scheduler looks at it before these gates are removed: {names}."]
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled") or {}
    told = []
    if scheduled.get("status") == "False":
        told.append(f"It has no node: {scheduled.get('message') or scheduled.get('reason', '')}")
    elif decision is not None and decision.get("heldBackBy"):
        told.append(f"It has no node: {decision['heldBackBy']} holds it back: {decision['message']}.")
    elif status.get("phase") in (None, "Pending"):
        name = spec.get("schedulerName", "default-scheduler")
        told.append(f"It has no node, and no scheduler has looked at it yet (its scheduler is {name}).")
    if nominated := status.get("nominatedNodeName"):
        told.append(f"It waits for pods that are being preempted on node {nominated}.")
    if decision is not None and decision.get("node") is None:
        verdicts = node_verdicts(decision)
        told += [f"node {verdict}" for verdict in verdicts[:MOST_NODES]]
        if len(verdicts) > MOST_NODES:
            told.append(f"… and {len(verdicts) - MOST_NODES} more nodes.")
    return told


def _why_container(status: Obj) -> list[str]:
    told, name = [], status["name"]
    state = status.get("state") or {}
    waiting, ended = state.get("waiting"), state.get("terminated")
    last = (status.get("lastState") or {}).get("terminated")
    if waiting and waiting.get("reason") not in ON_THE_WAY:
        told.append(
            f"Container {name} waits: {waiting.get('reason')}: {waiting.get('message') or ''}".rstrip(": ")
        )
    elif waiting:
        told.append(f"Container {name} is being made ({waiting.get('reason')}).")
    if last:
        told.append(
            f"Container {name} was restarted {status.get('restartCount', 0)} times; it ended last with exit code "
            f"{last.get('exitCode')} ({last.get('reason', '')}) at {last.get('finishedAt')}"
            + (f": {message}" if (message := last.get("message")) else ".")
        )
    if ended and ended.get("exitCode"):
        told.append(f"Container {name} ended with exit code {ended['exitCode']} ({ended.get('reason', '')}).")
    if not waiting and not ended and not status.get("ready", True):
        started = status.get("started", True)
        probe = "readiness probe" if started else "startup probe"
        told.append(f"Container {name} runs, but its {probe} has not succeeded.")
    return told


def _unmet_gates(pod: Obj) -> list[str]:
    conditions = {c["type"]: c["status"] for c in (pod.get("status") or {}).get("conditions") or ()}
    wanted = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or ()]
    return [name for name in wanted if conditions.get(name) != "True"]


def is_ready(pod: Obj) -> bool:
    return any(
        c["type"] == "Ready" and c["status"] == "True"
        for c in (pod.get("status") or {}).get("conditions") or ()
    )


def why_conditions(obj: Obj, *, bad: str, only: tuple[str, ...] = ()) -> list[str]:
    """The conditions (of these types, if any are named) that have the status `bad`."""
    return [
        sentence(entry)
        for entry in (obj.get("status") or {}).get("conditions") or ()
        if entry.get("status") == bad and (not only or entry["type"] in only)
    ]


def sentence(condition: Obj) -> str:
    """`Condition Ready is False: KubeletNotReady: …`."""
    why = ": ".join(part for part in (condition.get("reason"), condition.get("message")) if part)
    return f"Condition {condition['type']} is {condition.get('status')}" + (f": {why}" if why else ".")
