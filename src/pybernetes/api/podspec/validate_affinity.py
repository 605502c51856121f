"""The rules of node and pod affinity."""

from __future__ import annotations

from typing import Any

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..validation.selectors import validate_label_selector
from .validate_labelkeys import validate_label_keys

REQUIRED, PREFERRED = (
    "requiredDuringSchedulingIgnoredDuringExecution",
    "preferredDuringSchedulingIgnoredDuringExecution",
)
_ONE_VALUE = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"


def validate_affinity(affinity: Obj, errors: FieldErrors) -> None:
    node = affinity.get("nodeAffinity") or {}
    at = errors.at("nodeAffinity")
    if node.get(REQUIRED) is not None:
        validate_node_selector(node[REQUIRED], at.at(REQUIRED))
    for index, term in enumerate(node.get(PREFERRED) or ()):
        here = at.at(PREFERRED, index)
        _validate_weight(term, here)
        _validate_node_term(term.get("preference") or {}, here.at("preference"), of_values=False)
    for field in ("podAffinity", "podAntiAffinity"):
        _validate_pod_affinity(affinity.get(field) or {}, errors.at(field))


def validate_node_selector(selector: Obj, errors: FieldErrors) -> None:
    """A list of terms of which one must hold (also of persistent volumes)."""
    terms = selector.get("nodeSelectorTerms") or ()
    if not terms:
        errors.required("nodeSelectorTerms", "must have at least one node selector term")
    for index, term in enumerate(terms):
        _validate_node_term(term, errors.at("nodeSelectorTerms", index), of_values=True)


def _validate_node_term(term: Obj, errors: FieldErrors, *, of_values: bool) -> None:
    for index, requirement in enumerate(term.get("matchExpressions") or ()):
        _validate_requirement(requirement, errors.at("matchExpressions", index), of_values=of_values)
    for index, requirement in enumerate(term.get("matchFields") or ()):
        _validate_field(requirement, errors.at("matchFields", index))


def _validate_field(requirement: Obj, at: FieldErrors) -> None:
    operator, key = requirement.get("operator", ""), requirement.get("key", "")
    values = requirement.get("values") or ()
    if operator not in ("In", "NotIn"):
        at.invalid(operator, "not a valid selector operator", "operator")
    elif len(values) != 1:
        at.required("values", _ONE_VALUE)
    if key != "metadata.name":
        at.invalid(key, "not a valid field selector key", "key")
        return
    for index, value in enumerate(values):
        for message in names.dns1123_subdomain(value):
            at.at("values", index).invalid(value, message)


def _validate_requirement(requirement: Obj, errors: FieldErrors, *, of_values: bool) -> None:
    """The values of a term that is only preferred are not looked at."""
    operator, values = requirement.get("operator", ""), requirement.get("values") or ()
    if operator in ("In", "NotIn"):
        if not values:
            errors.required("values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            errors.forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'", "values")
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            errors.required("values", "must be specified single value when `operator` is 'Lt' or 'Gt'")
    else:
        errors.invalid(operator, "not a valid selector operator", "operator")
    for message in names.qualified_name(requirement.get("key", "")):
        errors.invalid(requirement.get("key", ""), message, "key")
    for index, value in enumerate(values if of_values else ()):
        for message in names.label_value(value):
            errors.at("values", index).invalid(value, message)


def _validate_pod_affinity(affinity: Obj, errors: FieldErrors) -> None:
    for index, term in enumerate(affinity.get(REQUIRED) or ()):
        _validate_pod_term(term, errors.at(REQUIRED, index))
    for index, weighted in enumerate(affinity.get(PREFERRED) or ()):
        at = errors.at(PREFERRED, index)
        _validate_weight(weighted, at)
        _validate_pod_term(weighted.get("podAffinityTerm") or {}, at.at("podAffinityTerm"))


def _validate_pod_term(term: Obj, errors: FieldErrors) -> None:
    validate_label_selector(term.get("labelSelector"), errors.at("labelSelector"))
    validate_label_selector(term.get("namespaceSelector"), errors.at("namespaceSelector"))
    for name in term.get("namespaces") or ():
        for message in names.dns1123_label(name):
            errors.invalid(name, message, "namespace")
    validate_label_keys(term, errors)
    key = term.get("topologyKey", "")
    if not key:
        errors.required("topologyKey", "can not be empty")
    for message in names.qualified_name(key):
        errors.invalid(key, message, "topologyKey")


def _validate_weight(term: Any, errors: FieldErrors) -> None:
    weight = term.get("weight", 0)
    if not 1 <= weight <= 100:
        errors.invalid(weight, "must be in the range 1-100", "weight")
