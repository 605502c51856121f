"""PriorityClasses: names for the importance of pods."""

from __future__ import annotations

from ..cells import AGE, NAME, at
from ..kind import Column, Kind

PRIORITYCLASS = Kind(
    group="scheduling.k8s.io",
    version="v1",
    kind="PriorityClass",
    plural="priorityclasses",
    namespaced=False,
    singular="priorityclass",
    short_names=("pc",),
    schema="io.k8s.api.scheduling.v1.PriorityClass",
    columns=(
        NAME,
        Column("Value", at("value", default=0), type="integer"),
        Column("Global-Default", at("globalDefault", default=False), type="boolean"),
        AGE,
        Column("PreemptionPolicy", at("preemptionPolicy")),
    ),
)
