"""Roles: what may be done in a namespace."""

from __future__ import annotations

from ..cells import NAME, at
from ..kind import Column, Kind
from .policyrule import validate_role

ROLE = Kind(
    group="rbac.authorization.k8s.io",
    version="v1",
    kind="Role",
    plural="roles",
    namespaced=True,
    singular="role",
    name_rule="path",
    schema="io.k8s.api.rbac.v1.Role",
    create_on_update=True,
    validate=validate_role,
    columns=(NAME, Column("Created At", at("metadata", "creationTimestamp"), type="date")),
)
