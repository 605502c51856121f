"""Workloads: the templates from which a controller makes PodGroups. Served with GenericWorkload."""

from __future__ import annotations

from pybernetes.lang import names

from ..cells import AGE, NAME
from ..fielderrors import FieldErrors
from ..kind import Kind
from ..meta import Obj
from ..validation.values import immutable, named
from .hierarchy import validate_hierarchy
from .policies import validate_group, validate_label

MOST_TEMPLATES = 8


def validate(workload: Obj, errors: FieldErrors) -> None:
    spec, at = workload.get("spec") or {}, errors.at("spec")
    if spec.get("controllerRef") is not None:
        _validate_controller(spec["controllerRef"], at.at("controllerRef"))
    templates = spec.get("podGroupTemplates") or ()
    if not templates and not spec.get("compositePodGroupTemplates"):
        at.required("podGroupTemplates", "must have at least one item")
    elif len(templates) > MOST_TEMPLATES:
        at.too_many(len(templates), MOST_TEMPLATES, "podGroupTemplates")
    seen: set[str] = set()
    for index, template in enumerate(templates):
        here, name = at.at("podGroupTemplates", index), template.get("name") or ""
        validate_label(name, here, "name")
        if name in seen:
            here.duplicate(name)
        seen.add(name)
        validate_group(template, here)
    validate_hierarchy(spec, at)


def _validate_controller(reference: Obj, errors: FieldErrors) -> None:
    named(reference, "apiGroup", names.dns1123_subdomain, errors)
    for field in ("kind", "name"):
        named(reference, field, names.path_segment, errors, required=True)


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    spec, before, at = new.get("spec") or {}, old.get("spec") or {}, errors.at("spec")
    if before.get("controllerRef") is not None:
        immutable(spec, before, "controllerRef", at)
    immutable(spec, before, "podGroupTemplates", at)


WORKLOAD = Kind(
    group="scheduling.k8s.io",
    version="v1beta1",
    kind="Workload",
    plural="workloads",
    namespaced=True,
    singular="workload",
    schema="io.k8s.api.scheduling.v1beta1.Workload",
    generation=True,
    validate=validate,
    validate_update=validate_update,
    columns=(NAME, AGE),
)
