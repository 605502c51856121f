"""Validation of a value by its OpenAPI v3 schema: upstream's `kube-openapi/pkg/validation`, its words and its order.

A schema is compiled once into a tree of `Validator`s. `check` reports to a `FieldErrors` whose view is ignored: paths are
spelled here, because upstream's messages repeat them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pybernetes.lang import goregex

from ..fielderrors import FieldErrors, show
from .formats import FORMATS, RANGES

NO_PATH = "<nil>"
"""Where upstream's errors about a combination of schemas point."""
UNKNOWN: Any = object()
"""There is no old value, or it cannot be found again."""


class Validator:
    """One schema, compiled."""

    __slots__ = (
        "additional",
        "all_of",
        "any_of",
        "enum",
        "item",
        "negated",
        "nullable",
        "numbers",
        "one_of",
        "pattern",
        "properties",
        "raw",
        "required",
        "sizes",
        "test_format",
        "types",
    )

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        self.types: tuple[str, ...] = (raw["type"],) if raw.get("type") else ()
        if raw.get("x-kubernetes-int-or-string"):
            self.types = ("integer", "string")
        self.nullable = bool(raw.get("nullable"))
        self.required: tuple[str, ...] = tuple(raw.get("required") or ())
        self.enum: Sequence[Any] | None = raw.get("enum")
        self.pattern = goregex.compile(raw["pattern"]) if raw.get("pattern") else None
        self.test_format = FORMATS.get(raw.get("format", ""))
        self.properties = {name: Validator(below) for name, below in (raw.get("properties") or {}).items()}
        items, additional, negated = raw.get("items"), raw.get("additionalProperties"), raw.get("not")
        self.item = Validator(items) if isinstance(items, Mapping) else None
        self.additional = Validator(additional) if isinstance(additional, Mapping) else None
        self.negated = Validator(negated) if isinstance(negated, Mapping) else None
        self.all_of = [Validator(each) for each in raw.get("allOf") or ()]
        self.any_of = [Validator(each) for each in raw.get("anyOf") or ()]
        self.one_of = [Validator(each) for each in raw.get("oneOf") or ()]
        self.numbers = any(key in raw for key in ("minimum", "maximum", "multipleOf")) or (
            raw.get("format") in RANGES
        )
        self.sizes = any(key in raw for key in _SIZES)

    def valid(self, value: Any) -> bool:
        errors = FieldErrors()
        self.check(value, "", errors)
        return not errors

    def check(self, value: Any, path: str, errors: FieldErrors, old: Any = UNKNOWN) -> None:
        """Reports what is wrong with the value at `path` (dotted, "" for the root). `old` is the value that it
        replaces: of what is unchanged, nothing is reported."""
        if old is not UNKNOWN and value == old:
            return
        if value is None:
            if self.nullable:
                return
            if self.types:
                self._wrong_type(value, path, errors)
            self._check_enum(value, path, errors)
            return
        if self.types and not self._right_type(value):
            self._wrong_type(value, path, errors)
        if self.all_of or self.any_of or self.one_of or self.negated is not None:
            self._check_junctors(value, path, errors)
        if value.__class__ is str:
            self._check_string(value, path, errors)
        elif isinstance(value, Mapping):
            self._check_object(value, path, errors, old)
        elif isinstance(value, (list, tuple)):
            self._check_list(value, path, errors, old)
        elif self.numbers and not isinstance(value, bool):
            self._check_number(value, path, errors)
        if self.enum is not None:
            self._check_enum(value, path, errors)

    # ---- types

    def _right_type(self, value: Any) -> bool:
        actual = _type_of(value)
        types = self.types
        return actual in types or (actual == "integer" and "number" in types)

    def _wrong_type(self, value: Any, path: str, errors: FieldErrors) -> None:
        actual = _type_of(value)
        errors.type_invalid(
            actual, f'{path} in body must be of type {",".join(self.types)}: "{actual}"', path
        )

    def _check_enum(self, value: Any, path: str, errors: FieldErrors) -> None:
        if self.enum is not None and not any(_equal(value, each) for each in self.enum):
            errors.not_supported(value, [_choice(each) for each in self.enum], path)

    # ---- combinations

    def _check_junctors(self, value: Any, path: str, errors: FieldErrors) -> None:
        if self.any_of and not any(each.valid(value) for each in self.any_of):
            self._combination(f'"{path}" must validate at least one schema (anyOf)', errors)
            self.any_of[0].check(value, path, errors)
        if self.one_of:
            count = sum(each.valid(value) for each in self.one_of)
            if count != 1:
                found = "Found none valid" if count == 0 else f"Found {count} valid alternatives"
                self._combination(f'"{path}" must validate one and only one schema (oneOf). {found}', errors)
                if count == 0:
                    self.one_of[0].check(value, path, errors)
        if self.all_of:
            count = sum(each.valid(value) for each in self.all_of)
            if count < len(self.all_of):
                for each in self.all_of:
                    each.check(value, path, errors)
                none = ". None validated" if count == 0 else ""
                self._combination(f'"{path}" must validate all the schemas (allOf){none}', errors)
        if self.negated is not None and self.negated.valid(value):
            self._combination(f'"{path}" must not validate the schema (not)', errors)

    @staticmethod
    def _combination(message: str, errors: FieldErrors) -> None:
        errors.invalid("", message, NO_PATH)

    # ---- by type

    def _check_string(self, value: str, path: str, errors: FieldErrors) -> None:
        raw = self.raw
        if self.sizes:
            if (most := raw.get("maxLength")) is not None and len(value) > most:
                errors.too_long(most, path)
            if (least := raw.get("minLength")) is not None and len(value) < least:
                errors.invalid(value, f"{path} in body should be at least {least} chars long", path)
        if self.pattern is not None and self.pattern.search(value) is None:
            errors.invalid(value, f"{path} in body should match '{raw['pattern']}'", path)
        if self.test_format is not None and not self.test_format(value):
            errors.type_invalid(value, f'{path} in body must be of type {raw["format"]}: "{value}"', path)

    def _check_number(self, value: float, path: str, errors: FieldErrors) -> None:
        raw = self.raw
        if (step := raw.get("multipleOf")) is not None and (value / step) % 1 != 0:
            errors.invalid(value, f"{path} in body should be a multiple of {_number(step)}", path)
        if (most := raw.get("maximum")) is not None:
            if raw.get("exclusiveMaximum"):
                if value >= most:
                    errors.invalid(value, f"{path} in body should be less than {_number(most)}", path)
            elif value > most:
                errors.invalid(value, f"{path} in body should be less than or equal to {_number(most)}", path)
        if (least := raw.get("minimum")) is not None:
            if raw.get("exclusiveMinimum"):
                if value <= least:
                    errors.invalid(value, f"{path} in body should be greater than {_number(least)}", path)
            elif value < least:
                errors.invalid(
                    value, f"{path} in body should be greater than or equal to {_number(least)}", path
                )
        bounds = RANGES.get(raw.get("format", ""))
        if bounds is not None and "integer" in self.types and not bounds[0] <= value <= bounds[1]:
            errors.invalid(
                value, f"Checked value must be of type integer with format {raw['format']} in {path}", path
            )

    def _check_object(self, value: Mapping[str, Any], path: str, errors: FieldErrors, old: Any) -> None:
        if self.sizes:
            self._check_properties_count(value, path, errors)
        for name in self.required:
            if name not in value:
                errors.required(f"{path}.{name}" if path else name)
        properties, additional = self.properties, self.additional
        if not properties and additional is None:
            return
        before = old if isinstance(old, Mapping) else {}
        for name, below in value.items():
            found = properties.get(name) or additional
            if found is not None:
                found.check(below, f"{path}.{name}" if path else name, errors, before.get(name, UNKNOWN))

    def _check_properties_count(self, value: Mapping[str, Any], path: str, errors: FieldErrors) -> None:
        most, least = self.raw.get("maxProperties"), self.raw.get("minProperties")
        if most is not None and len(value) > most:
            errors.too_many(len(value), most, path)
        if least is not None and len(value) < least:
            errors.invalid(value, f"{path} in body should have at least {least} properties", path)

    def _check_list(self, value: Sequence[Any], path: str, errors: FieldErrors, old: Any) -> None:
        if self.item is not None:
            item = self.item
            before = self._by_key(old)
            for number, each in enumerate(value):
                was = before.get(self._key(each), UNKNOWN) if before else UNKNOWN
                item.check(each, f"{path}[{number}]", errors, was)
        if self.sizes:
            most, least = self.raw.get("maxItems"), self.raw.get("minItems")
            if least is not None and len(value) < least:
                errors.invalid(value, f"{path} in body should have at least {least} items", path)
            if most is not None and len(value) > most:
                errors.too_many(len(value), most, path)

    def _by_key(self, old: Any) -> dict[Any, Any]:
        """The items of a list of type map as it was: only those can be found again."""
        if self.raw.get("x-kubernetes-list-type") != "map" or not isinstance(old, (list, tuple)):
            return {}
        return {self._key(each): each for each in old}

    def _key(self, item: Any) -> tuple[str, ...]:
        if not isinstance(item, Mapping):
            return ()
        return tuple(repr(item.get(key)) for key in self.raw["x-kubernetes-list-map-keys"])


_SIZES = ("maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties")


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    if value is None:
        return "null"
    return "object" if isinstance(value, Mapping) else "array"


def _equal(a: Any, b: Any) -> bool:
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)


def _choice(value: Any) -> str:
    return value if isinstance(value, str) else show(value)


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e21 else repr(value)
