"""Extended resources that are devices: a pod asks for `example.com/gpu: 1`, a DeviceClass says which devices these are,
and the scheduler makes the ResourceClaim. A node whose device plugin offers the resource serves it as ever. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pybernetes.api.meta import Obj, annotations_of, controller_ref_of, name_of, namespace_of, uid_of
from pybernetes.lang import quantity

from ..podfacts import PodFacts
from .view import DeviceView

ANNOTATION = "resource.kubernetes.io/extended-resource-claim"
FINALIZER = "resource.kubernetes.io/delete-protection"
UNNAMED = "<extended-resources>"
"""The name of a claim that is still to be made."""


def classes_of(pod: PodFacts, view: DeviceView) -> dict[str, str]:
    """The class of each resource that the pod wants and that devices can serve."""
    if not view.serves_resources:
        return {}
    found = {name: view.class_of(name) for name, amount in pod.requests.items() if amount and "/" in name}
    return {name: each for name, each in found.items() if each}


def claim_of(pod: Obj, classes: Mapping[str, str], resources: Sequence[str]) -> dict[str, Any]:
    """The claim for some of a pod's resources; it has no name yet."""
    requests = [
        {
            "name": name,
            "exactly": {"deviceClassName": classes[resource], "allocationMode": "ExactCount", "count": count},
        }
        for _, resource, name, count in _wanted(pod)
        if resource in resources
    ]
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {
            "name": f"{UNNAMED}-{uid_of(pod)}",
            "namespace": namespace_of(pod),
            "uid": f"{UNNAMED}-{uid_of(pod)}",
        },
        "spec": {"devices": {"requests": requests}},
    }


def to_create(claim: Obj, pod: Obj) -> dict[str, Any]:
    """The claim as it is made."""
    owner = {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": name_of(pod),
        "uid": uid_of(pod),
        "controller": True,
        "blockOwnerDeletion": True,
    }
    metadata = {
        "generateName": f"{name_of(pod)}-extended-resources-",
        "namespace": namespace_of(pod),
        "annotations": {ANNOTATION: "true"},
        "finalizers": [FINALIZER],
        "ownerReferences": [owner],
    }
    return {
        "apiVersion": claim["apiVersion"],
        "kind": claim["kind"],
        "metadata": metadata,
        "spec": claim["spec"],
    }


def status_of(pod: Obj, claim: Obj) -> dict[str, Any]:
    """The pod's `extendedResourceClaimStatus`: which container's resource is which request of the claim."""
    known = {each["name"] for each in claim["spec"]["devices"]["requests"]}
    return {
        "resourceClaimName": name_of(claim),
        "requestMappings": [
            {"containerName": container, "resourceName": resource, "requestName": name}
            for container, resource, name, _ in _wanted(pod)
            if name in known
        ],
    }


def is_left_over(claim: Obj, pod: Obj) -> bool:
    """Whether a claim was made like this for the pod, in an attempt that went no further."""
    owner = controller_ref_of(claim)
    return (
        annotations_of(claim).get(ANNOTATION) == "true" and owner is not None and owner["uid"] == uid_of(pod)
    )


def _wanted(pod: Obj) -> Iterator[tuple[str, str, str, int]]:
    """(container, resource, name of the request, count) of everything that is no resource of Kubernetes' own."""
    spec = pod["spec"]
    for index, container in enumerate((*(spec.get("initContainers") or ()), *spec["containers"])):
        requests = (container.get("resources") or {}).get("requests") or {}
        for number, (resource, amount) in enumerate(sorted(requests.items())):
            count = quantity.parse(amount).nano // quantity.NANO
            if "/" in resource and count > 0:
                yield container["name"], resource, f"container-{index}-request-{number}", count
