"""Between the kubelet's values and CRI's messages. Pure."""

from __future__ import annotations

from typing import Any

from cri_api.v1 import api_pb2 as pb

from pybernetes.kubelet import runtime as k

NANOS = 1e9


def resources(value: k.LinuxContainerResources) -> pb.LinuxContainerResources:
    message = pb.LinuxContainerResources(
        cpu_period=value.cpu_period,
        cpu_quota=value.cpu_quota,
        cpu_shares=value.cpu_shares,
        memory_limit_in_bytes=value.memory_limit_in_bytes,
        oom_score_adj=value.oom_score_adj,
        cpuset_cpus=value.cpuset_cpus,
        cpuset_mems=value.cpuset_mems,
        memory_swap_limit_in_bytes=value.memory_swap_limit_in_bytes,
        unified=dict(value.unified),
    )
    for size, limit in value.hugepage_limits.items():
        message.hugepage_limits.add(page_size=size, limit=limit)
    return message


def sandbox_config(value: k.PodSandboxConfig) -> pb.PodSandboxConfig:
    message = pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(
            name=value.metadata.name,
            uid=value.metadata.uid,
            namespace=value.metadata.namespace,
            attempt=value.metadata.attempt,
        ),
        hostname=value.hostname,
        log_directory=value.log_directory,
        labels=dict(value.labels),
        annotations=dict(value.annotations),
        linux=pb.LinuxPodSandboxConfig(
            cgroup_parent=value.cgroup_parent,
            security_context=_sandbox_security(value.security_context),
            sysctls=dict(value.sysctls),
        ),
    )
    if value.dns_config is not None:
        dns = value.dns_config
        message.dns_config.CopyFrom(
            pb.DNSConfig(servers=dns.servers, searches=dns.searches, options=dns.options)
        )
    for port in value.port_mappings:
        message.port_mappings.add(
            protocol=pb.Protocol.Value(port.protocol),
            container_port=port.container_port,
            host_port=port.host_port,
            host_ip=port.host_ip,
        )
    return message


def container_config(value: k.ContainerConfig) -> pb.ContainerConfig:
    message = pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name=value.metadata.name, attempt=value.metadata.attempt),
        image=pb.ImageSpec(image=value.image, user_specified_image=value.user_specified_image),
        command=value.command,
        args=value.args,
        working_dir=value.working_dir,
        labels=dict(value.labels),
        annotations=dict(value.annotations),
        log_path=value.log_path,
        stdin=value.stdin,
        stdin_once=value.stdin_once,
        tty=value.tty,
        linux=pb.LinuxContainerConfig(
            resources=resources(value.resources), security_context=_container_security(value.security_context)
        ),
    )
    if value.stop_signal:
        message.stop_signal = stop_signal(value.stop_signal)
    for key, text in value.envs:
        message.envs.add(key=key, value=text)
    for mount in value.mounts:
        message.mounts.add(
            container_path=mount.container_path,
            host_path=mount.host_path,
            readonly=mount.readonly,
            selinux_relabel=mount.selinux_relabel,
            propagation=pb.MountPropagation.Value(f"PROPAGATION_{mount.propagation}"),
            recursive_read_only=mount.recursive_read_only,
        )
    for container_path, host_path, permissions in value.devices:
        message.devices.add(container_path=container_path, host_path=host_path, permissions=permissions)
    return message


def stop_signal(name: str) -> pb.Signal.ValueType:
    """CRI's number of a signal as pods name it (`SIGRTMIN+3`). Raises ValueError for an unknown one."""
    return pb.Signal.Value(name.replace("+", "PLUS").replace("-", "MINUS"))


def _namespaces(value: k.NamespaceOption) -> pb.NamespaceOption:
    return pb.NamespaceOption(
        network=pb.NamespaceMode.Value(value.network),
        pid=pb.NamespaceMode.Value(value.pid),
        ipc=pb.NamespaceMode.Value(value.ipc),
        target_id=value.target_id,
    )


def _profile(value: k.SecurityProfile) -> pb.SecurityProfile:
    kind = pb.SecurityProfile.ProfileType.Value(value.profile_type)
    return pb.SecurityProfile(profile_type=kind, localhost_ref=value.localhost_ref)


def _common_security(
    message: Any, value: k.LinuxSandboxSecurityContext | k.LinuxContainerSecurityContext
) -> None:
    """What the security contexts of sandboxes and containers have in common."""
    message.namespace_options.CopyFrom(_namespaces(value.namespace_options))
    message.readonly_rootfs = value.readonly_rootfs
    message.supplemental_groups.extend(value.supplemental_groups)
    message.privileged = value.privileged
    if value.run_as_user is not None:
        message.run_as_user.value = value.run_as_user
    if value.run_as_group is not None:
        message.run_as_group.value = value.run_as_group
    if value.seccomp is not None:
        message.seccomp.CopyFrom(_profile(value.seccomp))
    if value.apparmor is not None:
        message.apparmor.CopyFrom(_profile(value.apparmor))
    if (selinux := value.selinux_options) is not None:
        options = pb.SELinuxOption(
            user=selinux.user, role=selinux.role, type=selinux.type, level=selinux.level
        )
        message.selinux_options.CopyFrom(options)


