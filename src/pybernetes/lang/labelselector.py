"""Label selectors: the string form of query parameters and the `LabelSelector` tree of objects.

`parse("app=web,tier in (front, back),!canary")`; both forms become one `Selector`. Grammar and messages follow
`apimachinery/pkg/labels`. A selector without requirements matches everything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from . import names

Operator = Literal["in", "notin", "=", "!=", "exists", "!", "gt", "lt"]

_TOKEN = re.compile(r"\s*(?:(==|!=|[=<>!(),])|([^\s=<>!(),]+)|$)")
_OPERATORS = "in, notin, =, ==, !=, gt, lt"
_TREE_OPERATORS: Mapping[str, Operator] = {
    "In": "in",
    "NotIn": "notin",
    "Exists": "exists",
    "DoesNotExist": "!",
    "Gt": "gt",
    "Lt": "lt",
}


class SelectorError(ValueError):
    """The selector cannot be read; the message is upstream's."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term. `values` are sorted and unique; exactly one for "=", "!=", "gt", "lt"; none for "exists", "!"."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "in" | "=":
                return value is not None and value in self.values
            case "notin" | "!=":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
            case _:
                return self._compare(value)

    def _compare(self, value: str | None) -> bool:
        """Both sides must be integers, or the label does not match."""
        try:
            have, want = int(value or ""), int(self.values[0])
        except ValueError:
            return False
        return have > want if self.operator == "gt" else have < want

    def __str__(self) -> str:
        match self.operator:
            case "exists":
                return self.key
            case "!":
                return f"!{self.key}"
            case "in" | "notin":
                return f"{self.key} {self.operator} ({','.join(self.values)})"
            case "gt":
                return f"{self.key}>{self.values[0]}"
            case "lt":
                return f"{self.key}<{self.values[0]}"
            case _:
                return f"{self.key}{self.operator}{self.values[0]}"


@dataclass(frozen=True, slots=True)
class Selector:
    """All requirements must hold. `nothing` marks the selector that no object matches."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    def matches(self, labels: Mapping[str, str]) -> bool:
        return not self.nothing and all(requirement.matches(labels) for requirement in self.requirements)

    @property
    def everything(self) -> bool:
        return not self.nothing and not self.requirements

    def exact(self) -> Iterator[tuple[str, str]]:
        """The (key, value) pairs that every match must carry: what an index can look up."""
        for requirement in self.requirements:
            if requirement.operator in ("=", "in") and len(requirement.values) == 1:
                yield requirement.key, requirement.values[0]

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)


EVERYTHING = Selector()
NOTHING = Selector(nothing=True)


def requirement(key: str, operator: Operator, values: Sequence[str] = ()) -> Requirement:
    """A checked requirement. Raises SelectorError with upstream's message."""
    if problems := names.qualified_name(key):
        raise SelectorError(f"key: Invalid value: {json.dumps(key)}: {'; '.join(problems)}")
    if operator in ("in", "notin") and not values:
        raise SelectorError(
            "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty"
        )
    if operator in ("=", "!=") and len(values) != 1:
        raise SelectorError(
            f"values: Invalid value: {json.dumps(list(values))}: exact-match compatibility requires one single value"
        )
    if operator in ("exists", "!") and values:
        raise SelectorError(
            f"values: Invalid value: {json.dumps(list(values))}: values set must be empty for exists and does not exist"
        )
    if operator in ("gt", "lt"):
        _check_integer(values)
    for position, value in enumerate(values):
        if problems := names.label_value(value):
            raise SelectorError(
                f"values[{position}][{key}]: Invalid value: {json.dumps(value)}: {'; '.join(problems)}"
            )
    return Requirement(key, operator, tuple(sorted(set(values))))


def _check_integer(values: Sequence[str]) -> None:
    if len(values) != 1:
        raise SelectorError(
            f"values: Invalid value: {json.dumps(list(values))}: for 'Gt', 'Lt' operators, exactly one value is required"
        )
    if not re.fullmatch(r"[+-]?[0-9]+", values[0]):
        raise SelectorError(
            f"values[0]: Invalid value: {json.dumps(values[0])}: for 'Gt', 'Lt' operators, the value must be an integer"
        )


