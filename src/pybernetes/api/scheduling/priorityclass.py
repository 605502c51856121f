"""PriorityClasses: names for the importance of pods."""

from __future__ import annotations

from ..kind import Kind

PRIORITYCLASS = Kind(
    group="scheduling.k8s.io",
    version="v1",
    kind="PriorityClass",
    plural="priorityclasses",
    namespaced=False,
    singular="priorityclass",
    short_names=("pc",),
    schema="io.k8s.api.scheduling.v1.PriorityClass",
)
