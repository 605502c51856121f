"""resourceclaim-controller, the part of pods: makes the claims that a pod wants from templates, says in the pod's status
which they are, and reserves claims for a pod that came to its node without the scheduler."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.cells import dig
from pybernetes.api.meta import Obj, is_deleting, key_of, name_of, namespace_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch
from pybernetes.control.ownership import owner_reference
from pybernetes.control.plan import Create, Patch, Plan, Report, Steps, Update

from .podclaims import (
    POD_CLAIM_NAME,
    claim_name,
    claims_of,
    entries,
    has_status,
    is_done,
    is_of,
    is_reserved_for,
)

MOST_CONSUMERS = 256
BY_TEMPLATE, BY_CLAIM = "claim-templates", "resource-claims"
"""Indexes over pods: the templates and the claims that they name."""
FAILED = "FailedResourceClaimCreation"


@dataclass(frozen=True, slots=True)
class Seen:
    """A pod, the claims it owns, those it names, and the templates it names, by name."""

    pod: Obj
    owned: Sequence[Obj]
    claims: Mapping[str, Obj]
    templates: Mapping[str, Obj]


def observe(key: str, caches: Caches) -> Seen | None:
    pod = caches.get(kinds.POD, key)
    if pod is None or not entries(pod) or is_done(pod) or is_deleting(pod):
        return None
    namespace = namespace_of(pod)
    templates = {
        name: tree
        for entry in entries(pod)
        if (name := entry.get("resourceClaimTemplateName"))
        and (tree := caches.get(kinds.RESOURCECLAIMTEMPLATE, f"{namespace}/{name}")) is not None
    }
    claims = (caches.get(kinds.RESOURCECLAIM, each) for each in claims_of(pod))
    return Seen(
        pod,
        caches.owned(kinds.RESOURCECLAIM, pod),
        {name_of(claim): claim for claim in claims if claim is not None},
        templates,
    )


def plan(seen: Seen, _now: float, _settings: Settings) -> Plan:
    pod, steps = seen.pod, Steps()
    known: dict[str, str] = {}
    for entry in entries(pod):
        if not entry.get("resourceClaimTemplateName") or _is_settled(seen, entry):
            continue
        mine = sorted((claim for claim in seen.owned if is_of(claim, pod, entry)), key=name_of)
        if mine:
            known[entry["name"]] = name_of(mine[0])
        else:
            steps.add(_make(seen, entry))
    if any(isinstance(step, Create) for step in steps.steps):
        steps.look_again(0.0)
        return steps.plan("making claims")
    if known:
        steps.add(_status(pod, known))
    if pod["spec"].get("nodeName"):
        steps.add(*_reservations(seen))
    return steps.plan(f"{len(seen.claims)} claims")


def _is_settled(seen: Seen, entry: Obj) -> bool:
    """Whether the status names a claim that is there, or says that none is needed."""
    if not has_status(seen.pod, entry):
        return False
    name = claim_name(seen.pod, entry)
    return not name or name in seen.claims


def _make(seen: Seen, entry: Obj) -> Create | Report:
    pod, template = seen.pod, seen.templates.get(entry["resourceClaimTemplateName"])
    prefix = f"PodResourceClaim {entry['name']}:"
    if template is None:
        name = entry["resourceClaimTemplateName"]
        message = f'{prefix} resource claim template "{name}": resourceclaimtemplate.resource.k8s.io "{name}" not found'
        return Report(pod, "Warning", FAILED, message)
    given = dig(template, "spec", "metadata") or {}
    metadata: dict[str, Any] = {
        "generateName": f"{name_of(pod)}-{entry['name']}-",
        "namespace": namespace_of(pod),
        "annotations": {**(given.get("annotations") or {}), POD_CLAIM_NAME: entry["name"]},
        "ownerReferences": [owner_reference(pod, kinds.POD)],
        **({"labels": given["labels"]} if given.get("labels") else {}),
    }
    kind = kinds.RESOURCECLAIM
    claim = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": metadata,
        "spec": template["spec"]["spec"],
    }
    failure = Report(pod, "Warning", FAILED, f"{prefix} create ResourceClaim : {{error}}")
    return Create(kind, claim, f"pod {name_of(pod)} wants it", failure=failure)


def _status(pod: Obj, known: Mapping[str, str]) -> Patch:
    before = {each["name"]: each for each in dig(pod, "status", "resourceClaimStatuses") or ()}
    made = {name: {"name": name, "resourceClaimName": claim} for name, claim in known.items()}
    statuses = [*{**before, **made}.values()]
    metadata = {"uid": uid_of(pod), "resourceVersion": pod["metadata"]["resourceVersion"]}
    patch = {"metadata": metadata, "status": {"resourceClaimStatuses": statuses}}
    return Patch(kinds.POD, namespace_of(pod), name_of(pod), patch, "its claims are made", "status")


def _reservations(seen: Seen) -> list[Update]:
    """Claims that have devices are reserved for a pod that is on its node already."""
    found = []
    for claim in seen.claims.values():
        holders = dig(claim, "status", "reservedFor") or ()
        if dig(claim, "status", "allocation") is None or is_reserved_for(claim, seen.pod):
            continue
        if is_deleting(claim) or len(holders) >= MOST_CONSUMERS:
            continue
        holder = {"resource": "pods", "name": name_of(seen.pod), "uid": uid_of(seen.pod)}
        status = {**claim["status"], "reservedFor": [*holders, holder]}
        why = f"pod {name_of(seen.pod)} is on its node"
        found.append(Update(kinds.RESOURCECLAIM, {**claim, "status": status}, why, "status"))
    return found


def _templates(pod: Obj) -> Iterable[str]:
    namespace = namespace_of(pod)
    return [
        f"{namespace}/{name}" for entry in entries(pod) if (name := entry.get("resourceClaimTemplateName"))
    ]


def _pod(pod: Obj, _caches: Caches) -> Iterable[str]:
    return (key_of(pod),) if entries(pod) else ()


def _pods_of_template(template: Obj, caches: Caches) -> Iterable[str]:
    return map(key_of, caches.by_index(kinds.POD, BY_TEMPLATE, key_of(template)))


def _pods_of_claim(claim: Obj, caches: Caches) -> Iterable[str]:
    return map(key_of, caches.by_index(kinds.POD, BY_CLAIM, key_of(claim)))


CONTROLLER = ControllerDef(
    "resourceclaim-controller",
    watches=(
        Watch(kinds.POD, _pod, {BY_TEMPLATE: _templates, BY_CLAIM: claims_of}),
        Watch(kinds.RESOURCECLAIMTEMPLATE, _pods_of_template),
        Watch(kinds.RESOURCECLAIM, _pods_of_claim),
    ),
    observe=observe,
    plan=plan,
    account="resource-claim-controller",
    source="resource_claim",
)
