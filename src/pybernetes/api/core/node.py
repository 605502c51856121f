"""Nodes: the machines."""

from __future__ import annotations

from ..cells import AGE, NAME, at, dig
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj, labels_of
from ..selectable import field_flag
from ..validation.addresses import cidr_warnings
from .node_validation import validate, validate_update

ROLE_PREFIX, ROLE_LABEL = "node-role.kubernetes.io/", "kubernetes.io/role"


def status_cell(node: Obj, _now: float) -> Cell:
    """`Ready`, `NotReady` or `Unknown`, and whether it takes no new pods."""
    conditions = {c["type"]: c["status"] for c in dig(node, "status", "conditions") or ()}
    ready = conditions.get("Ready")
    words = ["Unknown" if ready is None else "Ready" if ready == "True" else "NotReady"]
    if dig(node, "spec", "unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def roles_cell(node: Obj, _now: float) -> Cell:
    labels = labels_of(node)
    roles = {
        key.removeprefix(ROLE_PREFIX) for key in labels if key.startswith(ROLE_PREFIX) and key != ROLE_PREFIX
    }
    if labels.get(ROLE_LABEL):
        roles.add(labels[ROLE_LABEL])
    return ",".join(sorted(roles)) or "<none>"


def _address(kind: str, absent: str = "<none>") -> Column:
    def cell(node: Obj, _now: float) -> Cell:
        found = [a["address"] for a in dig(node, "status", "addresses") or () if a["type"] == kind]
        return found[0] if found else absent

    return Column("Internal-IP" if kind == "InternalIP" else "External-IP", cell, priority=1)


def _info(title: str, field: str) -> Column:
    return Column(title, at("status", "nodeInfo", field, default="<unknown>"), priority=1)


def default(node: MutableObj) -> None:
    """The share of the pod range in its two forms, of which the older one counts."""
    spec = node.get("spec")
    if not isinstance(spec, dict):
        return
    first, blocks = spec.get("podCIDR"), spec.get("podCIDRs")
    if first and (not blocks or blocks[0] != first):
        spec["podCIDRs"] = [first]
    elif blocks and not first:
        spec["podCIDR"] = blocks[0]


def warnings(node: Obj, _old: Obj | None) -> list[str]:
    found = []
    if dig(node, "spec", "configSource") is not None:
        found.append("spec.configSource: the feature is removed")
    if dig(node, "spec", "externalID"):
        found.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
    if blocks := dig(node, "spec", "podCIDRs"):
        for index, text in enumerate(blocks):
            found += cidr_warnings(f"spec.podCIDRs[{index}]", text)
    return found


NODE = Kind(
    group="",
    version="v1",
    kind="Node",
    plural="nodes",
    namespaced=False,
    singular="node",
    short_names=("no",),
    subresources=("proxy", "status"),
    storage_prefix="minions",
    schema="io.k8s.api.core.v1.Node",
    default=default,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_update,
    warnings=warnings,
    columns=(
        NAME,
        Column("Status", status_cell),
        Column("Roles", roles_cell),
        AGE,
        Column("Version", at("status", "nodeInfo", "kubeletVersion")),
        _address("InternalIP"),
        _address("ExternalIP"),
        _info("OS-Image", "osImage"),
        _info("Kernel-Version", "kernelVersion"),
        _info("Container-Runtime", "containerRuntimeVersion"),
    ),
    selectable={"spec.unschedulable": field_flag("spec", "unschedulable")},
)
