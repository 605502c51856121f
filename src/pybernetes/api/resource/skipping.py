"""Node operations that a driver does without."""

from __future__ import annotations

from ..fielderrors import FieldErrors
from ..meta import Obj

OPERATIONS = ["*", "NodePrepareResources", "NodeUnprepareResources"]


def validate_skipped(tree: Obj, errors: FieldErrors) -> None:
    """What was prepared must be unprepared, so only both may be left out."""
    skipped, at = tree.get("skipNodeOperations") or [], errors.at("skipNodeOperations")
    for index, operation in enumerate(skipped):
        if operation not in OPERATIONS:
            at.at(index).not_supported(operation, OPERATIONS)
        if operation in skipped[:index]:
            at.at(index).duplicate(operation)
    if "NodePrepareResources" in skipped and not {"NodeUnprepareResources", "*"} & set(skipped):
        at.invalid(
            skipped, "NodePrepareResources cannot be skipped unless NodeUnprepareResources is also skipped"
        )
