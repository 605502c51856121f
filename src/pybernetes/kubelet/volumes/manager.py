"""Mounting a pod's volumes, keeping their contents current, and taking them down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from pybernetes.api.errors import ApiError
from pybernetes.api.meta import Obj, namespace_of, uid_of
from pybernetes.client.interface import Client
from pybernetes.kubelet import podspec
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.containers import volume_mount
from pybernetes.kubelet.env import ConfigError, SourceKind
from pybernetes.kubelet.env import references as env_references
from pybernetes.kubelet.expansion import expand, unresolved
from pybernetes.kubelet.fieldref import NodeFacts
from pybernetes.kubelet.host import Host
from pybernetes.kubelet.references import Reference, References
from pybernetes.kubelet.runtime import Mount
from pybernetes.kubelet.tokens import Tokens

from .bound import BoundVolumes
from .claims import NotProcessed, Unmountable
from .plugin import MountError, VolumeContext, VolumePlugin, volume_path
from .table import plugin_for

MOUNT_PATIENCE = 122.0
"""Seconds between two tries to mount what cannot be mounted, at most (upstream: two minutes and two seconds)."""
CLAIM_PATIENCE = 5.0
"""The same while a claim is not ready: a kubelet may not watch it, so it asks again."""


class VolumesFailed(Exception):
    """`problems` are the texts of FailedMount events; `patience`: the longest wait (seconds) before the next try."""

    def __init__(self, problems: tuple[str, ...], patience: float = MOUNT_PATIENCE) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
        self.patience = patience


class VolumeManager:
    def __init__(
        self,
        config: KubeletConfig,
        host: Host,
        references: References,
        tokens: Tokens,
        node: Callable[[], NodeFacts],
        client: Client,
    ) -> None:
        """`client` reads claims, and the volumes bound to them."""
        self.bound = BoundVolumes(client, config.node_name)
        self._config = config
        self._host = host
        self._references = references
        self._tokens = tokens
        self._node = node

    async def mount(self, pod: Obj) -> None:
        """Sets every volume up, all at once. Idempotent. Raises VolumesFailed."""
        await self._set_up(pod, lambda _plugin: True)

    async def refresh(self, pod: Obj) -> None:
        """Writes again what follows objects, the pod or a token's life. Raises VolumesFailed."""
        await self._set_up(pod, lambda plugin: plugin.live)

    def next_refresh(self, pod: Obj) -> float | None:
        """When a token in a volume wants renewing (Unix time)."""
        return self._tokens.next_refresh(uid_of(pod))

    async def tear_down(self, pod_uid: str) -> None:
        """Unmounts and removes everything of a pod on this node, its directory too. Raises OSError."""
        directory = self._config.pod_dir(pod_uid)
        for mount in await self._host.mounts_under(directory):
            await self._host.unmount(mount)
        await self._host.remove_tree(directory)
        self.bound.forget(pod_uid)
        self._references.hold(pod_uid, ())
        self._tokens.forget(pod_uid)

    async def mounts(self, pod: Obj, container: Obj, environment: dict[str, str]) -> tuple[Mount, ...]:
        """The container's mounts. Raises ConfigError where a subPath cannot be used."""
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or ()}
        found = []
        for index, mount in enumerate(container.get("volumeMounts") or ()):
            volume = volumes.get(mount["name"])
            if volume is None:
                raise ConfigError(
                    f'cannot find volume "{mount["name"]}" to mount into container "{container["name"]}"'
                )
            source = await self._source(pod, volume)
            path = volume_path(self._config, pod, plugin_for(source), source)
            if sub_path := _sub_path(mount, environment):
                path = await self._sub_path(pod, container, index, path, sub_path, mount)
            read_only = (volume.get("persistentVolumeClaim") or {}).get("readOnly")
            found.append(volume_mount({**mount, "readOnly": True} if read_only else mount, path))
        return tuple(found)

    async def _source(self, pod: Obj, volume: Obj) -> Obj:
        """The volume itself, or what stands behind the claim that it names. Raises ConfigError."""
        try:
            return await self.bound.resolve(pod, volume)
        except (MountError, ApiError, OSError) as error:
            raise ConfigError(f'cannot find volume "{volume["name"]}": {error}') from error

    async def fetch_for_env(self, pod: Obj, container: Obj) -> dict[tuple[SourceKind, str], Obj | None]:
        """The objects that the container's environment refers to."""
        found: dict[tuple[SourceKind, str], Obj | None] = {}
        for kind, name in env_references(container):
            found[kind, name] = await self._references.get((kind, namespace_of(pod), name), uid_of(pod))
        return found

    def _wanted(self, pod: Obj) -> set[Reference]:
        wanted = {(kind, name) for c in podspec.every_container(pod) for kind, name in env_references(c)}
        wanted |= {("secret", entry.get("name", "")) for entry in pod["spec"].get("imagePullSecrets") or ()}
        for volume in pod["spec"].get("volumes") or ():
            try:
                if not self.bound.is_claimed(volume):
                    wanted |= set(plugin_for(volume).references(volume))
            except MountError:
                continue  # told when it is mounted
        return {(kind, namespace_of(pod), name) for kind, name in wanted}

    async def _set_up(self, pod: Obj, chosen: Callable[[VolumePlugin], bool]) -> None:
        uid = uid_of(pod)
        self._references.hold(uid, self._wanted(pod))
        context = VolumeContext(
            pod,
            self._config,
            self._host,
            self._node(),
            fetch=lambda kind, name: self._references.get((kind, namespace_of(pod), name), uid),
            token=lambda audience, seconds: self._token(pod, audience, seconds),
        )
        volumes = pod["spec"].get("volumes") or ()
        setting_up = [self._one(context, volume, chosen) for volume in volumes]
        failures = [await setting_up[0]] if len(setting_up) == 1 else await asyncio.gather(*setting_up)
        unprocessed = [
            (v["name"], f) for v, f in zip(volumes, failures, strict=True) if isinstance(f, NotProcessed)
        ]
        problems = [str(f) for f in failures if f is not None and not isinstance(f, NotProcessed)]
        if unprocessed:
            problems.append(_unprocessed(unprocessed))
        if problems:
            raise VolumesFailed(tuple(problems), CLAIM_PATIENCE if unprocessed else MOUNT_PATIENCE)

    async def _token(self, pod: Obj, audience: str, seconds: int) -> str:
        return (await self._tokens.get(pod, audience, seconds)).text

    async def _one(
        self, context: VolumeContext, volume: Obj, chosen: Callable[[VolumePlugin], bool]
    ) -> MountError | None:
        """Why it failed, in the words of the event."""
        name = volume["name"]
        try:
            source = await self.bound.resolve(context.pod, volume)
            name = source.get("persistentVolume", name)
            plugin = plugin_for(source)
            if chosen(plugin):
                await plugin.set_up(context, source, volume_path(self._config, context.pod, plugin, source))
        except (NotProcessed, Unmountable) as error:
            return error
        except (MountError, ApiError, OSError) as error:
            return MountError(f'MountVolume.SetUp failed for volume "{name}" : {error}')
        return None

    async def _sub_path(
        self, pod: Obj, container: Obj, index: int, path: str, sub_path: str, mount: Obj
    ) -> str:
        target = (
            f"{self._config.pod_dir(uid_of(pod))}/volume-subpaths/{mount['name']}/{container['name']}/{index}"
        )
        try:
            return await self._host.bind_sub_path(path, sub_path, target)
        except OSError as error:
            name = container["name"]
            raise ConfigError(
                f'failed to prepare subPath for volumeMount "{mount["name"]}" of container "{name}": {error}'
            ) from error


def _unprocessed(failures: Sequence[tuple[str, MountError]]) -> str:
    """What upstream says of a pod whose claims are not ready."""
    names = " ".join(name for name, _ in failures)
    texts = [str(error) for _, error in failures]
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    return (
        f"Unable to attach or mount volumes: unmounted volumes=[{names}], unattached volumes=[], "
        f"failed to process volumes=[{names}]: {text}"
    )


def _sub_path(mount: Obj, environment: dict[str, str]) -> str:
    """Raises ConfigError where `subPathExpr` names a variable that is not set, or the path may not be mounted."""
    expression = mount.get("subPathExpr")
    if not expression:
        path = str(mount.get("subPath") or "")
    elif missing := unresolved(expression, environment):
        raise ConfigError(f"missing value for {missing[0]!r}")
    else:
        path = expand(expression, environment)
    if path.startswith("/"):
        raise ConfigError(f"error SubPath `{path}` must not be an absolute path")
    if ".." in path.split("/"):
        raise ConfigError(f"unable to provision SubPath `{path}`: must not contain '..'")
    return path
