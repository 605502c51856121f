"""The columns of a custom resource: `additionalPrinterColumns`, read by JSONPath."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from pybernetes.api.cells import NAME, age_cell, since
from pybernetes.api.kind import Cell, Column
from pybernetes.api.meta import Obj
from pybernetes.lang import jsonpath

log = logging.getLogger(__name__)
AGE = Column(
    "Age",
    age_cell,
    "date",
    "",
    "CreationTimestamp is a timestamp representing the server time when this object was created.",
)


def columns_of(version: Obj) -> tuple[Column, ...]:
    """Name and the columns of a version of a definition; without any: Name and Age. Those from the first on whose path
    cannot be read are left out, as upstream does."""
    given = version.get("additionalPrinterColumns") or ()
    if not given:
        return (NAME, AGE)
    columns = [NAME]
    try:
        columns.extend(map(_column, given))
    except jsonpath.JsonPathError as error:
        log.info("%s: an invalid printer specification: %s", version.get("name"), error)
    return tuple(columns)


def _column(given: Obj) -> Column:
    template = jsonpath.parse(f"{{{given['jsonPath']}}}")
    return Column(
        given["name"],
        _cell(template, given["type"]),
        given["type"],
        given.get("format", ""),
        given.get("description")
        or f"Custom resource definition column (in JSONPath format): {given['jsonPath']}",
        given.get("priority", 0),
    )


def _cell(template: jsonpath.Template, type_: str) -> Callable[[Obj, float], Cell]:
    def cell(obj: Obj, now: float) -> Cell:
        found = template.values(obj)
        if not found:
            return None
        return _CONVERT[type_](found, now)

    return cell


def _string(found: list[Any], _now: float) -> Cell:
    """Several results of one path are joined as kubectl joins them."""
    return " ".join(jsonpath.show(value) for value in found) if found != [None] else None


def _integer(found: list[Any], _now: float) -> Cell:
    value = found[0]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value)


def _number(found: list[Any], _now: float) -> Cell:
    value = found[0]
    return None if isinstance(value, bool) or not isinstance(value, (int, float)) else value


def _boolean(found: list[Any], _now: float) -> Cell:
    return found[0] if isinstance(found[0], bool) else None


def _date(found: list[Any], now: float) -> Cell:
    value = found[0]
    if not isinstance(value, str):
        return None
    try:
        return since(value, now)
    except ValueError:
        return "<invalid>"


_CONVERT: dict[str, Callable[[list[Any], float], Cell]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
}
