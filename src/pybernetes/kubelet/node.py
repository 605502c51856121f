"""The Node object as this kubelet writes it. Pure; `nodereporter.py` sends it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.lang import quantity
from pybernetes.lang.timestamps import rfc3339

from .config import KubeletConfig
from .host import Capacity, MachineInfo, Pressure
from .runtime import Image, RuntimeCondition, Version

MOST_IMAGES = 50
# Upstream's default hard eviction thresholds.
LEAST_MEMORY = 100 * 1024 * 1024
LEAST_DISK, LEAST_INODES = 0.10, 0.05
LEAST_PIDS = 0.01


@dataclass(frozen=True, slots=True)
class NodeView:
    """All that a Node's status is made from. `problem` is why the node is not ready, or ""."""

    config: KubeletConfig
    machine: MachineInfo
    capacity: Capacity
    pressure: Pressure
    runtime: Version
    problem: str = ""
    images: Sequence[Image] = ()
    volumes_in_use: Sequence[str] = ()
    """Drivers' volumes that may not be detached yet, by their unique names."""


def hostname(view: NodeView) -> str:
    return view.config.hostname or view.machine.hostname


def node_labels(view: NodeView) -> dict[str, str]:
    machine = view.machine
    return {
        "beta.kubernetes.io/arch": machine.architecture,
        "beta.kubernetes.io/os": machine.operating_system,
        "kubernetes.io/arch": machine.architecture,
        "kubernetes.io/hostname": hostname(view),
        "kubernetes.io/os": machine.operating_system,
        **view.config.labels,
    }


def node_object(view: NodeView, now: float) -> MutableObj:
    """To register with."""
    config = view.config
    node = new_object(kinds.NODE, config.node_name)
    node["metadata"]["labels"] = node_labels(view)
    node["metadata"]["annotations"] = {
        "volumes.kubernetes.io/controller-managed-attach-detach": "true",
        **config.annotations,
    }
    spec: MutableObj = {}
    if config.provider_id:
        spec["providerID"] = config.provider_id
    if config.pod_cidr:
        spec |= {"podCIDR": config.pod_cidr, "podCIDRs": [config.pod_cidr]}
    if config.taints:
        spec["taints"] = [dict(taint) for taint in config.taints]
    return {**node, "spec": spec, "status": node_status(view, {}, now)}


def capacity_of(view: NodeView) -> dict[str, str]:
    capacity = view.capacity
    pages = {f"hugepages-{size}": _bytes(amount) for size, amount in capacity.hugepages.items()}
    return {
        "cpu": str(capacity.cpu),
        "ephemeral-storage": _bytes(capacity.ephemeral_storage),
        **pages,
        "memory": _bytes(capacity.memory),
        "pods": str(view.config.max_pods),
    }


