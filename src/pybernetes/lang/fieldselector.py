"""Field selectors: `metadata.name=web,status.phase!=Running`, as `apimachinery/pkg/fields`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal


class FieldSelectorError(ValueError):
    """The selector cannot be read; the message is upstream's."""


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    field: str
    operator: Literal["=", "!="]
    value: str

    def matches(self, fields: Mapping[str, str]) -> bool:
        return (fields.get(self.field, "") == self.value) == (self.operator == "=")

    def __str__(self) -> str:
        return f"{self.field}{self.operator}{_escape(self.value)}"


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """All requirements must hold; none matches everything. A field that is not there counts as ""."""

    requirements: tuple[FieldRequirement, ...] = ()

    def matches(self, fields: Mapping[str, str]) -> bool:
        return all(requirement.matches(fields) for requirement in self.requirements)

    def exact(self, field: str) -> str | None:
        """The one value of `field` that can match, where the selector asks for one."""
        for requirement in self.requirements:
            if requirement.field == field and requirement.operator == "=":
                return requirement.value
        return None

    @property
    def everything(self) -> bool:
        return not self.requirements

    def renamed(self, names: Mapping[str, str]) -> FieldSelector:
        """The same of an object that calls some fields otherwise."""
        return FieldSelector(tuple(replace(r, field=names.get(r.field, r.field)) for r in self.requirements))

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)


@lru_cache(maxsize=512)
def parse(text: str) -> FieldSelector:
    """The selector of a `fieldSelector` parameter. `\\`, `,` and `=` in values are escaped by `\\`."""
    found = [_requirement(term, text) for term in _split(text) if term]
    return FieldSelector(tuple(sorted(found, key=lambda r: r.field)))


def _split(text: str) -> list[str]:
    """The terms between commas that are not escaped."""
    terms, start, skip = [], 0, False
    for position, char in enumerate(text):
        if skip:
            skip = False
        elif char == "\\":
            skip = True
        elif char == ",":
            terms.append(text[start:position])
            start = position + 1
    return [*terms, text[start:]]


def _requirement(term: str, whole: str) -> FieldRequirement:
    for position, char in enumerate(term):
        if char == "\\":
            break
        for sign in ("!=", "==", "="):
            if term.startswith(sign, position):
                value = _unescape(term[position + len(sign) :])
                return FieldRequirement(term[:position], "!=" if sign == "!=" else "=", value)
    raise FieldSelectorError(f"invalid selector: '{whole}'; can't understand '{term}'")


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


def _unescape(value: str) -> str:
    if "\\" not in value and "=" not in value:
        return value
    out: list[str] = []
    chars = iter(value)
    for char in chars:
        if char == "\\":
            following = next(chars, "")
            if following not in ("\\", ",", "="):
                raise FieldSelectorError(f"invalid field selector: invalid escape sequence: \\{following}")
            out.append(following)
        elif char in (",", "="):
            raise FieldSelectorError(f"invalid field selector: unescaped character in value: {char}")
        else:
            out.append(char)
    return "".join(out)
