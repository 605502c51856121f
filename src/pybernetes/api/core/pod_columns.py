"""How a pod reads in a table: upstream's rules of the STATUS, READY and RESTARTS columns.

The status is the phase unless something better is known: a reason of the pod, then of an init container that is not
done (`Init:…`), then of a container that waits or has ended, then the deletion.
"""

from __future__ import annotations

from pybernetes.lang import timestamps
from pybernetes.lang.durations import human_duration

from ..cells import AGE, NAME, at
from ..kind import Cell, Column
from ..meta import Obj

SETTLED = ("Succeeded", "Failed")


def status_cell(pod: Obj, _now: float) -> Cell:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    reason = status.get("reason") or status.get("phase") or ""
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "SchedulingGated":
            reason = "SchedulingGated"
    waiting = _init_reason(spec, status)
    if waiting is not None and not _initialized(status):
        reason = waiting
    else:
        reason = _main_reason(status, waiting if waiting is not None else reason)
    if pod["metadata"].get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            return "Unknown"
        if status.get("phase") not in SETTLED:
            return "Terminating"
    return reason


def ready_cell(pod: Obj, _now: float) -> Cell:
    """Ready containers of all, restartable init containers counted."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    sidecars = _sidecars(spec)
    total = len(spec.get("containers") or ()) + len(sidecars)
    ready = sum(
        1
        for each in status.get("initContainerStatuses") or ()
        if each.get("name") in sidecars and each.get("ready") and each.get("started")
    )
    if _init_reason(spec, status) is None or _initialized(status):
        ready += sum(
            1
            for each in status.get("containerStatuses") or ()
            if each.get("ready") and (each.get("state") or {}).get("running") is not None
        )
    return f"{ready}/{total}"


def restarts_cell(pod: Obj, now: float) -> Cell:
    """The number of restarts, and how long ago the last one was."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    sidecars = _sidecars(spec)
    inits = status.get("initContainerStatuses") or ()
    if _init_reason(spec, status) is not None and not _initialized(status):
        counted = list(inits)
    else:
        counted = [each for each in inits if each.get("name") in sidecars]
        counted += status.get("containerStatuses") or ()
    restarts = sum(each.get("restartCount", 0) for each in counted)
    ends = [((each.get("lastState") or {}).get("terminated") or {}).get("finishedAt") for each in counted]
    known = [timestamps.parse(end) for end in ends if end]
    if restarts and known:
        return f"{restarts} ({human_duration(now - max(known))} ago)"
    return str(restarts)


def _sidecars(spec: Obj) -> set[str]:
    return {
        each.get("name", "")
        for each in spec.get("initContainers") or ()
        if each.get("restartPolicy") == "Always"
    }


def _init_reason(spec: Obj, status: Obj) -> str | None:
    """`Init:…` of the first init container that still stands in the way, None where none does."""
    inits = spec.get("initContainers") or ()
    sidecars = _sidecars(spec)
    for index, each in enumerate(status.get("initContainerStatuses") or ()):
        state = each.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting") or {}
        if ended is not None and ended.get("exitCode", 0) == 0:
            continue
        if each.get("name") in sidecars and each.get("started"):
            continue
        if ended is not None:
            return f"Init:{_end_reason(ended)}"
        if waiting.get("reason") and waiting["reason"] != "PodInitializing":
            return f"Init:{waiting['reason']}"
        return f"Init:{index}/{len(inits)}"
    return None


def _initialized(status: Obj) -> bool:
    return any(
        each.get("type") == "Initialized" and each.get("status") == "True"
        for each in status.get("conditions") or ()
    )


def _main_reason(status: Obj, reason: str) -> str:
    """The reason of the first container that waits or has ended; a pod that completed in part still runs."""
    running = False
    for each in reversed(status.get("containerStatuses") or ()):
        state = each.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated")
        if waiting.get("reason"):
            reason = waiting["reason"]
        elif ended is not None:
            reason = _end_reason(ended)
        elif each.get("ready") and state.get("running") is not None:
            running = True
    if reason == "Completed" and running:
        ready = any(
            each.get("type") == "Ready" and each.get("status") == "True"
            for each in status.get("conditions") or ()
        )
        return "Running" if ready else "NotReady"
    return reason


def _end_reason(ended: Obj) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"


def _addresses(pod: Obj, _now: float) -> Cell:
    status = pod.get("status") or {}
    ips = status.get("podIPs") or ()
    return str(ips[0].get("ip") or "<none>") if ips else str(status.get("podIP") or "<none>")


def _gates(pod: Obj, _now: float) -> Cell:
    """How many of the readiness gates hold."""
    gates = (pod.get("spec") or {}).get("readinessGates") or ()
    if not gates:
        return "<none>"
    true = {
        each.get("type")
        for each in (pod.get("status") or {}).get("conditions") or ()
        if each.get("status") == "True"
    }
    return f"{sum(1 for gate in gates if gate.get('conditionType') in true)}/{len(gates)}"


COLUMNS = (
    NAME,
    Column("Ready", ready_cell),
    Column("Status", status_cell),
    Column("Restarts", restarts_cell),
    AGE,
    Column("IP", _addresses, priority=1),
    Column("Node", lambda pod, now: at("spec", "nodeName")(pod, now) or "<none>", priority=1),
    Column(
        "Nominated Node", lambda pod, now: at("status", "nominatedNodeName")(pod, now) or "<none>", priority=1
    ),
    Column("Readiness Gates", _gates, priority=1),
)
