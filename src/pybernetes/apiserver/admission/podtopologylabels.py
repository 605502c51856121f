"""PodTopologyLabels: a pod that gets a node gets the zone and the region of it as labels, unless it has its own."""

from __future__ import annotations

from pybernetes.api.kinds import NODE, POD
from pybernetes.api.meta import MutableObj

from .plugin import Admission, Plugin, Scope

LABELS = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


def _mutate(admission: Admission) -> bool:
    if admission.kind is not POD or admission.operation != "CREATE":
        return False
    if admission.subresource == "binding":
        target = admission.object.get("target") or {}
        node = target.get("name") or "" if target.get("kind", "Node") in ("", "Node") else ""
    elif not admission.subresource:
        node = (admission.object.get("spec") or {}).get("nodeName") or ""
    else:
        return False
    return bool(node) and _label(admission, admission.object.setdefault("metadata", {}), node)


def _label(admission: Admission, metadata: MutableObj, node: str) -> bool:
    found = admission.find(NODE, node)
    there = ((found or {}).get("metadata") or {}).get("labels") or {}
    labels = {key: there[key] for key in LABELS if key in there}
    if not labels:
        return False
    metadata["labels"] = {**labels, **(metadata.get("labels") or {})}
    return True


POD_TOPOLOGY_LABELS = Plugin(
    "PodTopologyLabels",
    mutate=_mutate,
    mutates=Scope(("pods",), ("CREATE",), ("", "binding")),
    defaulted=True,
    templated=True,
)
