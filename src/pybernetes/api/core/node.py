"""Nodes: the machines."""

from __future__ import annotations

from ..cells import AGE, NAME, at, dig
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import Obj, labels_of
from ..selectable import field_flag
from ..validation.addresses import cidr_warnings

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


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """A share of the pod range is given once."""
    if dig(old, "spec", "podCIDRs") and dig(new, "spec", "podCIDRs") != dig(old, "spec", "podCIDRs"):
        errors.at("spec").forbidden('node updates may not change podCIDR except from "" to valid', "podCIDRs")


def validate(node: Obj, errors: FieldErrors) -> None:
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(dig(node, "spec", "taints") or ()):
        at_taint = errors.at("spec", "taints", index)
        if not taint.get("key"):
            at_taint.required("key")
        if taint.get("effect") not in ("NoSchedule", "PreferNoSchedule", "NoExecute"):
            at_taint.not_supported(
                taint.get("effect", ""), ["NoExecute", "NoSchedule", "PreferNoSchedule"], "effect"
            )
        identity = (str(taint.get("key")), str(taint.get("effect")))
        if identity in seen:
            at_taint.duplicate(taint)
        seen.add(identity)


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
    validate=validate,
    validate_update=validate_update,
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
