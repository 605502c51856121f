"""configMap: each key a file, following the object."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api.meta import Obj
from pybernetes.kubelet.env import SourceKind

from .payload import DEFAULT_MODE, object_payload
from .plugin import VolumeContext, VolumePlugin


async def set_up(context: VolumeContext, volume: Obj, path: str) -> None:
    source = volume["configMap"]
    name = source.get("name", "")
    obj = await context.fetch("configmap", name)
    files = object_payload("configmap", obj, source, name, source.get("defaultMode", DEFAULT_MODE))
    await context.host.write_payload(path, files, fs_group=context.fs_group)


def references(volume: Obj) -> Iterable[tuple[SourceKind, str]]:
    yield "configmap", volume["configMap"].get("name", "")


PLUGIN = VolumePlugin("configMap", "kubernetes.io~configmap", set_up, references, live=True)
