"""PrioritySort: the pod of higher priority is tried first, of equals the one that came first."""

from __future__ import annotations

from ..framework import Plugin
from ..podfacts import PodFacts


def key(pod: PodFacts, arrival: int) -> tuple[int, int]:
    return (-pod.priority, arrival)


PLUGIN = Plugin("PrioritySort", queue_sort=key)
