"""RoleBindings: who may do it in a namespace."""

from __future__ import annotations

from ..kind import Kind
from .binding import columns, default, validate, validate_update

ROLEBINDING = Kind(
    group="rbac.authorization.k8s.io",
    version="v1",
    kind="RoleBinding",
    plural="rolebindings",
    namespaced=True,
    singular="rolebinding",
    name_rule="path",
    schema="io.k8s.api.rbac.v1.RoleBinding",
    create_on_update=True,
    default=default,
    validate=validate,
    validate_update=validate_update,
    columns=columns("roleBinding"),
)
