"""What the scheduler writes: the Binding, and the condition that tells why a pod has no node."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pybernetes.api.meta import Obj, name_of, namespace_of, uid_of
from pybernetes.lang.timestamps import rfc3339


def binding(pod: Obj, node: str) -> dict[str, Any]:
    """The body of `POST pods/x/binding`."""
    metadata = {"name": name_of(pod), "namespace": namespace_of(pod), "uid": uid_of(pod)}
    return {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": metadata,
        "target": {"kind": "Node", "name": node},
    }


def unscheduled_patch(pod: Obj, reason: str, message: str, now: float) -> dict[str, Any] | None:
    """The status patch that sets `PodScheduled=False`, None where the pod says so already. `now` is Unix time."""
    conditions: Iterable[Obj] = (pod.get("status") or {}).get("conditions") or ()
    known = next((each for each in conditions if each["type"] == "PodScheduled"), {})
    condition: dict[str, Any] = {
        "type": "PodScheduled",
        "status": "False",
        "reason": reason,
        "message": message,
        "lastProbeTime": None,
    }
    if all(known.get(field) == condition[field] for field in ("status", "reason", "message")):
        return None
    if known.get("status") != "False":
        condition["lastTransitionTime"] = rfc3339(now)
    if "generation" in pod["metadata"]:
        condition["observedGeneration"] = pod["metadata"]["generation"]
    return {"metadata": {"uid": uid_of(pod)}, "status": {"conditions": [condition]}}
