"""`matches`, `find`, `findAll`: RE2's language."""

from __future__ import annotations

from ... import goregex
from ..errors import CelError
from ..overloads import Overload, either, method
from ..types import BOOL, INT, STRING, list_of


def _pattern(text: str) -> goregex.Pattern:
    try:
        return goregex.compile(text)
    except goregex.BadPattern as error:
        raise CelError(str(error)) from error


def matches(text: str, pattern: str) -> bool:
    return _pattern(pattern).search(text) is not None


def _find(text: str, pattern: str) -> str:
    match = _pattern(pattern).search(text)
    return match.group() if match else ""


def _find_all(text: str, pattern: str, most: int = -1) -> list[str]:
    found: list[str] = []
    for match in _pattern(pattern).finditer(text):
        if 0 <= most <= len(found):
            break
        found.append(match.group())
    return found


OVERLOADS: tuple[Overload, ...] = (
    *either("matches", STRING, STRING, to=BOOL, run=matches, heavy=True),
    method("find", STRING, STRING, to=STRING, run=_find, heavy=True),
    method("findAll", STRING, STRING, to=list_of(STRING), run=_find_all, heavy=True),
    method("findAll", STRING, STRING, INT, to=list_of(STRING), run=_find_all, heavy=True),
)
