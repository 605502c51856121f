"""A container's configuration for the runtime, from its spec and what was prepared for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pybernetes.api.meta import Obj, uid_of

from . import labels, security
from .config import KubeletConfig
from .expansion import expand
from .resources import linux_resources
from .runtime import ContainerConfig, ContainerMetadata, Image, Mount, MountPropagation

HOSTS_PATH = "/etc/hosts"
_PROPAGATION: Mapping[str, MountPropagation] = {
    "None": "PRIVATE",
    "HostToContainer": "HOST_TO_CONTAINER",
    "Bidirectional": "BIDIRECTIONAL",
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a container is made from besides its spec. `mounts` are the volumes' (`volume_mount` makes them)."""

    image: Image
    environment: Mapping[str, str]
    mounts: tuple[Mount, ...]
    node_memory: int


def container_dir(pod: Obj, name: str, config: KubeletConfig) -> str:
    return f"{config.pod_dir(uid_of(pod))}/containers/{name}"


def termination_log(pod_uid: str, name: str, attempt: int, config: KubeletConfig) -> str:
    """The file on the host behind `terminationMessagePath`, known again after a restart."""
    return f"{config.pod_dir(pod_uid)}/containers/{name}/{attempt}"


def hosts_path(pod: Obj, config: KubeletConfig) -> str:
    return f"{config.pod_dir(uid_of(pod))}/etc-hosts"


def log_path(name: str, attempt: int) -> str:
    """Below the sandbox's log directory."""
    return f"{name}/{attempt}.log"


def wants_hosts_file(container: Obj) -> bool:
    """A pod may bring its own /etc/hosts."""
    return all(mount["mountPath"] != HOSTS_PATH for mount in container.get("volumeMounts") or ())


def container_config(
    pod: Obj, container: Obj, attempt: int, prepared: Prepared, config: KubeletConfig
) -> ContainerConfig:
    """Raises ConfigError (see `security`)."""
    values = prepared.environment
    name = container["name"]
    mounts = list(prepared.mounts)
    if wants_hosts_file(container):
        mounts.append(Mount(HOSTS_PATH, hosts_path(pod, config)))
    if path := container.get("terminationMessagePath") or "/dev/termination-log":
        mounts.append(Mount(path, termination_log(uid_of(pod), name, attempt, config)))
    return ContainerConfig(
        metadata=ContainerMetadata(name, attempt),
        image=prepared.image.id,
        user_specified_image=container.get("image", ""),
        command=tuple(expand(part, values) for part in container.get("command") or ()),
        args=tuple(expand(part, values) for part in container.get("args") or ()),
        working_dir=container.get("workingDir", ""),
        envs=tuple(values.items()),
        mounts=tuple(mounts),
        labels=labels.container_labels(pod, container),
        annotations=labels.container_annotations(pod, container, attempt),
        log_path=log_path(name, attempt),
        stdin=bool(container.get("stdin")),
        stdin_once=bool(container.get("stdinOnce")),
        tty=bool(container.get("tty")),
        resources=linux_resources(pod, container, prepared.node_memory),
        security_context=security.container_security(pod, container, prepared.image),
        stop_signal=(container.get("lifecycle") or {}).get("stopSignal", ""),
    )


def volume_mount(mount: Obj, host_path: str) -> Mount:
    return Mount(
        container_path=mount["mountPath"] if mount["mountPath"].startswith("/") else "/" + mount["mountPath"],
        host_path=host_path,
        readonly=bool(mount.get("readOnly")),
        propagation=_PROPAGATION[mount.get("mountPropagation") or "None"],
        recursive_read_only=mount.get("recursiveReadOnly") == "Enabled",
    )


def pull_policy(container: Obj) -> str:
    """Defaulted by the API; here for containers of old objects."""
    if policy := container.get("imagePullPolicy"):
        return str(policy)
    image = container.get("image", "")
    tag = image.rpartition("/")[2].partition(":")[2]
    return "Always" if tag in ("", "latest") and "@" not in image else "IfNotPresent"


def port_number(container: Obj, port: int | str) -> int:
    """The number of a probe's or hook's port, by name where it is one. Raises ValueError."""
    if isinstance(port, int):
        return port
    for entry in container.get("ports") or ():
        if entry.get("name") == port:
            return int(entry["containerPort"])
    if port.isdigit():
        return int(port)
    raise ValueError(f"couldn't find port: {port}")