@lru_cache(maxsize=512)
def parse(text: str) -> Selector:
    """The selector of a `labelSelector` parameter; "" matches everything. Raises SelectorError."""
    tokens = _Tokens(text)
    requirements: list[Requirement] = []
    if tokens.peek() == "":
        return EVERYTHING
    while True:
        if not _is_word(tokens.peek()) and tokens.peek() != "!":
            raise SelectorError(f"found '{tokens.peek()}', expected: !, identifier, or 'end of string'")
        try:
            requirements.append(_requirement(tokens))
        except SelectorError as error:
            raise SelectorError(f"unable to parse requirement: {error}") from error
        separator = tokens.take()
        if separator == "":
            break
        if separator != ",":
            raise SelectorError(f"found '{separator}', expected: ',' or 'end of string'")
        if not _is_word(tokens.peek()) and tokens.peek() != "!":
            raise SelectorError(f"found '{tokens.peek()}', expected: identifier after ','")
    return Selector(tuple(sorted(requirements, key=lambda r: r.key)))


class _Tokens:
    """The words and signs of a selector; "" at the end."""

    def __init__(self, text: str) -> None:
        found = [m[1] or m[2] for m in _TOKEN.finditer(text) if m[1] or m[2]]
        self._tokens = [*found, ""]
        self._at = 0

    def peek(self) -> str:
        return self._tokens[self._at]

    def take(self) -> str:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token


def _is_word(token: str) -> bool:
    return token != "" and token[0] not in "=<>!(),"


def _requirement(tokens: _Tokens) -> Requirement:
    if tokens.peek() == "!":
        tokens.take()
        return requirement(_word(tokens), "!")
    key = _word(tokens)
    if tokens.peek() in ("", ","):
        return requirement(key, "exists")
    operator = tokens.take()
    match operator:
        case "in" | "notin":
            return requirement(key, operator, _values(tokens))
        case "=" | "==":
            return requirement(key, "=", [_exact(tokens)])
        case "!=":
            return requirement(key, "!=", [_exact(tokens)])
        case ">":
            return requirement(key, "gt", [_exact(tokens)])
        case "<":
            return requirement(key, "lt", [_exact(tokens)])
    raise SelectorError(f"found '{operator}', expected: {_OPERATORS}")


def _word(tokens: _Tokens) -> str:
    token = tokens.take()
    if not _is_word(token):
        raise SelectorError(f"found '{token}', expected: identifier")
    return token


def _exact(tokens: _Tokens) -> str:
    """The value after `=`; nothing (`a=,b`) is the empty value."""
    if tokens.peek() in ("", ","):
        return ""
    return _word(tokens)


def _values(tokens: _Tokens) -> list[str]:
    """`(a, b)`; an empty place is the empty value, as upstream reads `(a,)` and `()`."""
    if (token := tokens.take()) != "(":
        raise SelectorError(f"found '{token}' expected: '('")
    values: list[str] = []
    while True:
        values.append(tokens.take() if _is_word(tokens.peek()) else "")
        token = tokens.take()
        if token == ")":
            return values
        if token != ",":
            raise SelectorError(f"found '{token}', expected: ',', ')' or identifier")


def from_label_selector(tree: Mapping[str, Any] | None) -> Selector:
    """The selector of an object's `LabelSelector`: absent matches nothing, empty matches everything.

    Raises SelectorError (validated objects never do).
    """
    if tree is None:
        return NOTHING
    found = [requirement(key, "=", [value]) for key, value in (tree.get("matchLabels") or {}).items()]
    for expression in tree.get("matchExpressions") or ():
        operator = _TREE_OPERATORS.get(expression.get("operator", ""))
        if operator is None or operator in ("gt", "lt"):
            raise SelectorError(f'"{expression.get("operator", "")}" is not a valid label selector operator')
        found.append(requirement(expression["key"], operator, expression.get("values") or ()))
    return Selector(tuple(sorted(found, key=lambda r: r.key)))


def from_labels(labels: Mapping[str, str] | None) -> Selector:
    """The selector of a plain map (`Service.spec.selector`): all pairs must be there; empty matches everything."""
    return Selector(tuple(Requirement(key, "=", (value,)) for key, value in sorted((labels or {}).items())))
