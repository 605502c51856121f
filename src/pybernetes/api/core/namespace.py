"""Namespaces: the scope of names."""

from __future__ import annotations

from pybernetes.lang import names

from ..cells import AGE, NAME, at
from ..fielderrors import FieldErrors
from ..kind import Column, Kind
from ..meta import MutableObj, Obj, is_deleting
from ..selectable import field_text

STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
NAME_LABEL = "kubernetes.io/metadata.name"


def default(obj: MutableObj) -> None:
    """Every namespace carries its name as a label, so that selectors can name it."""
    name = obj["metadata"].get("name")
    if name:
        labels = obj["metadata"].get("labels") or {}
        obj["metadata"]["labels"] = {**labels, NAME_LABEL: name}


def prepare_create(obj: MutableObj) -> None:
    """The finalizer by which the namespace is emptied before it goes."""
    obj["status"] = {"phase": "Active"}
    spec = obj.get("spec") or {}
    finalizers = spec.get("finalizers") or []
    obj["spec"] = {
        **spec,
        "finalizers": finalizers if "kubernetes" in finalizers else [*finalizers, "kubernetes"],
    }


def prepare_update(new: MutableObj, old: Obj) -> None:
    """Finalizers in the spec change through the finalize subresource only."""
    new["spec"] = {**(new.get("spec") or {}), "finalizers": (old.get("spec") or {}).get("finalizers") or []}
    new["status"] = old.get("status") or {}


def validate_finalizer(name: str, at: FieldErrors) -> None:
    """One of `spec.finalizers`."""
    for message in names.qualified_name(name):
        at.invalid(name, message)
    if "/" not in name and name not in STANDARD_FINALIZERS:
        at.invalid(name, "name is neither a standard finalizer name nor is it fully qualified")


def validate_create(namespace: Obj, errors: FieldErrors) -> None:
    for name in (namespace.get("spec") or {}).get("finalizers") or ():
        validate_finalizer(name, errors.at("spec", "finalizers"))


def validate_status(new: Obj, _old: Obj, errors: FieldErrors) -> None:
    phase = (new.get("status") or {}).get("phase") or "Active"
    if is_deleting(new):
        if phase != "Terminating":
            why = "may only be 'Terminating' if `deletionTimestamp` is not empty"
            errors.at("status").invalid(phase, why, "Phase")
    elif phase != "Active":
        why = "may only be 'Active' if `deletionTimestamp` is empty"
        errors.at("status").invalid(phase, why, "Phase")


NAMESPACE = Kind(
    group="",
    version="v1",
    kind="Namespace",
    plural="namespaces",
    namespaced=False,
    singular="namespace",
    short_names=("ns",),
    subresources=("finalize", "status"),
    verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
    name_rule="dns1123label",
    schema="io.k8s.api.core.v1.Namespace",
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    validate_create=validate_create,
    validate_status=validate_status,
    columns=(NAME, Column("Status", at("status", "phase")), AGE),
    selectable={"status.phase": field_text("status", "phase")},
)
