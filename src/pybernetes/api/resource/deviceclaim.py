"""What a claim asks for: requests, constraints between their devices, and configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..fielderrors import FieldErrors
from ..meta import MutableObj, Obj
from . import names
from .taints import validate_toleration

MOST_REQUESTS = MOST_CONSTRAINTS = MOST_CONFIGS = MOST_SELECTORS = 32
MOST_ALTERNATIVES, MOST_TOLERATIONS, MOST_DERIVED = 8, 16, 32
MODES = ["All", "ExactCount"]
_ONE_OF = "exactly one of `exactly` or `firstAvailable` is required"
_BAD_REFERENCE = (
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
)

Requests = Mapping[str, frozenset[str]]
"""The names of a claim's requests, and of the subrequests of each."""


def default_claim_spec(spec: MutableObj) -> None:
    for request in (spec.get("devices") or {}).get("requests") or ():
        for each in (request.get("exactly"), *(request.get("firstAvailable") or ())):
            if each is not None:
                _default_request(each)


def _default_request(request: MutableObj) -> None:
    request["allocationMode"] = request.get("allocationMode") or "ExactCount"
    if request["allocationMode"] == "ExactCount" and not request.get("count"):
        request["count"] = 1
    for toleration in request.get("tolerations") or ():
        toleration["operator"] = toleration.get("operator") or "Equal"


def validate_claim_spec(spec: Obj, errors: FieldErrors) -> None:
    """The spec of a new claim or of a template."""
    devices, at = spec.get("devices") or {}, errors.at("devices")
    known = request_names(spec)
    constraints = devices.get("constraints") or ()
    names.unique(
        devices.get("requests") or (),
        MOST_REQUESTS,
        lambda request, here: _validate_request(request, constraints, here),
        lambda request: request.get("name") or "",
        at.at("requests"),
    )
    names.items(
        constraints,
        MOST_CONSTRAINTS,
        lambda constraint, here: _validate_constraint(constraint, known, here),
        at.at("constraints"),
    )
    names.items(
        devices.get("config") or (),
        MOST_CONFIGS,
        lambda config, here: validate_config(config, known, here),
        at.at("config"),
    )


def request_names(spec: Obj) -> Requests:
    return {
        request.get("name") or "": frozenset(
            each.get("name") or "" for each in request.get("firstAvailable") or ()
        )
        for request in (spec.get("devices") or {}).get("requests") or ()
    }


def _validate_request(request: Obj, constraints: Any, errors: FieldErrors) -> None:
    name, exactly = request.get("name") or "", request.get("exactly")
    alternatives = request.get("firstAvailable") or ()
    names.label_name(name, errors.at("name"))
    if exactly is None and not alternatives:
        errors.required("", _ONE_OF)
    elif exactly is not None and alternatives:
        errors.invalid(None, f"{_ONE_OF}, but multiple fields are set")
    elif exactly is not None:
        _validate_exact(exactly, name, constraints, errors.at("exactly"))
    else:
        names.unique(
            alternatives,
            MOST_ALTERNATIVES,
            lambda each, here: _validate_alternative(each, name, constraints, here),
            lambda each: each.get("name") or "",
            errors.at("firstAvailable"),
        )


def _validate_alternative(request: Obj, parent: str, constraints: Any, errors: FieldErrors) -> None:
    name = request.get("name") or ""
    names.label_name(name, errors.at("name"))
    _validate_exact(request, f"{parent}/{name}", constraints, errors)


def _validate_exact(request: Obj, name: str, constraints: Any, errors: FieldErrors) -> None:
    names.class_name(request.get("deviceClassName") or "", errors.at("deviceClassName"))
    names.items(request.get("selectors") or (), MOST_SELECTORS, names.selector, errors.at("selectors"))
    used = _used_attributes(name, constraints)
    names.unique(
        request.get("derivedAttributes") or (),
        MOST_DERIVED,
        lambda attribute, here: _validate_derived(attribute, used, here),
        lambda attribute: attribute.get("name") or "",
        errors.at("derivedAttributes"),
    )
    mode, count = request.get("allocationMode") or "", request.get("count") or 0
    if mode == "All":
        if count:
            errors.invalid(count, "must not be specified when allocationMode is 'All'", "count")
    elif mode == "ExactCount":
        if count <= 0:
            errors.invalid(count, "must be greater than zero", "count")
    else:
        errors.not_supported(mode, MODES, "allocationMode")
    names.items(
        request.get("tolerations") or (), MOST_TOLERATIONS, validate_toleration, errors.at("tolerations")
    )


def _used_attributes(name: str, constraints: Any) -> set[str]:
    """The attributes of constraints that are about a request, about its parent or about all."""
    about = {name, name.partition("/")[0]}
    return {
        constraint.get("matchAttribute") or constraint.get("distinctAttribute") or ""
        for constraint in constraints
        if not constraint.get("requests") or about & set(constraint["requests"])
    }


def _validate_derived(attribute: Obj, used: set[str], errors: FieldErrors) -> None:
    name, expression = attribute.get("name") or "", attribute.get("expression") or ""
    if not name:
        errors.required("name")
    else:
        names.fully_qualified(name, errors.at("name"))
        if name not in used:
            errors.invalid(
                name,
                "must be referenced by at least one matchAttribute or distinctAttribute constraint targeting this request",
                "name",
            )
    if not expression:
        errors.required("expression")
    elif len(expression.encode()) > names.LONGEST_EXPRESSION:
        errors.too_long(names.LONGEST_EXPRESSION, "expression")


def _validate_constraint(constraint: Obj, known: Requests, errors: FieldErrors) -> None:
    _validate_references(constraint, known, errors)
    matching, distinct = constraint.get("matchAttribute"), constraint.get("distinctAttribute")
    if matching is not None:
        names.fully_qualified(matching, errors.at("matchAttribute"))
    elif distinct is not None:
        names.fully_qualified(distinct, errors.at("distinctAttribute"))
    if (matching is None) == (distinct is None):
        errors.required(
            "",
            'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set',
        )


def validate_config(config: Obj, known: Requests, errors: FieldErrors) -> None:
    _validate_references(config, known, errors)
    names.opaque(config, errors)


def _validate_references(tree: Obj, known: Requests, errors: FieldErrors) -> None:
    names.unique(
        tree.get("requests") or (),
        MOST_REQUESTS,
        lambda name, here: validate_reference(name, known, here),
        lambda name: name,
        errors.at("requests"),
    )


def validate_reference(name: str, known: Requests, errors: FieldErrors) -> None:
    """`request` or `request/subrequest` of the claim."""
    request, slash, below = name.partition("/")
    if "/" in below:
        errors.invalid(name, _BAD_REFERENCE)
        return
    for part in name.split("/"):
        names.label_name(part, errors)
    if request not in known or (slash and below not in known[request]):
        errors.invalid(name, _BAD_REFERENCE)
