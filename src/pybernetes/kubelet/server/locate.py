"""Which container a request means: pure look-ups in the kubelet's own pods, with upstream's answers where it fails."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api.errors import BadRequest, InternalError, NotFound
from pybernetes.api.meta import Obj

STATUS_LISTS = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
SPEC_LISTS = ("containers", "initContainers", "ephemeralContainers")


def find_pod(pods: Iterable[Obj], namespace: str, name: str, uid: str = "") -> Obj:
    """Raises NotFound."""
    for pod in pods:
        meta = pod["metadata"]
        if meta.get("namespace") == namespace and meta["name"] == name and uid in ("", meta.get("uid")):
            return pod
    raise NotFound("pod does not exist")


def bare_id(container_id: str) -> str:
    """The runtime's own id: without `containerd://`."""
    return container_id.partition("://")[2] or container_id


def running_container(pod: Obj, container: str) -> str:
    """The id of a running container, for exec and attach. Raises InternalError as upstream answers."""
    status = _status(pod, container)
    running = (status or {}).get("state", {}).get("running")
    if status is None or running is None or not status.get("containerID"):
        raise InternalError(f'container not found ("{container}")')
    return bare_id(status["containerID"])


def logged_container(pod: Obj, container: str, *, previous: bool) -> str:
    """The id of the container whose log is wanted. Raises NotFound, and BadRequest where there is no log yet."""
    name = pod["metadata"]["name"]
    if not any(c["name"] == container for field in SPEC_LISTS for c in pod["spec"].get(field) or ()):
        raise NotFound(f'container "{container}" not found in pod "{name}"')
    status = _status(pod, container)
    if status is None:
        raise BadRequest(f'container "{container}" in pod "{name}" is not available')
    state, last = status.get("state") or {}, (status.get("lastState") or {}).get("terminated")
    if previous:
        if not last or not last.get("containerID"):
            raise BadRequest(f'previous terminated container "{container}" in pod "{name}" not found')
        return bare_id(last["containerID"])
    if "running" in state:
        return bare_id(status["containerID"])
    terminated = state.get("terminated")
    if terminated is not None or last is not None:
        for known in (terminated, last):
            if known and known.get("containerID"):
                return bare_id(known["containerID"])
        raise BadRequest(f'container "{container}" in pod "{name}" is terminated')
    raise BadRequest(f'container "{container}" in pod "{name}" {_why_waiting(state.get("waiting"))}')


def default_container(pod: Obj) -> str:
    """The container that an empty name means to the kubelet: the first."""
    return str(pod["spec"]["containers"][0]["name"])


def _why_waiting(waiting: Obj | None) -> str:
    match (waiting or {}).get("reason", ""):
        case "":
            return "is waiting to start - no logs yet"
        case "ErrImagePull":
            return "is waiting to start: image can't be pulled"
        case "ImagePullBackOff":
            return "is waiting to start: trying and failing to pull image"
        case reason:
            return f"is waiting to start: {reason}"


def _status(pod: Obj, container: str) -> Obj | None:
    status: Obj = pod.get("status") or {}
    for field in STATUS_LISTS:
        for entry in status.get(field) or ():
            if entry["name"] == container:
                found: Obj = entry
                return found
    return None
