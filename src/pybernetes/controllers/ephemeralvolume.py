"""ephemeral-volume-controller: a claim for each ephemeral volume of a pod, owned by the pod."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, key_of, name_of, namespace_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch
from pybernetes.control.ownership import owner_reference
from pybernetes.control.plan import Create, Plan, Report, Steps
from pybernetes.controllers.volumes import PODS_BY_CLAIM, claims_of_pod, ephemeral_claim, is_made_for


@dataclass(frozen=True, slots=True)
class Seen:
    """A pod, and its ephemeral volumes with the claims that have their names."""

    pod: Obj
    volumes: Sequence[tuple[Obj, Obj | None]]


def observe(key: str, caches: Caches) -> Seen | None:
    pod = caches.get(kinds.POD, key)
    if pod is None:
        return None
    volumes = [volume for volume in pod["spec"].get("volumes") or () if volume.get("ephemeral")]
    namespace = namespace_of(pod)

    def claim(volume: Obj) -> Obj | None:
        return caches.get(kinds.PERSISTENTVOLUMECLAIM, f"{namespace}/{ephemeral_claim(pod, volume)}")

    return Seen(pod, [(volume, claim(volume)) for volume in volumes])


def plan(seen: Seen, _now: float, _settings: Settings) -> Plan:
    if is_deleting(seen.pod):
        return Plan.nothing("the pod is being deleted")
    steps, pod = Steps(), seen.pod
    for volume, claim in seen.volumes:
        name = ephemeral_claim(pod, volume)
        if claim is None:
            steps.add(_create(pod, volume, name))
        elif not is_made_for(claim, pod):
            message = (
                f"ephemeral volume {volume['name']}: PVC {namespace_of(pod)}/{name} was not created for pod "
                f"{key_of(pod)} (pod is not owner)"
            )
            steps.add(Report(pod, "Warning", "FailedCreate", message))
    return steps.plan(f"{len(steps.steps)} of {len(seen.volumes)} claims to make")


def _create(pod: Obj, volume: Obj, name: str) -> Create:
    template = volume["ephemeral"]["volumeClaimTemplate"]
    given = template.get("metadata") or {}
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": namespace_of(pod),
        "ownerReferences": [owner_reference(pod, kinds.POD)],
        **{field: given[field] for field in ("labels", "annotations") if given.get(field)},
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": template["spec"],
    }
    failure = f"ephemeral volume {volume['name']}: create PVC {name}: {{error}}"
    return Create(
        kinds.PERSISTENTVOLUMECLAIM,
        claim,
        f"pod {name_of(pod)} has an ephemeral volume",
        failure=Report(pod, "Warning", "FailedCreate", failure),
    )


def _pod(pod: Obj, _caches: Caches) -> Iterable[str]:
    has_any = any(volume.get("ephemeral") for volume in pod["spec"].get("volumes") or ())
    return (key_of(pod),) if has_any and not is_deleting(pod) else ()


def _pods_of(claim: Obj, caches: Caches) -> Iterable[str]:
    """Pods whose claim is gone get another."""
    key = key_of(claim)
    if caches.get(kinds.PERSISTENTVOLUMECLAIM, key) is not None:
        return ()
    return [each for pod in caches.by_index(kinds.POD, PODS_BY_CLAIM, key) for each in _pod(pod, caches)]


CONTROLLER = ControllerDef(
    "ephemeral-volume-controller",
    watches=(
        Watch(kinds.POD, _pod, {PODS_BY_CLAIM: claims_of_pod}),
        Watch(kinds.PERSISTENTVOLUMECLAIM, _pods_of),
    ),
    observe=observe,
    plan=plan,
    account="ephemeral-volume-controller",
    source="ephemeral_volume",
)
