"""API groups of the Kubernetes community: a definition in one says who approved it, or that nobody did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from ..fielderrors import FieldErrors
from ..meta import Obj, annotations_of
from .conditions import condition, with_condition

ANNOTATION = "api-approved.kubernetes.io"
_DOMAINS = ("k8s.io", "kubernetes.io")
_SEE = "see https://github.com/kubernetes/enhancements/pull/1111"

State = Literal["approved", "bypassed", "invalid", "missing"]


def is_protected(group: str) -> bool:
    return any(group == domain or group.endswith(f".{domain}") for domain in _DOMAINS)


def state_of(crd: Obj) -> tuple[State, str]:
    """What the annotation says, and upstream's words for it."""
    said = annotations_of(crd).get(ANNOTATION, "")
    if not said:
        return "missing", f'protected groups must have approval annotation "{ANNOTATION}", {_SEE}'
    if said.startswith("unapproved"):
        return "bypassed", f'not approved: "{said}"'
    if _is_url(said):
        return "approved", f"approved in {said}"
    return "invalid", (
        f'protected groups must have approval annotation "{ANNOTATION}" with either a URL or a reason starting with '
        f'"unapproved", {_SEE}'
    )


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and not any(letter <= " " for letter in text)


def validate_approval(new: Obj, old: Obj | None, errors: FieldErrors) -> None:
    """Of what stays as it was, nobody complains."""
    if not is_protected((new.get("spec") or {}).get("group") or ""):
        return
    state, reason = state_of(new)
    if old is not None and state_of(old)[0] == state:
        return
    at = errors.at("metadata", "annotations").at_key(ANNOTATION)
    if state == "invalid":
        at.invalid(annotations_of(new)[ANNOTATION], reason)
    elif state == "missing":
        at.required("", reason)


CONDITION = "KubernetesAPIApprovalPolicyConformant"
_CONDITIONS: Mapping[State, tuple[str, str]] = {
    "approved": ("True", "ApprovedAnnotation"),
    "bypassed": ("False", "UnapprovedAnnotation"),
    "invalid": ("False", "InvalidAnnotation"),
    "missing": ("False", "MissingAnnotation"),
}


def with_approval(crd: Obj, now: float) -> Obj:
    """The definition with the condition that tells of its approval; as it is where its group needs none."""
    if not is_protected(crd["spec"]["group"]):
        return crd
    state, message = state_of(crd)
    value, reason = _CONDITIONS[state]
    status = crd.get("status") or {}
    known = condition(crd, CONDITION)
    if known is not None and (known.get("status"), known.get("reason"), known.get("message")) == (
        value,
        reason,
        message,
    ):
        return crd
    return {**crd, "status": with_condition(status, CONDITION, value, reason, message, now)}
