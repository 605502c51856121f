"""What a kubelet is told when it starts (upstream's KubeletConfiguration and flags, by upstream's names)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pybernetes.api.meta import Obj


@dataclass(frozen=True, slots=True)
class KubeletConfig:
    """Times in seconds. `reserved` is subtracted from capacity to give allocatable (quantities as strings)."""

    node_name: str
    node_ips: tuple[str, ...]
    """The node's addresses, the primary first (`--node-ip`)."""
    cluster_dns: tuple[str, ...] = ()
    cluster_domain: str = "cluster.local"
    root_dir: str = "/var/lib/kubelet"
    pod_logs_dir: str = "/var/log/pods"
    pod_cidr: str = ""
    """For hollow runtimes and nodes without a controller that hands out ranges; "" leaves `spec.podCIDR` alone."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Obj, ...] = ()
    max_pods: int = 110
    provider_id: str = ""
    hostname: str = ""
    """"" takes the machine's."""
    version: str = "v1.37.0"
    port: int = 10250
    """Of the kubelet's own server, as told in `status.daemonEndpoints`."""
    register_node: bool = True
    reserved: Mapping[str, str] = field(default_factory=lambda: {"memory": "100Mi"})
    node_lease_duration: int = 40
    node_status_report_frequency: float = 300.0
    node_status_update_frequency: float = 10.0
    serialize_image_pulls: bool = True
    change_detection: Literal["Watch", "Get"] = "Watch"
    """How mounted ConfigMaps and Secrets follow their objects: a watch on each, or read again at `sync_frequency`."""
    sync_frequency: float = 60.0
    max_container_backoff: float = 300.0
    max_dead_containers_per_container: int = 1
    image_minimum_gc_age: float = 120.0
    image_gc_high_threshold: int = 85
    """Percent of the image file system in use above which unused images are removed, down to the low threshold."""
    image_gc_low_threshold: int = 80
    pod_pids_limit: int = 0
    cgroups_per_qos: bool = True
    enable_server: bool = True

    @property
    def pods_dir(self) -> str:
        return f"{self.root_dir}/pods"

    def pod_dir(self, uid: str) -> str:
        return f"{self.root_dir}/pods/{uid}"
