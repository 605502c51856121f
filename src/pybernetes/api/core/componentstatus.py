"""ComponentStatuses: whether the parts of the control plane are well. Computed when asked for, never stored."""

from __future__ import annotations

from typing import Any

from ..cells import NAME
from ..kind import Cell, Column, Kind
from ..meta import Obj


def _healthy(status: Obj) -> Any:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Healthy":
            return condition
    return None


def _status(status: Obj, _now: float) -> Cell:
    condition = _healthy(status)
    if condition is None:
        return "Unknown"
    return "Healthy" if condition.get("status") == "True" else "Unhealthy"


COMPONENTSTATUS = Kind(
    group="",
    version="v1",
    kind="ComponentStatus",
    plural="componentstatuses",
    namespaced=False,
    singular="componentstatus",
    short_names=("cs",),
    verbs=("get", "list"),
    deprecated="v1 ComponentStatus is deprecated in v1.19+",
    schema="io.k8s.api.core.v1.ComponentStatus",
    columns=(
        NAME,
        Column("Status", _status, description="Status of the component conditions"),
        Column(
            "Message",
            lambda status, _: (_healthy(status) or {}).get("message", ""),
            description="Message of the component conditions",
        ),
        Column(
            "Error",
            lambda status, _: (_healthy(status) or {}).get("error", ""),
            description="Error of the component conditions",
        ),
    ),
)
