"""Which kinds answer a deletion with the object that is gone; all others answer with a Status (upstream's registries say so
one by one, and its OpenAPI document by the type of the answer)."""

from __future__ import annotations

from .kind import Kind

_RETURNED = frozenset(
    {
        "persistentvolumeclaims",
        "persistentvolumes",
        "pods",
        "podtemplates",
        "resourcequotas",
        "serviceaccounts",
        "services",
        "csidrivers.storage.k8s.io",
        "csinodes.storage.k8s.io",
        "storageclasses.storage.k8s.io",
        "volumeattachments.storage.k8s.io",
        "volumeattributesclasses.storage.k8s.io",
        "deviceclasses.resource.k8s.io",
        "resourceclaims.resource.k8s.io",
        "resourceclaimtemplates.resource.k8s.io",
        "resourceslices.resource.k8s.io",
    }
)


def returns_deleted(kind: Kind) -> bool:
    return kind.group_resource in _RETURNED
