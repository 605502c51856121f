"""Node selectors: whether a node's labels and name satisfy a `NodeSelector` tree, or a pod's wishes about its node.

Used wherever a single node is asked about; the scheduler, which asks about all at once, has its own columnar form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Labels = Mapping[str, str]


def allows(pod_spec: Mapping[str, Any], labels: Labels, name: str) -> bool:
    """Whether `nodeSelector` and the required node affinity of a pod spec accept the node."""
    wanted = pod_spec.get("nodeSelector") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    affinity = (pod_spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or matches(required, labels, name)


def matches(selector: Mapping[str, Any], labels: Labels, name: str) -> bool:
    """Whether one of `nodeSelectorTerms` matches; a selector without terms matches nothing."""
    return any(_term(term, labels, name) for term in selector.get("nodeSelectorTerms") or ())


def _term(term: Mapping[str, Any], labels: Labels, name: str) -> bool:
    """All expressions and fields of a term; an empty term matches nothing."""
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return all(_holds(labels.get(each["key"]), each) for each in expressions) and all(
        _holds(name if each["key"] == "metadata.name" else None, each) for each in fields
    )


def _holds(value: str | None, requirement: Mapping[str, Any]) -> bool:
    values: Sequence[str] = requirement.get("values") or ()
    match requirement["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt" as operator:
            return _compare(value, values, operator)
    return False


def _compare(value: str | None, values: Sequence[str], operator: str) -> bool:
    """Both sides must be integers, or nothing matches."""
    try:
        have, want = int(value or ""), int(values[0])
    except (ValueError, IndexError):
        return False
    return have > want if operator == "Gt" else have < want
