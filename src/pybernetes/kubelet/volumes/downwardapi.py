"""downwardAPI: fields of the pod as files, following its labels and annotations."""

from __future__ import annotations

from pybernetes.api.meta import Obj

from .payload import DEFAULT_MODE, downward_payload
from .plugin import VolumeContext, VolumePlugin


async def set_up(context: VolumeContext, volume: Obj, path: str) -> None:
    source = volume["downwardAPI"]
    mode = source.get("defaultMode", DEFAULT_MODE)
    files = downward_payload(context.pod, source.get("items") or [], context.node, mode)
    await context.host.mount_tmpfs(path)
    await context.host.write_payload(path, files, fs_group=context.fs_group)


PLUGIN = VolumePlugin("downwardAPI", "kubernetes.io~downward-api", set_up, live=True)
