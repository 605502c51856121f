"""Volumes that a driver attaches to nodes: which they are, and the names that attachments and nodes know them by. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, annotations_of, name_of, namespace_of
from pybernetes.control.caches import Caches
from pybernetes.controllers.pods import is_finished
from pybernetes.controllers.volumes import claims_of_pod, names_claim

KEEP_TERMINATED = "volumes.kubernetes.io/keep-terminated-pod-volumes"
SHARED_MODES = frozenset({"ReadWriteMany", "ReadOnlyMany"})


def attachment_name(driver: str, handle: str, node: str) -> str:
    """The name of the VolumeAttachment, as CSI drivers' sidecars and kubelets compute it."""
    return f"csi-{sha256(f'{handle}{driver}{node}'.encode()).hexdigest()}"


def unique_name(volume: Obj) -> str:
    """The name of a CSI volume in a node's status."""
    source = volume["spec"]["csi"]
    return f"kubernetes.io/csi/{source['driver']}^{source['volumeHandle']}"


def is_shared(volume: Obj) -> bool:
    """Whether several nodes may have a volume; one that names no access mode is trusted to whoever asks."""
    modes = set(volume["spec"].get("accessModes") or ())
    return not modes or bool(modes & SHARED_MODES)


def is_wanted(pod: Obj, node: Obj | None) -> bool:
    """Whether a pod needs its volumes at its node."""
    if not pod["spec"].get("nodeName"):
        return False
    keeps = node is not None and annotations_of(node).get(KEEP_TERMINATED) == "true"
    return keeps or not is_finished(pod)


def volumes_of(pod: Obj, caches: Caches) -> Iterator[Obj]:
    """The volumes of a pod's claims that a driver must attach: bound, CSI, and of a driver that attaches at all."""
    for key in claims_of_pod(pod):
        claim = caches.get(kinds.PERSISTENTVOLUMECLAIM, key)
        if claim is None or not claim["spec"].get("volumeName"):
            continue
        volume = caches.get(kinds.PERSISTENTVOLUME, claim["spec"]["volumeName"])
        if volume is None or not volume["spec"].get("csi") or not names_claim(volume, claim):
            continue
        driver = caches.get(kinds.CSIDRIVER, volume["spec"]["csi"]["driver"])
        if driver is None or driver["spec"].get("attachRequired", True):
            yield volume


def volume_of(attachment: Obj) -> str:
    """The name of the volume that is attached; "" for one given inline."""
    return attachment["spec"]["source"].get("persistentVolumeName") or ""


def names_of(pods: Iterable[Obj]) -> str:
    """How messages list pods of several namespaces."""
    return ", ".join(sorted({f"{namespace_of(pod)}/{name_of(pod)}" for pod in pods}))
