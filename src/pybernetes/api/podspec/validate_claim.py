"""The rules of a claim for storage: of a PersistentVolumeClaim, and of the templates in pods and StatefulSets."""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.lang import names, quantity

from ..cells import dig
from ..fielderrors import FieldErrors
from ..meta import Obj
from ..validation.metadata import validate_annotations, validate_labels
from ..validation.selectors import validate_label_selector
from ..validation.values import named

ACCESS_MODES = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]
VOLUME_MODES = ["Block", "Filesystem"]
_OTHER_KIND = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"


def validate_claim_template(template: Obj, at: FieldErrors) -> None:
    """A claim inside a pod or a StatefulSet: its labels, annotations and spec."""
    metadata = template.get("metadata") or {}
    validate_labels(metadata.get("labels"), at.at("metadata", "labels"))
    validate_annotations(metadata.get("annotations"), at.at("metadata", "annotations"))
    validate_claim_spec(template.get("spec") or {}, at.at("spec"))


def validate_claim_spec(spec: Obj, at: FieldErrors) -> None:
    """`at` stands at the spec."""
    if not spec.get("accessModes"):
        at.required("accessModes", "at least 1 access mode is required")
    if spec.get("selector") is not None:
        validate_label_selector(spec["selector"], at.at("selector"))
    if spec.get("accessModes"):
        validate_access_modes(spec["accessModes"], at)
    size = dig(spec, "resources", "requests", "storage")
    here = at.at("resources").at_key("storage")
    if size is None:
        here.required()
    else:
        validate_positive(size, here)
    named(spec, "storageClassName", names.dns1123_subdomain, at)
    if spec.get("volumeMode") is not None and spec["volumeMode"] not in VOLUME_MODES:
        at.not_supported(spec["volumeMode"], VOLUME_MODES, "volumeMode")
    _validate_data_sources(spec.get("dataSource"), spec.get("dataSourceRef"), at)
    named(spec, "volumeAttributesClassName", names.dns1123_subdomain, at)


def validate_access_modes(modes: Sequence[str], at: FieldErrors, detail: str = "") -> None:
    """Of volumes and claims; `detail` is what is said where there is none. `at` stands at the spec."""
    if not modes:
        at.required("accessModes", detail)
    for mode in modes:
        if mode not in ACCESS_MODES:
            at.not_supported(mode, ACCESS_MODES, "accessModes")
    if "ReadWriteOncePod" in modes and any(
        mode in ACCESS_MODES and mode != "ReadWriteOncePod" for mode in modes
    ):
        at.forbidden("may not use ReadWriteOncePod with other access modes", "accessModes")


def validate_positive(amount: str, errors: FieldErrors) -> bool:
    """A size above zero; says whether it is."""
    good = quantity.parse(amount).nano > 0
    if not good:
        errors.invalid(amount, "must be greater than zero")
    return good


def _validate_data_sources(source: Obj | None, reference: Obj | None, at: FieldErrors) -> None:
    for field, tree in (("dataSource", source), ("dataSourceRef", reference)):
        if tree is not None:
            _validate_data_source(tree, at.at(field))
    if source is None or reference is None:
        return
    if reference.get("namespace"):
        at.invalid(
            {}, "may not be specified when dataSourceRef.namespace is specified"
        )  # upstream shows a path as a struct
    elif any(source.get(field) != reference.get(field) for field in ("apiGroup", "kind", "name")):
        at.invalid({}, "must match dataSourceRef")


def _validate_data_source(source: Obj, at: FieldErrors) -> None:
    for field in ("name", "kind"):
        if not source.get(field):
            at.required(field)
    group = source.get("apiGroup")
    if not group and source.get("kind") != "PersistentVolumeClaim":
        at.invalid(source.get("kind", ""), _OTHER_KIND)
    for message in names.dns1123_subdomain(group) if group else ():
        at.invalid(group, message, "apiGroup")
    namespace = source.get("namespace")
    for message in names.dns1123_label(namespace) if namespace else ():
        at.invalid(namespace, message, "namespace")
