"""Security contexts of pods and containers as the runtime's: a container's own setting wins over the pod's."""

from __future__ import annotations

from typing import Any

from pybernetes.api.meta import Obj

from . import podspec
from .env import ConfigError
from .runtime import (
    Capabilities,
    Image,
    LinuxContainerSecurityContext,
    LinuxSandboxSecurityContext,
    NamespaceOption,
    SecurityProfile,
    SELinuxOption,
)

# What a container does not see of /proc unless `procMount` is Unmasked (the runtimes' common default).
MASKED_PATHS = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


def sandbox_security(pod: Obj) -> LinuxSandboxSecurityContext:
    context = _pod_context(pod)
    return LinuxSandboxSecurityContext(
        namespace_options=namespaces(pod),
        run_as_user=context.get("runAsUser"),
        run_as_group=context.get("runAsGroup"),
        supplemental_groups=_groups(context),
        privileged=any(
            (c.get("securityContext") or {}).get("privileged") for c in podspec.every_container(pod)
        ),
        seccomp=_profile(context.get("seccompProfile")) or SecurityProfile("RuntimeDefault"),
        selinux_options=_selinux(context.get("seLinuxOptions")),
    )


def container_security(pod: Obj, container: Obj, image: Image | None) -> LinuxContainerSecurityContext:
    """Raises ConfigError where `runAsNonRoot` cannot be kept."""
    shared, own = _pod_context(pod), container.get("securityContext") or {}

    def chosen(field: str) -> Any:
        return own[field] if own.get(field) is not None else shared.get(field)

    privileged = bool(own.get("privileged"))
    user = chosen("runAsUser")
    _check_non_root(pod, container, chosen("runAsNonRoot"), user, image)
    unmasked = own.get("procMount") == "Unmasked" or privileged
    added = own.get("capabilities") or {}
    username = ""
    if user is None and image is not None:
        user, username = image.uid, image.username
    return LinuxContainerSecurityContext(
        capabilities=Capabilities(
            tuple(_bare(c) for c in added.get("add") or ()), tuple(_bare(c) for c in added.get("drop") or ())
        ),
        privileged=privileged,
        namespace_options=namespaces(pod),
        run_as_user=user,
        run_as_group=chosen("runAsGroup"),
        run_as_username=username if user is None else "",
        readonly_rootfs=bool(own.get("readOnlyRootFilesystem")),
        supplemental_groups=_groups(shared),
        no_new_privs=own.get("allowPrivilegeEscalation") is False,
        masked_paths=() if unmasked else MASKED_PATHS,
        readonly_paths=() if unmasked else READONLY_PATHS,
        seccomp=SecurityProfile("Unconfined") if privileged else _profile(chosen("seccompProfile")),
        apparmor=_profile(chosen("appArmorProfile")),
        selinux_options=_selinux(chosen("seLinuxOptions")),
    )


def namespaces(pod: Obj) -> NamespaceOption:
    spec = pod["spec"]
    shared_pid = "POD" if spec.get("shareProcessNamespace") else "CONTAINER"
    return NamespaceOption(
        network="NODE" if spec.get("hostNetwork") else "POD",
        pid="NODE" if spec.get("hostPID") else shared_pid,  # type: ignore[arg-type]
        ipc="NODE" if spec.get("hostIPC") else "POD",
    )


def _pod_context(pod: Obj) -> Obj:
    return pod["spec"].get("securityContext") or {}


def _groups(context: Obj) -> tuple[int, ...]:
    groups = list(context.get("supplementalGroups") or ())
    if context.get("fsGroup") is not None:
        groups.append(context["fsGroup"])
    return tuple(groups)


def _bare(capability: str) -> str:
    return capability.upper().removeprefix("CAP_")


def _check_non_root(
    pod: Obj, container: Obj, wanted: bool | None, user: int | None, image: Image | None
) -> None:
    if not wanted:
        return
    where = f'(pod: "{pod["metadata"]["name"]}_{pod["metadata"].get("namespace", "")}({pod["metadata"].get("uid", "")})", container: {container["name"]})'
    if user == 0:
        raise ConfigError(f"container's runAsUser breaks non-root policy {where}")
    if user is not None or image is None:
        return
    if image.uid == 0 or (image.uid is None and image.username in ("", "root")):
        raise ConfigError(f"container has runAsNonRoot and image will run as root {where}")
    if image.uid is None:
        raise ConfigError(
            f"container has runAsNonRoot and image has non-numeric user ({image.username}), cannot verify user is non-root {where}"
        )


def _profile(tree: Obj | None) -> SecurityProfile | None:
    if not tree:
        return None
    return SecurityProfile(tree["type"], tree.get("localhostProfile", ""))


def _selinux(tree: Obj | None) -> SELinuxOption | None:
    if not tree:
        return None
    return SELinuxOption(*(tree.get(field, "") for field in ("user", "role", "type", "level")))
