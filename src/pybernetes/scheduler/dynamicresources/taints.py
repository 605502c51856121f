"""Whether a device's taints keep a request from it."""

from __future__ import annotations

from pybernetes.api.meta import Obj

from .asked import Request
from .devices import Device

BLOCKING = ("NoSchedule", "NoExecute")
"""Effects that prevent an allocation; any other is for information."""


def prevents(device: Device, request: Request) -> bool:
    return any(
        taint.get("effect") in BLOCKING and not any(tolerates(each, taint) for each in request.tolerations)
        for taint in device.taints
    )


def tolerates(toleration: Obj, taint: Obj) -> bool:
    """An empty effect or key means all of them."""
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint.get("key"):
        return False
    if (toleration.get("operator") or "Equal") == "Exists":
        return True
    return (toleration.get("value") or "") == (taint.get("value") or "")
