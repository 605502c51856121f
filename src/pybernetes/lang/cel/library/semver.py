"""`semver('1.2.3')`: semantic versions, version 2.0.0."""

from __future__ import annotations

import re
from functools import total_ordering
from typing import Any, ClassVar

from ..errors import CelError
from ..overloads import Overload, function, method
from ..types import BOOL, INT, STRING, opaque

_NUMBER = r"(0|[1-9][0-9]*)"
_SHAPE = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)


@total_ordering
class Semver:
    __slots__ = ("key", "numbers")
    CEL_TYPE: ClassVar[str] = "kubernetes.Semver"

    def __init__(self, numbers: tuple[int, int, int], pre: str) -> None:
        self.numbers = numbers
        parts: Any = (
            tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in pre.split(".")) if pre else ()
        )
        # A version without a pre-release is above those with one.
        self.key = (numbers, not pre, parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Semver) and self.key == other.key

    def __lt__(self, other: Semver) -> bool:
        return self.key < other.key

    def __hash__(self) -> int:
        return hash(self.key)


def _normalized(text: str) -> str:
    """Without a `v` and leading zeros, with missing minor and patch as 0."""
    core, mark, rest = text.removeprefix("v").partition("-")
    if not mark:
        core, mark, rest = core.partition("+")
    parts = [part.lstrip("0") or "0" if part.isdecimal() else part for part in core.split(".")]
    return ".".join([*parts, *["0"] * (3 - len(parts))]) + mark + rest


def read_semver(text: str, normalize: bool = False) -> Semver:
    """Raises CelError."""
    match = _SHAPE.fullmatch(_normalized(text) if normalize else text)
    pre = match.group(4) or "" if match else ""
    if match is None or any(p.isdecimal() and p != "0" and p.startswith("0") for p in pre.split(".")):
        if text.count(".") < 2:
            raise CelError("No Major.Minor.Patch elements found")
        raise CelError(f'Invalid character(s) found in version "{text}"')
    return Semver((int(match.group(1)), int(match.group(2)), int(match.group(3))), pre)


def _is(text: str, normalize: bool = False) -> bool:
    try:
        read_semver(text, normalize)
    except CelError:
        return False
    return True


SEMVER = opaque("kubernetes.Semver", Semver)
TYPES = (SEMVER,)
OVERLOADS: tuple[Overload, ...] = (
    function("semver", STRING, to=SEMVER, run=read_semver),
    function("semver", STRING, BOOL, to=SEMVER, run=read_semver),
    function("isSemver", STRING, to=BOOL, run=_is),
    function("isSemver", STRING, BOOL, to=BOOL, run=_is),
    method("isGreaterThan", SEMVER, SEMVER, to=BOOL, run=lambda a, b: a > b),
    method("isLessThan", SEMVER, SEMVER, to=BOOL, run=lambda a, b: a < b),
    method("compareTo", SEMVER, SEMVER, to=INT, run=lambda a, b: (a > b) - (a < b)),
    method("major", SEMVER, to=INT, run=lambda v: v.numbers[0]),
    method("minor", SEMVER, to=INT, run=lambda v: v.numbers[1]),
    method("patch", SEMVER, to=INT, run=lambda v: v.numbers[2]),
)
