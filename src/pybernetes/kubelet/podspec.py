"""Questions about a pod's spec that several parts of the kubelet ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from pybernetes.api.meta import Obj
from pybernetes.lang import hashing, quantity


def init_containers(pod: Obj) -> Sequence[Obj]:
    return pod["spec"].get("initContainers") or ()


def containers(pod: Obj) -> Sequence[Obj]:
    return pod["spec"].get("containers") or ()


def ephemeral_containers(pod: Obj) -> Sequence[Obj]:
    return pod["spec"].get("ephemeralContainers") or ()


def every_container(pod: Obj) -> Iterator[Obj]:
    """Init, regular and ephemeral containers, in this order."""
    yield from init_containers(pod)
    yield from containers(pod)
    yield from ephemeral_containers(pod)


def container_named(pod: Obj, name: str) -> Obj | None:
    return next((c for c in every_container(pod) if c["name"] == name), None)


def is_sidecar(init_container: Obj) -> bool:
    """An init container that goes on running (`restartPolicy: Always`)."""
    return init_container.get("restartPolicy") == "Always"


def restart_policy(pod: Obj) -> str:
    return str(pod["spec"].get("restartPolicy") or "Always")


def is_host_network(pod: Obj) -> bool:
    return bool(pod["spec"].get("hostNetwork"))


def is_finished(pod: Obj) -> bool:
    """Whether the API already has it as Succeeded or Failed."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def field_path(pod: Obj, name: str) -> str:
    """`spec.containers{nginx}`: how events name a container."""
    for part in ("containers", "initContainers", "ephemeralContainers"):
        if any(c["name"] == name for c in pod["spec"].get(part) or ()):
            return f"spec.{part}{{{name}}}"
    return ""


def container_hash(container: Obj) -> str:
    """Changes exactly when a change of the spec must restart the container: its name or image (upstream)."""
    return _hash(container["name"], container.get("image", ""))


@lru_cache(maxsize=1024)
def _hash(name: str, image: str) -> str:
    return f"{hashing.fnv32a((name + chr(0) + image).encode()):x}"


def restart_key(container: Obj) -> str:
    """What back-off is counted by: a changed image starts afresh."""
    return f"{container['name']}/{container_hash(container)}"


_COMPUTE = ("cpu", "memory")


def qos_class(pod: Obj) -> str:
    """Guaranteed, Burstable or BestEffort (upstream's `ComputePodQOS`; pod-level resources count alone if set)."""
    if known := (pod.get("status") or {}).get("qosClass"):
        return str(known)
    if pod["spec"].get("resources"):
        sources: list[Obj] = [pod["spec"]["resources"]]
    else:
        sources = [c.get("resources") or {} for c in (*init_containers(pod), *containers(pod))]
    requests = [_positive(source.get("requests")) for source in sources]
    limits = [_positive(source.get("limits")) for source in sources]
    if not any(requests) and not any(limits):
        return "BestEffort"
    for request, limit in zip(requests, limits, strict=True):
        if set(limit) != set(_COMPUTE) or any(request.get(k, limit[k]) != limit[k] for k in limit):
            return "Burstable"
    return "Guaranteed"


def _positive(resources: Obj | None) -> dict[str, int]:
    amounts = {k: quantity.parse(v).nano for k, v in (resources or {}).items() if k in _COMPUTE}
    return {k: v for k, v in amounts.items() if v > 0}
