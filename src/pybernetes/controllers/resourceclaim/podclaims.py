"""How pods and ResourceClaims name each other. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pybernetes.api.cells import dig
from pybernetes.api.meta import Obj, annotations_of, controller_ref_of, is_deleting, namespace_of, uid_of
from pybernetes.controllers.pods import is_finished

POD_CLAIM_NAME = "resource.kubernetes.io/pod-claim-name"
"""Annotation of a claim that was made for a pod: which of the pod's claims it is."""


def claim_name(pod: Obj, entry: Obj) -> str:
    """The name of the object behind an entry of a pod's `resourceClaims`; "" where it is not known yet."""
    if entry.get("resourceClaimName"):
        return str(entry["resourceClaimName"])
    statuses = dig(pod, "status", "resourceClaimStatuses") or ()
    return next(
        (each.get("resourceClaimName") or "" for each in statuses if each["name"] == entry["name"]), ""
    )


def has_status(pod: Obj, entry: Obj) -> bool:
    """Whether the pod's status says what became of an entry (that may be: no claim is needed)."""
    return any(each["name"] == entry["name"] for each in dig(pod, "status", "resourceClaimStatuses") or ())


def entries(pod: Obj) -> Iterable[Obj]:
    return pod["spec"].get("resourceClaims") or ()


def claims_of(pod: Obj) -> Iterator[str]:
    """The keys of the claims that a pod uses, as far as they are known."""
    for entry in entries(pod):
        if name := claim_name(pod, entry):
            yield f"{namespace_of(pod)}/{name}"


def is_done(pod: Obj) -> bool:
    """Whether a pod will not use its claims (any more)."""
    return is_finished(pod) or (is_deleting(pod) and not pod["spec"].get("nodeName"))


def made_for(claim: Obj) -> tuple[str, str] | None:
    """The (name, uid) of the pod that a claim was made for."""
    owner = controller_ref_of(claim)
    if owner is None or owner["kind"] != "Pod" or owner["apiVersion"] != "v1":
        return None
    return owner["name"], owner["uid"]


def is_of(claim: Obj, pod: Obj, entry: Obj) -> bool:
    """Whether a claim was made for this entry of this very pod."""
    owner = made_for(claim)
    return (
        owner is not None
        and owner[1] == uid_of(pod)
        and annotations_of(claim).get(POD_CLAIM_NAME) == entry["name"]
        and not is_deleting(claim)
    )


def is_reserved_for(claim: Obj, pod: Obj) -> bool:
    return any(each["uid"] == uid_of(pod) for each in dig(claim, "status", "reservedFor") or ())
