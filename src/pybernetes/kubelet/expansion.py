"""`$(VAR)` in commands, arguments, environment values and `subPathExpr`."""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")


def expand(text: str, values: Mapping[str, str]) -> str:
    """`$$(VAR)` gives a literal `$(VAR)`; a name without a value stays as it is written."""

    def replace(match: re.Match[str]) -> str:
        if match[1] is None:
            return "$"
        return values.get(match[1], match[0])

    return _REFERENCE.sub(replace, text) if "$" in text else text


def unresolved(text: str, values: Mapping[str, str]) -> list[str]:
    """Names that `text` refers to and `values` lacks."""
    return [m[1] for m in _REFERENCE.finditer(text) if m[1] is not None and m[1] not in values]
