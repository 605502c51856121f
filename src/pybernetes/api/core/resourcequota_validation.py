"""The rules of ResourceQuotas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pybernetes.lang import quantity

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..podspec.validate_resources import validate_resource_name
from ..validation.values import NOT_NEGATIVE

COUNTED = frozenset(
    (
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "persistentvolumeclaims",
        "configmaps",
        "services.nodeports",
        "services.loadbalancers",
    )
)
POD_COMPUTE = frozenset(("cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"))
STANDARD = (
    COUNTED
    | POD_COMPUTE
    | {
        "ephemeral-storage",
        "requests.storage",
        "requests.ephemeral-storage",
        "limits.ephemeral-storage",
    }
)
_OF_PODS = POD_COMPUTE | {"pods"}
SCOPES: Mapping[str, frozenset[str]] = {
    "Terminating": _OF_PODS,
    "NotTerminating": _OF_PODS,
    "BestEffort": frozenset(("pods",)),
    "NotBestEffort": _OF_PODS,
    "PriorityClass": _OF_PODS,
    "CrossNamespacePodAffinity": _OF_PODS,
    "VolumeAttributesClass": frozenset(("persistentvolumeclaims", "requests.storage")),
}
"""Scope -> the standard resources that may be limited in it."""
ONLY_EXISTS = ("BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity")
CONFLICTING = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))


def is_standard(resource: str) -> bool:
    return resource in STANDARD or resource.startswith(("hugepages-", "requests.hugepages-"))


def validate_amounts(amounts: Mapping[str, str], errors: FieldErrors) -> None:
    """`hard` or `used`."""
    for name, amount in amounts.items():
        at = errors.at_key(name)
        validate_resource_name(name, at)
        if "/" not in name and not is_standard(name):
            at.invalid(name, "must be a standard resource for quota")
        nano = quantity.parse(amount).nano
        if nano < 0:
            at.invalid(amount, NOT_NEGATIVE)
        if (name in COUNTED or _is_extended(name)) and nano % quantity.NANO:
            at.invalid(amount, "must be an integer")


def _is_extended(name: str) -> bool:
    """`requests.example.com/gpu` is not of the system's own domain, and comes whole."""
    plain = name.removeprefix("requests.")
    return "/" in plain and "kubernetes.io/" not in plain and not plain.startswith("count/")


def validate_spec(spec: Obj, errors: FieldErrors) -> None:
    hard = spec.get("hard") or {}
    validate_amounts(hard, errors.at("hard"))
    standard = [name for name in sorted(hard) if is_standard(name)]
    _validate_scopes(spec.get("scopes") or (), standard, errors.at("scopes"))
    selector = spec.get("scopeSelector")
    if selector is not None:
        at = errors.at("scopeSelector", "matchExpressions")
        _validate_selector(selector, spec.get("scopes") or [], standard, at)


def _validate_scopes(scopes: Sequence[str], standard: list[str], errors: FieldErrors) -> None:
    for scope in scopes:
        if scope not in SCOPES:
            errors.invalid(scopes, "unsupported scope")
        for name in standard:
            if scope in SCOPES and name not in SCOPES[scope]:
                errors.invalid(scopes, "unsupported scope applied to resource")
    for pair in CONFLICTING:
        if set(pair) <= set(scopes):
            errors.invalid(scopes, "conflicting scopes")


def _validate_selector(
    selector: Any, scopes: Sequence[str], standard: list[str], errors: FieldErrors
) -> None:
    requirements = selector.get("matchExpressions") or ()
    for requirement in requirements:
        scope = requirement.get("scopeName") or ""
        if scope not in SCOPES:
            errors.invalid(scope, "unsupported scope", "scopeName")
        for name in standard:
            if scope in SCOPES and name not in SCOPES[scope]:
                errors.invalid(selector, "unsupported scope applied to resource")
        _validate_operator(scope, requirement, errors)
    named = {each.get("scopeName") for each in requirements}
    for pair in CONFLICTING:
        if set(pair) <= named:
            errors.invalid(scopes, "conflicting scopes")


def _validate_operator(scope: str, requirement: Any, errors: FieldErrors) -> None:
    operator, values = requirement.get("operator") or "", requirement.get("values") or []
    if scope in ONLY_EXISTS and operator != "Exists":
        errors.invalid(
            operator,
            "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
            "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or "
            "ResourceQuotaScopeCrossNamespacePodAffinity",
            "operator",
        )
    if operator in ("In", "NotIn"):
        if not values:
            errors.required(
                "values", "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            )
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            errors.invalid(
                values,
                "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
                "values",
            )
    else:
        errors.invalid(operator, "not a valid selector operator", "operator")
