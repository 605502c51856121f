"""ValidatingWebhookConfigurations: who is asked whether a write may happen."""

from __future__ import annotations

from ..kind import Kind
from .webhooks import COLUMNS, default, validate

VALIDATINGWEBHOOKCONFIGURATION = Kind(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="ValidatingWebhookConfiguration",
    plural="validatingwebhookconfigurations",
    namespaced=False,
    unconditional_update=False,
    singular="validatingwebhookconfiguration",
    categories=("api-extensions",),
    schema="io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration",
    generation=True,
    default=default,
    validate=validate,
    columns=COLUMNS,
)
