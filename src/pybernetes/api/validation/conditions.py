"""The rules of `metav1.Condition` lists, as upstream's `ValidateConditions` has them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj

STATUSES = ["False", "True", "Unknown"]
LONGEST_REASON, LONGEST_MESSAGE = 1024, 32768
"""Bytes."""
_REASON = r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_RE_REASON = re.compile(_REASON)


def validate_conditions(conditions: Sequence[Obj], errors: FieldErrors) -> None:
    """`errors` stands at the list."""
    seen: set[str] = set()
    for index, condition in enumerate(conditions):
        at, kind = errors.at(index), condition.get("type") or ""
        if kind in seen:
            at.duplicate(kind, "type")
        seen.add(kind)
        _validate(condition, kind, at)


def _validate(condition: Obj, kind: str, errors: FieldErrors) -> None:
    if not kind:
        errors.required("type", "must be set")
    for message in names.qualified_name(kind):
        errors.invalid(kind, message, "type")
    status = condition.get("status") or ""
    if status not in STATUSES:
        errors.not_supported(status, STATUSES, "status")
    generation = condition.get("observedGeneration") or 0
    if generation < 0:
        errors.invalid(generation, "must be greater than or equal to zero", "observedGeneration")
    if not condition.get("lastTransitionTime"):
        errors.required("lastTransitionTime", "must be set")
    reason = condition.get("reason") or ""
    if not reason:
        errors.required("reason", "must be set")
    elif not _RE_REASON.fullmatch(reason):
        errors.invalid(
            reason,
            "a condition reason must start with alphabetic character, optionally followed by a string of "
            "alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. "
            f"'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '{_REASON}')",
            "reason",
        )
    if len(reason.encode()) > LONGEST_REASON:
        errors.too_long(LONGEST_REASON, "reason")
    if len((condition.get("message") or "").encode()) > LONGEST_MESSAGE:
        errors.too_long(LONGEST_MESSAGE, "message")
