"""Strings: the standard functions and cel-go's extension of them. Positions count code points."""

from __future__ import annotations

from typing import Any

from ..errors import CelError
from ..overloads import Overload, function, method
from ..types import BOOL, INT, STRING, list_of

_LOWER = {ord(c): c.lower() for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_UPPER = {ord(c): c.upper() for c in "abcdefghijklmnopqrstuvwxyz"}
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
_QUOTED = {
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    "\\": r"\\",
    '"': r"\"",
}


def _char_at(text: str, at: int) -> str:
    if not 0 <= at <= len(text):
        raise CelError(f"index out of range: {at}")
    return text[at : at + 1]


def _index_of(text: str, part: str, start: int = 0) -> int:
    if not part:
        return start
    if not 0 <= start <= len(text):
        raise CelError(f"index out of range: {start}")
    return text.find(part, start)


def _last_index_of(text: str, part: str, start: int | None = None) -> int:
    if start is not None and not 0 <= start <= len(text):
        raise CelError(f"index out of range: {start}")
    if not part:
        return len(text) if start is None else start
    return text.rfind(part) if start is None else text.rfind(part, 0, start + len(part))


def _substring(text: str, start: int, end: int | None = None) -> str:
    if not 0 <= start <= len(text):
        raise CelError(f"index out of range: {start}")
    if end is None:
        return text[start:]
    if not 0 <= end <= len(text):
        raise CelError(f"index out of range: {end}")
    if start > end:
        raise CelError(f"invalid substring range. start: {start}, end: {end}")
    return text[start:end]


def _replace(text: str, old: str, new: str, most: int = -1) -> str:
    return text.replace(old, new) if most < 0 else text.replace(old, new, most)


def _split(text: str, separator: str, most: int = -1) -> list[str]:
    if most == 0:
        return []
    if most == 1:
        return [text]
    if not separator:
        characters = list(text)
        if 0 < most < len(characters):
            return [*characters[: most - 1], "".join(characters[most - 1 :])]
        return characters
    return text.split(separator) if most < 0 else text.split(separator, most - 1)


def _join(items: Any, separator: str = "") -> str:
    if not all(isinstance(item, str) for item in items):
        raise CelError("no such overload")
    return separator.join(items)


def _quote(text: str) -> str:
    return '"' + "".join(_QUOTED.get(c, c) for c in text) + '"'


OVERLOADS: tuple[Overload, ...] = (
    method("contains", STRING, STRING, to=BOOL, run=lambda text, part: part in text, heavy=True),
    method("startsWith", STRING, STRING, to=BOOL, run=str.startswith, heavy=True),
    method("endsWith", STRING, STRING, to=BOOL, run=str.endswith, heavy=True),
    method("charAt", STRING, INT, to=STRING, run=_char_at),
    method("indexOf", STRING, STRING, to=INT, run=_index_of, heavy=True),
    method("indexOf", STRING, STRING, INT, to=INT, run=_index_of, heavy=True),
    method("lastIndexOf", STRING, STRING, to=INT, run=_last_index_of, heavy=True),
    method("lastIndexOf", STRING, STRING, INT, to=INT, run=_last_index_of, heavy=True),
    method("join", list_of(STRING), to=STRING, run=_join, heavy=True),
    method("join", list_of(STRING), STRING, to=STRING, run=_join, heavy=True),
    method("lowerAscii", STRING, to=STRING, run=lambda text: text.translate(_LOWER), heavy=True),
    method("upperAscii", STRING, to=STRING, run=lambda text: text.translate(_UPPER), heavy=True),
    method("replace", STRING, STRING, STRING, to=STRING, run=_replace, heavy=True),
    method("replace", STRING, STRING, STRING, INT, to=STRING, run=_replace, heavy=True),
    method("split", STRING, STRING, to=list_of(STRING), run=_split, heavy=True),
    method("split", STRING, STRING, INT, to=list_of(STRING), run=_split, heavy=True),
    method("substring", STRING, INT, to=STRING, run=_substring, heavy=True),
    method("substring", STRING, INT, INT, to=STRING, run=_substring, heavy=True),
    method("trim", STRING, to=STRING, run=lambda text: text.strip(_SPACE), heavy=True),
    function("strings.quote", STRING, to=STRING, run=_quote, heavy=True),
)
