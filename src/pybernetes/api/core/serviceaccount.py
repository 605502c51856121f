"""ServiceAccounts: who a pod is to the API."""

from __future__ import annotations

from ..cells import AGE, NAME
from ..kind import Kind

SERVICEACCOUNT = Kind(
    group="",
    version="v1",
    kind="ServiceAccount",
    plural="serviceaccounts",
    namespaced=True,
    singular="serviceaccount",
    short_names=("sa",),
    subresources=("token",),
    schema="io.k8s.api.core.v1.ServiceAccount",
    columns=(NAME, AGE),
)
