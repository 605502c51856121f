"""ResourceClaimTemplates: from which each pod gets claims of its own."""

from __future__ import annotations

from ..cells import AGE, NAME
from ..fielderrors import FieldErrors
from ..kind import Kind
from ..meta import MutableObj, Obj
from ..validation.metadata import validate_annotations, validate_labels
from ..validation.values import immutable
from .deviceclaim import default_claim_spec, validate_claim_spec


def default(template: MutableObj) -> None:
    default_claim_spec(template.setdefault("spec", {}).setdefault("spec", {}))


def validate_create(template: Obj, errors: FieldErrors) -> None:
    spec, at = template.get("spec") or {}, errors.at("spec")
    metadata = spec.get("metadata") or {}
    validate_labels(metadata.get("labels"), at.at("metadata", "labels"))
    validate_annotations(metadata.get("annotations"), at.at("metadata", "annotations"))
    validate_claim_spec(spec.get("spec") or {}, at.at("spec"))


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    immutable(new, old, "spec", errors)


RESOURCECLAIMTEMPLATE = Kind(
    group="resource.k8s.io",
    version="v1",
    kind="ResourceClaimTemplate",
    plural="resourceclaimtemplates",
    namespaced=True,
    singular="resourceclaimtemplate",
    schema="io.k8s.api.resource.v1.ResourceClaimTemplate",
    default=default,
    validate_create=validate_create,
    validate_update=validate_update,
    columns=(NAME, AGE),
)
