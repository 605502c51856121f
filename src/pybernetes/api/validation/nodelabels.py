"""Labels of nodes that have newer names, and the warnings for who still selects by the old ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pybernetes.lang import names

RENAMED: Mapping[str, tuple[str, str]] = {
    "beta.kubernetes.io/arch": ("v1.14", "kubernetes.io/arch"),
    "beta.kubernetes.io/os": ("v1.14", "kubernetes.io/os"),
    "failure-domain.beta.kubernetes.io/region": ("v1.17", "topology.kubernetes.io/region"),
    "failure-domain.beta.kubernetes.io/zone": ("v1.17", "topology.kubernetes.io/zone"),
    "beta.kubernetes.io/instance-type": ("v1.17", "node.kubernetes.io/instance-type"),
}
"""Old label -> (deprecated since, new label)."""
GONE: Mapping[str, str] = {
    "app.kubernetes.io/created-by": "deprecated since v1.9",
    "scheduler.alpha.kubernetes.io/preferAvoidPods": "deprecated since v1.22; use Taints and Tolerations instead",
    "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
}
"""Others that should not be used -> what is said of them."""


def deprecation(label: str) -> str:
    """`deprecated since v1.17; use "topology.kubernetes.io/zone" instead`, or "" for a label that is not old."""
    if label not in RENAMED:
        return GONE.get(label, "")
    since, new = RENAMED[label]
    return f'deprecated since {since}; use "{new}" instead'


def term_warnings(path: str, requirements: Any, *, of_values: bool = False) -> list[str]:
    """For the requirements of one node selector term (`matchExpressions`); `path` is that of the list. `of_values` where
    the values are not validated."""
    found = []
    for index, each in enumerate(requirements or ()):
        if why := deprecation(each.get("key", "")):
            found.append(f"{path}[{index}].key: {each['key']} is {why}")
        for number, value in enumerate((each.get("values") or ()) if of_values else ()):
            found += [
                f"{path}[{index}].values[{number}]: {value} is invalid, {why}"
                for why in names.label_value(value)
            ]
    return found


def selector_warnings(path: str, selector: Any) -> list[str]:
    """For a label selector over nodes."""
    if not selector:
        return []
    labels = [
        f"{path}.matchLabels.{label}: {why}"
        for label in selector.get("matchLabels") or ()
        if (why := deprecation(label))
    ]
    return term_warnings(f"{path}.matchExpressions", selector.get("matchExpressions")) + labels
