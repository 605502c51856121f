"""The sandbox's configuration from a pod."""

from __future__ import annotations

from pybernetes.api.meta import Obj, name_of, namespace_of, uid_of

from . import cgroups, dns, labels, podspec, security
from .config import KubeletConfig
from .host import Host
from .runtime import PodSandboxConfig, PodSandboxMetadata, PortMapping


def log_directory(pod: Obj, config: KubeletConfig) -> str:
    """`/var/log/pods/<namespace>_<name>_<uid>`."""
    return f"{config.pod_logs_dir}/{namespace_of(pod)}_{name_of(pod)}_{uid_of(pod)}"


def sandbox_config(pod: Obj, config: KubeletConfig, host: Host, attempt: int) -> PodSandboxConfig:
    host_network = podspec.is_host_network(pod)
    domain = dns.host_domain(pod, config)
    name = dns.host_name(pod)
    if domain and pod["spec"].get("setHostnameAsFQDN"):
        name = f"{name}.{domain}"
    sysctls = (pod["spec"].get("securityContext") or {}).get("sysctls") or ()
    return PodSandboxConfig(
        metadata=PodSandboxMetadata(name_of(pod), uid_of(pod), namespace_of(pod), attempt),
        hostname="" if host_network else name,
        log_directory=log_directory(pod, config),
        dns_config=dns.pod_dns(pod, config, host.resolv_conf()),
        port_mappings=() if host_network else _port_mappings(pod),
        labels=labels.sandbox_labels(pod),
        annotations=labels.sandbox_annotations(pod),
        cgroup_parent=host.cgroup_parent(cgroups.pod_cgroup(pod)) if config.cgroups_per_qos else "",
        security_context=security.sandbox_security(pod),
        sysctls={entry["name"]: entry["value"] for entry in sysctls},
        runtime_handler="",
    )


def _port_mappings(pod: Obj) -> tuple[PortMapping, ...]:
    return tuple(
        PortMapping(
            port.get("protocol") or "TCP", port["containerPort"], port["hostPort"], port.get("hostIP", "")
        )
        for container in podspec.every_container(pod)
        for port in container.get("ports") or ()
        if port.get("hostPort")
    )
