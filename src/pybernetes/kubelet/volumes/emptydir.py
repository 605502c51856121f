"""emptyDir: a directory that lives as long as the pod; with medium Memory a tmpfs of its size limit."""

from __future__ import annotations

from pybernetes.api.meta import Obj
from pybernetes.lang import quantity

from .plugin import MountError, VolumeContext, VolumePlugin

DIRECTORY = "kubernetes.io~empty-dir"


async def set_up(context: VolumeContext, volume: Obj, path: str) -> None:
    source = volume.get("emptyDir") or {}
    medium = source.get("medium") or ""
    if medium == "Memory":
        limit = source.get("sizeLimit")
        await context.host.mount_tmpfs(path, quantity.units(limit) if limit is not None else 0)
    elif medium:
        raise MountError(f'unknown storage medium "{medium}"')
    await context.host.make_dir(path, 0o777)
    if context.fs_group is not None:
        await context.host.set_fs_group(path, context.fs_group)


PLUGIN = VolumePlugin("emptyDir", DIRECTORY, set_up)
