"""RuntimeClasses: the container runtimes that pods may choose."""

from __future__ import annotations

from pybernetes.lang import names

from ..cells import AGE, NAME, at, dig
from ..fielderrors import FieldErrors
from ..kind import Column, Kind
from ..meta import Obj
from ..podspec.validate_placement import validate_tolerations
from ..podspec.validate_resources import validate_amounts
from ..validation.metadata import validate_labels
from ..validation.nodelabels import deprecation
from ..validation.values import immutable


def validate(runtime: Obj, errors: FieldErrors) -> None:
    for message in names.dns1123_label(runtime.get("handler") or ""):
        errors.invalid(runtime.get("handler") or "", message, "handler")
    validate_amounts(dig(runtime, "overhead", "podFixed") or {}, errors.at("overhead"))
    scheduling, at_scheduling = runtime.get("scheduling") or {}, errors.at("scheduling")
    validate_labels(scheduling.get("nodeSelector"), at_scheduling.at("nodeSelector"))
    tolerations = scheduling.get("tolerations") or ()
    validate_tolerations(tolerations, at_scheduling.at("tolerations"))
    for index, toleration in enumerate(tolerations):
        if toleration in tolerations[:index]:
            from ..podspec.gotypes import go_json  # its table is only needed where one is refused

            at_scheduling.at("tolerations", index).duplicate(go_json("Toleration", toleration))


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    immutable(new, old, "handler", errors)


def warnings(runtime: Obj, _old: Obj | None) -> list[str]:
    selector = dig(runtime, "scheduling", "nodeSelector") or ()
    return [f"scheduling.nodeSelector: {why}" for label in selector if (why := deprecation(label))]


RUNTIMECLASS = Kind(
    group="node.k8s.io",
    version="v1",
    kind="RuntimeClass",
    plural="runtimeclasses",
    namespaced=False,
    unconditional_update=False,
    singular="runtimeclass",
    schema="io.k8s.api.node.v1.RuntimeClass",
    create_on_update=True,
    validate=validate,
    validate_update=validate_update,
    warnings=warnings,
    columns=(NAME, Column("Handler", at("handler")), AGE),
)
