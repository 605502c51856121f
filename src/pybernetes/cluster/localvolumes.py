"""Volumes of class `local-path` on one node: the directories of those that are deleted are removed.

The controller that makes the volumes (`controllers/localpath.py`) knows only objects; this is its hand on the node. A
volume that is being deleted keeps its finalizer until its directory is gone.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path

from pybernetes.api import kinds
from pybernetes.api.cells import dig
from pybernetes.api.errors import AlreadyExists, ApiError
from pybernetes.api.meta import Obj, is_deleting, key_of, resource_version_of
from pybernetes.client.informers import Informers
from pybernetes.client.interface import Client
from pybernetes.controllers.localpath import FINALIZER, default_storage_class, directory_of, is_ours, node_of
from pybernetes.controllers.volumes import has_finalizer

log = logging.getLogger("localvolumes")
TRY_AGAIN = 5.0


async def ensure_storage_class(client: Client) -> None:
    """Makes the default StorageClass of a cluster that has no StorageClass at all; one that was removed or changed
    while others are there stays so."""
    if (await client.list(kinds.STORAGECLASS, limit=1)).items:
        return
    try:
        await client.create(kinds.STORAGECLASS, default_storage_class())
    except AlreadyExists:
        return


def clear(path: Path, directory: Path) -> None:
    """Removes a directory right below `directory`; what a volume says elsewhere is not ours to remove."""
    if path.parent != directory or path.name in ("", "..") or path.is_symlink():
        log.error("%s is not a directory of ours, so it stays", path)
    elif path.exists():
        shutil.rmtree(path)


class LocalVolumes:
    """Removes the directories of deleted volumes on the node `host`, below `directory` and nowhere else."""

    def __init__(self, client: Client, informers: Informers, host: str, directory: Path) -> None:
        self._client = client
        self._volumes = informers.of(kinds.PERSISTENTVOLUME)
        self._host = host
        self._directory = directory
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        self._volumes.on_event(lambda _change, _old, new: self._note(new))
        while True:
            await self._changed.wait()
            self._changed.clear()
            for volume in [each for each in self._volumes.list() if self._is_due(each)]:
                try:
                    await self._remove(volume)
                except (ApiError, OSError) as error:
                    log.warning("%s: %s; again in %.0f s", key_of(volume), error, TRY_AGAIN)
                    asyncio.get_running_loop().call_later(TRY_AGAIN, self._changed.set)

    def _note(self, volume: Obj | None) -> None:
        if volume is not None and self._is_due(volume):
            self._changed.set()

    def _is_due(self, volume: Obj) -> bool:
        return (
            is_deleting(volume)
            and is_ours(volume)
            and has_finalizer(volume, FINALIZER)
            and node_of(volume) == self._host
            and dig(volume, "status", "phase") != "Bound"
        )

    async def _remove(self, volume: Obj) -> None:
        await asyncio.to_thread(clear, Path(directory_of(volume)), self._directory)
        finalizers = [name for name in volume["metadata"]["finalizers"] if name != FINALIZER]
        patch = {
            "metadata": {"finalizers": finalizers or None, "resourceVersion": resource_version_of(volume)}
        }
        await self._client.patch(kinds.PERSISTENTVOLUME, volume["metadata"]["name"], "", patch)
