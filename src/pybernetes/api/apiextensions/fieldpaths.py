"""The simple JSON paths of CustomResourceDefinitions: `.spec.replicas`, `.metadata['x.y']`; upstream's `ValidFieldPath`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|[.\[\]]|[^.\[\]]+", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "'": "'",
    "\\": "\\",
}
_END = "unexpected end of JSON path"
_NOWHERE = "does not refer to a valid field"


class BadPath(ValueError):
    """The message is the end of upstream's."""


def found(path: str, schema: Mapping[str, Any], *, brackets: bool = True) -> tuple[tuple[str, ...], Any]:
    """The steps of a path, and the schema that it leads to in `schema`. `brackets`: whether `['name']` is allowed.
    Raises BadPath."""
    here: Any = schema
    steps: list[str] = []
    for name in _names(path, brackets=brackets):
        if not isinstance(here, Mapping):
            raise BadPath(_NOWHERE)
        if here.get("properties"):
            if name not in here["properties"]:
                raise BadPath(_NOWHERE)
            here = here["properties"][name]
        elif here.get("additionalProperties") is not None:
            here = here["additionalProperties"]
        else:
            raise BadPath(_NOWHERE)
        steps.append(name)
    return tuple(steps), here


def steps(path: str) -> tuple[str, ...]:
    """The names in a path. Raises BadPath where it is none."""
    return tuple(_names(path, brackets=True))


def _names(path: str, *, brackets: bool) -> Iterator[str]:
    tokens = iter(_TOKEN.findall(path))
    for token in tokens:
        if token == ".":
            yield _next(tokens)
        elif token != "[":
            raise BadPath(f"expected [ or . but got: {token}")
        elif not brackets:
            raise BadPath("array notation is not allowed")
        else:
            yield _unquoted(_next(tokens))
            if (closing := _next(tokens)) != "]":
                raise BadPath(f"expected ] but got {closing}")


def _next(tokens: Iterator[str]) -> str:
    token = next(tokens, None)
    if token is None:
        raise BadPath(_END)
    return token


def _unquoted(token: str) -> str:
    if len(token) < 2 or token[0] != "'" or token[-1] != "'":
        raise BadPath(f"expected single quoted string but got {token}")

    def plain(escape: re.Match[str]) -> str:
        if escape[1] not in _ESCAPES:
            raise BadPath(f"invalid string literal: invalid escape char {escape[0]}")
        return _ESCAPES[escape[1]]

    return _ESCAPED.sub(plain, token[1:-1])
