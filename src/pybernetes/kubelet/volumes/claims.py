"""From a claim in a pod to the volume behind it. Pure: the rules, and upstream's words where one is not kept.

A claim is served by what is bound to it: a directory of the node (`hostPath`, `local`), which this kubelet mounts, or a
driver's volume (`csi`), which it only reports.
"""

from __future__ import annotations

from pybernetes.api.cells import dig
from pybernetes.api.meta import (
    MutableObj,
    Obj,
    controller_ref_of,
    is_deleting,
    labels_of,
    name_of,
    namespace_of,
    uid_of,
)
from pybernetes.lang import nodeselector

from .plugin import MountError


class NotProcessed(MountError):
    """The claim cannot be used yet: there is no volume to speak of."""


class Unmountable(MountError):
    """A volume that is there and cannot be mounted; the text is the whole message."""


def claim_of(pod: Obj, volume: Obj) -> str:
    """The name of the claim behind a volume of a pod; "" for any other volume."""
    if source := volume.get("persistentVolumeClaim"):
        return str(source["claimName"])
    return f"{name_of(pod)}-{volume['name']}" if "ephemeral" in volume else ""


def volume_name(pod: Obj, volume: Obj, claim: Obj | None) -> str:
    """The PersistentVolume of a claim. Raises NotProcessed."""
    name = claim_of(pod, volume)
    key = f"{namespace_of(pod)}/{name}"
    if claim is None:
        raise _failed(key, f'failed to fetch PVC from API server: persistentvolumeclaims "{name}" not found')
    if "ephemeral" in volume and not _is_made_for(claim, pod):
        owner = f"{namespace_of(pod)}/{name_of(pod)}"
        raise NotProcessed(f"PVC {key} was not created for pod {owner} (pod is not owner)")
    if is_deleting(claim):
        raise _failed(key, "PVC is being deleted")
    found = claim["spec"].get("volumeName")
    if not found or dig(claim, "status", "phase") != "Bound":
        raise _failed(key, "PVC is not bound")
    return str(found)


def mountable(pod: Obj, volume: Obj, claim: Obj, bound: Obj | None, node: Obj) -> MutableObj:
    """A volume as a pod could name it itself, in place of its claim. Raises NotProcessed, Unmountable."""
    key, wanted = f"{namespace_of(claim)}/{name_of(claim)}", str(claim["spec"]["volumeName"])
    if bound is None:
        text = f'failed to fetch PV {wanted} from API server: persistentvolumes "{wanted}" not found'
        raise _failed(key, text)
    ref = bound["spec"].get("claimRef")
    if not ref:
        text = f'found PV object "{wanted}" but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim'
        raise _failed(key, text)
    if ref.get("uid") != uid_of(claim):
        text = f'found PV object "{wanted}" but its pv.Spec.ClaimRef.UID "{ref.get("uid", "")}" does not point to claim.UID "{uid_of(claim)}"'
        raise _failed(key, text)
    _check_mode(pod, volume, bound)
    _check_affinity(bound, node)
    return {"name": volume["name"], **_source(bound), "persistentVolume": wanted}


def unique_name(bound: Obj) -> str:
    """The name under which a driver's volume is in the node's status; "" for what nobody attaches."""
    source = bound["spec"].get("csi")
    return f"kubernetes.io/csi/{source['driver']}^{source['volumeHandle']}" if source else ""


def _failed(key: str, text: str) -> NotProcessed:
    return NotProcessed(f"error processing PVC {key}: {text}")


def _is_made_for(claim: Obj, pod: Obj) -> bool:
    ref = controller_ref_of(claim)
    return ref is not None and ref["uid"] == uid_of(pod)


def _check_mode(pod: Obj, volume: Obj, bound: Obj) -> None:
    """A file system is for `volumeMounts`, a block device for `volumeDevices`."""
    mode, name = bound["spec"].get("volumeMode") or "Filesystem", volume["name"]
    containers = [c for kind in ("initContainers", "containers") for c in pod["spec"].get(kind) or ()]
    mounted = any(m["name"] == name for c in containers for m in c.get("volumeMounts") or ())
    mapped = any(m["name"] == name for c in containers for m in c.get("volumeDevices") or ())
    if mounted and mode == "Block":
        raise NotProcessed(f"volume {name} has volumeMode Block, but is specified in volumeMounts")
    if mapped and mode != "Block":
        raise NotProcessed(f"volume {name} has volumeMode {mode}, but is specified in volumeDevices")
    if mode == "Block":
        raise _unmountable(
            "MapVolume.MapBlockVolume failed",
            bound,
            "this kubelet does not map block devices into containers",
        )


def _check_affinity(bound: Obj, node: Obj) -> None:
    required = dig(bound, "spec", "nodeAffinity", "required")
    if required and not nodeselector.matches(required, labels_of(node), name_of(node)):
        raise _unmountable("MountVolume.NodeAffinity check failed", bound, "no matching NodeSelectorTerms")


def _source(bound: Obj) -> MutableObj:
    spec = bound["spec"]
    if spec.get("mountOptions") and "hostPath" in spec:
        text = "Mount options are not supported for this volume type"
        raise _unmountable("MountVolume.MountOptionSupport check failed", bound, text)
    if source := spec.get("hostPath"):
        return {"hostPath": source}
    if source := spec.get("local"):
        return {"local": source}
    if source := spec.get("csi"):
        text = (
            "kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: "
            f"driver name {source['driver']} not found in the list of registered CSI drivers"
        )
        raise _unmountable("MountVolume.MountDevice failed", bound, text)
    raise NotProcessed(
        f'failed to get Plugin from volumeSpec for volume "{name_of(bound)}" err=no volume plugin matched'
    )


def _unmountable(what: str, bound: Obj, text: str) -> Unmountable:
    return Unmountable(f'{what} for volume "{name_of(bound)}" : {text}')
