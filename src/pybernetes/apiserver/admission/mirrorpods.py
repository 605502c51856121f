"""What a pod's spec refers to: a mirror pod, which any node can make, must refer to nothing."""

from __future__ import annotations

from collections.abc import Iterator

from pybernetes.api.meta import Obj

WORDS = ("secrets", "configmaps", "clustertrustbundles", "persistentvolumeclaims", "serviceaccounttokens")
"""In the order in which they are complained about."""
_VOLUMES = {"secret": "secrets", "configMap": "configmaps", "persistentVolumeClaim": "persistentvolumeclaims"}
_PROJECTED = {
    "secret": "secrets",
    "configMap": "configmaps",
    "clusterTrustBundle": "clustertrustbundles",
    "serviceAccountToken": "serviceaccounttokens",
}
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")


def references(spec: Obj) -> list[str]:
    """The kinds of objects that the spec refers to, in the order of WORDS."""
    found = {*_of_volumes(spec), *_of_environment(spec)}
    if spec.get("imagePullSecrets"):
        found.add("secrets")
    return [word for word in WORDS if word in found]


def _of_volumes(spec: Obj) -> Iterator[str]:
    for volume in spec.get("volumes") or ():
        for field, value in volume.items():
            if field in _VOLUMES:
                yield _VOLUMES[field]
            elif (
                isinstance(value, dict) and (value.get("secretRef") or value.get("nodePublishSecretRef"))
            ) or field == "azureFile":
                yield "secrets"
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield from (_PROJECTED[field] for field in source if field in _PROJECTED)


def _of_environment(spec: Obj) -> Iterator[str]:
    for field in _CONTAINERS:
        for container in spec.get(field) or ():
            for source in container.get("envFrom") or ():
                if source.get("secretRef"):
                    yield "secrets"
                if source.get("configMapRef"):
                    yield "configmaps"
            for variable in container.get("env") or ():
                value = variable.get("valueFrom") or {}
                if value.get("secretKeyRef"):
                    yield "secrets"
                if value.get("configMapKeyRef"):
                    yield "configmaps"
