"""The rules of `matchLabelKeys` and `mismatchLabelKeys`, and what they make of a selector when a pod is created."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import MutableObj, Obj

_FIELDS = (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn"))
_TERMS = (
    "preferredDuringSchedulingIgnoredDuringExecution",
    "requiredDuringSchedulingIgnoredDuringExecution",
)


def validate_label_keys(term: Obj, at: FieldErrors) -> None:
    """Of a term of pod affinity or a constraint of topology spread; the selector has what the keys made of it."""
    selector = term.get("labelSelector")
    wanted, unwanted = term.get("matchLabelKeys") or (), term.get("mismatchLabelKeys") or ()
    if not wanted and not unwanted:
        return
    for field, keys in (("matchLabelKeys", wanted), ("mismatchLabelKeys", unwanted)):
        if keys and selector is None:
            at.forbidden("must not be specified when labelSelector is not set", field)
            continue
        for index, key in enumerate(keys):
            for message in names.qualified_name(key):
                at.at(field, index).invalid(key, message)
    seen = set((selector or {}).get("matchLabels") or ())
    numbers = {key: index for index, key in enumerate(wanted)}
    for requirement in (selector or {}).get("matchExpressions") or ():
        key = requirement.get("key", "")
        if key in numbers and key in seen:
            at.at(numbers[key]).invalid(key, "exists in both matchLabelKeys and labelSelector")
        seen.add(key)
    for index, key in enumerate(wanted):
        if key in unwanted:
            at.at("matchLabelKeys", index).invalid(key, "exists in both matchLabelKeys and mismatchLabelKeys")


def merge_label_keys(spec: MutableObj, labels: Mapping[str, str]) -> None:
    """What the strategy of creation does: the pod's own values of these labels become requirements."""
    affinity = spec.get("affinity") or {}
    for part in ("podAffinity", "podAntiAffinity"):
        for field in _TERMS:
            for term in (affinity.get(part) or {}).get(field) or ():
                _merge(term.get("podAffinityTerm") or {} if field == _TERMS[0] else term, labels)
    for constraint in spec.get("topologySpreadConstraints") or ():
        _merge(constraint, labels)


def _merge(term: Any, labels: Mapping[str, str]) -> None:
    selector = term.get("labelSelector")
    if selector is None:
        return
    added = [
        {"key": key, "operator": operator, "values": [labels[key]]}
        for field, operator in _FIELDS
        for key in term.get(field) or ()
        if key in labels
    ]
    if added:
        selector["matchExpressions"] = [*(selector.get("matchExpressions") or ()), *added]
