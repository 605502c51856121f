"""ControllerRevisions: immutable snapshots of a controller's template."""

from __future__ import annotations

from ..kind import Kind

CONTROLLERREVISION = Kind(
    group="apps",
    version="v1",
    kind="ControllerRevision",
    plural="controllerrevisions",
    namespaced=True,
    singular="controllerrevision",
    schema="io.k8s.api.apps.v1.ControllerRevision",
)
