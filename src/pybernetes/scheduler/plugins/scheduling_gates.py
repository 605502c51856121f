"""SchedulingGates: a pod with `spec.schedulingGates` is not tried."""

from __future__ import annotations

from pybernetes.api.meta import Obj

from ..framework import Plugin, on
from ..podfacts import PodFacts


def gated(pod: PodFacts, _tree: Obj) -> str:
    if not pod.gates:
        return ""
    return f"waiting for scheduling gates: [{' '.join(pod.gates)}]"


PLUGIN = Plugin("SchedulingGates", pre_enqueue=gated, unblocked_by=(on("UnscheduledPod", "update"),))
