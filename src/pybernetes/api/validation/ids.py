"""Numbers of users and groups."""

from __future__ import annotations

from ..fielderrors import FieldErrors
from ..meta import Obj

MAX_ID = 2**31 - 1
ID_RANGE = f"must be between 0 and {MAX_ID}, inclusive"


def user_id(tree: Obj, field: str, errors: FieldErrors) -> None:
    """A user's or a group's number, where one is given."""
    value = tree.get(field)
    if value is not None and not 0 <= value <= MAX_ID:
        errors.invalid(value, ID_RANGE, field)


def group_ids(tree: Obj, field: str, errors: FieldErrors) -> None:
    """A list of them."""
    for index, value in enumerate(tree.get(field) or ()):
        if not 0 <= value <= MAX_ID:
            errors.at(field, index).invalid(value, ID_RANGE)
