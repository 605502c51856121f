"""local: a directory or a mounted disk of the node that somebody has prepared, behind a PersistentVolume."""

from __future__ import annotations

from pybernetes.api.meta import Obj

from .claims import Unmountable
from .plugin import VolumeContext, VolumePlugin


async def set_up(context: VolumeContext, volume: Obj, path: str) -> None:
    if await context.host.path_type(path) != "Directory":
        what, text = "MountVolume.NewMounter initialization failed", f'path "{path}" does not exist'
        raise Unmountable(f'{what} for volume "{volume["persistentVolume"]}" : {text}')
    if context.fs_group is not None:
        security = context.pod["spec"].get("securityContext") or {}
        keep = security.get("fsGroupChangePolicy") == "OnRootMismatch"
        await context.host.set_fs_group(path, context.fs_group, only_root_mismatch=keep)


PLUGIN = VolumePlugin(
    "local", "kubernetes.io~local-volume", set_up, host_path=lambda volume: str(volume["local"]["path"])
)
