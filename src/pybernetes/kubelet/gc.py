"""Removing what nobody needs any more: dead containers, old sandboxes, unused images, traces of pods long gone."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence

from pybernetes.clock import Env

from . import cgroups, labels
from .config import KubeletConfig
from .host import Host
from .runtime import Container, CRIError, ImageService, ImageSpec, PodSandbox, RuntimeService
from .volumes.manager import VolumeManager

log = logging.getLogger("kubelet.gc")

PERIOD = 60.0


def dead_containers(containers: Sequence[Container], keep: int) -> list[Container]:
    """Of each container of each pod, the exited ones beyond the newest `keep`."""
    by_name: dict[tuple[str, str], list[Container]] = defaultdict(list)
    for container in containers:
        if container.state == "EXITED" and (uid := container.labels.get(labels.POD_UID)):
            by_name[uid, container.metadata.name].append(container)
    surplus: list[Container] = []
    for exited in by_name.values():
        exited.sort(key=lambda c: (c.metadata.attempt, c.created_at), reverse=True)
        surplus += exited[keep:]
    return surplus


def dead_sandboxes(sandboxes: Sequence[PodSandbox], containers: Sequence[Container]) -> list[PodSandbox]:
    """Stopped sandboxes that a newer one of the same pod has replaced and that hold no container any more."""
    newest: dict[str, int] = defaultdict(int)
    for sandbox in sandboxes:
        owner = sandbox.labels.get(labels.POD_UID, "")
        newest[owner] = max(newest[owner], sandbox.metadata.attempt)
    used = {container.pod_sandbox_id for container in containers}
    return [
        sandbox
        for sandbox in sandboxes
        if (uid := sandbox.labels.get(labels.POD_UID))
        and sandbox.state == "NOTREADY"
        and sandbox.metadata.attempt < newest[uid]
        and sandbox.id not in used
    ]


class GarbageCollector:
    """`pods`: uids of pods that have a worker; what bears another pod's uid on this node is an orphan."""

    def __init__(
        self,
        config: KubeletConfig,
        env: Env,
        runtime: RuntimeService,
        images: ImageService,
        host: Host,
        volumes: VolumeManager,
        pods: Callable[[], Collection[str]],
    ) -> None:
        self._config = config
        self._env = env
        self._runtime = runtime
        self._images = images
        self._host = host
        self._volumes = volumes
        self._pods = pods
        self._last_used: dict[str, float] = {}

    async def collect(self) -> None:
        """One round; what fails is logged and tried in the next one."""
        for step in (self._containers, self.orphans, self._unused_images):
            try:
                await step()
            except (CRIError, OSError) as error:
                log.warning("%s", error)

    async def _containers(self) -> None:
        containers = await self._runtime.list_containers()
        surplus = dead_containers(containers, self._config.max_dead_containers_per_container)
        for container in surplus:
            await self._runtime.remove_container(container.id)
        gone = {container.id for container in surplus}
        left = [container for container in containers if container.id not in gone]
        for sandbox in dead_sandboxes(await self._runtime.list_pod_sandbox(), left):
            await self._runtime.stop_pod_sandbox(sandbox.id)
            await self._runtime.remove_pod_sandbox(sandbox.id)

    async def orphans(self) -> None:
        """Directories and cgroups of pods that are gone. Raises OSError."""
        for uid in await self._host.list_dir(self._config.pods_dir):
            if uid not in self._pods():
                log.info("removing the volumes of pod %s, which is gone", uid)
                await self._volumes.tear_down(uid)
        if not self._config.cgroups_per_qos:
            return
        for parent in (cgroups.ROOT, cgroups.BURSTABLE, cgroups.BESTEFFORT):
            for name in await self._host.list_cgroups(parent):
                if name.startswith("pod") and name.removeprefix("pod") not in self._pods():
                    await self._host.remove_cgroup((*parent, name))

    async def _unused_images(self) -> None:
        """When the disk is nearly full, images that no container uses go, the longest unused first."""
        now = self._env.now()
        used = {
            ref for c in await self._runtime.list_containers() for ref in (c.image, c.image_ref, c.image_id)
        }
        images = await self._images.list_images()
        for image in images:
            names = {image.id, *image.repo_tags, *image.repo_digests}
            if names & used or image.id not in self._last_used:
                self._last_used[image.id] = now
        pressure = self._host.pressure()
        if not pressure.disk_capacity:
            return
        taken = pressure.disk_capacity - pressure.disk_available
        if taken * 100 < self._config.image_gc_high_threshold * pressure.disk_capacity:
            return
        surplus = taken - pressure.disk_capacity * self._config.image_gc_low_threshold // 100
        for image in sorted(images, key=lambda image: self._last_used[image.id]):
            idle = now - self._last_used[image.id]
            if surplus <= 0 or idle < self._config.image_minimum_gc_age:
                return
            if not image.pinned:
                log.info("removing unused image %s", image.id)
                await self._images.remove_image(ImageSpec(image.id))
                surplus -= image.size
