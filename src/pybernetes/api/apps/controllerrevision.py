"""ControllerRevisions: immutable snapshots of a controller's template."""

from __future__ import annotations

from ..cells import AGE, NAME
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import Obj, controller_ref_of
from ..validation.values import immutable, non_negative


def validate(revision: Obj, errors: FieldErrors) -> None:
    if revision.get("data") is None:
        errors.required("data", "data is mandatory")
    non_negative(revision, "revision", errors)


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    immutable(new, old, "data", errors)


def _controller(revision: Obj, _now: float) -> Cell:
    owner = controller_ref_of(revision)
    if owner is None:
        return "<none>"
    group = owner.get("apiVersion", "").rpartition("/")[0]
    kind = str(owner.get("kind", "")).lower()
    return f"{kind}.{group}/{owner.get('name')}" if group else f"{kind}/{owner.get('name')}"


CONTROLLERREVISION = Kind(
    group="apps",
    version="v1",
    kind="ControllerRevision",
    plural="controllerrevisions",
    namespaced=True,
    singular="controllerrevision",
    schema="io.k8s.api.apps.v1.ControllerRevision",
    validate=validate,
    validate_update=validate_update,
    columns=(
        NAME,
        Column("Controller", _controller),
        Column("Revision", lambda obj, _: obj.get("revision", 0)),
        AGE,
    ),
)
