"""secret: each key a file on a tmpfs, following the object."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api.meta import Obj
from pybernetes.kubelet.env import SourceKind

from .payload import DEFAULT_MODE, object_payload
from .plugin import VolumeContext, VolumePlugin


async def set_up(context: VolumeContext, volume: Obj, path: str) -> None:
    source = volume["secret"]
    name = source.get("secretName", "")
    obj = await context.fetch("secret", name)
    files = object_payload("secret", obj, source, name, source.get("defaultMode", DEFAULT_MODE))
    await context.host.mount_tmpfs(path)
    await context.host.write_payload(path, files, fs_group=context.fs_group)


def references(volume: Obj) -> Iterable[tuple[SourceKind, str]]:
    yield "secret", volume["secret"].get("secretName", "")


PLUGIN = VolumePlugin("secret", "kubernetes.io~secret", set_up, references, live=True)
