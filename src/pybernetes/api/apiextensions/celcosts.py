"""What the rules of a CustomResourceDefinition may cost: estimated from how large values of its schema can be.

A value is bounded by `maxLength`, `maxItems` and `maxProperties`, else by what fits into a request of 3 MiB. Limits and
sizes are upstream's (`apiserver/pkg/cel`, `apiextensions/validation/cel_validation.go`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..fielderrors import FieldErrors
from .celtypes import escaped
from .structural import Structural

RULE_LIMIT = 10_000_000
"""Of one rule, for all the values that it may be run on."""
TOTAL_LIMIT = 100_000_000
"""Of all rules of a schema."""
LARGEST_REQUEST = 3 * 1024 * 1024
MOST_SHOWN = 4
_SMALLEST = {"bool": 4, "number": 1, "string": 2, "bytes": 2, "duration": 3, "date": 12, "date-time": 21}
"""Characters that a value takes in JSON at least."""
_LARGEST = {"duration": 32, "date": 12, "date-time": 32}
ADVICE = (
    "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings "
    "are declared)"
)


@dataclass(frozen=True, slots=True)
class Sized:
    """How large a value can be (its length; 0 where it has none), and how short it can be written."""

    most: int
    shortest: int
    fields: Mapping[str, Sized] = field(default_factory=dict)
    below: Sized | None = None
    """Of the items of a list, or the values of a map."""
    is_map: bool = False

    def at(self, path: tuple[str, ...]) -> int | None:
        """The size of what a path below `self` leads to; None where it leads nowhere."""
        found: Sized | None = self
        for step in path[1:]:
            if found is None:
                return None
            if step in ("@items", "@values"):
                found = found.below
            elif step == "@keys":
                found = _KEY if found.is_map else None
            else:
                found = found.fields.get(step)
        return None if found is None else found.most


_KEY = Sized(0, _SMALLEST["string"])
_TEXT = Sized(LARGEST_REQUEST - 2, _SMALLEST["string"])
_METADATA = Sized(0, 2, {"name": _TEXT, "generateName": _TEXT})
_OBJECT = {"apiVersion": _TEXT, "kind": _TEXT, "metadata": _METADATA}


def sized(schema: Structural, *, root: bool = False) -> Sized | None:
    """The sizes of values of a schema; None where expressions cannot see them."""
    if schema.int_or_string:
        return Sized(_length(schema.raw), 1)
    match schema.type:
        case "array":
            item = None if schema.item is None else sized(schema.item)
            if item is None:
                return None
            most = _limit(schema.raw, "maxItems", (LARGEST_REQUEST - 2) // (item.shortest + 1))
            return Sized(most, 2, below=item)
        case "object":
            return _sized_object(schema, root)
        case "string":
            return _sized_text(schema.raw)
        case "boolean":
            return Sized(0, _SMALLEST["bool"])
        case "number" | "integer":
            return Sized(0, _SMALLEST["number"])
    return None


def _sized_object(schema: Structural, root: bool) -> Sized | None:
    if isinstance(schema.additional, Structural):
        value = sized(schema.additional)
        if value is None:
            return None
        most = _limit(schema.raw, "maxProperties", (LARGEST_REQUEST - 2) // (value.shortest + 6))
        return Sized(most, 2, below=value, is_map=True)
    required = frozenset(schema.raw.get("required") or ())
    fields: dict[str, Sized] = {}
    shortest = 2
    for name, below in schema.properties.items():
        size = sized(below)
        if size is None:
            continue
        if (spelled := escaped(name)) is not None:
            fields[spelled] = size
        if name in required and not below.has_default:
            shortest += len(name) + size.shortest + 4
    if root or schema.embedded:
        fields.update(_OBJECT)
    return Sized(0, shortest, fields)


def _sized_text(raw: Mapping[str, Any]) -> Sized:
    form = raw.get("format", "")
    if form in _LARGEST:
        return Sized(_LARGEST[form], _SMALLEST[form])
    if form == "byte":
        return Sized(_limit(raw, "maxLength", LARGEST_REQUEST - 2), _SMALLEST["bytes"])
    return Sized(_length(raw), _SMALLEST["string"])


def _length(raw: Mapping[str, Any]) -> int:
    """In bytes: a character takes up to four."""
    if "maxLength" in raw:
        return 4 * _limit(raw, "maxLength", 0)
    choices = [each for each in raw.get("enum") or () if isinstance(each, str)]
    if choices and not raw.get("x-kubernetes-int-or-string"):
        return max(len(each.encode()) for each in choices)
    return LARGEST_REQUEST - 2


def _limit(raw: Mapping[str, Any], name: str, otherwise: int) -> int:
    given = raw.get(name)
    return otherwise if given is None else max(int(given), 0)


# ---- how often a rule may run


def times_below(schema: Structural, times: int | None) -> int | None:
    """How often what is below a node may occur, where the node occurs `times` (None: nothing bounds it)."""
    if times is None:
        return None
    limit = None
    if schema.type == "array":
        limit = schema.raw.get("maxItems")
    elif schema.type == "object" and schema.additional is not False:
        limit = schema.raw.get("maxProperties")
    else:
        limit = 1
    return None if limit is None else times * max(int(limit), 0)


def whole_cost(once: int, size: Sized, times: int | None) -> int:
    """The cost of a rule for all values of its node."""
    return once * (LARGEST_REQUEST // (size.shortest + 1) if times is None else times)


class Costs:
    """What the rules of one schema cost together."""

    def __init__(self) -> None:
        self.total = 0
        self._most: list[tuple[int, FieldErrors]] = []

    def add(self, cost: int, at: FieldErrors, field_name: str, what: str) -> None:
        """Notes a rule (its error, where it alone costs too much, is reported at `field_name`)."""
        if cost > RULE_LIMIT:
            at.forbidden(exceeded(what, cost, RULE_LIMIT), field_name)
        self.total += cost
        if cost >= TOTAL_LIMIT // 100:
            self._most.append((cost, at.at(field_name)))

    def report(self, errors: FieldErrors) -> None:
        """Complains of the total, and of those that make most of it. `errors` stands at the schema."""
        if self.total <= TOTAL_LIMIT:
            return
        most: Sequence[tuple[int, FieldErrors]] = sorted(self._most, key=lambda pair: -pair[0])
        for _cost, at in most[:MOST_SHOWN]:
            at.forbidden(
                "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"
            )
        what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
        errors.forbidden(exceeded(what, self.total, TOTAL_LIMIT))


def exceeded(what: str, cost: int, limit: int) -> str:
    factor = cost / limit
    shown = "more than 100x" if factor > 100 else f"{factor:.6f}x" if factor < 1.5 else f"{factor:.1f}x"
    return f"{what} exceeds budget by factor of {shown} {ADVICE}"
