"""One entry of `status.containerStatuses`: the runtime's newest incarnation in the API's words."""

from __future__ import annotations

from dataclasses import dataclass

from pybernetes.api.meta import MutableObj, Obj
from pybernetes.kubelet import podspec
from pybernetes.lang.timestamps import rfc3339

from .resize import has
from .seen import Incarnation, ProbeResults, Seen


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a container does not run though it should."""

    reason: str
    message: str = ""

    def tree(self) -> MutableObj:
        return {"reason": self.reason, **({"message": self.message} if self.message else {})}


def statuses(
    pod: Obj, field: str, seen: Seen, waiting: dict[str, Waiting], *, ended: bool
) -> list[MutableObj]:
    """The list for `containers`, `initContainers` or `ephemeralContainers`, in the spec's order."""
    default = (
        "PodInitializing"
        if podspec.init_containers(pod) and field != "ephemeralContainers"
        else "ContainerCreating"
    )
    old = {s["name"]: s for s in (pod.get("status") or {}).get(_STATUS_FIELD[field]) or ()}
    return [
        status(pod, c, field, seen, waiting.get(c["name"]), old.get(c["name"]), default, ended=ended)
        for c in pod["spec"].get(field) or ()
    ]


_STATUS_FIELD = {
    "containers": "containerStatuses",
    "initContainers": "initContainerStatuses",
    "ephemeralContainers": "ephemeralContainerStatuses",
}


def status(
    pod: Obj,
    container: Obj,
    field: str,
    seen: Seen,
    waiting: Waiting | None,
    old: Obj | None,
    default: str,
    *,
    ended: bool,
) -> MutableObj:
    """`waiting` is the plan's reason where the container is to be (re)started and is held up."""
    name = container["name"]
    newest = seen.latest(name)
    starting = f"start/{name}" in seen.in_flight
    before = seen.previous(name)
    if newest is not None and (newest.status.state == "CREATED" or (newest.running and starting)):
        # Not told as running before its postStart hook has ended.
        newest_attempt, current = newest.attempt, None
    else:
        newest_attempt, current = (newest.attempt if newest else 0), newest
    state: MutableObj
    last: MutableObj = {}
    if current is None:
        state = {"waiting": (waiting or Waiting(default)).tree()}
        last = _terminated(before, seen.runtime_name)
    elif current.running:
        state = {"running": {"startedAt": rfc3339(current.status.started_at)}}
        last = _terminated(before, seen.runtime_name)
    elif waiting is not None:
        state, last = {"waiting": waiting.tree()}, _terminated(current, seen.runtime_name)
    else:
        state, last = _terminated(current, seen.runtime_name), _terminated(before, seen.runtime_name)
    if newest is None and old is not None:
        newest_attempt = old.get("restartCount", 0)
        state, last = _remembered(old, state, ended)
    if not last and old is not None and old.get("restartCount") == newest_attempt:
        last = dict(old.get("lastState") or {})
    tree: MutableObj = {
        "name": name,
        "state": state,
        "lastState": last,
        "ready": False,
        "restartCount": newest_attempt,
        "image": (newest.status.image if newest else "") or container.get("image", ""),
        "imageID": (newest.status.image_ref if newest else "") or (old or {}).get("imageID", ""),
        "started": False,
    }
    if newest is not None:
        tree["containerID"] = f"{seen.runtime_name}://{newest.id}"
    elif old is not None and old.get("containerID"):
        tree["containerID"] = old["containerID"]
    running = "running" in state
    results = seen.probes.get(newest.id, ProbeResults()) if newest is not None else ProbeResults()
    tree["started"] = running and (results.startup is True or not container.get("startupProbe"))
    if field == "initContainers" and not podspec.is_sidecar(container):
        tree["ready"] = (state.get("terminated") or {}).get("exitCode") == 0
    elif field == "ephemeralContainers":
        del tree["started"]
    else:
        ready = results.readiness is True or not container.get("readinessProbe")
        tree["ready"] = running and tree["started"] and ready
    return {**tree, **_resources(pod, container, newest if running else None, seen), **_mounts(container)}


def _remembered(old: Obj, fresh: MutableObj, ended: bool) -> tuple[MutableObj, MutableObj]:
    """(state, lastState) of a container that the runtime has no trace of, though the API knew it."""
    state, last = old.get("state") or {}, dict(old.get("lastState") or {})
    if "terminated" in state:
        return dict(state), last
    if "running" in state:
        lost = {
            "terminated": {
                "exitCode": 137,
                "reason": "ContainerStatusUnknown",
                "message": "The container could not be located when the pod was terminated"
                if ended
                else "The container could not be located when the pod was deleted.  The container used to be Running",
                "startedAt": None,
                "finishedAt": None,
            }
        }
        return (lost, last) if ended else (fresh, lost)
    return fresh, last


def _terminated(incarnation: Incarnation | None, runtime: str) -> MutableObj:
    """{"terminated": …} of an exited incarnation, {} without one."""
    if incarnation is None or not incarnation.exited:
        return {}
    status = incarnation.status
    reason = status.reason or ("Completed" if status.exit_code == 0 else "Error")
    tree: MutableObj = {"exitCode": status.exit_code, "reason": reason}
    if message := incarnation.message or status.message:
        tree["message"] = message
    tree["startedAt"] = rfc3339(status.started_at) if status.started_at else None
    tree["finishedAt"] = rfc3339(status.finished_at) if status.finished_at else None
    tree["containerID"] = f"{runtime}://{status.id}"
    return {"terminated": tree}


def _resources(pod: Obj, container: Obj, running: Incarnation | None, seen: Seen) -> MutableObj:
    """What the container has, and what has been allocated to it (in-place resize reads it)."""
    allocated = container.get("resources") or {}
    if running is None or not allocated:
        return {}
    resources = has(pod, container, running, seen)
    tree: MutableObj = {"resources": {k: resources[k] for k in ("requests", "limits") if resources.get(k)}}
    if allocated.get("requests"):
        tree["allocatedResources"] = allocated["requests"]
    return tree if tree["resources"] else {}


def _mounts(container: Obj) -> MutableObj:
    mounts = []
    for mount in container.get("volumeMounts") or ():
        tree = {"name": mount["name"], "mountPath": mount["mountPath"]}
        if mount.get("readOnly"):
            tree |= {"readOnly": True, "recursiveReadOnly": "Disabled"}
        mounts.append(tree)
    return {"volumeMounts": mounts} if mounts else {}
