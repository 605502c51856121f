"""ClusterRoleBindings: who may do it everywhere."""

from __future__ import annotations

from ..kind import Kind
from .binding import columns, default, validate, validate_update

CLUSTERROLEBINDING = Kind(
    group="rbac.authorization.k8s.io",
    version="v1",
    kind="ClusterRoleBinding",
    plural="clusterrolebindings",
    namespaced=False,
    singular="clusterrolebinding",
    name_rule="path",
    schema="io.k8s.api.rbac.v1.ClusterRoleBinding",
    create_on_update=True,
    default=default,
    validate=validate,
    validate_update=validate_update,
    columns=columns("clusterRoleBinding"),
)
