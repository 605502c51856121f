"""Which nodes a DaemonSet's pods belong on, and the pods that are made for them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.apps.daemonset import TEMPLATE_GENERATION
from pybernetes.api.meta import MutableObj, Obj, annotations_of, labels_of, name_of, namespace_of
from pybernetes.control.ownership import owner_reference
from pybernetes.controllers.history import POD_LABEL
from pybernetes.controllers.tainteviction import tolerates
from pybernetes.lang import nodeselector

GENERATION_LABEL = "pod-template-generation"
TOLERATED: tuple[tuple[str, str], ...] = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
TOLERATED_ON_HOST_NETWORK: tuple[tuple[str, str], ...] = (
    ("node.kubernetes.io/network-unavailable", "NoSchedule"),
)
"""Taints that every daemon pod tolerates; those that use the host's network need no pod network."""


def fit(daemon_set: Obj, node: Obj) -> tuple[bool, bool]:
    """Whether a pod should be started on the node, and whether one that is there may stay: a NoSchedule taint that is
    not tolerated keeps new pods away only."""
    spec = daemon_set["spec"]["template"]["spec"]
    name = name_of(node)
    if spec.get("nodeName") not in (None, "", name):
        return False, False
    if not nodeselector.allows(spec, labels_of(node), name):
        return False, False
    repelled = {taint["effect"] for taint in node["spec"].get("taints") or () if not _tolerated(spec, taint)}
    if "NoExecute" in repelled:
        return False, False
    return "NoSchedule" not in repelled, True


def _tolerated(spec: Obj, taint: Obj) -> bool:
    known = (*TOLERATED, *TOLERATED_ON_HOST_NETWORK) if spec.get("hostNetwork") else TOLERATED
    if (taint["key"], taint["effect"]) in known:
        return True
    return any(tolerates(toleration, taint) for toleration in spec.get("tolerations") or ())


def node_of(pod: Obj) -> str:
    """The node that the pod is on or is meant for; "" where it says neither."""
    spec = pod["spec"]
    if spec.get("nodeName"):
        return str(spec["nodeName"])
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            values: Sequence[str] = field.get("values") or ()
            if field["key"] == "metadata.name" and field["operator"] == "In" and len(values) == 1:
                return str(values[0])
    return ""


def generation_of(daemon_set: Obj) -> str:
    """How often the template has changed, as the older label of pods counts it."""
    return annotations_of(daemon_set).get(TEMPLATE_GENERATION, "")


def is_updated(pod: Obj, hashed: str, generation: str) -> bool:
    """Whether the pod was made from the current template."""
    labels = labels_of(pod)
    return labels.get(POD_LABEL) == hashed or bool(generation and labels.get(GENERATION_LABEL) == generation)


def new_pod(daemon_set: Obj, node: str, hashed: str) -> MutableObj:
    """The pod for a node: the scheduler may place it nowhere else."""
    template = daemon_set["spec"]["template"]
    given = template.get("metadata") or {}
    labels = {**(given.get("labels") or {}), POD_LABEL: hashed}
    if generation := generation_of(daemon_set):
        labels[GENERATION_LABEL] = generation
    metadata = {
        "generateName": f"{name_of(daemon_set)}-",
        "namespace": namespace_of(daemon_set),
        "ownerReferences": [owner_reference(daemon_set, kinds.DAEMONSET)],
        **{key: given[key] for key in ("annotations", "finalizers") if given.get(key)},
        "labels": labels,
    }
    spec = {
        **template["spec"],
        "affinity": _pinned(template["spec"].get("affinity") or {}, node),
        "tolerations": _tolerations(template["spec"]),
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _pinned(affinity: Obj, node: str) -> dict[str, Any]:
    """The affinity with this node as its only requirement about nodes: the node has passed the others already."""
    name = {"key": "metadata.name", "operator": "In", "values": [node]}
    terms = {"nodeSelectorTerms": [{"matchFields": [name]}]}
    about_nodes = {
        **(affinity.get("nodeAffinity") or {}),
        "requiredDuringSchedulingIgnoredDuringExecution": terms,
    }
    return {**affinity, "nodeAffinity": about_nodes}


def _tolerations(spec: Obj) -> list[Any]:
    """The template's, and those that every daemon pod has; a template's own without a time limit stays as it is."""
    keys = (*TOLERATED, *TOLERATED_ON_HOST_NETWORK) if spec.get("hostNetwork") else TOLERATED
    added = [{"key": key, "operator": "Exists", "effect": effect} for key, effect in keys]
    own = [t for t in spec.get("tolerations") or () if not any(_same_taint(t, each) for each in added)]
    return [*own, *added]


def _same_taint(one: Obj, other: Obj) -> bool:
    return all(
        (one.get(field) or "") == (other.get(field) or "") for field in ("key", "operator", "effect", "value")
    )
