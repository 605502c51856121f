"""ClusterRoles: what may be done, anywhere or where a binding says."""

from __future__ import annotations

from ..cells import NAME, at
from ..kind import Column, Kind
from .policyrule import validate_cluster_role

CLUSTERROLE = Kind(
    group="rbac.authorization.k8s.io",
    version="v1",
    kind="ClusterRole",
    plural="clusterroles",
    namespaced=False,
    singular="clusterrole",
    name_rule="path",
    schema="io.k8s.api.rbac.v1.ClusterRole",
    create_on_update=True,
    validate=validate_cluster_role,
    columns=(NAME, Column("Created At", at("metadata", "creationTimestamp"), type="date")),
)
