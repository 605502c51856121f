"""What a pod's spec refers to: a mirror pod, which any node can make, must refer to nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pybernetes.api.meta import Obj

_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_SECRET_FIELDS = ("secretRef", "nodePublishSecretRef")
_VOLUMES: Mapping[str, str] = {
    "configMap": "configmaps (via configmap volumes)",
    "secret": "secrets (via secret volumes)",
    "csi": "csidrivers (via CSI volumes)",
    "glusterfs": "endpoints (via glusterFS volumes)",
    "persistentVolumeClaim": "persistentvolumeclaims",
    "ephemeral": "persistentvolumeclaims (via ephemeral volumes)",
    "azureFile": "secrets (via azureFile volumes)",
}
_PROJECTED: Mapping[str, str] = {
    "configMap": "configmaps (via projected volumes)",
    "secret": "secrets (via projected volumes)",
    "serviceAccountToken": "serviceaccounts (via projected volumes)",
    "clusterTrustBundle": "clustertrustbundles",
    "podCertificate": "podcertificates",
}


def first_reference(spec: Obj) -> str:
    """The first kind of object that the spec needs from the API, in upstream's order and words; "" for none."""
    if spec.get("serviceAccountName"):
        return "serviceaccounts"
    if has_secrets(spec):
        return "secrets"
    if _has_config_maps(spec):
        return "configmaps"
    if spec.get("resourceClaims"):
        return "resourceclaims"
    return next((word for volume in spec.get("volumes") or () for word in _of_volume(volume)), "")


def has_secrets(spec: Obj) -> bool:
    """Whether it names a secret anywhere."""
    return (
        bool(spec.get("imagePullSecrets"))
        or any("secret" in field for field in _of_environment(spec))
        or any(_is_of_secret(volume) for volume in spec.get("volumes") or ())
    )


def has_tokens(spec: Obj) -> bool:
    """Whether a volume is to hold a token of a service account."""
    return any("serviceAccountToken" in source for source in _projections(spec))


def _has_config_maps(spec: Obj) -> bool:
    return (
        any("configMap" in field for field in _of_environment(spec))
        or any(volume.get("configMap") for volume in spec.get("volumes") or ())
        or any(source.get("configMap") for source in _projections(spec))
    )


def _is_of_secret(volume: Obj) -> bool:
    if volume.get("secret") or volume.get("azureFile"):
        return True
    if any(source.get("secret") for source in (volume.get("projected") or {}).get("sources") or ()):
        return True
    return any(
        isinstance(value, Mapping) and any(value.get(field) for field in _SECRET_FIELDS)
        for value in volume.values()
    )


def _projections(spec: Obj) -> Iterator[Obj]:
    for volume in spec.get("volumes") or ():
        yield from (volume.get("projected") or {}).get("sources") or ()


def _of_volume(volume: Obj) -> Iterator[str]:
    yield from (word for field, word in _VOLUMES.items() if volume.get(field) is not None)
    for source in (volume.get("projected") or {}).get("sources") or ():
        yield from (word for field, word in _PROJECTED.items() if source.get(field) is not None)


def _of_environment(spec: Obj) -> Iterator[str]:
    """The fields with which containers' environments refer to secrets and config maps."""
    for place in _CONTAINERS:
        for container in spec.get(place) or ():
            for source in container.get("envFrom") or ():
                yield from (field for field in ("secretRef", "configMapRef") if source.get(field))
            for variable in container.get("env") or ():
                value = variable.get("valueFrom") or {}
                yield from (field for field in ("secretKeyRef", "configMapKeyRef") if value.get(field))
