"""What every pod worker of a kubelet shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pybernetes.api.meta import Obj
from pybernetes.client.interface import Client
from pybernetes.clock import Env
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.fieldref import NodeFacts
from pybernetes.kubelet.host import Host
from pybernetes.kubelet.images import ImageManager
from pybernetes.kubelet.probes.prober import Prober
from pybernetes.kubelet.recorder import Recorder
from pybernetes.kubelet.references import References
from pybernetes.kubelet.runtime import RuntimeService
from pybernetes.kubelet.status import StatusManager
from pybernetes.kubelet.volumes.manager import VolumeManager


@dataclass(frozen=True, slots=True)
class Parts:
    """`services` gives the service variables of a pod, or None while the services have not been read."""

    config: KubeletConfig
    env: Env
    client: Client
    runtime: RuntimeService
    runtime_name: str
    images: ImageManager
    host: Host
    volumes: VolumeManager
    references: References
    prober: Prober
    statuses: StatusManager
    recorder: Recorder
    node: Callable[[], NodeFacts]
    node_memory: int
    services: Callable[[Obj], Mapping[str, str] | None]
