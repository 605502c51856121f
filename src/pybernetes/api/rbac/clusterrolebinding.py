"""ClusterRoleBindings: who may do it everywhere."""

from __future__ import annotations

from ..kind import Kind

CLUSTERROLEBINDING = Kind(
    group="rbac.authorization.k8s.io",
    version="v1",
    kind="ClusterRoleBinding",
    plural="clusterrolebindings",
    namespaced=False,
    singular="clusterrolebinding",
    name_rule="path",
    schema="io.k8s.api.rbac.v1.ClusterRoleBinding",
)
