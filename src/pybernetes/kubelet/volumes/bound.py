"""The volumes behind a pod's claims: read once for a pod, remembered until it is gone."""

from __future__ import annotations

from pybernetes.api import kinds
from pybernetes.api.errors import NotFound
from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj, namespace_of, uid_of
from pybernetes.client.interface import Client

from .claims import claim_of, mountable, unique_name, volume_name


class BoundVolumes:
    """A kubelet may read the claims of its pods, and the volumes bound to them, one by one."""

    def __init__(self, client: Client, node_name: str) -> None:
        self._client = client
        self._node_name = node_name
        self._resolved: dict[str, dict[str, MutableObj]] = {}
        self._attachable: dict[str, set[str]] = {}

    @staticmethod
    def is_claimed(volume: Obj) -> bool:
        """Whether a volume of a pod is a claim's."""
        return "persistentVolumeClaim" in volume or "ephemeral" in volume

    async def resolve(self, pod: Obj, volume: Obj) -> Obj:
        """The volume as a plugin can mount it. Raises NotProcessed while its claim is not ready, Unmountable, ApiError."""
        if not self.is_claimed(volume):
            return volume
        known = self._resolved.setdefault(uid_of(pod), {})
        if volume["name"] not in known:
            claim = await self._get(kinds.PERSISTENTVOLUMECLAIM, claim_of(pod, volume), namespace_of(pod))
            bound_name = volume_name(pod, volume, claim)
            assert claim is not None
            bound = await self._volume(bound_name)
            if bound is not None and (unique := unique_name(bound)):
                self._attachable.setdefault(uid_of(pod), set()).add(unique)
            node = await self._client.get(kinds.NODE, self._node_name) if _has_affinity(bound) else {}
            known[volume["name"]] = mountable(pod, volume, claim, bound, node)
        return known[volume["name"]]

    def in_use(self) -> list[str]:
        """What `status.volumesInUse` of the node says: drivers' volumes that pods here have or are about to have."""
        return sorted({name for names in self._attachable.values() for name in names})

    def forget(self, pod_uid: str) -> None:
        self._resolved.pop(pod_uid, None)
        self._attachable.pop(pod_uid, None)

    async def _volume(self, name: str) -> Obj | None:
        return await self._get(kinds.PERSISTENTVOLUME, name, "")

    async def _get(self, kind: Kind, name: str, namespace: str) -> Obj | None:
        try:
            return await self._client.get(kind, name, namespace)
        except NotFound:
            return None


def _has_affinity(volume: Obj | None) -> bool:
    return volume is not None and bool(volume["spec"].get("nodeAffinity"))
