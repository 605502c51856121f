"""A hollow node: the kubelet itself, over a runtime, images and a machine in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pybernetes.api.meta import Obj
from pybernetes.client.informer import Informer
from pybernetes.client.interface import Client
from pybernetes.clock import Env
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.kubelet import Kubelet
from pybernetes.kubelet.recorder import Recorder

from .behaviour import Behaviour, Launch, Rule, by_rules
from .hollow_backend import HollowBackend
from .hollow_host import GIB, HollowHost, HollowMachine
from .hollow_images import HollowImages
from .hollow_runtime import HollowRuntime, no_client
from .network import HollowNetwork


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """How a hollow node is. `cpu` in cores, `memory` and `storage` in bytes."""

    name: str = ""
    """"" takes `node` and its number, from 1."""
    cpu: int = 8
    memory: int = 32 * GIB
    storage: int = 200 * GIB
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[Obj, ...] = ()


class HollowNode:
    """`run` until cancelled; what its pods do outlives the kubelet (`run` again takes them over), not the object."""

    def __init__(
        self,
        client: Client,
        world: Env,
        spec: NodeSpec,
        config: KubeletConfig,
        *,
        rules: Sequence[Rule] = (),
        behaviour: Behaviour | None = None,
        network: HollowNetwork | None = None,
        client_of: Callable[[Launch], Client] = no_client,
        services: Informer | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        """`config` is complete; of `spec` only what the machine has is taken. `behaviour` None: `rules`,
        then annotations. See `HollowRuntime` and `Kubelet` for the rest."""
        self.name = config.node_name
        self.skew = 0.0
        """By how many seconds its clock is wrong."""
        env = Env(now=lambda: world.now() + self.skew, rng=world.rng)
        self.config = config
        self.images = HollowImages(env, rules=rules)
        machine = HollowMachine(self.name, spec.cpu, spec.memory, spec.storage)
        self.host = HollowHost(machine, network=network)
        self.runtime = HollowRuntime(
            env,
            config.pod_cidr,
            config.node_ips[0],
            behaviour or by_rules(rules),
            network=network,
            client_of=client_of,
            file_of=self.host.file,
        )
        self.spec = spec
        self._client, self._env = client, env
        self._services, self._recorder = services, recorder
        self._kubelet = self._new_kubelet()
        self.backend = HollowBackend(self.runtime, lambda: self._kubelet.pods())

    async def run(self, gate: asyncio.Semaphore | None = None) -> None:
        """One life of the kubelet. `gate` bounds how many nodes register at the same time."""
        self._kubelet = kubelet = self._new_kubelet()
        if gate is None:
            await kubelet.run()
            return
        async with asyncio.TaskGroup() as group, gate:
            group.create_task(kubelet.run(), name=f"kubelet {self.name}")
            await kubelet.ready.wait()

    def adopt(self, other: HollowNode) -> None:
        """Becomes what another node is now; before `run`."""
        self.images.adopt(other.images)
        self.host.adopt(other.host)
        self.runtime.adopt(other.runtime)

    async def close(self) -> None:
        """Ends what containers would still do."""
        await self.runtime.close()

    def _new_kubelet(self) -> Kubelet:
        return Kubelet(
            self._client,
            self.runtime,
            self.images,
            self.host,
            self._env,
            self.config,
            services=self._services,
            recorder=self._recorder,
        )
