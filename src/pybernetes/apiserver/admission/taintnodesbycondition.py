"""TaintNodesByCondition: a new node takes no pods until the node lifecycle controller has seen it ready."""

from __future__ import annotations

from pybernetes.api.kinds import NODE

from .plugin import Admission, Plugin, Scope

NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


def _mutate(admission: Admission) -> bool:
    if admission.kind is not NODE or admission.operation != "CREATE" or admission.subresource:
        return False
    spec = admission.object.setdefault("spec", {})
    taints = spec.get("taints") or []
    if any(t.get("key") == NOT_READY["key"] and t.get("effect") == NOT_READY["effect"] for t in taints):
        return False
    spec["taints"] = [*taints, dict(NOT_READY)]
    return True


TAINT_NODES_BY_CONDITION = Plugin(
    "TaintNodesByCondition", mutate=_mutate, mutates=Scope(("nodes",), ("CREATE",), ("",)), defaulted=True
)
