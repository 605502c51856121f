"""Volumes of provisioners that were once part of Kubernetes: who has taken them over, and which finalizer holds a volume
until its storage is deleted (KEPs 625 and 2644). Pure."""

from __future__ import annotations

from pybernetes.api.meta import Obj, annotations_of, is_deleting
from pybernetes.controllers.volumes import (
    PROVISIONED_BY,
    STORAGE_PROVISIONERS,
    has_finalizer,
    with_annotations,
    with_finalizer,
    without_finalizer,
)

IN_TREE = "kubernetes.io/"
MIGRATED = {
    "kubernetes.io/aws-ebs": "ebs.csi.aws.com",
    "kubernetes.io/azure-disk": "disk.csi.azure.com",
    "kubernetes.io/azure-file": "file.csi.azure.com",
    "kubernetes.io/cinder": "cinder.csi.openstack.org",
    "kubernetes.io/gce-pd": "pd.csi.storage.gke.io",
    "kubernetes.io/portworx-volume": "pxd.portworx.com",
    "kubernetes.io/vsphere-volume": "csi.vsphere.vmware.com",
}
"""Provisioners that were part of Kubernetes, and the CSI drivers that took over."""
MIGRATED_TO = "pv.kubernetes.io/migrated-to"
FINALIZER = "kubernetes.io/pv-controller"
"""On a volume whose storage this controller has to delete. A CSI driver's provisioner has one of its own,
`external-provisioner.volume.kubernetes.io/finalizer`, which is not ours to touch."""


def prepared_volume(volume: Obj) -> Obj:
    """A volume that was made by a provisioner, with the annotation and the finalizer that it is to have; the volume
    itself where it has them."""
    provisioner = annotations_of(volume).get(PROVISIONED_BY)
    if provisioner is None:
        return volume
    prepared = _annotated(volume, provisioner)
    deleted_here = provisioner.startswith(IN_TREE) and provisioner not in MIGRATED
    held = has_finalizer(prepared, FINALIZER)
    if deleted_here and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
        return prepared if held or is_deleting(volume) else with_finalizer(prepared, FINALIZER)
    return without_finalizer(prepared, FINALIZER) if held else prepared


def prepared_claim(claim: Obj) -> Obj:
    """The same for a claim whose volume is being made."""
    annotations = annotations_of(claim)
    provisioner = next((annotations[name] for name in STORAGE_PROVISIONERS if name in annotations), None)
    return claim if provisioner is None else _annotated(claim, provisioner)


def _annotated(obj: Obj, provisioner: str) -> Obj:
    driver = MIGRATED.get(provisioner)
    if annotations_of(obj).get(MIGRATED_TO) == driver:
        return obj
    return with_annotations(obj, [(MIGRATED_TO, driver)])
