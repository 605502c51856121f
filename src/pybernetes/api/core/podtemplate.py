"""PodTemplates: a description of pods that nobody runs yet."""

from __future__ import annotations

from ..apps.workload import validate_template
from ..cells import NAME, dig, format_labels
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj
from ..podspec.defaults import default_template
from ..podspec.warnings import template_warnings


def default(podtemplate: MutableObj) -> None:
    podtemplate.setdefault("template", {})
    default_template(podtemplate)


def validate(podtemplate: Obj, errors: FieldErrors) -> None:
    validate_template(podtemplate.get("template") or {}, errors.at("template"))


def _containers(field: str) -> Column:
    def cell(podtemplate: Obj, _now: float) -> Cell:
        containers = dig(podtemplate, "template", "spec", "containers") or ()
        return ",".join(str(each.get(field, "")) for each in containers)

    return Column("Containers" if field == "name" else "Images", cell)


def warnings(podtemplate: Obj, old: Obj | None) -> list[str]:
    return template_warnings(podtemplate, old, "template")


PODTEMPLATE = Kind(
    group="",
    version="v1",
    kind="PodTemplate",
    plural="podtemplates",
    namespaced=True,
    singular="podtemplate",
    schema="io.k8s.api.core.v1.PodTemplate",
    generation=True,
    default=default,
    validate=validate,
    warnings=warnings,
    columns=(
        NAME,
        _containers("name"),
        _containers("image"),
        Column("Pod Labels", lambda obj, _: format_labels(dig(obj, "template", "metadata", "labels"))),
    ),
)
