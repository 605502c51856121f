"""Why something that was deleted is still there: whose finalizers hold it, and what those wait for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, name_of, namespace_of, uid_of
from pybernetes.client.interface import Client

from .whypods import why_conditions

FINALIZERS: Mapping[str, str] = {
    "foregroundDeletion": "the garbage collector removes it when the dependents that block it are gone",
    "orphan": "the garbage collector removes it when it has let the dependents go",
    "kubernetes.io/pvc-protection": "pvc-protection-controller removes it when no pod uses the claim",
    "kubernetes.io/pv-protection": "pv-protection-controller removes it when no claim is bound to the volume",
    "kubernetes.io/vac-protection": "vac-protection-controller removes it when no volume or claim names the class",
    "batch.kubernetes.io/job-tracking": "job-controller removes it when it has counted the pod",
    "customresourcecleanup.apiextensions.k8s.io": "the API server removes it when all objects of the kind are gone",
    "service.kubernetes.io/load-balancer-cleanup": "the cloud's service controller removes it",
    "kubernetes": "namespace-controller removes it when the namespace is empty",
    "resource.kubernetes.io/delete-protection": "resourceclaim-controller removes it when no pod uses the claim",
}
"""Kubernetes' own finalizers, and whose business they are."""
MOST = 5
DEPENDENTS = (kinds.POD, kinds.REPLICASET, kinds.JOB, kinds.CONTROLLERREVISION)
"""Kinds among which dependents that block a deletion are looked for."""


async def why_terminating(client: Client, kind: Kind, obj: Obj, served: Sequence[Kind]) -> list[str]:
    """[] for what is not being deleted. `served` are the kinds of the cluster. Raises ApiError."""
    metadata = obj["metadata"]
    if not metadata.get("deletionTimestamp"):
        return []
    told = [f"It was deleted at {metadata['deletionTimestamp']}."]
    finalizers = metadata.get("finalizers") or ()
    told += [f"It stays until finalizer {name} is removed: {_whose(obj, name)}." for name in finalizers]
    if "foregroundDeletion" in finalizers:
        told += [f"{text} blocks it." for text in await _dependents(client, obj)]
    if "kubernetes.io/pvc-protection" in finalizers:
        told += [f"pod/{name} uses it." for name in await _users(client, obj)]
    if kind is kinds.NAMESPACE or kind.kind == "Namespace":
        told += why_conditions(obj, bad="True")
        if left := (obj.get("spec") or {}).get("finalizers"):
            told.append(f"Its content is still being removed (spec.finalizers: {', '.join(left)}).")
            told += await _content(client, name_of(obj), served)
    elif kind.kind == "Pod" and not finalizers:
        grace, node = metadata.get("deletionGracePeriodSeconds", 0), obj["spec"].get("nodeName", "")
        told.append(
            f"The kubelet of {node} has {grace} s to stop it; if that node is away, nobody confirms it."
        )
    return told


def _whose(obj: Obj, finalizer: str) -> str:
    if known := FINALIZERS.get(finalizer):
        return known
    managers = [*dict.fromkeys(_managers(obj, finalizer))]
    if managers:
        return f"it was set by {', '.join(managers)}, which is to remove it"
    return "whoever set it is to remove it"


def _managers(obj: Obj, finalizer: str) -> Iterator[str]:
    """The field managers that own a finalizer."""
    for entry in obj["metadata"].get("managedFields") or ():
        fields: Any = entry.get("fieldsV1") or {}
        owned = ((fields.get("f:metadata") or {}).get("f:finalizers")) or {}
        if f'v:"{finalizer}"' in owned:
            yield str(entry.get("manager") or "")


async def _dependents(client: Client, obj: Obj) -> list[str]:
    uid, found = uid_of(obj), []
    for kind in DEPENDENTS:
        for each in (await client.list(kind, namespace_of(obj))).items:
            owners = each["metadata"].get("ownerReferences") or ()
            if any(owner["uid"] == uid and owner.get("blockOwnerDeletion") for owner in owners):
                found.append(f"{kind.kind.lower()}/{name_of(each)}")
    return found[:MOST]


async def _users(client: Client, claim: Obj) -> list[str]:
    """Pods that use a claim and have not ended."""
    pods = (await client.list(kinds.POD, namespace_of(claim))).items
    return [name_of(pod) for pod in pods if uses(pod, name_of(claim))][:MOST]


def uses(pod: Obj, claim: str) -> bool:
    """Whether a pod that has not ended names a claim."""
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return False
    volumes = pod["spec"].get("volumes") or ()
    return any((each.get("persistentVolumeClaim") or {}).get("claimName") == claim for each in volumes)


async def _content(client: Client, namespace: str, served: Sequence[Kind]) -> list[str]:
    """What is left in a namespace, and what holds it."""
    told = []
    for kind in served:
        if (
            not kind.namespaced
            or "list" not in kind.verbs
            or "delete" not in kind.verbs
            or kind.storage_version
        ):
            continue
        with contextlib.suppress(ApiError):
            for obj in (await client.list(kind, namespace)).items:
                finalizers = obj["metadata"].get("finalizers")
                held = f", held by finalizer {', '.join(finalizers)}" if finalizers else ""
                told.append(f"{kind.kind.lower()}/{name_of(obj)} is still in it{held}.")
    told.sort(key=lambda text: "finalizer" not in text)
    return told[:MOST] + ([f"… and {len(told) - MOST} more objects."] if len(told) > MOST else [])
