"""MutatingAdmissionPolicyBindings: where a mutating policy counts, and with which parameters."""

from __future__ import annotations

from ..fielderrors import FieldErrors
from ..kind import Kind
from ..meta import Obj
from .mutatingadmissionpolicy import OPERATIONS
from .policies import BINDING_COLUMNS, default_binding, validate_binding_spec, validate_operations


def validate(binding: Obj, errors: FieldErrors) -> None:
    spec, at = binding.get("spec") or {}, errors.at("spec")
    validate_binding_spec(spec, at)
    validate_operations(spec.get("matchResources"), OPERATIONS, at.at("matchResources"))


MUTATINGADMISSIONPOLICYBINDING = Kind(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="MutatingAdmissionPolicyBinding",
    plural="mutatingadmissionpolicybindings",
    namespaced=False,
    unconditional_update=False,
    singular="mutatingadmissionpolicybinding",
    categories=("api-extensions",),
    schema="io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicyBinding",
    generation=True,
    default=default_binding,
    validate=validate,
    columns=BINDING_COLUMNS,
)
