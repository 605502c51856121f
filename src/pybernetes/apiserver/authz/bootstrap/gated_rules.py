"""Rules that roles have besides where a feature gate is on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pybernetes.api.meta import MutableObj

from .policyrule import READ, WRITE, rule

GATED_RULES: Mapping[str, Mapping[str, tuple[MutableObj, ...]]] = {
    "GenericWorkload": {
        "system:kube-scheduler": (
            rule(READ, "scheduling.k8s.io", "podgroups"),
            rule("update patch", "scheduling.k8s.io", "podgroups/status"),
        ),
        "system:aggregate-to-edit": (rule(WRITE, "scheduling.k8s.io", "podgroups workloads"),),
        "system:aggregate-to-view": (
            rule(READ, "scheduling.k8s.io", "podgroups podgroups/status workloads"),
        ),
    },
}
"""By gate and role."""


def rules_of(role: str, features: Iterable[str]) -> list[MutableObj]:
    return [each for gate in sorted(features) for each in GATED_RULES.get(gate, {}).get(role, ())]
