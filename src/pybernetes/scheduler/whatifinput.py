"""What a what-if is asked about: objects from files, checked as the API server would, and the pods they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pybernetes.api.errors import ApiError
from pybernetes.api.features import GATES, gated_kinds
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import KINDS
from pybernetes.api.meta import Obj, key_of, name_of, namespace_of, uid_of
from pybernetes.api.schema.check import check

WORKLOADS = (
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "ReplicationController",
    "DaemonSet",
    "Job",
    "CronJob",
)
CONTROLLER = {"Deployment": "ReplicaSet"}
"""Whom the pods of a workload belong to, where it is another object; it gets the workload's name here."""
_KINDS: Mapping[tuple[str, str], Kind] = {
    (kind.api_version, kind.kind): kind for kind in (*KINDS, *gated_kinds(GATES))
}


class WhatIfError(ValueError):
    """An object cannot be used; the message names it, and the field."""


def flattened(tree: Any) -> list[Obj]:
    """The objects of a List, or the object itself. Raises WhatIfError."""
    if not isinstance(tree, Mapping) or not isinstance(tree.get("kind"), str):
        raise WhatIfError(f"no Kubernetes object (a mapping with a kind): {str(tree)[:80]}")
    if tree["kind"].endswith("List") and isinstance(tree.get("items"), list):
        kind = tree["kind"].removesuffix("List")
        version = tree.get("apiVersion", "v1")
        found = [
            {"apiVersion": version, "kind": kind, **each}
            if isinstance(each, Mapping) and not each.get("kind")
            else each
            for each in tree["items"]
        ]
        return [leaf for each in found for leaf in flattened(each)]
    metadata = tree.get("metadata")
    if not isinstance(metadata, Mapping) or not (metadata.get("name") or metadata.get("generateName")):
        raise WhatIfError(f"{tree['kind']}: metadata.name: Required value")
    return [tree]


def completed(tree: Obj) -> Obj:
    """The object with its defaults, as an API server would take it. Raises WhatIfError."""
    named = f"{tree['kind']} {name_of(tree) or tree['metadata'].get('generateName')}"
    kind = _KINDS.get((str(tree.get("apiVersion", "v1")), tree["kind"]))
    if kind is None:
        raise WhatIfError(f'{named}: no matches for kind "{tree["kind"]}" in "{tree.get("apiVersion", "")}"')
    try:
        found, _ = check({"apiVersion": kind.api_version, **tree}, kind)
    except ApiError as error:
        raise WhatIfError(f"{named}: {error}") from error
    metadata = dict(found["metadata"])
    if kind.namespaced:
        metadata = {"namespace": "default", **metadata}
    found["metadata"] = metadata
    if kind.kind == "Job" and not (found.get("spec") or {}).get("selector"):
        found["spec"] = _with_selector(name_of(tree), found.get("spec") or {})
    kind.default(found)
    errors = FieldErrors()
    kind.validate(found, errors)
    kind.validate_create(found, errors)
    if errors:
        raise WhatIfError(f"{named}: {', '.join(errors)}")
    return found


def _with_selector(name: str, spec: Obj) -> Obj:
    """A Job's spec with the selector that the API server makes up."""
    label = {"batch.kubernetes.io/job-name": name}
    template = spec.get("template") or {}
    metadata = template.get("metadata") or {}
    labeled = {**metadata, "labels": {**(metadata.get("labels") or {}), **label}}
    return {
        **spec,
        "manualSelector": True,
        "selector": {"matchLabels": label},
        "template": {**template, "metadata": labeled},
    }


def pods_of(tree: Obj, nodes: Sequence[str]) -> tuple[list[Obj], list[Obj]]:
    """(the pods that an object stands for, the objects that come with them): a Pod itself, as many of a workload's
    template as it has replicas, a DaemonSet's for each of `nodes`; an object of another kind stands for itself."""
    kind = tree["kind"]
    if kind == "Pod":
        return [tree], []
    if kind not in WORKLOADS:
        return [], [tree]
    spec = tree["spec"] if kind != "CronJob" else tree["spec"]["jobTemplate"]["spec"]
    if kind == "DaemonSet":
        names = [f"{name_of(tree)}-{node}" for node in nodes]
        return [
            _pod(tree, spec["template"], name, _daemon(spec["template"]["spec"], node))
            for name, node in zip(names, nodes, strict=True)
        ], []
    count = spec.get("parallelism" if kind in ("Job", "CronJob") else "replicas")
    if count is not None and (most := spec.get("completions")) is not None:
        count = min(count, most)
    pods: list[Obj] = []
    others: list[Obj] = [{**tree, "kind": CONTROLLER.get(kind, kind)}]
    for number in range(1 if count is None else int(count)):
        name = f"{name_of(tree)}-{number}"
        own = [_claim(tree, each, name) for each in spec.get("volumeClaimTemplates") or ()]
        others += own
        pods.append(_pod(tree, spec["template"], name, _with_claims(spec, own)))
    return pods, others


