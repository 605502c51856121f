"""Regular expressions as Go's `regexp` means them: RE2's own engine, whose time grows with the text and never more.

RE2 is imported where the first pattern comes. What it says of a bad pattern is put in Go's words.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol

_IN_GO = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "trailing \\": "trailing backslash at end of expression",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
    "pattern too large - compile failed": "expression too large",
}
"""What RE2 says -> what Go says; where both say the same it is left out."""


class BadPattern(ValueError):
    """The pattern is none of RE2's."""


class Match(Protocol):
    def group(self, group: int = 0) -> str: ...


class Pattern(Protocol):
    def search(self, text: str) -> Match | None: ...
    def finditer(self, text: str) -> Iterator[Match]: ...


@lru_cache(maxsize=512)
def compile(pattern: str) -> Pattern:
    """The pattern, for `search` and `finditer`. Raises BadPattern."""
    re2, options = _engine()
    if (at := _any_byte(pattern)) is not None:
        raise BadPattern(f"error parsing regexp: invalid escape sequence: `{at}`")
    try:
        compiled: Pattern = re2.compile(pattern, options)
    except re2.error as error:
        raise BadPattern(_in_go_words(_text(error), pattern)) from error
    return compiled


@lru_cache(maxsize=1)
def _engine() -> tuple[Any, Any]:
    re2 = import_module("re2")
    options = re2.Options()
    options.log_errors = False
    return re2, options


def _any_byte(pattern: str) -> str | None:
    """`\\C`, a single byte, which RE2 knows and Go does not."""
    literal = escaped = False
    for char in pattern:
        if escaped:
            escaped = False
            if literal:
                literal = char != "E"
            elif char == "C":
                return "\\C"
            else:
                literal = char == "Q"
        else:
            escaped = char == "\\"
    return None


def _text(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def _in_go_words(said: str, pattern: str) -> str:
    """`missing ): (a` -> "error parsing regexp: missing closing ): `(a`". Go shows the whole pattern where something
    is missing at its end."""
    go, _, what = said.partition(": ")
    ours = next((each for each in _IN_GO if said.startswith(each)), None)
    if ours is not None:
        go, what = _IN_GO[ours], said[len(ours) :].removeprefix(": ")
    if go in ("missing closing )", "unexpected )"):
        what = pattern
    if go == "trailing backslash at end of expression":
        what = ""
    return f"error parsing regexp: {go}: `{what}`"
