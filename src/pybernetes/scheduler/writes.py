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


def unscheduled_patch(
    pod: Obj, reason: str, message: str, now: float, nominated: str | None = None
) -> dict[str, Any] | None:
    """The status patch that sets `PodScheduled=False`, None where the pod says so already. `now` is Unix time;
    `nominated`: the node to nominate the pod for, "" for none any more, None to leave that as it is."""
    conditions: Iterable[Obj] = (pod.get("status") or {}).get("conditions") or ()
    known = next((each for each in conditions if each["type"] == "PodScheduled"), {})
    condition: dict[str, Any] = {
        "type": "PodScheduled",
        "status": "False",
        "reason": reason,
        "message": message,
        "lastProbeTime": None,
    }
    status: dict[str, Any] = {}
    if nominated is not None and nominated != ((pod.get("status") or {}).get("nominatedNodeName") or ""):
        status["nominatedNodeName"] = nominated or None
    if all(known.get(field) == condition[field] for field in ("status", "reason", "message")):
        return {"metadata": {"uid": uid_of(pod)}, "status": status} if status else None
    if known.get("status") != "False":
        condition["lastTransitionTime"] = rfc3339(now)
    if "generation" in pod["metadata"]:
        condition["observedGeneration"] = pod["metadata"]["generation"]
    return {"metadata": {"uid": uid_of(pod)}, "status": {**status, "conditions": [condition]}}


def disruption_patch(victim: Obj, scheduler_name: str, now: float, preemptor: str = "pod") -> dict[str, Any]:
    """The status patch that announces a victim's removal: the condition DisruptionTarget. `preemptor`: "pod" or
    "podgroup"."""
    condition: dict[str, Any] = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "PreemptionByScheduler",
        "message": f"{scheduler_name}: preempting to accommodate a higher priority {preemptor}",
        "lastProbeTime": None,
        "lastTransitionTime": rfc3339(now),
    }
    if "generation" in victim["metadata"]:
        condition["observedGeneration"] = victim["metadata"]["generation"]
    return {"metadata": {"uid": uid_of(victim)}, "status": {"conditions": [condition]}}