def _pod(owner: Obj, template: Obj, name: str, spec: Obj) -> Obj:
    kind = CONTROLLER.get(owner["kind"], owner["kind"])
    metadata = {
        **(template.get("metadata") or {}),
        "name": name,
        "namespace": namespace_of(owner),
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": kind,
                "name": name_of(owner),
                "uid": name_of(owner),
                "controller": True,
            }
        ],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _daemon(spec: Obj, node: str) -> Obj:
    """As the DaemonSet controller pins a pod to its node, with two of the taints that it tolerates."""
    affinity = dict(spec.get("affinity") or {})
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    affinity["nodeAffinity"] = {
        **(affinity.get("nodeAffinity") or {}),
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchFields": [field]}]},
    }
    tolerated = [
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": effect}
        for key, effect in (
            ("not-ready", "NoExecute"),
            ("unreachable", "NoExecute"),
            ("disk-pressure", "NoSchedule"),
            ("memory-pressure", "NoSchedule"),
            ("pid-pressure", "NoSchedule"),
            ("unschedulable", "NoSchedule"),
        )
    ]
    return {**spec, "affinity": affinity, "tolerations": [*(spec.get("tolerations") or ()), *tolerated]}


def _claim(owner: Obj, template: Obj, pod: str) -> Obj:
    metadata = {
        **template["metadata"],
        "name": f"{template['metadata']['name']}-{pod}",
        "namespace": namespace_of(owner),
    }
    return {**template, "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata}


def _with_claims(spec: Obj, claims: Sequence[Obj]) -> Obj:
    template: Obj = spec["template"]["spec"]
    if not claims:
        return template
    names = [each["metadata"]["name"] for each in spec["volumeClaimTemplates"]]
    mounted = [
        {"name": name, "persistentVolumeClaim": {"claimName": name_of(claim)}}
        for name, claim in zip(names, claims, strict=True)
    ]
    kept = [each for each in template.get("volumes") or () if each["name"] not in names]
    return {**template, "volumes": [*kept, *mounted]}


def asked_pod(pod: Obj, priorities: Mapping[str, Obj]) -> Obj:
    """The pod with what admission would have given it, and without a node. Raises WhatIfError."""
    metadata = {"namespace": "default", **pod["metadata"]}
    if not metadata.get("name"):
        metadata["name"] = f"{metadata.get('generateName', 'pod-')}x"
    metadata["uid"] = f"asked/{metadata['namespace']}/{metadata['name']}"
    spec = {key: value for key, value in pod["spec"].items() if key != "nodeName"}
    spec.setdefault("schedulerName", "default-scheduler")
    wanted = spec.get("priorityClassName") or ""
    found = priorities.get(wanted) or next((p for p in priorities.values() if p.get("globalDefault")), None)
    if wanted and wanted not in priorities:
        if wanted not in SYSTEM:
            raise WhatIfError(f"Pod {metadata['name']}: no PriorityClass with name {wanted} was found")
        found = {"value": SYSTEM[wanted]}
    if spec.get("priority") is None:
        spec["priority"] = _value(found) if found is not None else 0
    if spec.get("preemptionPolicy") is None and found is not None:
        spec["preemptionPolicy"] = found.get("preemptionPolicy", "PreemptLowerPriority")
    return {**pod, "kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": "Pending"}}


def _value(priority_class: Obj) -> int:
    value = priority_class.get("value") or 0
    if not isinstance(value, int):
        raise WhatIfError(f"PriorityClass {name_of(priority_class)}: value: {value!r} is no whole number")
    return value


SYSTEM = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
"""The priority classes that every cluster has."""


def is_placed(pod: Obj) -> bool:
    return bool(pod["spec"].get("nodeName"))


def with_uid(obj: Obj) -> Obj:
    if uid_of(obj):
        return obj
    return {**obj, "metadata": {**obj["metadata"], "uid": f"given/{key_of(obj)}"}}


def by_kind(objects: Iterable[Obj]) -> dict[str, list[Obj]]:
    found: dict[str, list[Obj]] = {}
    for each in objects:
        found.setdefault(each["kind"], []).append(each)
    return found
