"""Namespaces: the scope of names."""

from __future__ import annotations

from ..cells import AGE, NAME, at
from ..kind import Column, Kind
from ..meta import MutableObj, Obj
from ..selectable import field_text

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
    columns=(NAME, Column("Status", at("status", "phase")), AGE),
    selectable={"status.phase": field_text("status", "phase")},
)
