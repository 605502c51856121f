"""Collecting what is wrong with an object, each with the path of its field, as upstream's `field.ErrorList`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .errors import Cause


class FieldErrors:
    """The errors found so far and the path being looked at.

    `errors.at("spec").at("containers", 0).required("name")` records `spec.containers[0].name: Required value`.
    Views made by `at` share one list. A view remembers where it came from; the path is only spelled for an error.
    """

    __slots__ = ("_above", "_causes", "_steps")

    def __init__(self) -> None:
        self._causes: list[Cause] = []
        self._above: FieldErrors | None = None
        self._steps: tuple[str | int, ...] = ()

    def at(self, *steps: str | int) -> FieldErrors:
        """The view below this one: a string is a field (`.name`), an int an item (`[0]`)."""
        view = FieldErrors.__new__(FieldErrors)
        view._causes = self._causes
        view._above = self
        view._steps = steps
        return view

    def at_key(self, key: str) -> FieldErrors:
        """The view of one entry of a map: `metadata.labels[app]`."""
        return self.at(f"[{key}]")

    @property
    def path(self) -> str:
        """`spec.containers[0]`."""
        return self._join()

    def required(self, field: str = "", detail: str = "") -> None:
        self._add("FieldValueRequired", field, "Required value", detail)

    def invalid(self, value: Any, detail: str, field: str = "") -> None:
        self._add("FieldValueInvalid", field, f"Invalid value: {show(value)}", detail)

    def invalid_unshown(self, detail: str, field: str = "") -> None:
        """An error about a value too large to print: `status.conditions: Invalid value: cannot …`."""
        self._add("FieldValueInvalid", field, "Invalid value", detail)

    def invalid_omitted(self, detail: str, field: str = "") -> None:
        """An invalid value that is not shown."""
        self._add("FieldValueInvalid", field, "Invalid value", detail)

    def type_invalid(self, value: Any, detail: str, field: str = "") -> None:
        self._add("FieldValueTypeInvalid", field, f"Invalid value: {show(value)}", detail)

    def not_supported(self, value: Any, supported: tuple[str, ...] | list[str], field: str = "") -> None:
        choices = ", ".join(json.dumps(s) for s in supported)
        self._add(
            "FieldValueNotSupported",
            field,
            f"Unsupported value: {show(value)}",
            f"supported values: {choices}",
        )

    def forbidden(self, detail: str, field: str = "") -> None:
        self._add("FieldValueForbidden", field, "Forbidden", detail)

    def duplicate(self, value: Any, field: str = "", detail: str = "") -> None:
        self._add("FieldValueDuplicate", field, f"Duplicate value: {show(value)}", detail)

    def not_found(self, value: Any, field: str = "", detail: str = "") -> None:
        self._add("FieldValueNotFound", field, f"Not found: {show(value)}", detail)

    def too_long(self, max_length: int, field: str = "") -> None:
        self._add("FieldValueTooLong", field, "Too long", f"may not be more than {max_length} bytes")

    def too_many(self, actual: int, most: int, field: str = "") -> None:
        self._add("FieldValueTooMany", field, f"Too many: {actual}", f"must have at most {most} items")

    def add(self, others: FieldErrors) -> None:
        """Takes over errors that were collected apart."""
        self._causes += others._causes

    def add_sorted(self, others: FieldErrors) -> None:
        """The same, in the order of what they say: upstream finds some by walking through maps."""
        self._causes += sorted(others._causes, key=lambda cause: f"{cause.field}: {cause.message}")

    def add_below(self, others: FieldErrors, nowhere: str = "") -> None:
        """The same for what was found inside the value at this view; what is said of `nowhere` stands at the view."""
        for cause in others._causes:
            field = "" if cause.field == nowhere else cause.field
            self._causes.append(Cause(cause.reason, cause.message, self._join(field)))

    @property
    def causes(self) -> tuple[Cause, ...]:
        return tuple(self._causes)

    def __bool__(self) -> bool:
        return bool(self._causes)

    def __iter__(self) -> Iterator[str]:
        """Each error as one line: `spec.replicas: Invalid value: -1: must be …`; the same line once only."""
        lines = (
            f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in self._causes
        )
        return iter(dict.fromkeys(lines))

    def _join(self, *steps: str | int) -> str:
        path = "" if self._above is None else self._above._join(*self._steps)
        for step in steps:
            if isinstance(step, int):
                path = f"{path}[{step}]"
            elif step:
                path = f"{path}.{step}" if path and step[0] != "[" else f"{path}{step}"
        return path

    def _add(self, reason: str, field: str, what: str, detail: str) -> None:
        message = f"{what}: {detail}" if detail else what
        self._causes.append(Cause(reason, message, self._join(field)))


class Verbatim(str):
    """A bad value that is printed as it is: Go's form of a struct."""

    __slots__ = ()


NIL = Verbatim('"null"')
"""How upstream prints a pointer that points nowhere: as the word, in quotes."""
NO_ITEMS = Verbatim("null")
"""A list or a map that is not there."""


def show(value: Any) -> str:
    """A bad value as upstream prints it in messages: strings quoted (also the word for none), trees as compact JSON,
    numbers bare."""
    if isinstance(value, Verbatim):
        return str(value)
    if value is None:
        return '"null"'
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return text if isinstance(value, str) else escaped(text)


def escaped(text: str) -> str:
    """JSON as Go writes it: fit to stand in HTML."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
