"""ValidatingAdmissionPolicyBindings: where a validating policy counts, with which parameters, and what it does."""

from __future__ import annotations

from collections.abc import Sequence

from ..fielderrors import FieldErrors
from ..kind import Kind
from ..meta import Obj
from .policies import BINDING_COLUMNS, default_binding, validate_binding_spec

ACTIONS = ["Audit", "Deny", "Warn"]


def validate(binding: Obj, errors: FieldErrors) -> None:
    spec, at = binding.get("spec") or {}, errors.at("spec")
    validate_binding_spec(spec, at)
    _validate_actions(spec.get("validationActions") or (), at.at("validationActions"))


def _validate_actions(actions: Sequence[str], errors: FieldErrors) -> None:
    for index, action in enumerate(actions):
        if action not in ACTIONS:
            errors.at(index).not_supported(action, ACTIONS)
        if action in actions[:index]:
            errors.at(index).duplicate(action)
    if "Deny" in actions and "Warn" in actions:
        errors.invalid(
            actions,
            "must not contain both Deny and Warn (repeating the same validation failure information in the API "
            "response and headers serves no purpose)",
        )
    if not actions:
        errors.required("", "at least one validation action is required")


VALIDATINGADMISSIONPOLICYBINDING = Kind(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="ValidatingAdmissionPolicyBinding",
    plural="validatingadmissionpolicybindings",
    namespaced=False,
    unconditional_update=False,
    singular="validatingadmissionpolicybinding",
    categories=("api-extensions",),
    schema="io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBinding",
    generation=True,
    default=default_binding,
    validate=validate,
    columns=BINDING_COLUMNS,
)
