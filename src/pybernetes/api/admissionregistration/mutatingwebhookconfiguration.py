"""MutatingWebhookConfigurations: who may change what is written."""

from __future__ import annotations

from ..kind import Kind
from .webhooks import COLUMNS, default_mutating, validate

MUTATINGWEBHOOKCONFIGURATION = Kind(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="MutatingWebhookConfiguration",
    plural="mutatingwebhookconfigurations",
    namespaced=False,
    unconditional_update=False,
    singular="mutatingwebhookconfiguration",
    categories=("api-extensions",),
    schema="io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration",
    generation=True,
    default=default_mutating,
    validate=validate,
    columns=COLUMNS,
)
