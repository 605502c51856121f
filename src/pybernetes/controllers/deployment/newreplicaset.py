"""Making, finding again and resizing ReplicaSets, with the annotations by which revisions and sizes are remembered."""

from __future__ import annotations

from typing import Any

from pybernetes.api import kinds
from pybernetes.api.meta import MutableObj, Obj, annotations_of, name_of, namespace_of
from pybernetes.control.ownership import owner_reference
from pybernetes.control.plan import Create, Report, Update

from .rolling import new_replicas
from .rollout import (
    DESIRED,
    HASH_LABEL,
    MAX_REPLICAS,
    REVISION,
    REVISION_HISTORY,
    Rollout,
    revision_of,
    spec_replicas,
    template_hash,
)

NOT_COPIED = (
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED,
    MAX_REPLICAS,
)


def creation(rollout: Rollout) -> Create:
    """The ReplicaSet for the current template, at the size it may have at once."""
    deployment = rollout.deployment
    template = deployment["spec"]["template"]
    hashed = hash_of(deployment)
    metadata = template.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), HASH_LABEL: hashed}
    selector = deployment["spec"]["selector"]
    size = new_replicas(rollout)
    name = f"{name_of(deployment)}-{hashed}"
    spec: dict[str, Any] = {
        "replicas": size,
        "selector": {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), HASH_LABEL: hashed}},
        "template": {**template, "metadata": {**metadata, "labels": labels}},
    }
    if deployment["spec"].get("minReadySeconds"):
        spec["minReadySeconds"] = deployment["spec"]["minReadySeconds"]
    obj = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": namespace_of(deployment),
            "labels": labels,
            "annotations": {
                **_copied(deployment),
                REVISION: str(rollout.revision),
                **_size_annotations(rollout),
            },
            "ownerReferences": [owner_reference(deployment, kinds.DEPLOYMENT)],
        },
        "spec": spec,
    }
    return Create(
        kinds.REPLICASET,
        obj,
        "the pod template is new",
        success=Report(
            deployment, "Normal", "ScalingReplicaSet", f"Scaled up replica set {name} from 0 to {size}"
        )
        if size
        else None,
        failure=Report(
            deployment,
            "Warning",
            "ReplicaSetCreateError",
            f'Failed to create new replica set "{name}": {{error}}',
        ),
    )


def hash_of(deployment: Obj) -> str:
    collisions = int((deployment.get("status") or {}).get("collisionCount") or 0)
    return template_hash(deployment["spec"]["template"], collisions)


def resized(rollout: Rollout, rs: Obj, size: int) -> Update | None:
    """The ReplicaSet at a size, its size annotations up to date; None where nothing changes."""
    before = spec_replicas(rs)
    annotations = {**annotations_of(rs), **_size_annotations(rollout)}
    if before == size and annotations == annotations_of(rs):
        return None
    changed = {
        **rs,
        "metadata": {**rs["metadata"], "annotations": annotations},
        "spec": {**rs["spec"], "replicas": size},
    }
    direction = "up" if size > before else "down"
    message = f"Scaled {direction} replica set {name_of(rs)} from {before} to {size}"
    return Update(
        kinds.REPLICASET,
        changed,
        message if size != before else "the Deployment's size changed",
        success=Report(rollout.deployment, "Normal", "ScalingReplicaSet", message)
        if size != before
        else None,
    )


def annotated(rollout: Rollout) -> Update | None:
    """The existing new ReplicaSet with its revision and the Deployment's annotations; None where it has them."""
    rs = rollout.new
    if rs is None:
        return None
    annotations: MutableObj = {**annotations_of(rs), **_copied(rollout.deployment)}
    revision, was = rollout.revision, revision_of(rs)
    if revision > was:
        annotations[REVISION] = str(revision)
        history = [entry for entry in annotations_of(rs).get(REVISION_HISTORY, "").split(",") if entry]
        if was:
            annotations[REVISION_HISTORY] = ",".join([*history, str(was)])
    spec = {**rs["spec"]}
    min_ready = rollout.deployment["spec"].get("minReadySeconds")
    if min_ready != rs["spec"].get("minReadySeconds"):
        spec = {k: v for k, v in {**spec, "minReadySeconds": min_ready}.items() if v is not None}
    if annotations == annotations_of(rs) and spec == rs["spec"]:
        return None
    changed = {**rs, "metadata": {**rs["metadata"], "annotations": annotations}, "spec": spec}
    return Update(kinds.REPLICASET, changed, "annotations of the Deployment or the revision changed")


def _copied(deployment: Obj) -> dict[str, str]:
    return {k: v for k, v in annotations_of(deployment).items() if k not in NOT_COPIED}


def _size_annotations(rollout: Rollout) -> dict[str, str]:
    return {DESIRED: str(rollout.replicas), MAX_REPLICAS: str(rollout.replicas + rollout.max_surge)}
