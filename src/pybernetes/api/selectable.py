"""Values of fields for field selectors: always text, "" for what is absent."""

from __future__ import annotations

from collections.abc import Callable

from .cells import dig
from .meta import Obj

_NOTHING: Obj = {}


def field_text(*path: str) -> Callable[[Obj], str]:
    """Reads a text or a number."""
    if len(path) == 2:
        above, field = path

        def read_below(obj: Obj) -> str:
            value = (obj.get(above) or _NOTHING).get(field)
            return value if value.__class__ is str else "" if value is None else str(value)

        return read_below

    def read(obj: Obj) -> str:
        value = dig(obj, *path)
        return "" if value is None else str(value)

    return read


def field_number(*path: str) -> Callable[[Obj], str]:
    """Reads a number that is 0 when absent."""

    def read(obj: Obj) -> str:
        return str(dig(obj, *path) or 0)

    return read


def field_flag(*path: str) -> Callable[[Obj], str]:
    """Reads a boolean: `true` or `false`."""

    def read(obj: Obj) -> str:
        return "true" if dig(obj, *path) else "false"

    return read
