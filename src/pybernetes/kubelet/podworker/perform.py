"""Performing a plan's actions on the runtime, the host and the API. One function per action."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, Conflict, NotFound
from pybernetes.api.meta import Obj, name_of, namespace_of, resource_version_of, uid_of
from pybernetes.client.interface import Reaction
from pybernetes.kubelet import allocation, cgroups, podspec
from pybernetes.kubelet.images import auths_for
from pybernetes.kubelet.recorder import tell_about
from pybernetes.kubelet.references import Reference
from pybernetes.kubelet.runtime import AuthConfig, CRIError
from pybernetes.kubelet.sandbox import sandbox_config
from pybernetes.kubelet.volumes.manager import VolumesFailed

from .actions import (
    Action,
    CleanUp,
    CreateSandbox,
    DeletePod,
    EnsureImage,
    KillContainer,
    MountVolumes,
    RemoveContainer,
    RemoveSandbox,
    ResizeContainer,
    RunPreStop,
    StartContainer,
    StopSandbox,
)
from .hooks import HookFailed, run_hook
from .memory import ActionFailed, Memory
from .parts import Parts
from .resize import resize_container
from .startcontainer import start_container
from .terminate import LEAST_GRACE
from .view import PodView

log = logging.getLogger("kubelet.pod")


class Performer:
    """The hands of one worker. `pod` gives the newest version."""

    def __init__(self, parts: Parts, pod: Callable[[], Obj], view: PodView, memory: Memory) -> None:
        self._parts = parts
        self._pod = pod
        self._view = view
        self._memory = memory

    async def perform(self, action: Action) -> None:
        """Raises ActionFailed; every other exception is a bug."""
        try:
            await self._perform(action)
        except CRIError as error:
            raise ActionFailed(type(action).__name__, str(error)) from error

    async def _perform(self, action: Action) -> None:
        match action:
            case MountVolumes():
                await self._mount_volumes()
            case CreateSandbox(attempt):
                await self._create_sandbox(attempt)
            case EnsureImage(container, attempt):
                await self._ensure_image(container, attempt)
            case StartContainer():
                await self._start(action)
            case ResizeContainer():
                await self._resize(action)
            case RunPreStop(container, container_id, grace):
                await self._pre_stop(container, container_id, grace)
                self._memory.pre_stopped.add(container_id)
            case KillContainer():
                await self._kill(action)
            case RemoveContainer(container_id):
                await self._parts.runtime.remove_container(container_id)
                await self._view.read_container(container_id)
            case StopSandbox(sandbox_id):
                await self._parts.runtime.stop_pod_sandbox(sandbox_id)
                self._memory.stopped.add(sandbox_id)
                await self._view.refresh()
            case RemoveSandbox(sandbox_id):
                await self._parts.runtime.remove_pod_sandbox(sandbox_id)
                await self._view.refresh()
            case CleanUp():
                await self._clean_up()
            case DeletePod():
                await self._delete()

    async def _start(self, action: StartContainer) -> None:
        pod = self._pod()
        container = podspec.container_named(pod, action.container)
        if container is not None:
            self._memory.given[action.container] = (action.attempt, container.get("resources") or {})
        await start_container(self._parts, pod, action, self._view, self.pod_ip())

    async def _resize(self, action: ResizeContainer) -> None:
        pod = self._pod()
        try:
            await resize_container(self._parts, pod, action, self._memory)
        except (ActionFailed, CRIError) as error:
            text = allocation.told("error", pod, str(error))
            tell_about(self._parts.recorder, pod)("Warning", "ResizeError", text)
            raise

    def pod_ip(self) -> str:
        if podspec.is_host_network(self._pod()):
            return self._parts.config.node_ips[0]
        return next((s.ips[0] for s in self._view.sandboxes if s.ips and s.state == "READY"), "")

    async def _mount_volumes(self) -> None:
        pod = self._pod()
        try:
            await self._parts.volumes.mount(pod)
        except VolumesFailed as error:
            for problem in error.problems:
                tell_about(self._parts.recorder, pod)("Warning", "FailedMount", problem)
            raise ActionFailed("FailedMount", str(error), first=0.5, most=error.patience) from error
        self._memory.volumes_ready = True

    async def _create_sandbox(self, attempt: int) -> None:
        pod, parts = self._pod(), self._parts
        try:
            if parts.config.cgroups_per_qos:
                limits = cgroups.pod_limits(pod, parts.config.pod_pids_limit)
                await parts.host.ensure_cgroup(cgroups.pod_cgroup(pod), limits)
            config = sandbox_config(pod, parts.config, parts.host, attempt)
            await parts.host.make_dir(config.log_directory)
            sandbox_id = await parts.runtime.run_pod_sandbox(config)
        except (CRIError, OSError) as error:
            text = f"Failed to create pod sandbox: {error}"
            tell_about(parts.recorder, pod)("Warning", "FailedCreatePodSandBox", text)
            await self._view.refresh()
            raise ActionFailed("FailedCreatePodSandBox", text, most=30.0) from error
        await self._view.read_sandbox(sandbox_id)

    async def _ensure_image(self, name: str, attempt: int) -> None:
        pod, parts = self._pod(), self._parts
        container = podspec.container_named(pod, name)
        if container is None:
            return
        auths = await self._pull_auths(pod, container)
        tell = tell_about(parts.recorder, pod, name)
        self._memory.images[name] = await parts.images.ensure(pod, container, attempt, auths, tell)

    async def _pull_auths(self, pod: Obj, container: Obj) -> list[AuthConfig]:
        secrets, missing = [], []
        for entry in pod["spec"].get("imagePullSecrets") or ():
            name = entry.get("name", "")
            reference: Reference = ("secret", namespace_of(pod), name)
            try:
                secret = await self._parts.references.get(reference, uid_of(pod))
            except ApiError as error:
                log.info("pull secret %s of %s: %s", name, name_of(pod), error)
                secret = None
            if secret is None:
                missing.append(name)
            else:
                secrets.append(secret)
        if missing:
            text = f"Unable to retrieve some image pull secrets ({', '.join(missing)}); attempting to pull the image may not succeed."
            tell_about(self._parts.recorder, pod)("Warning", "FailedToRetrieveImagePullSecret", text)
        return auths_for(container.get("image", ""), secrets)

    async def _pre_stop(self, name: str, container_id: str, grace: float) -> None:
        """A hook that fails or takes too long does not keep the container from stopping."""
        pod, parts = self._pod(), self._parts
        container = podspec.container_named(pod, name)
        hook = ((container or {}).get("lifecycle") or {}).get("preStop")
        if container is None or not hook:
            return
        try:
            async with asyncio.timeout(grace):
                await run_hook(hook, container, container_id, self.pod_ip(), parts.runtime, parts.host)
        except TimeoutError:
            log.info("preStop hook of %s in %s not done in %.0f s", name, name_of(pod), grace)
        except HookFailed as error:
            log.info("preStop hook of %s in %s: %s", name, name_of(pod), error)
            tell = tell_about(parts.recorder, pod, name)
            tell("Warning", "FailedPreStopHook", "PreStopHook failed")

    async def _kill(self, action: KillContainer) -> None:
        pod, parts, loop = self._pod(), self._parts, asyncio.get_running_loop()
        tell_about(parts.recorder, pod, action.container)("Normal", "Killing", action.message)
        began = loop.time()
        if action.pre_stop:
            await self._pre_stop(action.container, action.container_id, action.grace)
        left = max(action.grace - (loop.time() - began), LEAST_GRACE)
        await parts.runtime.stop_container(action.container_id, left)
        await self._view.read_container(action.container_id)

    async def _clean_up(self) -> None:
        pod, parts = self._pod(), self._parts
        try:
            if parts.config.cgroups_per_qos:
                await parts.host.remove_cgroup(cgroups.pod_cgroup(pod))
            await parts.volumes.tear_down(uid_of(pod))
        except OSError as error:
            raise ActionFailed("CleanUp", str(error), first=0.1) from error
        parts.images.forget(uid_of(pod))
        self._memory.cleaned = True
        self._memory.volumes_ready = False

    async def _delete(self) -> None:
        pod, parts = self._pod(), self._parts
        await parts.statuses.flush(uid_of(pod))
        try:
            await parts.client.delete(
                kinds.POD,
                name_of(pod),
                namespace_of(pod),
                uid=uid_of(pod),
                grace_period_seconds=0,
                reaction=Reaction(
                    "Pod",
                    namespace_of(pod),
                    name_of(pod),
                    resource_version_of(pod),
                    "nothing of it is left on the node",
                ),
            )
        except (NotFound, Conflict):
            log.debug("%s is gone already", name_of(pod))
        except (ApiError, OSError) as error:
            raise ActionFailed("DeletePod", str(error), first=0.5) from error
        self._memory.deleted = True
