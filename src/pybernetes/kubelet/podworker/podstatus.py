"""`pod.status` as this kubelet reports it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pybernetes.api.meta import MutableObj, Obj
from pybernetes.kubelet import podspec
from pybernetes.kubelet.preemption import disruption
from pybernetes.kubelet.runtime import PodSandboxStatus
from pybernetes.lang.timestamps import rfc3339

from .conditions import conditions, occasional
from .containerstatus import statuses
from .draft import Draft
from .phase import phase_of
from .resize import resize_conditions
from .seen import Seen
from .terminate import Ending

LOST = {
    "exitCode": 137,
    "reason": "ContainerStatusUnknown",
    "message": "The container could not be located when the pod was terminated",
    "startedAt": None,
    "finishedAt": None,
}


def pod_status(pod: Obj, draft: Draft, ending: Ending | None, sandbox: PodSandboxStatus | None) -> MutableObj:
    """The whole status; whoever sends it sends what differs (`kubelet/status.py`)."""
    seen, now = draft.seen, draft.now
    old: Obj = pod.get("status") or {}
    if ending is not None and ending.cause == "refused":
        return _refused(pod, old, ending, now)
    ended = ending is not None and not any(c.running for c in seen.containers)
    lists = {
        field: statuses(pod, field, seen, draft.waiting, ended=ended) if pod["spec"].get(field) else []
        for field in ("initContainers", "containers", "ephemeralContainers")
    }
    inits, mains = lists["initContainers"], lists["containers"]
    if ended and _reached(mains):
        mains = [_final(status) for status in mains]
    # Nobody may take a pod for over while it runs.
    told = ending if ended else None
    if old.get("phase") in ("Succeeded", "Failed"):
        phase, reason, message = old["phase"], old.get("reason", ""), old.get("message", "")
    else:
        phase = (told.phase if told else "") or phase_of(pod, inits, mains, ended=ended)
        reason, message = (told.reason, told.message) if told else ("", "")
    network = sandbox is not None and (podspec.is_host_network(pod) or bool(sandbox.ips))
    status: dict[str, Any] = {
        "observedGeneration": pod["metadata"].get("generation"),
        "phase": phase,
        "conditions": [
            *conditions(pod, phase, inits, mains, network=network, now=now),
            *_disruption(pod, told, now),
            *_resizing(pod, seen, now),
        ],
        "message": message,
        "reason": reason,
        **_addresses(pod, old, seen.host_ips, sandbox),
        "startTime": old.get("startTime") or rfc3339(now),
        "initContainerStatuses": inits,
        "containerStatuses": mains,
        "ephemeralContainerStatuses": lists["ephemeralContainers"],
        "qosClass": podspec.qos_class(pod),
    }
    return {key: value for key, value in status.items() if value}


def _disruption(pod: Obj, ending: Ending | None, now: float) -> list[MutableObj]:
    """The condition of a pod that was sent away, unless it has it already."""
    if ending is None or ending.cause != "preempted":
        return []
    known = {each["type"] for each in (pod.get("status") or {}).get("conditions") or ()}
    return [] if "DisruptionTarget" in known else [disruption(pod, now)]


def _resizing(pod: Obj, seen: Seen, now: float) -> list[MutableObj]:
    return [occasional(pod, *each, now) for each in resize_conditions(pod, seen)]


def _refused(pod: Obj, old: Obj, ending: Ending, now: float) -> MutableObj:
    """Nothing of such a pod was ever here."""
    return {
        "observedGeneration": pod["metadata"].get("generation"),
        "phase": ending.phase,
        "reason": ending.reason,
        "message": ending.message,
        "startTime": old.get("startTime") or rfc3339(now),
        "qosClass": podspec.qos_class(pod),
    }


def _reached(mains: Sequence[Obj]) -> bool:
    """Whether any main container was reached, so that one without a trace is lost and not merely never started."""
    return any(s["state"].get("terminated") or s["lastState"] for s in mains)


def _final(status: MutableObj) -> MutableObj:
    if "terminated" in status["state"]:
        return status
    return {**status, "state": {"terminated": dict(LOST)}, "ready": False, "started": False}


def _addresses(pod: Obj, old: Obj, host_ips: Sequence[str], sandbox: PodSandboxStatus | None) -> MutableObj:
    """An address once told stays told: a finished pod's is still asked for."""
    if podspec.is_host_network(pod):
        ips = list(host_ips)
    else:
        ips = list(sandbox.ips) if sandbox else []
    if not ips:
        ips = [entry["ip"] for entry in old.get("podIPs") or ()]
    tree: MutableObj = {}
    if host_ips:
        tree |= {"hostIP": host_ips[0], "hostIPs": [{"ip": ip} for ip in host_ips]}
    if ips:
        tree |= {"podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips]}
    return tree
