"""Volumes of class `local-path` on one node: their directories are made, and removed with those that are deleted.

The controller that makes the volumes (`controllers/localpath.py`) knows only objects; this is its hand on the node. A
pod waits until the directory is there; a volume that is being deleted keeps its finalizer until it is gone.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path

from pybernetes.api import kinds
from pybernetes.api.cells import dig
from pybernetes.api.errors import AlreadyExists, ApiError
from pybernetes.api.meta import Obj, is_deleting, key_of, resource_version_of, uid_of
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


def make(path: Path, directory: Path) -> None:
    """Makes a volume's directory, if it is not there, for pods of any user."""
    if path.parent != directory or path.name in ("", ".."):
        log.error("%s is not a directory of ours, so it is not made", path)
    elif not path.exists():
        path.mkdir(parents=True)
        path.chmod(0o777)


class LocalVolumes:
    """Makes and removes the directories of volumes on the node `host`, below `directory` and nowhere else."""

    def __init__(self, client: Client, informers: Informers, host: str, directory: Path) -> None:
        self._client = client
        self._volumes = informers.of(kinds.PERSISTENTVOLUME)
        self._host = host
        self._directory = directory
        self._changed = asyncio.Event()
        self._made: set[str] = set()
        """Uids of the volumes whose directories are there."""

    async def run(self) -> None:
        """Until cancelled."""
        self._volumes.on_event(lambda _change, _old, new: self._note(new))
        while True:
            await self._changed.wait()
            self._changed.clear()
            for volume in self._volumes.list():
                try:
                    await self._look_after(volume)
                except (ApiError, OSError) as error:
                    log.warning("%s: %s; again in %.0f s", key_of(volume), error, TRY_AGAIN)
                    asyncio.get_running_loop().call_later(TRY_AGAIN, self._changed.set)

    def _note(self, volume: Obj | None) -> None:
        if volume is not None and (self._is_due(volume) or self._is_to_be_made(volume)):
            self._changed.set()

    async def _look_after(self, volume: Obj) -> None:
        if self._is_due(volume):
            await self._remove(volume)
        elif self._is_to_be_made(volume):
            await asyncio.to_thread(make, Path(directory_of(volume)), self._directory)
            self._made.add(uid_of(volume))

    def _is_to_be_made(self, volume: Obj) -> bool:
        """Once in a run: a directory that somebody has removed behind our back must not come back empty."""
        return (
            not is_deleting(volume)
            and uid_of(volume) not in self._made
            and is_ours(volume)
            and node_of(volume) == self._host
        )

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
