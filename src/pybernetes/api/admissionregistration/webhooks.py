"""What validating and mutating webhooks have in common."""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.lang import names

from ..cells import AGE, NAME
from ..fielderrors import FieldErrors
from ..kind import Column
from ..meta import MutableObj, Obj
from ..validation.selectors import validate_label_selector
from .clientconfig import default_client_config, validate_client_config
from .matchconditions import validate_match_conditions
from .policyexpressions import PolicyExpressions
from .rules import default_rule, validate_rule

FAILURE_POLICIES = ["Fail", "Ignore"]
MATCH_POLICIES = ["Equivalent", "Exact"]
REINVOCATION_POLICIES = ["IfNeeded", "Never"]
SIDE_EFFECTS = ["None", "NoneOnDryRun"]
REVIEW_VERSIONS = ("v1", "v1beta1")
"""Versions of AdmissionReview that API servers speak."""


def default(configuration: MutableObj) -> None:
    for webhook in configuration.get("webhooks") or ():
        webhook.setdefault("failurePolicy", "Fail")
        webhook.setdefault("matchPolicy", "Equivalent")
        webhook.setdefault("namespaceSelector", {})
        webhook.setdefault("objectSelector", {})
        webhook.setdefault("timeoutSeconds", 10)
        default_client_config(webhook.setdefault("clientConfig", {}))
        for rule in webhook.get("rules") or ():
            default_rule(rule)


def default_mutating(configuration: MutableObj) -> None:
    default(configuration)
    for webhook in configuration.get("webhooks") or ():
        webhook.setdefault("reinvocationPolicy", "Never")


def validate(configuration: Obj, errors: FieldErrors) -> None:
    seen: set[str] = set()
    for index, webhook in enumerate(configuration.get("webhooks") or ()):
        at, name = errors.at("webhooks", index), webhook.get("name") or ""
        _validate_webhook(webhook, at)
        _validate_review_versions(
            webhook.get("admissionReviewVersions") or (), at.at("admissionReviewVersions")
        )
        if name and name in seen:
            at.duplicate(name, "name")
        seen.add(name)


def _validate_webhook(webhook: Obj, errors: FieldErrors) -> None:
    _validate_name(webhook.get("name") or "", errors.at("name"))
    for index, rule in enumerate(webhook.get("rules") or ()):
        validate_rule(rule, errors.at("rules", index))
    _choice(webhook, "failurePolicy", FAILURE_POLICIES, errors)
    _choice(webhook, "matchPolicy", MATCH_POLICIES, errors)
    if webhook.get("sideEffects") is None:
        errors.required("sideEffects", f"must specify one of {', '.join(SIDE_EFFECTS)}")
    _choice(webhook, "sideEffects", SIDE_EFFECTS, errors)
    timeout = webhook.get("timeoutSeconds")
    if timeout is not None and not 1 <= timeout <= 30:
        errors.invalid(timeout, "the timeout value must be between 1 and 30 seconds", "timeoutSeconds")
    for field in ("namespaceSelector", "objectSelector"):
        validate_label_selector(webhook.get(field), errors.at(field))
    _choice(webhook, "reinvocationPolicy", REINVOCATION_POLICIES, errors)
    validate_client_config(webhook.get("clientConfig") or {}, errors.at("clientConfig"))
    conditions = webhook.get("matchConditions") or ()
    validate_match_conditions(conditions, PolicyExpressions(), errors.at("matchConditions"))


def _validate_name(name: str, errors: FieldErrors) -> None:
    """`validate.example.com`: a domain of at least three parts."""
    if not name:
        errors.required()
    elif problems := names.dns1123_subdomain(name):
        errors.invalid(name, ",".join(problems))
    elif name.count(".") < 2:
        errors.invalid(name, "should be a domain with at least three segments separated by dots")


def _validate_review_versions(versions: Sequence[str], errors: FieldErrors) -> None:
    if not versions:
        errors.required("", f"must specify one of {', '.join(REVIEW_VERSIONS)}")
        return
    for index, version in enumerate(versions):
        if version in versions[:index]:
            errors.at(index).invalid(version, "duplicate version")
            continue
        for message in names.dns1035_label(version):
            errors.at(index).invalid(version, message)
    if not set(versions) & set(REVIEW_VERSIONS):
        errors.invalid(versions, f"must include at least one of {', '.join(REVIEW_VERSIONS)}")


def _choice(tree: Obj, field: str, choices: list[str], errors: FieldErrors) -> None:
    value = tree.get(field)
    if value is not None and value not in choices:
        errors.not_supported(value, choices, field)


COLUMNS = (
    NAME,
    Column(
        "Webhooks",
        lambda configuration, _: len(configuration.get("webhooks") or ()),
        type="integer",
        description="Webhooks indicates the number of webhooks registered in this configuration",
    ),
    AGE,
)
