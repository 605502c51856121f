"""How a CustomResourceDefinition says that its versions are converted. Errors point into upstream's internal form, in
which the webhook's parts stand beside the strategy."""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.lang import names

from ..admissionregistration.clientconfig import validate_client_config
from ..fielderrors import FieldErrors
from ..meta import Obj

STRATEGIES = ("None", "Webhook")
REVIEW_VERSIONS = ("v1", "v1beta1")
_ONLY_WITH_WEBHOOK = "should not be set when strategy is not set to Webhook"


def validate_conversion(conversion: Obj, errors: FieldErrors) -> None:
    """`errors` stands at the conversion."""
    strategy, webhook = conversion.get("strategy") or "", conversion.get("webhook") or {}
    config, versions = webhook.get("clientConfig"), webhook.get("conversionReviewVersions") or ()
    if not strategy:
        errors.required("strategy")
    elif strategy not in STRATEGIES:
        errors.not_supported(strategy, STRATEGIES, "strategy")
    if strategy != "Webhook":
        if config is not None:
            errors.forbidden(_ONLY_WITH_WEBHOOK, "webhookClientConfig")
        if versions:
            errors.forbidden(_ONLY_WITH_WEBHOOK, "conversionReviewVersions")
        return
    if config is None:
        errors.required("webhookClientConfig", "required when strategy is set to Webhook")
    else:
        validate_client_config(config, errors.at("webhookClientConfig"))
    _validate_review_versions(versions, errors.at("conversionReviewVersions"))


def _validate_review_versions(versions: Sequence[str], errors: FieldErrors) -> None:
    if not versions:
        errors.required()
        return
    for number, version in enumerate(versions):
        if version in versions[:number]:
            errors.at(number).invalid(version, "duplicate version")
            continue
        for message in names.dns1035_label(version):
            errors.at(number).invalid(version, message)
    if not set(versions) & set(REVIEW_VERSIONS):
        errors.invalid(list(versions), f"must include at least one of {', '.join(REVIEW_VERSIONS)}")
