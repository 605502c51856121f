"""`jsonpatch.escapeKey('example.com/label')`."""

from __future__ import annotations

from ..overloads import Overload, function
from ..types import STRING


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


OVERLOADS: tuple[Overload, ...] = (
    function("jsonpatch.escapeKey", STRING, to=STRING, run=_escape, heavy=True),
)
