"""Paths of files inside volumes and mounts."""

from __future__ import annotations

from ..fielderrors import FieldErrors
from ..meta import Obj

_MODE = "must be a number between 0 and 0777 (octal), both inclusive"


def no_backsteps(value: str, field: str, errors: FieldErrors) -> None:
    """No part of the path is `..`."""
    if ".." in value.split("/"):
        errors.invalid(value, "must not contain '..'", field)


def local_descending_path(value: str, field: str, errors: FieldErrors) -> None:
    """A relative path that does not climb."""
    if value.startswith("/"):
        errors.invalid(value, "must be a relative path", field)
    no_backsteps(value, field, errors)


def file_path(value: str, field: str, errors: FieldErrors) -> None:
    """The same for a file of a volume, whose own bookkeeping begins with `..`."""
    local_descending_path(value, field, errors)
    if value.startswith("..") and not value.startswith("../"):
        errors.invalid(value, "must not start with '..'", field)


def validate_mode(tree: Obj, field: str, errors: FieldErrors) -> None:
    """The permission bits of a file."""
    mode = tree.get(field)
    if mode is not None and not 0 <= mode <= 0o777:
        errors.invalid(mode, _MODE, field)
