"""The conditions that the kubelet owns, from container statuses, with upstream's reasons and messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pybernetes.api.meta import MutableObj, Obj
from pybernetes.kubelet import podspec
from pybernetes.kubelet.status import OCCASIONAL_CONDITIONS
from pybernetes.lang.timestamps import rfc3339

OWNED = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


def conditions(
    pod: Obj, phase: str, inits: Sequence[Obj], mains: Sequence[Obj], *, network: bool, now: float
) -> list[MutableObj]:
    """`network`: the sandbox is ready (and has its address). Conditions of others in the pod's status stay, after
    ours; the transition time of one whose status is unchanged stays too."""
    old = {c["type"]: c for c in (pod.get("status") or {}).get("conditions") or ()}
    containers_ready = _containers_ready(pod, phase, inits, mains)
    found = (
        ("PodReadyToStartContainers", network, "", ""),
        ("Initialized", *_initialized(pod, phase, inits, mains)),
        ("Ready", *_ready(pod, old, containers_ready)),
        ("ContainersReady", *containers_ready),
        ("PodScheduled", True, "", ""),
    )
    stamp, generation = rfc3339(now), pod["metadata"].get("generation")
    ours = []
    for kind, holds, reason, message in found:
        status = "True" if holds else "False"
        tree: MutableObj = {"type": kind, "status": status}
        if generation:
            tree["observedGeneration"] = generation
        before = old.get(kind)
        kept = before.get("lastTransitionTime") if before is not None and before["status"] == status else None
        tree["lastProbeTime"] = None
        tree["lastTransitionTime"] = kept or stamp
        if reason:
            tree["reason"] = reason
        if message:
            tree["message"] = message
        ours.append(tree)
    return ours + [
        dict(c) for kind, c in old.items() if kind not in OWNED and kind not in OCCASIONAL_CONDITIONS
    ]


def occasional(pod: Obj, kind: str, reason: str, message: str, now: float) -> MutableObj:
    """A condition that holds now, and is not told where it does not."""
    old = next((c for c in (pod.get("status") or {}).get("conditions") or () if c["type"] == kind), None)
    generation = pod["metadata"].get("generation")
    return {
        "type": kind,
        "status": "True",
        **({"observedGeneration": generation} if generation else {}),
        "lastProbeTime": None,
        "lastTransitionTime": (old or {}).get("lastTransitionTime") or rfc3339(now),
        **({"reason": reason} if reason else {}),
        **({"message": message} if message else {}),
    }


_Verdict = tuple[bool, str, str]


def _initialized(pod: Obj, phase: str, inits: Sequence[Obj], mains: Sequence[Obj]) -> _Verdict:
    if phase == "Succeeded":
        return True, "PodCompleted", ""
    if not podspec.init_containers(pod):
        return True, "", ""
    by_name = {status["name"]: status for status in inits}
    running = any("running" in s["state"] or "terminated" in s["state"] or s.get("lastState") for s in mains)
    unknown = [c["name"] for c in podspec.init_containers(pod) if c["name"] not in by_name]
    incomplete = [
        c["name"]
        for c in podspec.init_containers(pod)
        if c["name"] in by_name and not (running or _is_initialized(c, by_name[c["name"]]))
    ]
    parts = _parts(
        ("containers with incomplete status", incomplete), ("containers with unknown status", unknown)
    )
    return (False, "ContainersNotInitialized", parts) if parts else (True, "", "")


def _is_initialized(container: Obj, status: Obj) -> bool:
    if podspec.is_sidecar(container):
        return bool(status.get("started"))
    return bool(status.get("ready"))


def _containers_ready(pod: Obj, phase: str, inits: Sequence[Obj], mains: Sequence[Obj]) -> _Verdict:
    if phase == "Succeeded":
        return False, "PodCompleted", ""
    if phase == "Failed":
        return False, "PodFailed", ""
    by_name = {status["name"]: status for status in (*inits, *mains)}
    if not inits and mains and all(status["ready"] for status in mains):
        return True, "", ""
    wanted = [c["name"] for c in podspec.init_containers(pod) if podspec.is_sidecar(c)]
    wanted += [c["name"] for c in podspec.containers(pod)]
    unknown = [name for name in wanted if name not in by_name]
    unready = [name for name in wanted if name in by_name and not by_name[name]["ready"]]
    parts = _parts(("containers with unknown status", unknown), ("containers with unready status", unready))
    return (False, "ContainersNotReady", parts) if parts else (True, "", "")


def _ready(pod: Obj, old: dict[str, Obj], containers: _Verdict) -> _Verdict:
    if not containers[0]:
        return containers
    problems = []
    for gate in pod["spec"].get("readinessGates") or ():
        kind = gate["conditionType"]
        condition = old.get(kind)
        if condition is None:
            problems.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif condition["status"] != "True":
            problems.append(
                f'the status of pod readiness gate "{kind}" is not "True", but {condition["status"]}'
            )
    return (False, "ReadinessGatesNotReady", ", ".join(problems)) if problems else (True, "", "")


def _parts(*named: tuple[str, Iterable[str]]) -> str:
    return ", ".join(f"{text}: [{' '.join(names)}]" for text, names in named if names)