def allocatable_of(config: KubeletConfig, capacity: Mapping[str, str]) -> dict[str, str]:
    """Capacity less what is reserved; a tenth of the disk is kept from pods (the eviction threshold)."""
    reserved = {name: quantity.parse(amount).nano for name, amount in config.reserved.items()}
    if "ephemeral-storage" not in reserved:
        reserved["ephemeral-storage"] = quantity.parse(capacity["ephemeral-storage"]).nano // 10
    result = {}
    for name, amount in capacity.items():
        left = max(quantity.parse(amount).nano - reserved.get(name, 0), 0)
        if name == "ephemeral-storage":
            result[name] = str(left // 1_000_000_000)
        elif name not in reserved:
            result[name] = amount
        else:
            result[name] = quantity.format_quantity(left, quantity.parse(amount).format)
    return result


def _bytes(amount: int) -> str:
    """In the canonical form, as the API gives it back: a status that differs in spelling would be sent for ever."""
    return quantity.format_quantity(amount * 1_000_000_000, "BinarySI")


def node_status(view: NodeView, old: Obj, now: float) -> MutableObj:
    """`old` is the status in the API: unchanged conditions keep their transition time."""
    capacity = capacity_of(view)
    machine = view.machine
    addresses = [{"type": "InternalIP", "address": ip} for ip in view.config.node_ips]
    status: MutableObj = {
        "addresses": [*addresses, {"type": "Hostname", "address": hostname(view)}],
        "allocatable": allocatable_of(view.config, capacity),
        "capacity": capacity,
        "conditions": _conditions(view, old, now),
        "daemonEndpoints": {"kubeletEndpoint": {"Port": view.config.port}},
        "nodeInfo": {
            "architecture": machine.architecture,
            "bootID": machine.boot_id,
            "containerRuntimeVersion": f"{view.runtime.runtime_name}://{view.runtime.runtime_version.removeprefix('v')}",
            "kernelVersion": machine.kernel_version,
            "kubeProxyVersion": "",
            "kubeletVersion": view.config.version,
            "machineID": machine.machine_id,
            "operatingSystem": machine.operating_system,
            "osImage": machine.os_image,
            "systemUUID": machine.system_uuid,
        },
        "runtimeHandlers": [
            {"name": "", "features": {"recursiveReadOnlyMounts": False, "userNamespaces": False}}
        ],
    }
    if images := list(_images(view.images)):
        status["images"] = images
    if view.volumes_in_use or old.get("volumesInUse"):
        status["volumesInUse"] = [*view.volumes_in_use] or None
    return status


def _images(images: Iterable[Image]) -> Iterable[MutableObj]:
    """The largest, each by its digest and tags."""
    for image in sorted(images, key=lambda image: -image.size)[:MOST_IMAGES]:
        names = [*image.repo_digests, *image.repo_tags][:5]
        if names:
            yield {"names": names, "sizeBytes": image.size}


def _conditions(view: NodeView, old: Obj, now: float) -> list[MutableObj]:
    pressure = view.pressure
    low_memory = pressure.memory_available < LEAST_MEMORY
    low_disk = (
        pressure.disk_available < LEAST_DISK * pressure.disk_capacity
        or pressure.inodes_free < LEAST_INODES * pressure.inodes
    )
    low_pids = pressure.pids_available < LEAST_PIDS * pressure.pids_max
    found = (
        ("MemoryPressure", low_memory, *_memory_words(low_memory)),
        ("DiskPressure", low_disk, *_disk_words(low_disk)),
        ("PIDPressure", low_pids, *_pid_words(low_pids)),
        ("Ready", not view.problem, *_ready_words(view.problem)),
    )
    before = {c["type"]: c for c in old.get("conditions") or ()}
    stamp = rfc3339(now)
    conditions = []
    for kind, holds, reason, message in found:
        status = "True" if holds else "False"
        known = before.get(kind)
        kept = known.get("lastTransitionTime") if known and known.get("status") == status else None
        conditions.append(
            {
                "type": kind,
                "status": status,
                "lastHeartbeatTime": stamp,
                "lastTransitionTime": kept or stamp,
                "reason": reason,
                "message": message,
            }
        )
    return conditions


def _memory_words(low: bool) -> tuple[str, str]:
    if low:
        return "KubeletHasInsufficientMemory", "kubelet has insufficient memory available"
    return "KubeletHasSufficientMemory", "kubelet has sufficient memory available"


def _disk_words(low: bool) -> tuple[str, str]:
    if low:
        return "KubeletHasDiskPressure", "kubelet has disk pressure"
    return "KubeletHasNoDiskPressure", "kubelet has no disk pressure"


def _pid_words(low: bool) -> tuple[str, str]:
    if low:
        return "KubeletHasInsufficientPID", "kubelet has insufficient PID available"
    return "KubeletHasSufficientPID", "kubelet has sufficient PID available"


def _ready_words(problem: str) -> tuple[str, str]:
    if problem:
        return "KubeletNotReady", problem
    return "KubeletReady", "kubelet is posting ready status"


def problem_of(conditions: Iterable[RuntimeCondition]) -> str:
    """Why the runtime keeps the node from being ready, or ""."""
    for condition in conditions:
        if condition.status:
            continue
        what = "container runtime network" if condition.type == "NetworkReady" else "container runtime"
        detail = f"{condition.type}=false reason:{condition.reason} message:{condition.message}"
        return f"{what} not ready: {detail}"
    return ""


def differs(old: Obj, new: Obj) -> bool:
    """Whether `new` tells anything but later heartbeats."""
    plain = {k: v for k, v in new.items() if k != "conditions"}
    if any(old.get(key) != value for key, value in plain.items()):
        return True
    before = {c["type"]: c for c in old.get("conditions") or ()}
    return any(
        (before.get(c["type"]) or {}).get(field) != c[field]
        for c in new["conditions"]
        for field in ("status", "reason", "message")
    )
