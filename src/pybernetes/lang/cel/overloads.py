"""Functions as the checker and the compiler see them: a name, and overloads by the types of the arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import CelError
from .types import Type


@dataclass(frozen=True, slots=True)
class Overload:
    """`params` begin with the target where `member` is set. `run` raises CelError. What `heavy` functions cost grows
    with the size of their arguments."""

    name: str
    params: tuple[Type, ...]
    result: Type
    run: Callable[..., Any]
    member: bool = False
    heavy: bool = False
    cost: int = 1

    def takes(self, classes: tuple[type, ...]) -> bool:
        return len(classes) == len(self.params) and all(
            param.holds(cls) for param, cls in zip(self.params, classes, strict=True)
        )


def function(name: str, *params: Type, to: Type, run: Callable[..., Any], heavy: bool = False) -> Overload:
    return Overload(name, params, to, run, heavy=heavy)


def method(name: str, *params: Type, to: Type, run: Callable[..., Any], heavy: bool = False) -> Overload:
    """A member function; the first parameter is its target."""
    return Overload(name, params, to, run, member=True, heavy=heavy)


def either(
    name: str, *params: Type, to: Type, run: Callable[..., Any], heavy: bool = False
) -> tuple[Overload, ...]:
    """One that is called either way: `size(x)`, `x.size()`."""
    return (
        function(name, *params, to=to, run=run, heavy=heavy),
        method(name, *params, to=to, run=run, heavy=heavy),
    )


class Dispatch:
    """Finds the overload by what the arguments turn out to be, and remembers."""

    __slots__ = ("_found", "_overloads")

    def __init__(self, overloads: Iterable[Overload]) -> None:
        self._overloads = tuple(overloads)
        self._found: dict[tuple[type, ...], Overload] = {}

    def find(self, classes: tuple[type, ...]) -> Overload:
        """Raises CelError."""
        found = self._found.get(classes)
        if found is None:
            for overload in self._overloads:
                if overload.takes(classes):
                    found = self._found[classes] = overload
                    return found
            raise CelError("no such overload")
        return found


class Functions:
    """All functions of an environment, by name."""

    def __init__(self, overloads: Iterable[Overload]) -> None:
        table: dict[str, list[Overload]] = {}
        for overload in overloads:
            table.setdefault(overload.name, []).append(overload)
        self._table: Mapping[str, tuple[Overload, ...]] = {name: tuple(all_) for name, all_ in table.items()}

    def named(self, name: str) -> tuple[Overload, ...]:
        return self._table.get(name, ())
