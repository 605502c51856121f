"""The objects that a pod needs on its node: what a kubelet may read because of it. Pure.

Upstream's list: image pull secrets, secrets and config maps of environments and volumes, the service account, claims
with their volumes and the volumes' secrets, resource claims.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pybernetes.api.meta import Obj, name_of, namespace_of

Reference = tuple[str, str, str]
"""(resource, namespace, name)."""
Get = Callable[[str, str, str], Obj | None]
MIRROR = "kubernetes.io/config.mirror"

SECRET_REF_VOLUMES = ("cephfs", "cinder", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos")
CSI_SECRETS = (
    "controllerExpandSecretRef",
    "controllerPublishSecretRef",
    "nodeExpandSecretRef",
    "nodePublishSecretRef",
    "nodeStageSecretRef",
)


def references(pod: Obj, get: Get) -> set[Reference]:
    """All references of one pod. A mirror pod has none: its node wrote it itself, so it must not open any doors."""
    if MIRROR in (pod["metadata"].get("annotations") or {}):
        return set()
    spec, namespace = pod["spec"], namespace_of(pod)
    found: set[Reference] = set()
    if spec.get("serviceAccountName"):
        found.add(("serviceaccounts", namespace, spec["serviceAccountName"]))
    for secret in spec.get("imagePullSecrets") or ():
        found.add(("secrets", namespace, secret["name"]))
    for field in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(field) or ():
            found.update((kind, namespace, name) for kind, name in _of_environment(container))
    for volume in spec.get("volumes") or ():
        found.update((kind, namespace, name) for kind, name in _of_volume(volume, name_of(pod)))
    for kind, _, claim in list(found):
        if kind == "persistentvolumeclaims":
            found.update(_of_claim(namespace, claim, get))
    status = pod.get("status") or {}
    made = {each["name"]: each.get("resourceClaimName") for each in status.get("resourceClaimStatuses") or ()}
    if extended := (status.get("extendedResourceClaimStatus") or {}).get("resourceClaimName"):
        found.add(("resourceclaims", namespace, extended))
    for claim in spec.get("resourceClaims") or ():
        name = claim.get("resourceClaimName") or made.get(claim["name"])
        if name:
            found.add(("resourceclaims", namespace, name))
    return found


def _of_environment(container: Obj) -> Iterator[tuple[str, str]]:
    for source in container.get("envFrom") or ():
        if source.get("secretRef"):
            yield "secrets", source["secretRef"].get("name", "")
        if source.get("configMapRef"):
            yield "configmaps", source["configMapRef"].get("name", "")
    for variable in container.get("env") or ():
        value_from = variable.get("valueFrom") or {}
        if value_from.get("secretKeyRef"):
            yield "secrets", value_from["secretKeyRef"].get("name", "")
        if value_from.get("configMapKeyRef"):
            yield "configmaps", value_from["configMapKeyRef"].get("name", "")


def _of_volume(volume: Obj, pod_name: str) -> Iterator[tuple[str, str]]:
    if volume.get("secret"):
        yield "secrets", volume["secret"].get("secretName", "")
    if volume.get("configMap"):
        yield "configmaps", volume["configMap"].get("name", "")
    if volume.get("persistentVolumeClaim"):
        yield "persistentvolumeclaims", volume["persistentVolumeClaim"]["claimName"]
    if volume.get("ephemeral") is not None:
        yield "persistentvolumeclaims", f"{pod_name}-{volume['name']}"
    if (csi := volume.get("csi")) and csi.get("nodePublishSecretRef"):
        yield "secrets", csi["nodePublishSecretRef"].get("name", "")
    if (azure := volume.get("azureFile")) and azure.get("secretName"):
        yield "secrets", azure["secretName"]
    for source in (volume.get("projected") or {}).get("sources") or ():
        if source.get("secret"):
            yield "secrets", source["secret"].get("name", "")
        if source.get("configMap"):
            yield "configmaps", source["configMap"].get("name", "")
    for kind in SECRET_REF_VOLUMES:
        secret = (volume.get(kind) or {}).get("secretRef")
        if secret:
            yield "secrets", secret.get("name", "")


def _of_claim(namespace: str, claim_name: str, get: Get) -> Iterator[Reference]:
    """The volume bound to a claim, and the secrets that the volume needs."""
    claim = get("persistentvolumeclaims", namespace, claim_name)
    volume_name = ((claim or {}).get("spec") or {}).get("volumeName")
    if not volume_name:
        return
    yield "persistentvolumes", "", volume_name
    volume = get("persistentvolumes", "", volume_name)
    if volume is None:
        return
    spec = volume["spec"]
    bound = spec.get("claimRef") or {}
    if (bound.get("namespace"), bound.get("name")) != (namespace, claim_name):
        return  # the volume is someone else's, whatever the claim says
    for ref in _secret_refs(spec):
        if ref.get("name"):
            yield "secrets", ref.get("namespace") or namespace, ref["name"]


def _secret_refs(spec: Obj) -> Iterator[dict[str, Any]]:
    for kind in SECRET_REF_VOLUMES:
        ref = (spec.get(kind) or {}).get("secretRef")
        if ref:
            yield ref
    for field in CSI_SECRETS:
        ref = (spec.get("csi") or {}).get(field)
        if ref:
            yield ref
    azure = spec.get("azureFile") or {}
    if azure.get("secretName"):
        yield {"name": azure["secretName"], "namespace": azure.get("secretNamespace")}
