"""LimitPodHardAntiAffinityTopology: required anti-affinity is judged by host only, so that one pod cannot keep a whole
zone for itself (off unless enabled)."""

from __future__ import annotations

from .plugin import Admission, Plugin

HOSTNAME = "kubernetes.io/hostname"


def _validate(admission: Admission) -> None:
    if not admission.writes("", "pods", "CREATE", "UPDATE"):
        return
    anti = (admission.object["spec"].get("affinity") or {}).get("podAntiAffinity") or {}
    for term in anti.get("requiredDuringSchedulingIgnoredDuringExecution") or ():
        if term.get("topologyKey") != HOSTNAME:
            raise admission.forbidden(
                "affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey "
                f"{term.get('topologyKey', '')} but only key {HOSTNAME} is allowed"
            )


LIMIT_POD_HARD_ANTI_AFFINITY_TOPOLOGY = Plugin(
    "LimitPodHardAntiAffinityTopology", validate=_validate, default=False
)
