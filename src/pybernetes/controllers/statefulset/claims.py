"""The PersistentVolumeClaims of a StatefulSet's pods: made before the pod, and owned so that the garbage collector
deletes them when `persistentVolumeClaimRetentionPolicy` says so. Pure.

`whenDeleted: Delete` makes the StatefulSet the owner, `whenScaled: Delete` makes a pod that is being scaled away the
owner. A claim that some other controller owns is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import MutableObj, Obj, is_deleting, name_of, namespace_of, uid_of
from pybernetes.control.ownership import owner_reference
from pybernetes.control.plan import Create, Report, Update

from .identity import claim_name, claim_templates, ordinals, pod_name

Claims = Mapping[str, Obj]
"""The claims there are, by name."""


def missing(stateful_set: Obj, ordinal: int, claims: Claims) -> list[Create]:
    """The claims that have to be made for the pod of an ordinal."""
    return [
        _create(stateful_set, template, ordinal)
        for template in claim_templates(stateful_set)
        if claim_name(template, stateful_set, ordinal) not in claims
    ]


def _create(stateful_set: Obj, template: Obj, ordinal: int) -> Create:
    name, pod, owner = (
        claim_name(template, stateful_set, ordinal),
        pod_name(stateful_set, ordinal),
        name_of(stateful_set),
    )
    given = template["metadata"]
    labels = {
        **(given.get("labels") or {}),
        **((stateful_set["spec"].get("selector") or {}).get("matchLabels") or {}),
    }
    metadata: dict[str, Any] = {"name": name, "namespace": namespace_of(stateful_set), "labels": labels}
    if given.get("annotations"):
        metadata["annotations"] = given["annotations"]
    if _deletes(stateful_set, "whenDeleted"):
        metadata["ownerReferences"] = [owner_reference(stateful_set, kinds.STATEFULSET)]
    claim: MutableObj = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": template["spec"],
    }
    done = f"create Claim {name} Pod {pod} in StatefulSet {owner} success"
    failed = f"create Claim {name} for Pod {pod} in StatefulSet {owner} failed error: {{error}}"
    return Create(
        kinds.PERSISTENTVOLUMECLAIM,
        claim,
        f"pod {pod} needs it",
        success=Report(stateful_set, "Normal", "SuccessfulCreate", done),
        failure=Report(stateful_set, "Warning", "FailedCreate", failed),
        exists_ok=True,
    )


def unusable(stateful_set: Obj, ordinal: int, pod: Obj | None, claims: Claims) -> str:
    """Why the pod of an ordinal has to wait for a claim of its name to go; "" where it has not. A claim goes when it is
    being deleted, or when it belongs to an earlier pod of that name."""
    for claim in _of(stateful_set, ordinal, claims):
        if is_deleting(claim):
            return f"pvc {name_of(claim)} is being deleted"
        for ref in claim["metadata"].get("ownerReferences") or ():
            stale = ref["uid"] != (uid_of(pod) if pod is not None else "")
            if ref["kind"] == "Pod" and ref["name"] == pod_name(stateful_set, ordinal) and stale:
                return f"pvc {name_of(claim)} belongs to an earlier pod"
    return ""


def owned_rightly(stateful_set: Obj, ordinal: int, pod: Obj, claims: Claims) -> list[Update]:
    """Updates of the claims of a pod whose owners are not what the policy says."""
    updates = []
    for claim in _of(stateful_set, ordinal, claims):
        current = list(claim["metadata"].get("ownerReferences") or ())
        wanted = _owners(stateful_set, ordinal, pod, current)
        if wanted != current and not _foreign(current, stateful_set, pod):
            metadata = {**claim["metadata"], "ownerReferences": wanted}
            updates.append(
                Update(
                    kinds.PERSISTENTVOLUMECLAIM,
                    {**claim, "metadata": metadata},
                    "the retention policy says who owns it",
                )
            )
    return updates


def _owners(stateful_set: Obj, ordinal: int, pod: Obj, current: list[Any]) -> list[Any]:
    leaving = ordinal not in ordinals(stateful_set)
    by_pod = leaving and _deletes(stateful_set, "whenScaled")
    by_set = _deletes(stateful_set, "whenDeleted") and not by_pod
    found = current
    for owner, kind, owns in ((stateful_set, kinds.STATEFULSET, by_set), (pod, kinds.POD, by_pod)):
        mine = owner_reference(owner, kind)
        if not owns:
            found = [ref for ref in found if ref["uid"] != mine["uid"]]
        elif not any(ref["uid"] == mine["uid"] and ref.get("controller") for ref in found):
            found = [*(ref for ref in found if ref["uid"] != mine["uid"]), mine]
    return found


def _foreign(references: Iterable[Obj], stateful_set: Obj, pod: Obj) -> bool:
    """Whether a controller that is neither the StatefulSet nor the pod owns the claim."""
    ours = {uid_of(stateful_set), uid_of(pod)}
    return any(ref.get("controller") and ref["uid"] not in ours for ref in references)


def _of(stateful_set: Obj, ordinal: int, claims: Claims) -> list[Obj]:
    names = [claim_name(template, stateful_set, ordinal) for template in claim_templates(stateful_set)]
    return [claims[name] for name in names if name in claims]


def _deletes(stateful_set: Obj, when: str) -> bool:
    policy = stateful_set["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
    return bool(policy.get(when) == "Delete")
