"""The volume plugins, by the field that names them."""

from __future__ import annotations

from pybernetes.api.meta import Obj

from . import configmap, downwardapi, emptydir, hostpath, local, projected, secret
from .plugin import MountError, VolumePlugin

VOLUME_PLUGINS: tuple[VolumePlugin, ...] = (
    emptydir.PLUGIN,
    hostpath.PLUGIN,
    local.PLUGIN,
    configmap.PLUGIN,
    secret.PLUGIN,
    downwardapi.PLUGIN,
    projected.PLUGIN,
)


def plugin_for(volume: Obj) -> VolumePlugin:
    """Raises MountError for a source that no plugin serves."""
    for plugin in VOLUME_PLUGINS:
        if plugin.source in volume:
            return plugin
    if set(volume) == {"name"}:
        return emptydir.PLUGIN  # a volume without a source is an emptyDir
    raise MountError("no volume plugin matched")
