"""The volumes of a pod, as far as scheduling cares for them: claims, and disks named in the pod itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pybernetes.api.meta import Obj, name_of, uid_of


@dataclass(frozen=True, slots=True)
class Disk:
    """A volume named in the pod by its kind (`gcePersistentDisk`, `awsElasticBlockStore`, `iscsi`, `rbd`) and what
    tells it from others; `tags`: for rbd its monitors (any shared one makes two of them the same)."""

    kind: str
    identity: tuple[str, ...]
    read_only: bool
    tags: frozenset[str] = frozenset()


DISK_KINDS = ("gcePersistentDisk", "awsElasticBlockStore", "iscsi", "rbd")


def volumes_of(pod: Obj) -> list[Any]:
    """What of the volumes tells pods apart: claims and disks, not config maps and the like."""
    found: list[Any] = [*claims_of(pod)]
    found += [
        {k: v[k] for k in DISK_KINDS if k in v}
        for v in pod["spec"]["volumes"]
        if any(k in v for k in DISK_KINDS)
    ]
    return found


def claims_of(pod: Obj) -> Iterator[tuple[str, str]]:
    """The claims of a pod; an ephemeral volume's is named after pod and volume, and owned by the pod."""
    for volume in pod["spec"].get("volumes") or ():
        if claim := volume.get("persistentVolumeClaim"):
            yield claim["claimName"], ""
        elif volume.get("ephemeral"):
            yield f"{name_of(pod)}-{volume['name']}", uid_of(pod)


def disks_of(spec: Obj) -> Iterator[Disk]:
    for volume in spec.get("volumes") or ():
        if gce := volume.get("gcePersistentDisk"):
            yield Disk("gcePersistentDisk", (gce["pdName"],), bool(gce.get("readOnly")))
        elif aws := volume.get("awsElasticBlockStore"):
            yield Disk("awsElasticBlockStore", (aws["volumeID"],), False)
        elif iscsi := volume.get("iscsi"):
            yield Disk("iscsi", (iscsi["iqn"],), bool(iscsi.get("readOnly")))
        elif rbd := volume.get("rbd"):
            identity = (rbd.get("pool") or "rbd", rbd["image"])
            yield Disk("rbd", identity, bool(rbd.get("readOnly")), frozenset(rbd.get("monitors") or ()))