def _sandbox_security(value: k.LinuxSandboxSecurityContext) -> pb.LinuxSandboxSecurityContext:
    message = pb.LinuxSandboxSecurityContext()
    _common_security(message, value)
    return message


def _container_security(value: k.LinuxContainerSecurityContext) -> pb.LinuxContainerSecurityContext:
    message = pb.LinuxContainerSecurityContext(
        run_as_username=value.run_as_username,
        no_new_privs=value.no_new_privs,
        masked_paths=value.masked_paths,
        readonly_paths=value.readonly_paths,
        capabilities=pb.Capability(
            add_capabilities=value.capabilities.add, drop_capabilities=value.capabilities.drop
        ),
    )
    _common_security(message, value)
    return message


# --- from CRI ---------------------------------------------------------------------------------------------------


def _sandbox_metadata(message: pb.PodSandboxMetadata) -> k.PodSandboxMetadata:
    return k.PodSandboxMetadata(message.name, message.uid, message.namespace, message.attempt)


def _sandbox_state(number: int) -> k.SandboxState:
    return "READY" if number == pb.PodSandboxState.SANDBOX_READY else "NOTREADY"


def container_state(number: int) -> k.ContainerState:
    states: dict[int, k.ContainerState] = {0: "CREATED", 1: "RUNNING", 2: "EXITED"}
    return states.get(number, "UNKNOWN")


def sandbox(message: pb.PodSandbox) -> k.PodSandbox:
    return k.PodSandbox(
        message.id,
        _sandbox_metadata(message.metadata),
        _sandbox_state(message.state),
        message.created_at / NANOS,
        dict(message.labels),
        dict(message.annotations),
        message.runtime_handler,
    )


def sandbox_status(message: pb.PodSandboxStatus) -> k.PodSandboxStatus:
    ips = [message.network.ip, *(extra.ip for extra in message.network.additional_ips)]
    options = message.linux.namespaces.options
    modes: dict[int, k.NamespaceMode] = {0: "POD", 1: "CONTAINER", 2: "NODE", 3: "TARGET"}
    return k.PodSandboxStatus(
        message.id,
        _sandbox_metadata(message.metadata),
        _sandbox_state(message.state),
        message.created_at / NANOS,
        tuple(ip for ip in ips if ip),
        dict(message.labels),
        dict(message.annotations),
        k.NamespaceOption(modes[options.network], modes[options.pid], modes[options.ipc], options.target_id),
    )


def container(message: pb.Container) -> k.Container:
    return k.Container(
        message.id,
        message.pod_sandbox_id,
        k.ContainerMetadata(message.metadata.name, message.metadata.attempt),
        container_state(message.state),
        message.created_at / NANOS,
        message.image.image,
        message.image_ref,
        message.image_id,
        dict(message.labels),
        dict(message.annotations),
    )


def container_status(message: pb.ContainerStatus) -> k.ContainerStatus:
    return k.ContainerStatus(
        message.id,
        k.ContainerMetadata(message.metadata.name, message.metadata.attempt),
        container_state(message.state),
        message.created_at / NANOS,
        message.started_at / NANOS,
        message.finished_at / NANOS,
        message.exit_code,
        message.reason,
        message.message,
        message.image.image,
        message.image_ref,
        message.image_id,
        dict(message.labels),
        dict(message.annotations),
        tuple(k.Mount(m.container_path, m.host_path, m.readonly) for m in message.mounts),
        message.log_path,
    )


def stats(message: pb.ContainerStats) -> k.ContainerStats:
    attributes = message.attributes
    return k.ContainerStats(
        attributes.id,
        k.ContainerMetadata(attributes.metadata.name, attributes.metadata.attempt),
        message.cpu.timestamp / NANOS,
        message.cpu.usage_core_nano_seconds.value,
        message.memory.working_set_bytes.value,
        message.memory.usage_bytes.value,
        message.memory.rss_bytes.value,
        message.writable_layer.used_bytes.value,
        dict(attributes.labels),
    )


def image(message: pb.Image) -> k.Image:
    return k.Image(
        message.id,
        tuple(message.repo_tags),
        tuple(message.repo_digests),
        message.size,
        message.uid.value if message.HasField("uid") else None,
        message.username,
        message.pinned,
    )
